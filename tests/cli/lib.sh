# Shared by the tests of the program. A test begins with: . "$source/tests/cli/lib.sh"
# said.txt holds what the last command said.

# run EXPECTED_CODE arguments…: the program alone.
run() {
  local expected=$1 code=0
  shift
  timeout 120 "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $*"; cat said.txt; exit 1; }
}

# run_on RANKS EXPECTED_CODE arguments…: under mpirun. A hang ends as 124.
run_on() {
  local ranks=$1 expected=$2 code=0
  shift 2
  timeout 120 mpirun --oversubscribe -n "$ranks" "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected, $ranks ranks: $*"; cat said.txt; exit 1; }
}

# over_tcp: options of mpirun for ranks that share no memory. Messages and windows go over TCP; Open MPI 5 has rdma in place of pt2pt.
over_tcp() {
  local windows=rdma
  case $(mpirun --version) in *'Open MPI) 4.'*) windows=pt2pt ;; esac
  echo "--mca btl self,tcp --mca btl_tcp_if_include lo --mca osc $windows"
}

# says PATTERN: the last command's words hold it.
says() {
  grep -q -- "$1" said.txt || { echo "not said: $1"; cat said.txt; exit 1; }
}

# no_half_files FOLDER: nothing under a temporary name is left.
no_half_files() {
  ! find "$1" -name '*.tmp*' 2>/dev/null | grep . || { echo "left in $1"; exit 1; }
}

# small_job FILE IMAGES: a caption job on the demo's models and a cache of three entries.
small_job() {
  printf 'red car\nzebra\nan ice cream cone\n' > cache.txt
  printf 'input:\n  path: %s\nclip:\n  model: %s\nbart:\n  model: %s\ncache:\n  path: cache.txt\nretrieval:\n  topk: 3\n' \
    "$2" "$demo/clip" "$demo/bart" > "$1"
  printf 'generation:\n  num_beams: 2\n  max_length: 8\ncompute:\n  threads: 1\n' >> "$1"
}
