#!/bin/bash
# bench/stories.sh [MODEL.gguf (or STORY_MODEL) [PROGRAM]]: stories by this program and by others, in rounds that alternate. Prints a table; rounds go to stderr.
#   MODEL.gguf against llama.cpp: one prompt, and 64 together (llama.cpp in batches of 16 and of 64, of which the better counts)
#   GPT-2 small's shape with random weights against CTranslate2, greedy: one prompt, and 64 together
#   four layers of GPT-J's shape (6B), one prompt: bytes of weights read per second against what reading memory gives
# A peer that is missing is left out, and a line says so.
#
#   NODE_LLAMA_CPP  a folder where `npm install node-llama-cpp@3.21.1` was run
#   PYTHON          with numpy; for CTranslate2 with ctranslate2, torch and transformers
#   THREADS, ROUNDS, TOKENS  of both sides (the machine's cores, 3, 128; two rounds of 64 together)
#   PEERS           which of llama_cpp, ctranslate2, gptj (all)
#   TMPDIR          has 7 GB for random weights; they are removed at the end
# PROGRAM: build/release/bench/bench_stories (cmake --build --preset release --target bench_stories)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$here/lib.sh"
model=- program=$(realpath "${2:-$root/build/release/bench/bench_stories}")
gguf=${1:-${STORY_MODEL:-}}
[ -z "$gguf" ] || model=$(realpath "$gguf")
made=$(mktemp -d "${TMPDIR:-/tmp}/stories.XXXXXX")
trap 'rm -rf "$made"' EXIT
uptime >&2
"$python" "$here/stories.py" "$program" "$threads" "${ROUNDS:-3}" "${TOKENS:-128}" "$model" "$made"
load=$(cut -d ' ' -f 2 /proc/loadavg)
echo
echo "Threads: $threads; load average at the end: $load; $(lscpu | sed -n 's/^Model name: *//p')."
