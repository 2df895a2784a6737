# Killed at different moments and started again on another number of ranks: the same bytes as if never stopped.
"$antarctic" caption "$source/configs/demo.yaml" --run whole --set compute.threads=1 2>/dev/null
ranks=1 interrupted=0
for delay in 0.3 0.8 1.2 1.6 2.0 2.4; do
  rm -rf killed
  mpirun --oversubscribe -n 2 "$antarctic" caption "$source/configs/demo.yaml" --run killed --set compute.threads=1 > /dev/null 2>&1 &
  sleep $delay
  pkill -KILL -f -- "caption $source/configs/demo.yaml --run killed" || true
  wait || true
  sleep 0.2
  [ -e killed/DONE ] || interrupted=$((interrupted + 1))
  ranks=$((ranks % 3 + 1))
  mpirun --oversubscribe -n $ranks "$antarctic" caption "$source/configs/demo.yaml" --run killed --set compute.threads=1 2>/dev/null
  for f in captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt; do cmp whole/$f killed/$f; done
  for folder in embeddings tables shards; do
    for f in whole/$folder/*.h5; do cmp "$f" "killed/$folder/$(basename "$f")"; done
  done
  if find killed -name '*.tmp*' | grep .; then exit 1; fi
done
[ $interrupted -ge 1 ] || { echo 'no kill came before the end of a run'; exit 1; }

# A damaged shard is found and made again.
rm killed/DONE
printf 'x' | dd of=killed/shards/00001.h5 bs=1 seek=3000 conv=notrunc 2>/dev/null
"$antarctic" caption "$source/configs/demo.yaml" --run killed --set compute.threads=1 2> said.txt
grep -q 'shards/00001.h5: not what was published; it is made again' said.txt
cmp whole/shards/00001.h5 killed/shards/00001.h5
