# A caption that ends the process while it is continued is rejected after two deaths, whatever the ranks, with a prompt or a story whose
# text does it; every other story keeps its bytes. A rank killed from outside gets nothing rejected.
. "$source/tests/fault/libfault.sh"
model=$source/tests/data/golden/gguf/malformed/model_good.gguf # whole, tiny, with a tokenizer

for i in $(seq 12); do echo "a cat number $i"; done > captions.txt
sed -i '7s/.*/a marked dog/' captions.txt
tell() { # tell RANKS RUN OPTIONS…
  local ranks=$1 run=$2
  shift 2
  set -- story captions.txt --model "$model" --run "$run" --set output.shard_items=4 --set story.max_new_tokens=24 --set compute.threads=1 "$@"
  if [ "$ranks" -gt 1 ]; then set -- mpirun --oversubscribe -n "$ranks" "$antarctic" "$@"; else set -- "$antarctic" "$@"; fi
  "$@" > "$run.said" 2>&1
}
dies() { # dies RANKS RUN OPTIONS…: with a signal's exit code
  local code=0
  tell "$@" || code=$?
  [ $code -eq 139 ] || { echo "exit $code, expected 139"; cat "$2.said"; exit 1; }
}
passes() { tell "$@" || { cat "$2.said"; exit 1; }; }

passes 1 whole
[ "$(wc -l < whole/stories.jsonl)" -eq 12 ]

for ranks in 1 2; do
  export CRASH_ON_TEXT='marked dog'
  LD_PRELOAD=$fault/crash_on_text.so dies $ranks crash
  [ ! -e crash/journal/crashed.jsonl ]
  LD_PRELOAD=$fault/crash_on_text.so dies $ranks crash
  LD_PRELOAD=$fault/crash_on_text.so passes $((3 - ranks)) crash
  unset CRASH_ON_TEXT
  grep -q 'an earlier attempt died' crash.said
  [ "$(jq -r '.key + " " + .reason' crash/bad_items.jsonl)" = "000007 crashed" ]
  jq -c 'select(.key != "000007")' whole/stories.jsonl > expected
  jq -c . crash/stories.jsonl | cmp - expected
  for shard in 00000 00002; do cmp whole/shards/$shard.h5 crash/shards/$shard.h5; done
  [ "$(jq -c '[.items, .ok, .bad]' crash/summary.json)" = "[12,11,1]" ]
  no_leftovers crash
  "$antarctic" verify crash > /dev/null
  rm -r crash
done

# killed from outside, twice with the same captions in flight: they are probed, and none is rejected
in_flight() { od -An -v -t d8 -w24 "$1"/journal/*.hand 2> /dev/null | awk '$3 > 0 { found = 1 } END { exit !found }'; }
slow="--set story.max_new_tokens=2000 --set story.stories=40 --set generation.eos_token_id=none"
passes 1 slow $slow
for try in 1 2 3 4 5; do
  rm -rf killed
  tell 1 killed $slow &
  until=$((SECONDS + 60))
  until in_flight killed; do [ $SECONDS -lt $until ]; sleep 0.01; done
  kill -STOP $(ranks_of killed)
  if in_flight killed; then met=yes; else met=no; fi
  kill -KILL $(ranks_of killed)
  wait $! || true
  [ $met = no ] || break
  [ $try -lt 5 ]
done
cp -r killed again
cat again/journal/*.hand > again/journal/once # as if it had been so before
passes 1 killed $slow
if grep 'an earlier attempt died' killed.said; then exit 1; fi
passes 2 again $slow
grep -q 'an earlier attempt died' again.said
for run in killed again; do
  cmp slow/stories.jsonl $run/stories.jsonl
  [ ! -s $run/bad_items.jsonl ]
  [ ! -e $run/journal/crashed.jsonl ]
done
