# A clone alone has all that its tests, benchmarks and documents name: nothing points to a folder beside it. No program is run.
cd "$source"
files() { # the tracked files; without git, all but what was built or run here
  if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
    git ls-files -z
  else
    find . -type f -not -path './build/*' -not -path './runs/*' -print0
  fi
}
beside='\.\./shar''ed|shar''ed/(golden|demo|scenes|[A-Z]+\.md)' # in two parts, so that this file does not match
[ "$(files | tr -cd '\0' | wc -c)" -gt 500 ] # the list is not empty for another reason
code=0
files | xargs -0 grep -nIE "$beside" > "$OLDPWD/found.txt" || code=$?
cat "$OLDPWD/found.txt"
[ ! -s "$OLDPWD/found.txt" ]
[ "$code" -ne 0 ] # xargs: 123 where grep found nothing
