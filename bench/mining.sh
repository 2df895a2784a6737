#!/bin/bash
# bench/mining.sh [PROGRAM]: n-grams mined from 100 MB of text, against NLTK on 5 MB of it, scaled; one thread each, in one run.
# Needs Debian's wordnet-base, and Python with nltk (PYTHON=…, default python3).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=${1:-$here/../build/release/antarctic}
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

[ -r /usr/share/wordnet/data.noun ] || { printf 'bench/mining.sh: install wordnet-base\n' >&2; exit 77; }
"$python" -c 'import nltk' || { printf 'bench/mining.sh: %s has no nltk; set PYTHON\n' "$python" >&2; exit 77; }
"$python" "$here/mining.py" text "$folder/all.txt" "$folder/sample.txt"
"$python" "$here/mining.py" nltk "$folder/sample.txt" "$folder/nltk.json"
"$python" "$here/mining.py" ours "$program" "$folder/all.txt" "$folder/sample.txt" "$folder/nltk.json"
