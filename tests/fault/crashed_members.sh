# A member of a tar whose reading ends the process: found by a child that reads its bytes from a file, rejected, and the run
# continues; in caption and in train.
. "$source/tests/fault/libfault.sh"
small_jobs 'scene_0' 4
"$antarctic" build-cache cache.yaml --run cache 2> said.txt
(cd images && tar cf ../images.tar $(ls))
sed -i 's|path: images |path: images.tar |' job.yaml
size=$(stat -c %s images/scene_05.jpg)
[ "$(find images -size "${size}c" | wc -l)" -eq 1 ]
export CRASH_ON_SIZE=$size CRASH_SIGNAL=11
for ranks in 1 2; do
  rm -rf crash
  code=0
  LD_PRELOAD=$fault/crash_on_size.so mpirun --oversubscribe -n $ranks "$antarctic" caption job.yaml --run crash > said.txt 2>&1 || code=$?
  [ $code -gt 128 ] || { echo "exit $code"; cat said.txt; exit 1; }
  LD_PRELOAD=$fault/crash_on_size.so mpirun --oversubscribe -n $ranks "$antarctic" caption job.yaml --run crash > said.txt 2>&1
  [ "$(jq -r '.key + " " + .reason' crash/bad_items.jsonl)" = 'scene_05 crashed' ]
  [ "$(wc -l < crash/captions.jsonl)" -eq 9 ]
  no_leftovers crash
done
sed "s|input: .*|input: { train: images.tar, validation: images }|; s|^generation.*|train: { max_steps: 2, replicas: 1, batch: 2 }|" job.yaml > train.yaml
code=0
LD_PRELOAD=$fault/crash_on_size.so "$antarctic" train train.yaml --run trained > said.txt 2>&1 || code=$?
[ $code -gt 128 ] || { echo "exit $code"; cat said.txt; exit 1; }
for attempt in 1 2; do # once for the tar's image, once for the folder's
  code=0
  LD_PRELOAD=$fault/crash_on_size.so "$antarctic" train train.yaml --run trained > said.txt 2>&1 || code=$?
  [ $code -eq 0 ] && break
done
[ $code -eq 0 ] || { cat said.txt; exit 1; }
[ "$(jq -r '.key + " " + .reason' trained/bad_items.jsonl | sort | paste -sd '|')" = 'train/scene_05 crashed|validation/scene_05 crashed' ]
