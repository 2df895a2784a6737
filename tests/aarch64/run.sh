#!/bin/bash
# run.sh [--images N] [--ranks "1 2"] [FOLDER]: builds the tree for aarch64, runs unit tests and demo under qemu-user, and
# compares every result of the demo with this machine's own program, byte by byte. Needs the network once, no root:
#   1. FOLDER/sysroot: Debian 12's libraries for arm64, downloaded (61 MB) and unpacked; the system's dpkg learns nothing
#   2. FOLDER/build: configured with cmake/toolchain-aarch64.cmake, warnings as errors
#   3. the tests labelled unit and fuzz
#   4. the demo on its first N images (default: all 40; 6 minutes per run), once per number of ranks: FOLDER/aarch64-RANKS
#      and FOLDER/here-RANKS. One rank runs without mpirun; for more, this machine's mpirun starts one qemu per rank.
# FOLDER is build/aarch64 by default; AC_SYSROOT=DIR takes a sysroot that is there. Not part of the test run. docs/PORTING.md says what was seen.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source=$PWD images=40 ranks="1 2" folder=$PWD/build/aarch64
while [ $# -gt 0 ]; do
  case $1 in
  --images) images=$2; shift ;;
  --ranks) ranks=$2; shift ;;
  -*) sed -n '2,10s/^# //p' "$0"; exit 1 ;;
  *) folder=$(realpath -m "$1") ;;
  esac
  shift
done
export AC_SYSROOT=${AC_SYSROOT:-$folder/sysroot}
here=$source/build/release/antarctic there=$folder/build/antarctic
emulator="qemu-aarch64 -L $AC_SYSROOT"
libraries="libopenmpi-dev openmpi-bin libhdf5-dev libopenblas-openmp-dev libdnnl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev
  libzstd-dev libpcre2-dev libutf8proc-dev libarchive-dev libjansson-dev libyaml-dev librandom123-dev libxxhash-dev
  zlib1g-dev libcmocka-dev libgomp1"

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

# demo RANKS NAME COMMAND…: the demo into FOLDER/NAME-RANKS
demo() {
  local count=$1 run=$folder/$2-$1 start="" started=$SECONDS
  shift 2
  [ "$count" -eq 1 ] || start="mpirun --oversubscribe -n $count"
  rm -rf "$run"
  $start "$@" caption configs/demo.yaml --run "$run" --set input.path="$folder/images" \
    --set output.shard_items=$(((images + 4) / 5)) --set compute.threads=1 > "$run.txt" 2>&1 || {
    echo "exit $?: $run.txt" >&2
    tail -5 "$run.txt" >&2
    exit 1
  }
  say "demo, $images images, ranks: $count: $run, $((SECONDS - started)) s"
}

# What a run leaves that holds no time, host or process.
results() { (cd "$1" && find captions.jsonl captions.h5 keys.txt preds.txt bad_items.jsonl embeddings tables shards cache/shards -type f | sort); }

make_sysroot

say "build: $folder/build, $(aarch64-linux-gnu-gcc --version | head -n 1)"
cmake --fresh -G Ninja -B "$folder/build" --toolchain cmake/toolchain-aarch64.cmake -DAC_SYSROOT="$AC_SYSROOT" \
  -DCMAKE_BUILD_TYPE=Release -DAC_WERROR=ON > "$folder/configure.txt"
cmake --build "$folder/build" -- --quiet
cmake --preset release > "$folder/configure-here.txt"
cmake --build --preset release -- --quiet

say "tests, $(qemu-aarch64 --version | head -n 1)"
export OMP_WAIT_POLICY=passive
ctest --test-dir "$folder/build" -L 'unit|fuzz' -LE long --timeout 1800 --output-on-failure --no-tests=error -j 2

# A mutex has other sizes on the two machines: the ranks and mpirun talk by messages, not through shared memory.
export PMIX_MCA_gds=hash OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
rm -rf "$folder/images"
mkdir "$folder/images"
find models/demo/pictures -name '*.jpg' | sort | head -n "$images" | xargs cp -t "$folder/images"
differ=0
for count in $ranks; do
  demo "$count" here "$here"
  demo "$count" aarch64 $emulator "$there"
  [ "$(results "$folder/here-$count")" = "$(results "$folder/aarch64-$count")" ] || { echo "other files" >&2; exit 1; }
  for file in $(results "$folder/here-$count"); do
    cmp "$folder/here-$count/$file" "$folder/aarch64-$count/$file" || differ=$((differ + 1))
  done
  say "ranks: $count: $(results "$folder/here-$count" | wc -l) files compared, different so far: $differ"
done
[ $differ -eq 0 ]
