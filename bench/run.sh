#!/bin/bash
# bench/run.sh [TOPIC…] (or ROWS="TOPIC…"): images, captions, samples, decode, topk, train_step, text_tower, whole (default: these, less than
# 25 minutes on two cores); mining, million, stories. This program and others take turns on the same threads and weights; prints ratios as they come
# and writes each topic into the section of this kind of CPU in docs/BENCHMARKS.md.
#   PYTHON, THREADS, AC_FULLSIZE: bench/lib.sh; ROUNDS_EACH: rounds of each side (3); OUT=FILE.md: written instead
#   STORY_MODEL, NODE_LLAMA_CPP: bench/stories.sh
set -eu -o pipefail
cd "$(dirname "$0")/.."
root=$PWD
. bench/lib.sh
# The kernel OpenBLAS should have (the program sets it for itself).
if grep -qw avx512f /proc/cpuinfo; then core=SkylakeX; elif grep -qw avx2 /proc/cpuinfo; then core=Haswell; else core=; fi
export PYTHON=$python THREADS=$threads AC_FULLSIZE=$(realpath -m "$weights")
export OMP_NUM_THREADS=$threads TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-$core}

cmake --preset release >/dev/null
cmake --build --preset release --target antarctic ac_bench bench_train_step bench_stories >/dev/null
[ $# -gt 0 ] || read -ra rows <<<"${ROWS:-images captions samples decode topk train_step text_tower whole}"
[ $# -gt 0 ] || set -- "${rows[@]}"
exec "$python" -W ignore bench/rows.py "$threads" "$weights" "$@"
