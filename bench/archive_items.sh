#!/bin/bash
# bench/archive_items.sh [TOY]: an archive of ITEMS= (10000000) tiny images through the toy job of the tests, which counts the bytes of each:
# seconds until the first shard (listing or headers, index, plan), of the work, and until the end (merge), and the memory that a rank had at
# most: resident, its own (RssAnon; the rest is mapped files, which the system may drop), and its share of all (Pss).
# KIND= tar (TARS= 40 of them), folder or list; RANKS= "1 2 4". Prints one markdown table on stdout, what goes on on stderr.
# Needs a build with tests, Python, and 1 KB of disk per item in TMPDIR (a folder: an inode per 10,000 items).
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
toy=${1:-$here/../build/release/tests/toy_job/antarctic_toy}
python=${PYTHON:-python3}
items=${ITEMS:-10000000}
kind=${KIND:-tar}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
[ -x "$toy" ] || { printf 'bench/archive_items.sh: %s: build it first (./bootstrap.sh test)\n' "$toy" >&2; exit 77; }

mkdir "$folder/images"
printf 'making the archive\n' >&2
input=$folder/images
case $kind in
  tar)
    "$python" "$here/archive_items.py" make "$input" "$items" "${TARS:-40}"
    cat "$input"/*.tar > /dev/null # from memory afterwards, as far as it suffices
    ;;
  folder) "$python" "$here/archive_items.py" files "$input" "$items" ;;
  list)
    "$python" "$here/archive_items.py" files "$input" "$items"
    input=$folder/list.txt
    "$python" "$here/archive_items.py" list "$input" images "$items"
    ;;
  *) printf 'bench/archive_items.sh: KIND: tar, folder or list\n' >&2; exit 1 ;;
esac

peak() { # which: the most of any rank
  grep -o "$1 [0-9]* MB" "$folder/said" | sed 's/[^0-9]//g' | sort -n | sed -n '$p'
}

printf '%s items, %s\n\n| ranks | plan, s | work, s | merge, s | peak of a rank, MB | its own | its share |\n|---|---|---|---|---|---|---|\n' \
  "$items" "$kind"
for ranks in ${RANKS:-1 2 4}; do
  run=$folder/run$ranks
  started=$(date +%s.%N)
  mpirun --oversubscribe -n "$ranks" "$python" "$here/archive_items.py" peak "$toy" count-bytes --set "input.path=$input" \
    --set output.shard_items=65536 --run "$run" 2> "$folder/said"
  ended=$(date +%s.%N)
  work=$(sed -n 's/^count: .* images in \([0-9.]*\) s$/\1/p' "$folder/said")
  # the shard files' times: the first one's is the plan's end and a shard's work
  first=$(find "$run" -name '*.h5' -printf '%T@\n' | sort -n | sed -n 1p)
  last=$(find "$run" -name '*.h5' -printf '%T@\n' | sort -n | sed -n '$p')
  awk -v r="$ranks" -v s="$started" -v f="$first" -v l="$last" -v e="$ended" -v w="$work" -v m="$(peak peak)" -v o="$(peak own)" \
    -v p="$(peak share)" 'BEGIN { printf "| %d | %.1f | %.1f | %.1f | %d | %d | %d |\n", r, f - s, w, e - l, m, o, p }'
  [ -e "$folder/counts.txt" ] || cp "$run/counts.txt" "$folder/counts.txt"
  cmp "$folder/counts.txt" "$run/counts.txt"
  rm -r "$run"
done
