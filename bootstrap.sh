#!/bin/bash
# bootstrap.sh demo | test | build: packages, build, and then the demo or the tests. Safe to run twice.
set -eu -o pipefail
cd "$(dirname "$0")"

# What a build needs, and what the tests need besides; all from Debian 12.
build_packages="build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev
  libopenblas-openmp-dev libdnnl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libzstd-dev libpcre2-dev
  libutf8proc-dev libarchive-dev libjansson-dev libyaml-dev librandom123-dev libxxhash-dev libcmocka-dev zlib1g-dev"
test_packages="jq procps"

usage() { printf 'usage: %s demo | test | build\n' "$0"; }

# Install the packages that are not there yet; say which.
install_packages() {
  local missing="" package
  if ! grep -qs '^ID=debian' /etc/os-release || ! grep -qs '^VERSION_ID="12"' /etc/os-release; then
    printf 'This is not Debian 12, so nothing is installed. If the build fails, these are needed (Debian names):\n'
    printf '  %s\n' $build_packages "$@"
    return
  fi
  for package in $build_packages "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return
  printf 'Installing:%s\n' "$missing"
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -q
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

build() { # build PRESET
  cmake --preset "$1" >/dev/null || cmake --preset "$1"
  cmake --build --preset "$1"
}

# Open MPI refuses to run as root, and wants to be told where ranks outnumber cores.
mpi_environment() {
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  export OMPI_MCA_mpi_yield_when_idle=1
}

case "${1:-}" in
build)
  install_packages
  build release
  printf 'Built: %s\n' "$PWD/build/release/antarctic"
  ;;
demo)
  install_packages
  build release
  mpi_environment
  mpirun --oversubscribe -n 2 build/release/antarctic caption configs/demo.yaml
  printf '\n'
  paste runs/caption-demo/keys.txt runs/caption-demo/preds.txt
  printf '\nAll results: %s\n' "$PWD/runs/caption-demo"
  ;;
test)
  install_packages $test_packages
  build release
  build asan
  mpi_environment
  ctest --preset asan
  ctest --preset release
  ;;
-h | --help) usage ;;
*)
  usage >&2
  exit 1
  ;;
esac
