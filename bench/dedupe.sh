#!/bin/bash
# bench/dedupe.sh [PROGRAM]: every pair of vectors with a score of 0.96 or more among 100,000 of 512 numbers, 1,000 of them planted:
# the job `dedupe` against faiss-cpu (IndexFlatIP and IVF, range_search) and numpy, taking turns in one run, with the same threads.
# Ours is the whole job, with reading, groups and files; the others are their search alone.
# Prints the CPU, the load and one markdown table. Needs what bench/search.sh needs. ENTRIES=1000000 OURS_ONLY=1: a million, ours alone.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
. "$here/lib.sh"
program=${1:-$root/build/release/antarctic}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -x "$program" ] || { printf 'bench/dedupe.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
"$python" -c 'import numpy, faiss' 2>/dev/null || { printf 'bench/dedupe.sh: %s lacks numpy or faiss; set PYTHON\n' "$python" >&2; exit 77; }
[ -n "${MODEL:-}" ] || need_weights clip-vit-b16
OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads "$python" "$here/peers/dedupe.py" --program "$program" --threads "$threads" \
  --folder "$folder" --model "${MODEL:-$weights/clip-vit-b16}" --entries "${ENTRIES:-100000}" --rounds "${ROUNDS:-2}" ${OURS_ONLY:+--ours-only}
