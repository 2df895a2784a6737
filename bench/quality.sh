#!/bin/bash
# bench/quality.sh [PROGRAM]: the demo's scenes captioned in many ways, and each scored by `evaluate`: one table, docs/QUALITY.md, so that a
# change of quality is seen. Needs jq. A few minutes on two cores.
# IMAGES=DIR      captioned images, NAME.txt beside NAME.jpg (default: models/demo/pictures)
# TRAINING=PATH   captions that the models were trained on, for cache_copied_unseen (default: models/demo/train, a part of them)
# TRAINING_WORDS  what that is called in the table; OUT=FILE (default: docs/QUALITY.md)
# SKIP='*1000*'   rows of that name are left out, and named; a thousand samples take most of the time
set -eu -o pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${1:-$root/build/release/antarctic}
images=${IMAGES:-$root/models/demo/pictures} training=${TRAINING:-$root/models/demo/train}
training_words=${TRAINING_WORDS:-the 250 scenes of \`models/demo/train\`, a part of those that the models were trained on}
out=${OUT:-$root/docs/QUALITY.md}
[ -x "$program" ] || { printf 'bench/quality.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The cache is built once.
"$program" build-cache --set input.path="$root/models/demo/cache.txt" --set clip.model="$root/models/demo/clip" --run "$folder/cache" 2> /dev/null

samples='generation.do_sample=true generation.num_beams=1 generation.max_length=20 generation.temperature=1.0 generation.top_p=1.0 seed=1'
# NAME: --set words over configs/demo.yaml
rows=(
  "beams, 3|"
  "beams, 3, not re-scored|rescore.enabled=false"
  "beams, 8|generation.num_beams=8 generation.num_return_sequences=8"
  "samples, 100|$samples generation.num_return_sequences=100"
  "samples, 100, not re-scored|$samples generation.num_return_sequences=100 rescore.enabled=false"
  "samples, 1000|$samples generation.num_return_sequences=1000"
  "samples, 1000, not re-scored|$samples generation.num_return_sequences=1000 rescore.enabled=false"
  "beams, 3, 4 entries|retrieval.topk=4"
  "beams, 3, 30 entries|retrieval.topk=30"
  "beams, 3, bf16|compute.precision=bf16"
  "beams, 3, int8|compute.precision=int8"
)

# cell FILE NAME: a score with its interval
cell() { jq -r --arg n "$2" 'if .[$n] == null then "–" else (.[$n] * 1000 | round / 1000 | tostring) + " [" + (.intervals[$n] | map(. * 1000 | round / 1000 | tostring) | join(", ")) + "]" end' "$1"; }

table=$folder/table.md
printf '| | CIDEr | CLIPScore | cache_copied_unseen | novel_unseen | s / image |\n|---|---|---|---|---|---|\n' > "$table"
number=0
for row in "${rows[@]}"; do
  name=${row%%|*} sets=()
  # shellcheck disable=SC2254
  case $name in ${SKIP:-}) skipped="${skipped:-}; $name"; continue ;; esac
  for word in ${row#*|}; do sets+=(--set "$word"); done
  number=$((number + 1))
  "$program" caption "$root/configs/demo.yaml" --set input.path="$images" --set cache.path="$folder/cache" "${sets[@]}" --run "$folder/run$number" > "$folder/said.txt" 2>&1 ||
    { cat "$folder/said.txt" >&2; exit 1; }
  "$program" evaluate --predictions "$folder/run$number" --references "$images" --images "$images" --model "$root/models/demo/clip" \
    --set evaluate.training_captions="$training" --out "$folder/scores$number" > "$folder/said.txt" 2>&1 || { cat "$folder/said.txt" >&2; exit 1; }
  m=$folder/scores$number/metrics.json
  printf '| %s | %s | %s | %s | %s | %s |\n' "$name" "$(cell "$m" CIDEr)" "$(cell "$m" CLIPScore)" "$(cell "$m" cache_copied_unseen)" "$(cell "$m" novel_unseen)" \
    "$(jq -r '.wall_seconds / .items * 1000 | round / 1000' "$folder/run$number/summary.json")" | tee -a "$table" >&2
done

{
  printf '# Quality\n\nWritten by `bench/quality.sh`, not by hand: %s captioned scenes and the demo models (`configs/demo.yaml`, 12 entries unless a row says otherwise).\n' "$(jq .items "$folder/scores1/metrics.json")"
  printf 'Intervals of 95 %% over the scenes; what the columns mean: `docs/EVALUATION.md`.\n'
  printf 'CLIPScore is that of the CLIP that also chose the caption, so re-scoring raises it by design.\n'
  printf 'Training captions, for the two shares: %s.\n\n' "$training_words"
  printf '%s, %s cores, kernels %s; %s, commit %s; load average %s.\n\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)" "$(nproc)" \
    "$(jq -r .kernels "$folder/run1/summary.json")" "$(date +%F)" "$(git -C "$root" describe --always --dirty)" "$(cut -d' ' -f1 /proc/loadavg)"
  cat "$table"
  [ -z "${skipped:-}" ] || printf '\nNot run here: %s.\n' "${skipped#; }"
} > "$out"
