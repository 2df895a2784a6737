# SIGKILL of a random rank at random instants of an update; then a second start, with --update or without in turn, on another number of
# ranks: every output is a fresh run's, the shards are those of an update that was never stopped, and those of before are untouched.
# FAULT_KILLS (5): kills. FAULT_SEED (1).
. "$source/tests/fault/libfault.sh"
kills=${FAULT_KILLS:-5}
RANDOM=${FAULT_SEED:-1}
echo "seed ${FAULT_SEED:-1}"

small_jobs 'scene_0 scene_1' 2
sed -i 's/path: cache }/path: cache.txt }/' job.yaml
head -100 cache.txt > small.txt
mv small.txt cache.txt
"$antarctic" caption job.yaml --run base 2> /dev/null
cp "$demo"/pictures/scene_2* images
cp "$demo/pictures/scene_30.jpg" images/scene_03.jpg
head -c 3000 "$demo/pictures/scene_00.jpg" > images/broken.jpg
rm images/scene_05.* images/scene_17.*
"$antarctic" caption job.yaml --run fresh 2> /dev/null

start() { # start RUN RANKS OPTION…: in the background, so that $! is mpirun
  mpirun --oversubscribe -n "$2" "$antarctic" caption job.yaml --run "$1" "${@:3}" > "$1.said" 2>&1 &
}

# outputs RUN: as a fresh run's; updates.jsonl as the whole update's.
outputs() {
  local file
  for file in captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt ref1.txt; do
    cmp "fresh/$file" "$1/$file" || return 1
  done
  cmp whole/updates.jsonl "$1/updates.jsonl" && same whole "$1" && no_leftovers "$1"
}

cp -a base whole
begun=$(date +%s%N)
start whole 2 --update
wait $!
seconds=$(awk -v n=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.3f", n / 1e9 }')
outputs whole
for file in base/{embeddings,tables,shards}/*.h5; do cmp "$file" "whole/${file#base/}"; done

tried=0 misses=0
while [ $tried -lt "$kills" ]; do
  rm -rf run run.said
  cp -a base run
  start run $((1 + RANDOM % 4)) --update
  launcher=$!
  sleep "$(awk -v r=$RANDOM -v s="$seconds" 'BEGIN { printf "%.3f", s * r / 32768 }')"
  mapfile -t ranks < <(ranks_of run)
  if [ ${#ranks[@]} -eq 0 ] || ! kill -KILL "${ranks[RANDOM % ${#ranks[@]}]}" 2> /dev/null; then
    wait $launcher || true
    misses=$((misses + 1))
    [ $misses -lt $((20 + 3 * kills)) ] || { echo "the kills do not meet the update"; exit 1; }
    continue
  fi
  tried=$((tried + 1))
  gone_within 30 run || { echo "ranks are left 30 s after a kill"; exit 1; }
  launcher_ended $launcher || true
  # a plain start finishes an update that was planned; before that it says what to do
  option=--update
  [ $((tried % 2)) -eq 0 ] || option=
  code=0
  start run $((1 + RANDOM % 4)) $option
  wait $! || code=$?
  if [ $code -eq 1 ] && [ -z "$option" ] && grep -q -- '--update computes what is new' run.said; then
    code=0
    start run $((1 + RANDOM % 4)) --update
    wait $! || code=$?
  fi
  [ $code -eq 0 ] || { echo "kill $tried: the second start ended with $code"; cat run.said; exit 1; }
  # DONE may have been there before the kill: then the second start is an update that finds nothing
  [ "$(wc -l < run/updates.jsonl)" -eq 1 ] || sed -i '2{/"new": 0, "changed": 0, "removed": 0/d}' run/updates.jsonl
  outputs run || { echo "kill $tried: wrong output"; exit 1; }
done
echo "update: $tried kills, all survived; outputs identical; $misses updates were over before the kill"
