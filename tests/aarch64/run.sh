#!/bin/bash
# run.sh [--images N] [--ranks "1 2"] [--no-tests] [FOLDER]: builds for aarch64, runs tests, demo and a short training under
# qemu-user, and compares every result with that of this machine's own program, byte by byte. Needs the network once, no root:
#   1. FOLDER/sysroot: Debian's libraries for arm64, downloaded and unpacked (350 MB); the system's own packages stay as they are
#   2. FOLDER/build: configured with cmake/toolchain-aarch64.cmake, warnings as errors
#   3. the tests labelled unit and fuzz; those of tests/mpi on 2 ranks
#   4. the demo on its first N images (default: all 40), once per number of ranks, and training on 16 images: FOLDER/aarch64-RANKS
#      and FOLDER/here-RANKS. One rank runs without mpirun; for more, this machine's mpirun starts one qemu per rank.
# FOLDER is build/aarch64 by default; AC_SYSROOT=DIR takes a sysroot that is there. Not part of the test run: docs/PORTING.md.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source=$PWD images=40 ranks="1 2" tests=yes folder=$PWD/build/aarch64
while [ $# -gt 0 ]; do
  case $1 in
  --images) images=$2; shift ;;
  --ranks) ranks=$2; shift ;;
  --no-tests) tests=no ;;
  -*) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 1 ;;
  *) folder=$(realpath -m "$1") ;;
  esac
  shift
done
AC_SYSROOT=$(realpath -m "${AC_SYSROOT:-$folder/sysroot}")
export AC_SYSROOT
here=$source/build/release/antarctic there=$folder/build/antarctic
emulator=(qemu-aarch64 -L "$AC_SYSROOT")
# The libraries among bootstrap.sh's packages.
libraries=$(sed -n '/^\(build\|image\|test\)_packages="/,/"$/p' bootstrap.sh | tr -s '="' ' ' | tr ' ' '\n' |
  grep -E '^(lib|zlib|openmpi)' | tr '\n' ' ')

for program in aarch64-linux-gnu-gcc qemu-aarch64 apt-get dpkg cmake ninja mpirun; do
  command -v $program > /dev/null || {
    echo "$program is not here (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user, and what bootstrap.sh installs)" >&2
    exit 77
  }
done

say() { printf '== %s\n' "$*"; }

# apt's own lists and status, in the sysroot, for arm64: as if on an empty machine that has the tools which are not run.
apt_settings() {
  local apt=$AC_SYSROOT/.apt package
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/log"
  for package in adduser autoconf automake debconf dpkg gcc-12 gfortran-12 hdf5-helpers libjs-jquery-ui openssh-client perl; do
    printf 'Package: %s\nStatus: install ok installed\nArchitecture: arm64\nMulti-Arch: foreign\nVersion: 99\n' $package
    printf 'Maintainer: none\nDescription: not needed\n\n'
  done > "$apt/status"
  printf '%s\n' 'APT::Architecture "arm64";' 'APT::Architectures { "arm64"; };' 'APT::Install-Recommends "0";' \
    'APT::Get::Assume-Yes "1";' 'Debug::NoLocking "1";' 'Acquire::Languages "none";' "Dir::State \"$apt\";" \
    "Dir::State::status \"$apt/status\";" "Dir::Cache \"$apt/cache\";" "Dir::Log \"$apt/log\";" > "$apt/apt.conf"
  export APT_CONFIG=$apt/apt.conf
}

make_sysroot() {
  local package link target
  [ ! -e "$AC_SYSROOT/.made" ] || { say "sysroot: there, $AC_SYSROOT"; return; }
  say "sysroot: $AC_SYSROOT"
  apt_settings
  apt-get -qq update
  apt-get -qq install --download-only $libraries
  for package in "$AC_SYSROOT"/.apt/cache/archives/*.deb; do
    dpkg -x "$package" "$AC_SYSROOT"
  done
  find "$AC_SYSROOT" -type l -lname '/*' | while read -r link; do # absolute links lead out of the sysroot
    target=$AC_SYSROOT$(readlink "$link")
    [ ! -e "$target" ] || ln -sfn "$(realpath --relative-to="$(dirname "$link")" "$target")" "$link"
  done
  rm -r "$AC_SYSROOT/.apt"
  touch "$AC_SYSROOT/.made"
}

# job RUN RANKS COMMAND… [--set …]: one job into RUN
job() {
  local run=$1 count=$2 start="" started=$SECONDS
  shift 2
  [ "$count" -eq 1 ] || start="mpirun --oversubscribe -n $count"
  rm -rf "$run"
  $start "$@" --run "$run" --set compute.threads=1 > "$run.txt" 2>&1 || {
    echo "exit $?: $run.txt" >&2
    tail -5 "$run.txt" >&2
    exit 1
  }
  say "$run, ranks: $count, $((SECONDS - started)) s"
}

# What a run leaves that holds no time, host or process.
results() {
  (cd "$1" && find . -type f \( -name '*.h5' -o -name '*.safetensors' -o -name '*.txt' -o -name '*.jsonl' \) \
    ! -name 'log*.txt' ! -name attempts.jsonl ! -path './*journal/*' | sort)
}

# compare A B: every result of two runs
differ=0
compare() {
  local file
  [ "$(results "$1")" = "$(results "$2")" ] || { echo "$1 and $2 hold other files" >&2; exit 1; }
  for file in $(results "$1"); do
    cmp "$1/$file" "$2/$file" || differ=$((differ + 1))
  done
  say "$(results "$1" | wc -l) files of $1 and $2 compared; different so far: $differ"
}

# some N FOLDER TO: the first N images of a folder, with the captions beside them
some() {
  rm -rf "$3"
  mkdir "$3"
  find "$2" -name '*.jpg' | sort | sed -n "1,$1p" | while read -r image; do
    cp "$image" "${image%.jpg}.txt" "$3"
  done
}

make_sysroot

say "build: $folder/build, $(aarch64-linux-gnu-gcc --version | sed -n 1p)"
cmake --fresh -G Ninja -B "$folder/build" --toolchain cmake/toolchain-aarch64.cmake -DAC_SYSROOT="$AC_SYSROOT" \
  -DCMAKE_BUILD_TYPE=Release -DAC_WERROR=ON > "$folder/configure.txt"
cmake --build "$folder/build" -- --quiet
cmake --preset release > "$folder/configure-here.txt"
cmake --build --preset release -- --quiet

# qemu has no process_vm_readv, by which Open MPI's ranks read each other's memory.
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1 OMP_WAIT_POLICY=passive
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if [ $tests = yes ]; then
  say "tests, $(qemu-aarch64 --version | sed -n 1p)"
  ctest --test-dir "$folder/build" -L 'unit|fuzz' -LE long --output-on-failure --no-tests=error -j 2
  for test in "$folder"/build/tests/mpi_*; do
    (cd "$folder/build/tests" && OMP_NUM_THREADS=1 mpirun --oversubscribe -n 2 "${emulator[@]}" "$test") > "$folder/mpi.txt" 2>&1 || {
      cat "$folder/mpi.txt"
      exit 1
    }
    say "$(basename "$test") on 2 ranks: passed"
  done
fi

some "$images" models/demo/pictures "$folder/images"
for count in $ranks; do
  demo=(caption configs/demo.yaml --set input.path="$folder/images" --set output.shard_items=$(((images + 4) / 5)))
  job "$folder/here-$count" "$count" "$here" "${demo[@]}"
  job "$folder/aarch64-$count" "$count" "${emulator[@]}" "$there" "${demo[@]}"
  compare "$folder/here-$count" "$folder/aarch64-$count"
done
some 16 models/demo/train "$folder/train"
some 4 models/demo/validation "$folder/validation"
train=(train configs/train-demo.yaml --set input.train="$folder/train" --set input.validation="$folder/validation"
  --set cache.path="$folder/here-${ranks%% *}/cache" --set train.replicas=1 --set train.batch=4 --set train.max_steps=3
  --set train.validate_every=2 --set train.warmup_steps=1 --set train.t_max=2 --set train.dropout=0.1)
job "$folder/here-train" 1 "$here" "${train[@]}"
job "$folder/aarch64-train" 1 "${emulator[@]}" "$there" "${train[@]}"
compare "$folder/here-train" "$folder/aarch64-train"
[ $differ -eq 0 ]
