#!/bin/bash
# bench/topk.sh [PROGRAM]: the best 10 of a million vectors of 512 numbers, for 1 query and for 256: this program's exact search
# against faiss-cpu's IndexFlatIP, usearch's exact search and numpy, in one run, with the same threads.
# Prints one markdown table on stdout, what goes on on stderr. Needs Python with numpy, faiss-cpu, usearch (PYTHON=…, default
# python3), 3 GB of disk in TMPDIR and 5 GB of memory.
# ENTRIES=, DIMENSION=, THREADS= (default: the cores) change the sizes; VECTORS=X.npy QUERIES=Q.npy searches those instead.
# PEERS= ("faiss usearch numpy"): against which.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
python=${PYTHON:-python3}
threads=${THREADS:-$(nproc)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -x "$program" ] || { printf 'bench/topk.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
"$python" -c 'import numpy, faiss' 2>/dev/null || { printf 'bench/topk.sh: %s lacks numpy or faiss; set PYTHON\n' "$python" >&2; exit 77; }
OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads "$python" "$here/peers/topk.py" --program "$program" --threads "$threads" --folder "$folder" \
  --entries "${ENTRIES:-1000000}" --dimension "${DIMENSION:-512}" --peers "${PEERS:-faiss usearch numpy}" ${VECTORS:+--vectors "$VECTORS" --queries "$QUERIES"}
