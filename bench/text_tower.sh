#!/bin/bash
# bench/text_tower.sh [PROGRAM]: n-grams embedded by the text tower of ViT-B/16's shape, over a prefix tree, against PyTorch on samples of
# the same entries, scaled; same weights, same threads, one run. 20,000 entries are a sorted range of 100,000 of WordNet's, so that they
# begin alike as often as in a cache of 100,000.
#
#   PYTHON, THREADS, AC_FULLSIZE: bench/lib.sh
#   VOCABULARY   folder of CLIP's vocab.json and merges.txt (default: that of tests/data/golden/clip_tokenizer, by zstd)
#   ENTRIES, PADDED, DYNAMIC  how many (20000, 1000, 4000)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
program=${1:-$root/build/release/antarctic}
. "$here/lib.sh"
entries=${ENTRIES:-20000} padded=${PADDED:-1000} dynamic=${DYNAMIC:-4000}

skip() { printf 'bench/text_tower.sh: skipped: %s\n' "$1" >&2; exit 77; }
[ -r /usr/share/wordnet/data.noun ] || skip "install wordnet-base"
[ -n "${VOCABULARY:-}" ] || command -v zstd > /dev/null || skip "install zstd, or set VOCABULARY"
"$python" -c 'import torch, transformers' 2> /dev/null || skip "$python has no torch and transformers; set PYTHON"
need_weights clip-vit-b16

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/clip"
ln -s "$(realpath "$weights/clip-vit-b16")"/{config.json,model.safetensors} "$folder/clip"
for file in vocab.json merges.txt; do
  if [ -n "${VOCABULARY:-}" ]; then
    cp "$VOCABULARY/$file" "$folder/clip/$file"
  else
    zstd -q -d "$root/tests/data/golden/clip_tokenizer/$file.zst" -o "$folder/clip/$file"
  fi
done
"$python" "$here/wordnet_ngrams.py" "$folder/entries.txt" --sample 100000 --range 40000 "$entries"
printf 'input:\n  path: entries.txt\nclip:\n  model: clip\n' > "$folder/build.yaml"
"$program" build-cache "$folder/build.yaml" --run "$folder/cache" --set compute.threads="$threads"
"$program" export "$folder/cache" --out "$folder/out"
"$python" -c 'import json, sys; [print(json.dumps({"text": line[:-1]})) for line in open(sys.argv[1], encoding="utf-8", newline="\n")]' \
  "$folder/entries.txt" | "$program" tokenize --model "$folder/clip" > "$folder/tokens.jsonl"
"$python" "$here/peers/text_tower.py" "$folder/clip" "$folder/tokens.jsonl" "$folder/out/postcache.npy" "$folder/cache/summary.json" \
  --threads "$threads" --padded "$padded" --dynamic "$dynamic"
