#!/bin/bash
# bench/archives.sh [PROGRAM]: ingest of a folder of JPEGs into an image dataset, against a plain h5py script that hashes, checksums and
# syncs too, and against `cp -r` and `sync` of the same bytes: seconds, best of three, the three taking turns.
# Prints one markdown table on stdout, what goes on on stderr. Needs Python with h5py, xxhash and Pillow (PYTHON=…, default python3) and
# 2 GB of disk in TMPDIR. IMAGES= (5000) changes the size.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -x "$program" ] || { printf 'bench/archives.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
"$python" -c 'import h5py, xxhash, PIL' 2>/dev/null || { printf 'bench/archives.sh: %s lacks h5py, xxhash or Pillow; set PYTHON\n' "$python" >&2; exit 77; }
"$python" "$here/peers/archives.py" --program "$program" --folder "$folder" --images "${IMAGES:-5000}"
