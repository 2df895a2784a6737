# Every file, folder, test, ADR and function that a document names must exist, and every file and ADR that a comment in a source names.
# No program is run.
# X, NAME, NNNN, * and … in a path stand for anything; {a,b} for each of the two. tests/data has documents of its own, which are not read.
cd "$source"

# expand PATH: the path with each {a,b} written out, one per line.
expand() {
  local path=$1 before after inside choice
  case $path in
  *\{*\}*) ;;
  *) printf '%s\n' "$path"; return ;;
  esac
  before=${path%%\{*} after=${path#*\{}
  inside=${after%%\}*} after=${after#*\}}
  while IFS= read -r choice; do
    expand "$before$choice$after"
  done < <(printf '%s\n' "$inside" | tr ',' '\n')
}

# exists PATH: such a file or folder is there. An ADR may be named by its number alone.
exists() {
  local pattern
  [ ! -e "$1" ] || return 0
  pattern=$(printf '%s\n' "$1" | sed -E 's/…/*/g; s/(^|[^A-Za-z])(X|NAME|NNNN)([^A-Za-z]|$)/\1*\3/g')
  case $pattern in docs/adr/[0-9][0-9][0-9][0-9]) pattern="$pattern-*.md" ;; esac
  compgen -G "$pattern" > /dev/null
}

folders='(engine|io|cache_builder|jobs|slurm|configs|tests|bench|docs|models|cmake)'

# paths_of FILE: what the document names. Paths begin with a folder of the source tree or stand in a link; `unit.linear` is a test; ADR 201 a decision.
paths_of() {
  local here
  here=$(dirname "$1")
  grep -oE "(^|[^A-Za-z0-9_./-])$folders/[A-Za-z0-9_./{},*…-]*" "$1" | sed -E "s/^[^a-z]//; s/[.,…]+$//" || true
  grep -oE '(^|[ `(])(\./)?(README|CHANGELOG|CONTRIBUTING|LICENSE|CMakeLists|CMakePresets|bootstrap)\.[a-z]+' "$1" | sed -E 's/^[ `(]*(\.\/)?//' || true
  grep -oE '\]\([^)#: ]+\)' "$1" | sed -E "s/^..//; s/.$//; /^https?:/d; s|^|$here/|" || true
  grep -oE '`(unit|golden|mpi)\.[a-z0-9_]+`' "$1" | sed -E 's|`([a-z]+)\.([a-z0-9_]+)`|tests/\1/test_\2.c|' || true
  grep -oE '`fuzz\.[a-z0-9_]+`' "$1" | sed -E 's|`fuzz\.([a-z0-9_]+)`|tests/fuzz/fuzz_\1.c|' || true
  grep -oE '`(cli|fault)\.[a-z0-9_]+`' "$1" | sed -E 's|`([a-z]+)\.([a-z0-9_]+)`|tests/\1/\2.sh|' || true
  grep -oE 'ADRs? [0-9]{1,4}' "$1" | sed -E 's/.* //' | while read -r number; do printf 'docs/adr/%04d\n' "$((10#$number))"; done
}

# in_sources FOLDER…: "FILE NAME" for each file and ADR that a C source or header below names.
in_sources() {
  grep -roE --include='*.[ch]' "(^|[^A-Za-z0-9_./-])$folders/[A-Za-z0-9_./*-]*\.(c|h|md|sh|py|in|yaml)\b" "$@" | sed -E 's/:[^a-z]?/ /'
  grep -roE --include='*.[ch]' 'ADRs? [0-9]{1,4}' "$@" | sed -E 's/:ADRs? /\t/' | while IFS=$'\t' read -r file number; do
    printf '%s docs/adr/%04d\n' "$file" "$((10#$number))"
  done
}

# missing_in_sources FOLDER…: those that do not exist.
missing_in_sources() {
  local file name
  in_sources "$@" | sort -u | while read -r file name; do
    echo "$name" >> "$checked"
    exists "$name" || printf '%s names %s, which does not exist\n' "$file" "$name"
  done
}

# missing_of FILE: the names that stand for nothing. Counts what it looked at into checked.txt.
missing_of() {
  local path one
  while IFS= read -r path; do
    while IFS= read -r one; do
      echo "$one" >> "$checked"
      exists "$one" || printf '%s names %s, which does not exist\n' "$1" "$one"
    done < <(expand "$path")
  done < <(paths_of "$1" | sort -u)
}

# unknown_functions FILE: names such as `ac_publish_file` that no source has.
unknown_functions() {
  local name
  grep -oE '`ac_[a-z0-9_]+`' "$1" | tr -d '`' | sort -u | while IFS= read -r name; do
    echo "$name" >> "$checked"
    grep -rqw --include='*.[ch]' -- "$name" engine io cache_builder jobs || printf '%s names %s, which no source has\n' "$1" "$name"
  done || true
}

checked=$(mktemp) trial=$(mktemp) trials=$(mktemp -d)
trap 'rm -rf "$checked" "$trial" "$trials"' EXIT

# The check itself: five of these names are wrong, and one of the functions.
printf '%s\n' 'See `jobs/main.c`, `jobs/no_such.c`, tests/unit/test_X.c, `configs/{demo,none}.yaml`, ADR 1 and ADR 9999,' \
  '[link](no_such.md), `unit.linear` and `unit.none`; `ac_publish_file` and `ac_no_such`.' > "$trial"
wrong=$(missing_of "$trial" | sed 's/.* names //; s/,.*//; s|^.*/no_such.md|no_such.md|' | sort | tr '\n' ' ')
expected='configs/none.yaml docs/adr/9999 jobs/no_such.c no_such.md tests/unit/test_none.c '
[ "$wrong" = "$expected" ] || { echo "the check finds: $wrong"; echo "and should find: $expected"; exit 1; }
unknown=$(unknown_functions "$trial")
[ "$unknown" = "$trial names ac_no_such, which no source has" ] || { echo "the check of functions finds: $unknown"; exit 1; }

printf '%s\n' '#include "engine/base/log.h"' '/* jobs/no_such.h, ADR 9999, ADR 1, jobs/cli/tools/inspect*.c and docs/adr/0009-nothing.md */' > "$trials/x.c"
wrong=$(missing_in_sources "$trials" | sed 's/.* names //; s/,.*//' | sort | tr '\n' ' ')
[ "$wrong" = 'docs/adr/0009-nothing.md docs/adr/9999 jobs/no_such.h ' ] || { echo "the check of sources finds: $wrong"; exit 1; }

: > "$checked"
missing_in_sources engine io cache_builder jobs > "$trial"
[ "$(wc -l < "$checked")" -ge 1000 ] || { echo "only $(wc -l < "$checked") names were found in the sources"; exit 1; }
[ ! -s "$trial" ] || { cat "$trial"; exit 1; }

: > "$checked"
missing=$(find . -name '*.md' -not -path './tests/data/*' -not -path './build/*' -not -path './runs/*' -not -path './.git/*' | sed 's|^\./||' | sort |
  while IFS= read -r file; do missing_of "$file"; unknown_functions "$file"; done)
[ "$(wc -l < "$checked")" -ge 100 ] || { echo "only $(wc -l < "$checked") names were found in all documents"; exit 1; }
[ -z "$missing" ] || { printf '%s\n' "$missing"; exit 1; }
