# Any two headers below MPI can be included together, in C and in C++; antarctic.h suffices for each; the tools and bench use what
# is installed. No program is run.
command -v cc > /dev/null || { echo 'skipped: no cc'; exit 77; }
build=$(dirname "$antarctic")
# not headers to include but text that is compiled once for each instruction set, after the types that it needs
templates='[a-z0-9_]*_body'
(cd "$source" && find engine io cache_builder jobs/models -name '*.h' | grep -v '^engine/comm/' | grep -vE "/($templates)\.h$" | sort) > headers.txt
[ "$(wc -l < headers.txt)" -gt 80 ]
includes() { sed 's/.*/#include "&"/' "$1"; }
options=(-Wall -Wextra -Werror -D_GNU_SOURCE "-I$source" "-I$build/include" -fsyntax-only)
read -ra jansson < <(pkg-config --cflags jansson; echo) # of io/file/json_file.h, json_lines.h, json_value.h
[ ${#jansson[@]} -eq 0 ] || options+=("${jansson[@]}")

printf '#include <stdlib.h>\n' > all.c # the compiler complains of a unit without any declaration
includes headers.txt >> all.c
cc -std=c11 "${options[@]}" all.c
sort -r headers.txt > backwards.txt # none needs one before it
printf '#include <stdlib.h>\n' > backwards.c
includes backwards.txt >> backwards.c
cc -std=c11 "${options[@]}" backwards.c
printf '#include <antarctic.h>\nint (*f)(void);\n' > umbrella.c
cc -std=c11 -pedantic -Wall -Wextra -Werror "-I$source" "-I$build/include" -fsyntax-only umbrella.c

# what is installed: antarctic.h's headers and those that they include
cc -std=c11 "-I$source" "-I$build/include" -MM umbrella.c | tr -s ' \\' '\n' | sed -n "s|^$source/||p" | sort -u > public.txt
grep -qx jobs/models/clip_model.h public.txt
(cd "$source" && grep -hoE '^#include "(engine|io|cache_builder|jobs)/[^"]*' bench/*.c jobs/cli/tools/*.[ch]) | cut -d'"' -f2 | sort -u > used.txt
# json_file.h, json_lines.h and json_value.h need jansson's headers, which those who use it have
comm -23 used.txt public.txt | grep -vE '^jobs/cli/|^io/file/json_(file|lines|value)\.h$' > private.txt || true
cat private.txt
# of the ranks: their merge for bench/ranks.c; of the jobs: memory for `measure`, run folders and the job table for `inspect`
printf 'engine/comm/topk_merge.h\njobs/job_table.h\njobs/runtime/memory_limit.h\njobs/runtime/run_view.h\n' | cmp - private.txt

if ! command -v c++ > /dev/null; then
  echo 'not tried: C++ (no compiler)'
  exit 0
fi
sed -n '/^#include </p' "$build/include/antarctic.h" > all.cpp
printf 'extern "C" {\n' >> all.cpp
includes headers.txt >> all.cpp
printf '}\n' >> all.cpp
c++ -std=c++11 "${options[@]}" all.cpp
c++ -std=c++17 "${options[@]}" all.cpp
