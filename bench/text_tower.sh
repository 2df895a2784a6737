#!/bin/bash
# bench/text_tower.sh [PROGRAM]: n-grams embedded by the text tower of ViT-B/16's shape, over a prefix tree, against PyTorch on samples of
# the same entries, scaled; same weights, same threads, one run. 20,000 entries are a sorted range of 100,000 of WordNet's, so that they
# begin alike as often as in a cache of 100,000.
#
# Environment: CLIP (a Hugging Face folder of weights; made by ../shared/golden/make/fullsize.py), VOCABULARY (vocab.json, merges.txt;
# ../shared/golden/clip_tokenizer), PYTHON (with torch and transformers; python3), THREADS (all cores), ENTRIES, PADDED, DYNAMIC.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
clip=${CLIP:-/tmp/fullsize/clip-vit-b16}
vocabulary=${VOCABULARY:-$here/../../shared/golden/clip_tokenizer}
python=${PYTHON:-python3}
threads=${THREADS:-$(nproc)}
entries=${ENTRIES:-20000} padded=${PADDED:-1000} dynamic=${DYNAMIC:-4000}

skip() { printf 'bench/text_tower.sh: skipped: %s\n' "$1" >&2; exit 77; }
[ -r /usr/share/wordnet/data.noun ] || skip "install wordnet-base"
[ -r "$vocabulary/vocab.json" ] || skip "$vocabulary has no vocab.json; set VOCABULARY"
"$python" -c 'import torch, transformers' 2> /dev/null || skip "$python has no torch and transformers; set PYTHON"
if [ ! -r "$clip/model.safetensors" ]; then
  "$python" "$here/../../shared/golden/make/fullsize.py" --what clip-vit-b16 --out "$clip" || skip "$clip is no model folder; set CLIP"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/clip"
ln -s "$(realpath "$clip")"/{config.json,model.safetensors} "$(realpath "$vocabulary")"/{vocab.json,merges.txt} "$folder/clip"
"$python" "$here/wordnet_ngrams.py" "$folder/entries.txt" --sample 100000 --range 40000 "$entries"
printf 'input:\n  path: entries.txt\nclip:\n  model: clip\n' > "$folder/build.yaml"
"$program" build-cache "$folder/build.yaml" --run "$folder/cache" --set compute.threads="$threads"
"$program" export "$folder/cache" --out "$folder/out"
"$python" -c 'import json, sys; [print(json.dumps({"text": line[:-1]})) for line in open(sys.argv[1], encoding="utf-8", newline="\n")]' \
  "$folder/entries.txt" | "$program" tokenize --model "$folder/clip" > "$folder/tokens.jsonl"
"$python" "$here/peers/text_tower.py" "$folder/clip" "$folder/tokens.jsonl" "$folder/out/postcache.npy" "$folder/cache/summary.json" \
  --threads "$threads" --padded "$padded" --dynamic "$dynamic"
