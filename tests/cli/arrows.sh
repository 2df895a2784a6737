# Who may include whom: every arrow between folders stands in the table arrows.txt, and no two sources depend on each other in a
# circle. And what libraries never do (docs/ARCHITECTURE.md). The program is not run, its object files are read.
work=$PWD
cd "$source"
broken=0
complain() { printf '%s\n' "$1:" "$2"; broken=1; }

sources=$(find engine io cache_builder jobs -name '*.[ch]' | sort)
[ "$(printf '%s\n' $sources | wc -l)" -gt 200 ] # the list is not empty for another reason

# includes: lines "FILE INCLUDED", both without their endings, of this project's own headers
includes() { grep -ho '^#include "[^"]*\.h"' "$1" | sed "s|^#include \"|${1%.*} |; s|\.h\"\$||" || true; }
for file in $sources; do includes "$file"; done | grep -v ' ac_[a-z]*_assets$' | sort -u > "$work/included"

# ---- folders ----
sed 's/#.*//' tests/cli/arrows.txt | grep -v '^ *$\|^circle ' > "$work/arrows"
folder() { case $1 in */*) printf '%s' "${1%/*}" ;; *) printf '.' ;; esac; }
while read -r from to; do
  a=$(folder "$from") b=$(folder "$to")
  [ "$a" = "$b" ] || printf '%s %s\n' "$a" "$b"
done < "$work/included" | sort -u > "$work/edges"
while read -r a b; do
  row=$(grep "^$a:" "$work/arrows") || { complain 'this folder has no row in tests/cli/arrows.txt' "$a"; continue; }
  case " ${row#*:} " in
  *" $b "* | *" ${b%%/*}/* "*) ;;
  *) complain "not in tests/cli/arrows.txt: $a -> $b" "$(grep -rln "^#include \"$b/[^/]*\"\$" "$a" --include='*.[ch]' | head -5)" ;;
  esac
done < "$work/edges"
while IFS=: read -r a row; do
  [ -d "$a" ] || complain 'a row of tests/cli/arrows.txt names no folder' "$a"
  for b in $row; do
    case $b in */\*) continue ;; esac
    grep -qx "$a $b" "$work/edges" || complain 'an arrow of tests/cli/arrows.txt that nothing uses' "$a -> $b"
  done
done < "$work/arrows"

# ---- circles between sources ----
# A source depends on another where its object file uses a symbol that the other's defines. What an ADR defends stands in arrows.txt as
# "circle SOURCE SOURCE: ADR".
build=$(dirname "$antarctic")
find "$build"/engine "$build"/io "$build"/cache_builder "$build"/jobs -name '*.c.o' | sort | while read -r object; do
  name=$(printf '%s\n' "${object#"$build"/}" | sed 's|CMakeFiles/[^/]*\.dir/||; s|\.c\.o$||')
  nm "$object" | sed "s|^|$name |"
done | awk 'NF == 4 && $3 ~ /^[TDBRVC]$/ { home[$4] = $1 }
  NF == 3 && $2 == "U" { n++; user[n] = $1; wanted[n] = $3 }
  END { for (i = 1; i <= n; i++) if (wanted[i] in home && home[wanted[i]] != user[i]) print user[i], home[wanted[i]] }' | sort -u > "$work/calls"
[ "$(wc -l < "$work/calls")" -gt 500 ]
sed -n 's/^circle \([^ ]*\) \([^ ]*\): .*/\1 \2/p' tests/cli/arrows.txt > "$work/defended"
circles=$(grep -vxFf "$work/defended" "$work/calls" | tsort 2>&1 > /dev/null | sed 's/^tsort: //; s/.*input contains a loop:/--/') || true
[ -z "$circles" ] || complain 'sources that call each other in a circle' "$circles"

# ---- what never happens ----
forbid() { # forbid 'why' 'pattern' FILES…: no line of these files may match, comments apart
  local why=$1 pattern=$2 found
  shift 2
  found=$(grep -nE "$pattern" "$@" /dev/null | grep -vE '^[^:]+:[0-9]+: *(\*|/\*|//)' || true)
  [ -z "$found" ] || complain "$why" "$found"
}
within() { printf '%s\n' $sources | grep -E "^($1)/"; }
engine=$(within engine | grep -v '^engine/comm/') comm=$(within engine/comm)
below=$(within 'io|cache_builder|jobs/models')
jobs=$(within jobs)
# but files of the kernel's
forbid 'files of others are opened by io/file/file_open.h, which waits for no pipe' 'fopen *\([^;]*"rb?"' $(within 'io|cache_builder|jobs' | grep -vE '^jobs/(runtime/memory_limit|cli/tools/measure)\.c$')
forbid 'MPI is seen by engine/comm and jobs alone, and there not by jobs/models' '#include <mpi' $engine $below
# one exception: engine/comm/shared.c maps memory that the ranks of a node share (memfd), which is no file on any disk
forbid 'generation knows a decoder, and no model' '#include "engine/models/([^dk]|d[^e]|k[^v])' $(within engine/generation)
forbid 'no source sees the tests' '#include "tests/' $sources
# another: engine/base/memory.c asks for huge pages (madvise)
opens='\b(fopen|fdopen|freopen|openat|creat|mmap|opendir|fstat|unlink|mkdir|rename) *\('
forbid 'engine opens no file' "$opens|#include <(fcntl|dirent|sys/mman|sys/stat)\.h>" $(printf '%s\n' $engine $comm | grep -vE '^engine/(comm/shared|base/memory)\.c$')
forbid 'engine opens no file' "$opens" engine/base/memory.c
forbid 'a reader that leaves early ends the writer by a signal, and with pipefail the test, now and then' '\| *(grep (-[a-zA-Z]+ )*-[a-zA-Z]*q|head )' $(find tests bootstrap.sh cmake -name '*.sh' ! -name arrows.sh)
forbid 'libraries do not print' '\b(printf|vprintf|puts|putchar|perror) *\(|\b(fprintf|vfprintf|fputs|fputc) *\( *std' $engine $comm $below
forbid 'only jobs/main.c ends the process' '(^|[^a-z_])(_?exit|quick_exit|_Exit) *\(' $engine $comm $below $(printf '%s\n' $jobs | grep -v '^jobs/main\.c$')
forbid 'no variable-length arrays or alloca' '\balloca *\(' $sources
forbid 'errors leave by AC_FAIL' 'AC_TRY\(ac_error_set\(' $sources

# ---- sizes: a source past 600 lines or a function past 80 says at its head why ----
for file in $sources $(find tests bench -name '*.[ch]' -not -path '*/corpus/*'); do
  lines=$(wc -l < "$file")
  if [ "$lines" -gt 600 ] && [ -z "$(head -12 "$file" | grep 'Longer than 600 lines: ')" ]; then complain 'longer than 600 lines' "$file: $lines"; fi
done
long=$(awk 'FNR == 1 { start = 0 }
  /^[a-z_].*\(/ { name = $0 }
  /^\{/ { start = FNR; why = 0 }
  /Longer than 80 lines: / { why = 1 }
  /^\}/ { if (start && FNR - start > 80 && !why) print FILENAME ": " FNR - start " lines: " name; start = 0 }' $sources)
[ -z "$long" ] || complain 'functions longer than 80 lines' "$long"
[ $broken -eq 0 ]
