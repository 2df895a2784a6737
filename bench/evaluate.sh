#!/bin/bash
# bench/evaluate.sh [PROGRAM]: BLEU, ROUGE-L and CIDEr of 40,504 captions with 5 references each, against pycocoevalcap (whose tokenizer is
# Java), in one run. Prints one markdown table on stdout. Needs Python with pycocoevalcap (PYTHON=…, default python3), java (Debian:
# default-jre-headless), jq and zstd. ITEMS= changes the size, THREADS= this program's threads (pycocoevalcap's scores use one).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
python=${PYTHON:-python3} threads=${THREADS:-$(nproc)} items=${ITEMS:-40504}
[ -x "$program" ] || { printf 'bench/evaluate.sh: %s: build it first (./bootstrap.sh build)\n' "$program" >&2; exit 77; }
{ "$python" -c 'import pycocoevalcap' && command -v java > /dev/null; } 2> /dev/null || { printf 'bench/evaluate.sh: %s lacks pycocoevalcap, or java is missing; set PYTHON\n' "$python" >&2; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

zstd -dq "$here/../tests/data/golden/metrics/images.jsonl.zst" -o "$folder/images.jsonl"
"$python" "$here/peers/evaluate_captions.py" "$folder/images.jsonl" "$items" "$folder"
cd "$folder"
peer=$("$python" "$here/peers/pycocoevalcap_scores.py" predictions.json references.json 2> /dev/null)
best=
for round in 1 2 3; do
  started=$(date +%s.%N)
  "$program" evaluate --predictions predictions.json --references references.json --set compute.threads="$threads" --out "scores$round" > said.txt 2>&1 || { cat said.txt >&2; exit 1; }
  best=$(echo "$(date +%s.%N) $started ${best:-1000000}" | awk '{ s = $1 - $2; print s < $3 ? s : $3 }')
done
far=$(jq -n --argjson peer "$peer" --slurpfile own scores1/metrics.json '[("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr") | $peer[.] - $own[0][.] | fabs] | max')
memory=$(/usr/bin/time -f %M "$program" evaluate --predictions predictions.json --references references.json --set compute.threads="$threads" --out again 2>&1 > /dev/null | tail -1) || memory=0
printf '%s, %s cores; %s threads; %s; load average %s. The best of 3 rounds, with intervals, items.jsonl and report.\n\n' \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)" "$(nproc)" "$threads" "$(date +%F)" "$(cut -d' ' -f1 /proc/loadavg)"
printf '| captions | this program | memory | pycocoevalcap (of which tokens, in Java) | ratio | largest difference of a score |\n|---|---|---|---|---|---|\n'
printf '| %s | %.2f s | %s MB | %s s (%s s) | **%.1f** | %.1e |\n' "$items" "$best" "$((memory / 1024))" "$(jq .seconds <<< "$peer")" "$(jq .tokenizer_seconds <<< "$peer")" \
  "$(echo "$(jq .seconds <<< "$peer") $best" | awk '{ print $1 / $2 }')" "$far"
