#!/bin/bash
# bench/stories.sh MODEL.gguf [PROGRAM]: stories by this program and by llama.cpp, in rounds that alternate: one prompt, and 64 together
# (llama.cpp in batches of 8, 16, 32 and 64, of which the best counts). Prints seconds and CPU seconds of each round, and the ratios of their medians.
#
#   NODE_LLAMA_CPP  a folder where `npm install node-llama-cpp@3.21.1` was run
#   THREADS, ROUNDS, TOKENS  of both sides (the machine's cores, 3, 128)
# PROGRAM: build/release/bench/bench_stories (cmake --build --preset release --target bench_stories)
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
. "$here/lib.sh"
model=$(realpath "${1:?bench/stories.sh MODEL.gguf [PROGRAM]}") program=$(realpath "${2:-$root/build/release/bench/bench_stories}")
[ -d "${NODE_LLAMA_CPP:-}/node_modules/node-llama-cpp" ] || { echo "bench/stories.sh: skipped: set NODE_LLAMA_CPP" >&2; exit 77; }
uptime
lscpu | sed -n 's/^Model name: *//p'
cd "$NODE_LLAMA_CPP"
exec "$python" "$here/stories.py" "$program" "$here/peers/llama_cpp.mjs" "$model" "$threads" "${ROUNDS:-3}" "${TOKENS:-128}"
