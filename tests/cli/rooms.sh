# Which folder may see which, and what libraries never do (docs/ARCHITECTURE.md). No program is run.
cd "$source"
broken=0
forbid() { # forbid 'why' 'pattern' FILES…: no line of these files may match, comments apart
  local why=$1 pattern=$2 found
  shift 2
  found=$(grep -nE "$pattern" "$@" /dev/null | grep -vE '^[^:]+:[0-9]+: *(\*|/\*|//)' || true)
  [ -z "$found" ] || { printf '%s:\n%s\n' "$why" "$found"; broken=1; }
}
sources() { find "$@" -name '*.[ch]' | sort; }
engine=$(sources engine | grep -v '^engine/comm/')
comm=$(sources engine/comm)
io=$(sources io)
cache=$(sources cache_builder)
models=$(sources jobs/models)
[ "$(printf '%s\n' $engine $comm $io $cache | wc -l)" -gt 50 ] # the lists are not empty for another reason

ours='#include "'
forbid 'engine sees engine alone, and not comm' "$ours(io|cache_builder|jobs|tests|engine/comm)/" $engine
forbid 'engine/comm sees engine alone' "$ours(io|cache_builder|jobs|tests)/" $comm
forbid 'io sees engine and io, and not comm' "$ours(cache_builder|jobs|tests|engine/comm)/" $io
forbid 'cache_builder sees io and engine, and not comm' "$ours(jobs|tests|engine/comm)/" $cache
forbid 'jobs/models sees io and engine, and not comm' "$ours(jobs/[^m]|jobs/[a-z_]*\.h|cache_builder|tests|engine/comm)" $models
forbid 'generation knows a decoder, and no model' "${ours}engine/models/([^dk]|d[^e]|k[^v])" $(sources engine/generation)
forbid 'jobs does not see tests' "${ours}tests/" $(sources jobs)
forbid 'MPI is seen by engine/comm and jobs alone' '#include <mpi' $engine $io $cache $models
# one exception: engine/comm/shared.c maps memory that the ranks of a node share (memfd), which is no file on any disk
forbid 'engine opens no file' '\b(fopen|fdopen|freopen|openat|creat|mmap|opendir|fstat|unlink|mkdir|rename) *\(|#include <(fcntl|dirent|sys/mman|sys/stat)\.h>' $engine $(printf '%s\n' $comm | grep -v '^engine/comm/shared\.c$')
forbid 'libraries do not print' '\b(printf|vprintf|puts|putchar|perror) *\(|\b(fprintf|vfprintf|fputs|fputc) *\( *std' $engine $comm $io $cache $models
forbid 'only jobs/main.c ends the process' '(^|[^a-z_])(_?exit|quick_exit|_Exit) *\(' $engine $comm $io $cache $(sources jobs | grep -v '^jobs/main\.c$')
forbid 'no variable-length arrays or alloca' '\balloca *\(' $engine $comm $io $cache $(sources jobs)
# a source past 800 lines is two modules
for file in $engine $comm $io $cache $(sources jobs); do
  [ "$(wc -l < "$file")" -le 850 ] || { echo "$file: $(wc -l < "$file") lines"; broken=1; }
done
[ $broken -eq 0 ]
