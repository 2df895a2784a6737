#!/bin/bash
# bench/run.sh [TOPIC…]: images, captions, samples, pictures, topk, train_step, text_tower, mining, million (default: all). Both sides
# in one run on the same threads and weights; prints ratios and writes docs/BENCHMARKS.md from the newest result of each topic.
#   PYTHON       a Python with torch, transformers, pillow (default: ../../venv/bin/python if it is there, else python3)
#   THREADS      (default: the machine's cores)
#   AC_FULLSIZE  folder with clip-vit-b16 and bart-large of golden/fullsize (default: build/fullsize, made if missing)
set -eu -o pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-$( [ -x ../../venv/bin/python ] && echo ../../venv/bin/python || echo python3 )}
threads=${THREADS:-$(nproc)}
weights=${AC_FULLSIZE:-build/fullsize}
results=build/bench
export OMP_NUM_THREADS=$threads TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

need_weights() { # need_weights NAME: by formula, see golden/fullsize/README.md
  [ -e "$weights/$1/model.safetensors" ] && return
  local make=""
  for place in ../shared ../../shared; do [ -e "$place/golden/make/fullsize.py" ] && make=$place/golden/make/fullsize.py; done
  [ -n "$make" ] || { echo "bench: no $weights/$1, and golden/make/fullsize.py to make it is not there" >&2; exit 2; }
  "$python" "$make" --what "$1" --out "$weights/$1"
}

# The kernel OpenBLAS should have (the program sets it for itself).
if grep -qw avx512f /proc/cpuinfo; then core=SkylakeX; elif grep -qw avx2 /proc/cpuinfo; then core=Haswell; else core=; fi
ours() { OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-$core} build/release/bench/ac_bench "$@"; }

keep() { # keep TOPIC ROUND SIDE: stdin becomes a result
  mkdir -p "$results"
  tail -n 1 >"$results/$1.$2.$3.json"
}

run_topic() {
  local topic=$1 round files
  rm -f "$results/$topic".*
  for round in 1 2; do # alternating, so that a busy moment does not fall on one side alone
    case $topic in
    images)
      need_weights clip-vit-b16
      ours images "$weights/clip-vit-b16" "$threads" 96 | keep images $round ours
      "$python" bench/peers/images.py "$weights/clip-vit-b16" "$threads" 32 | keep images $round peer
      ;;
    captions)
      need_weights bart-large
      ours captions "$weights/bart-large" "$threads" 64 | keep captions $round ours
      [ $round -eq 2 ] || "$python" bench/peers/captions.py "$weights/bart-large" "$threads" | keep captions $round peer
      ;;
    samples)
      need_weights bart-large
      ours samples "$weights/bart-large" "$threads" 4 | keep samples $round ours
      [ $round -eq 2 ] || "$python" bench/peers/samples.py "$weights/bart-large" "$threads" 2 | keep samples $round peer
      ;;
    pictures)
      [ -d "$results/pictures" ] || "$python" bench/peers/pictures.py --make "$results/pictures"
      files=$(ls "$results"/pictures/*.jpg)
      ours pictures "$threads" 20 $files | keep pictures $round ours
      "$python" bench/peers/pictures.py "$threads" 20 $files | keep pictures $round peer
      ;;
    topk | train_step | text_tower | mining | million) # a script of its own, whose output is the result
      case $topic in
      train_step) need_weights bart-large; set -- "$weights/bart-large" ;;
      text_tower) need_weights clip-vit-b16; set -- ;;
      *) set -- ;;
      esac
      mkdir -p "$results"
      PYTHON=$python THREADS=$threads AC_FULLSIZE=$(realpath "$weights") bash "bench/$topic.sh" "$@" 2>"$results/$topic.log" >"$results/$topic.txt" ||
        { tail -n 5 "$results/$topic.log" >&2; echo "bench: $topic failed; $results/$topic.log" >&2; exit 1; }
      cat "$results/$topic.txt"
      break
      ;;
    *)
      echo "bench: no topic $topic (images, captions, samples, pictures, topk, train_step, text_tower, mining, million)" >&2
      exit 1
      ;;
    esac
  done
  "$python" bench/report.py "$results" docs/BENCHMARKS.md "$threads" "$topic"
}

cmake --preset release >/dev/null
cmake --build --preset release --target ac_bench >/dev/null
[ $# -gt 0 ] || set -- images captions samples pictures topk train_step text_tower mining million
for topic in "$@"; do run_topic "$topic"; done
