#!/bin/bash
# One training step of BART-large's shape, batch 16, beside the reference's way in PyTorch. About five minutes on two idle cores.
#   bench/train_step.sh [MODEL [STEPS]]      MODEL: a folder of BART-large's shape (default: weights by formula)
# PYTHON, THREADS, AC_FULLSIZE: bench/lib.sh. Without torch and transformers, ours alone is measured.
# Lengths: with BART's vocabulary the prompts of the demo's images have 54 tokens with 10 entries and 64 with 12, captions of the scenes 10
# (the decoder's input): 60 and 12 here. The reference pads to 128 and 32.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
. bench/lib.sh
model=${1:-$weights/bart-large} steps=${2:-2}
[ $# -gt 0 ] || need_weights bart-large
cmake --build --preset release --target bench_train_step > /dev/null
ours() { printf "ours %s: " "$*"; build/release/bench/bench_train_step --model "$model" --steps "$steps" --threads "$threads" "$@"; }
ours
ours --backend openblas
ours --backend openblas --recompute
ours --table 128 --caption 32 --exact # no shorter text: what is won without padding
if "$python" -c 'import torch, transformers' 2> /dev/null; then
  printf 'reference (PyTorch, dense 128/32): '
  "$python" bench/peers/train_step.py --model "$model" --steps "$steps" --threads "$threads" 2> /dev/null
else
  printf 'reference: no torch and transformers in %s (set PYTHON); left out\n' "$python"
fi
