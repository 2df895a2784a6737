#!/bin/bash
# bench/archive_items.sh [TOY]: an archive of ITEMS= (10000000) tiny members in TARS= (40) tars through the toy job of the tests, which
# counts the bytes of each: seconds until the first shard (headers, index, plan), of the work, and until the end (merge), and the peak
# memory of a rank, on 1, 2 and 4 ranks. Prints one markdown table on stdout, what goes on on stderr.
# Needs a build with tests, Python, and 1 KB of disk per item in TMPDIR.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
toy=${1:-$here/../build/release/tests/toy_job/antarctic_toy}
python=${PYTHON:-python3}
items=${ITEMS:-10000000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[ -x "$toy" ] || { printf 'bench/archive_items.sh: %s: build it first (./bootstrap.sh test)\n' "$toy" >&2; exit 77; }

mkdir "$folder/tars"
printf 'making tars\n' >&2
"$python" "$here/archive_items.py" make "$folder/tars" "$items" "${TARS:-40}"
cat "$folder"/tars/*.tar > /dev/null # from memory afterwards, as far as it suffices

printf '%s items in %s tars\n\n| ranks | plan, s | work, s | merge, s | peak memory of a rank, MB |\n|---|---|---|---|---|\n' "$items" "${TARS:-40}"
for ranks in 1 2 4; do
  run=$folder/run$ranks
  started=$(date +%s.%N)
  mpirun --oversubscribe -n $ranks "$python" "$here/archive_items.py" peak "$toy" count-bytes --set "input.path=$folder/tars" \
    --set output.shard_items=65536 --run "$run" 2> "$folder/said"
  ended=$(date +%s.%N)
  work=$(sed -n 's/^count: .* images in \([0-9.]*\) s$/\1/p' "$folder/said")
  # the shard files' times: the first one's is the plan's end and a shard's work
  first=$(find "$run" -name '*.h5' -printf '%T@\n' | sort -n | sed -n 1p)
  last=$(find "$run" -name '*.h5' -printf '%T@\n' | sort -n | sed -n '$p')
  awk -v r=$ranks -v s="$started" -v f="$first" -v l="$last" -v e="$ended" -v w="$work" \
    -v m="$(grep -o 'peak [0-9]* MB' "$folder/said" | sed 's/[^0-9]//g' | sort -n | sed -n '$p')" \
    'BEGIN { printf "| %d | %.1f | %.1f | %.1f | %d |\n", r, f - s, w, e - l, m }'
  [ $ranks -eq 1 ] || cmp "$folder/run1/counts.txt" "$run/counts.txt"
done
