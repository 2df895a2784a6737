#!/bin/bash
# bench/run.sh [TOPIC…]: images, captions, samples, decode, topk, train_step, text_tower, mining, million (default: all). Both sides
# in one run on the same threads and weights; prints ratios and writes docs/BENCHMARKS.md from the newest result of each topic.
#   PYTHON, THREADS, AC_FULLSIZE: bench/lib.sh
set -eu -o pipefail
cd "$(dirname "$0")/.."
root=$PWD
. bench/lib.sh
results=build/bench
export OMP_NUM_THREADS=$threads TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

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
    decode)
      [ -d "$results/jpegs" ] || "$python" bench/peers/decode.py --make "$results/jpegs"
      files=$(ls "$results"/jpegs/*.jpg)
      ours decode "$threads" 20 $files | keep decode $round ours
      "$python" bench/peers/decode.py "$threads" 20 $files | keep decode $round peer
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
      echo "bench: no topic $topic (images, captions, samples, decode, topk, train_step, text_tower, mining, million)" >&2
      exit 1
      ;;
    esac
  done
  "$python" bench/report.py "$results" docs/BENCHMARKS.md "$threads" "$topic"
}

cmake --preset release >/dev/null
cmake --build --preset release --target ac_bench >/dev/null
[ $# -gt 0 ] || set -- images captions samples decode topk train_step text_tower mining million
for topic in "$@"; do run_topic "$topic"; done
