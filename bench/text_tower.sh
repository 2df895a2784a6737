#!/bin/bash
# bench/text_tower.sh [PROGRAM]: n-grams embedded by the text tower of ViT-B/16's shape, over a prefix tree, against PyTorch on samples of
# the same entries, scaled; same weights, same threads, one run. 20,000 entries are a sorted range of 100,000 of WordNet's, so that they
# begin alike as often as in a cache of 100,000.
#
#   PYTHON       a Python with torch and transformers (default: ../../venv/bin/python if it is there, else python3)
#   THREADS      (default: the machine's cores)
#   AC_FULLSIZE  folder with clip-vit-b16 of golden/fullsize (default: build/fullsize, made if missing)
#   VOCABULARY   folder of CLIP's vocab.json and merges.txt (default: golden/clip_tokenizer beside this repository)
#   ENTRIES, PADDED, DYNAMIC  how many (20000, 1000, 4000)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
program=${1:-$root/build/release/antarctic}
golden=$root/../shared/golden
clip=${AC_FULLSIZE:-$root/build/fullsize}/clip-vit-b16
vocabulary=${VOCABULARY:-$golden/clip_tokenizer}
python=${PYTHON:-$( [ -x "$root/../../venv/bin/python" ] && echo "$root/../../venv/bin/python" || echo python3 )}
threads=${THREADS:-$(nproc)}
entries=${ENTRIES:-20000} padded=${PADDED:-1000} dynamic=${DYNAMIC:-4000}

skip() { printf 'bench/text_tower.sh: skipped: %s\n' "$1" >&2; exit 77; }
[ -r /usr/share/wordnet/data.noun ] || skip "install wordnet-base"
[ -r "$vocabulary/vocab.json" ] || skip "$vocabulary has no vocab.json; set VOCABULARY"
"$python" -c 'import torch, transformers' 2> /dev/null || skip "$python has no torch and transformers; set PYTHON"
[ -r "$clip/model.safetensors" ] || "$python" "$golden/make/fullsize.py" --what clip-vit-b16 --out "$clip" || skip "no $clip; set AC_FULLSIZE"

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
