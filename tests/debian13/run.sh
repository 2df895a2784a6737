#!/bin/bash
# run.sh [--suite trixie] [--no-tests] [FOLDER]: the README's commands on another Debian, from nothing. Needs root, debootstrap and the
# network (packages: 1.5 GB).
#   1. FOLDER/root: a bare system by debootstrap; one that is there is used again
#   2. the committed state of this repository, cloned into it as /src
#   3. ./bootstrap.sh demo, whose results must have the bytes that are stored in tests/data/demo_sha256.txt
#   4. ./bootstrap.sh test
# FOLDER is build/debian13 by default. Not part of the test run; as a test it is: ctest --preset long -L debian13 (docs/PORTING.md).
set -eu -o pipefail
cd "$(dirname "$0")/../.."
source=$PWD suite=trixie tests=yes folder=$PWD/build/debian13
while [ $# -gt 0 ]; do
  case $1 in
  --suite) suite=$2; shift ;;
  --no-tests) tests=no ;;
  -*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 1 ;;
  *) folder=$(realpath -m "$1") ;;
  esac
  shift
done
root=$folder/root
[ "$(id -u)" -eq 0 ] && command -v debootstrap > /dev/null || {
  echo "this needs root, and debootstrap (Debian: debootstrap)" >&2
  exit 77
}
say() { printf '== %s\n' "$*"; }

if [ ! -e "$root/.made" ]; then
  say "$suite into $root"
  mkdir -p "$folder"
  rm -rf --one-file-system "$root"
  debootstrap --variant=minbase "$suite" "$root" > "$folder/debootstrap.txt"
  cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2> /dev/null || true # where packages come through a proxy
  touch "$root/.made"
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"

mounted=""
unmount() { for place in $mounted; do umount "$root/$place" || true; done; }
trap unmount EXIT
for place in proc sys dev dev/pts dev/shm; do # a rank looks for networks in /sys, threads meet in /dev/shm
  mount --bind "/$place" "$root/$place"
  mounted="$place $mounted"
done

# inside COMMAND: in the system, with no variable of this one
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash -eu -c "$1"; }

inside 'command -v git || { apt-get update -q && apt-get install -y -q --no-install-recommends git ca-certificates; }' > "$folder/git.txt"
if [ -e "$root/src/.git" ]; then
  git -C "$root/src" fetch -q "$source" HEAD
  git -C "$root/src" checkout -q --force --detach FETCH_HEAD
else
  git clone -q "$source" "$root/src"
fi
say "$(inside '. /etc/os-release; echo "$PRETTY_NAME"'), commit $(git -C "$root/src" rev-parse --short HEAD)"

say "./bootstrap.sh demo"
inside 'cd /src && ./bootstrap.sh demo'
(cd "$root/src/runs/caption-demo" && sha256sum --check --quiet "$source/tests/data/demo_sha256.txt")
say "the demo's results have the stored bytes"
[ $tests = yes ] || exit 0
say "./bootstrap.sh test"
inside 'cd /src && ./bootstrap.sh test'
