#!/bin/bash
# bench/archives.sh [PROGRAM]: ingest of JPEGs from a folder and from tars into an image dataset, against a plain h5py (tarfile) script that
# hashes, checksums and syncs too, and against `cp -r` and `sync` of the same bytes; embed-images from folder, tars, dataset and pixels; an
# update of 1 % new images, and of none, against a fresh run. Seconds, best of three, the ways taking turns.
# Prints markdown tables on stdout, what goes on on stderr. Needs Python with h5py, xxhash and Pillow (PYTHON=…, default python3) and 4 GB of
# disk in TMPDIR. IMAGES= (5000) changes the size, CLIP= (models/demo/clip) the model.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -x "$program" ] || { printf 'bench/archives.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
"$python" -c 'import h5py, xxhash, PIL' 2>/dev/null || { printf 'bench/archives.sh: %s lacks h5py, xxhash or Pillow; set PYTHON\n' "$python" >&2; exit 77; }
"$python" "$here/peers/archives.py" --program "$program" --folder "$folder" --images "${IMAGES:-5000}" --clip "${CLIP:-$here/../models/demo/clip}"
