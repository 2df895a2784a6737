#!/bin/bash
# bench/search.sh [PROGRAM]: one query at a time over a million vectors of 512 numbers: `search --watch` against faiss-cpu
# (IndexFlatIP, IVF), what clip-retrieval does around it, and numpy, taking turns in one run, with the same threads, and against reading as
# many bytes as the rounded vectors have. The time of ours is from the line written to the line read. A turn is a pause, a query, and four
# that follow at once; both kinds are counted.
# Where the model has a vocabulary, a text and an image are asked too, which the model has to embed.
# Prints the CPU, the load and one markdown table. Needs Python with numpy and faiss-cpu (PYTHON=…, default python3), 12 GB of memory,
# 5 GB of disk in TMPDIR, and weights of a CLIP of that width: those that follow from a formula (0.6 GB, bench/lib.sh), or MODEL=DIR.
# ENTRIES=, QUERIES=, THREADS= (default: the cores) change the sizes.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
. "$here/lib.sh"
program=${1:-$root/build/release/antarctic}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -x "$program" ] || { printf 'bench/search.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
"$python" -c 'import numpy, faiss' 2>/dev/null || { printf 'bench/search.sh: %s lacks numpy or faiss; set PYTHON\n' "$python" >&2; exit 77; }
[ -n "${MODEL:-}" ] || need_weights clip-vit-b16
OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads "$python" "$here/peers/search.py" --program "$program" --threads "$threads" \
  --folder "$folder" --model "${MODEL:-$weights/clip-vit-b16}" --image "$root/models/demo/pictures/$(ls "$root/models/demo/pictures" | sort | sed -n 1p)" \
  --entries "${ENTRIES:-1000000}" --queries "${QUERIES:-130}"
