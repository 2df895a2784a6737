#!/bin/bash
# One training step of BART-large's shape, batch 16, beside the reference's way in PyTorch. About five minutes on two idle cores.
#   bench/train_step.sh [MODEL [STEPS]]      PYTHON: a Python with torch and transformers (none: ours alone is measured)
# MODEL: a folder of BART-large's shape; without one, formula weights are written by ../shared/golden/make/fullsize.py.
# Lengths: what tables of 10 to 12 entries (60 tokens on the average) and captions (12) have; the reference pads to 128 and 32.
set -eu
cd "$(dirname "$0")/.."
model=${1:-/tmp/fullsize/bart-large} steps=${2:-2}
python=${PYTHON:-$(command -v python3)}
threads=$(nproc)
if [ ! -e "$model/model.safetensors" ]; then
  "$python" ../shared/golden/make/fullsize.py --what bart-large --out "$model"
fi
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
