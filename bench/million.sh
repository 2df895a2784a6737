#!/bin/bash
# bench/million.sh [PROGRAM]: every uni-, bi- and trigram of WordNet's glosses (1.5 million) mined and embedded by the demo's text tower, on
# 1 and 2 ranks, and the demo images captioned with the cache. Prints a table in Markdown.
#
# Environment: MOST (n-grams of each kind at most; default: all), RANKS ("1 2"), FOLDER (kept there; default: a temporary one).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
source=$(dirname "$here")
program=$(realpath "${1:-$source/build/release/antarctic}")
most=${MOST:-100000000} ranks=${RANKS:-1 2} folder=${FOLDER:-}
cores=$(nproc)

skip() { printf 'bench/million.sh: skipped: %s\n' "$1" >&2; exit 77; }
[ -r /usr/share/wordnet/data.noun ] || skip "install wordnet-base"
if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
cd "$folder"
# a gloss is what stands after " | " in a line of data.*; the licence's lines begin with blanks
grep -h -v '^  ' /usr/share/wordnet/data.{adj,adv,noun,verb} | sed -n 's/^[^|]* | *//p' | sed 's/ *$//' > glosses.txt
cat > million.yaml <<END
input:
  path: glosses.txt
clip:
  model: $source/models/demo/clip
ngrams:
  lines: false
  unigrams: true
  bigrams: true
  trigrams: true
  topk_ngrams: $most
  filter: 1
END
rows=
for n in $ranks; do
  threads=$((cores > n ? cores / n : 1))
  begin=$(date +%s.%N)
  mpirun --oversubscribe --bind-to none -n "$n" "$program" build-cache million.yaml --run "ranks$n" --set compute.threads=$threads
  wall=$(echo "$(date +%s.%N) - $begin" | bc)
  rows+=$(jq -r --arg wall "$wall" --arg threads $threads '"| \(.ranks) × \($threads) | \(.entries) | \($wall | tonumber | floor) | " +
    ([.stages[] | select(.name == "embed" or .name == "cache") | "\(.seconds | floor)"] | join(" | ")) +
    " | \(.positions.computed) | \(.positions.own_length / .positions.computed * 10 | round / 10) | \(.positions.padded / .positions.computed * 10 | round / 10)" +
    " | \(.peak_memory_bytes / 1048576 | round) | \(.disk_bytes / 1048576 | round) |"' "ranks$n/summary.json")$'\n'
done
first=${ranks%% *} last=${ranks##* }
for f in "ranks$first"/shards/*.h5; do
  cmp "$f" "ranks$last/shards/$(basename "$f")"
done
begin=$(date +%s.%N)
mpirun --oversubscribe --bind-to none -n "$last" "$program" caption "$source/configs/demo.yaml" --run captions --set cache.path="ranks$last" \
  --set compute.threads=$((cores > last ? cores / last : 1))
wall=$(echo "$(date +%s.%N) - $begin" | bc)
printf '\n%s\n%s\n%s' '| ranks × threads | entries | seconds in all | embedding, s | writing, s | positions computed | own length, times | padded, times | most memory per rank, MiB | disk, MiB |' \
  '|---|---|---|---|---|---|---|---|---|---|' "$rows"
printf '\nShards have the same bytes from %s ranks. The %s demo images captioned with this cache in %.0f s, start and end included.\n' "$ranks" \
  "$(wc -l < captions/captions.jsonl)" "$wall"
head -5 captions/captions.jsonl | jq -r '"- `\(.key)`: \(.caption) (from \(.table[:3] | map(.entry) | join(", ")) …)"'
