# Building and growing a cache, killed at several moments and started again on other ranks: the same bytes as if never stopped, and at
# no moment a wrong cache.
no_temporary() { if find "$@" -name '*.tmp*' | grep .; then exit 1; fi; }
same() { # same CACHE_A CACHE_B
  cmp <(ls "$1/shards") <(ls "$2/shards")
  [ "$(jq .cache.entries "$1/manifest.json")" -gt 0 ]
  for f in "$1"/shards/*.h5; do cmp "$f" "$2/shards/$(basename "$f")"; done
  cmp <(jq -S .cache "$1/manifest.json") <(jq -S .cache "$2/manifest.json")
}
count() { ls "$1" 2> /dev/null | grep -c '\.h5$' || true; }
kill_when() { # kill_when FOLDER N ranks arguments…: start it, and kill it when FOLDER holds N shards (or it is done)
  local folder=$1 n=$2 ranks=$3 pid all one try
  shift 3
  if [ "$ranks" -eq 1 ]; then
    "$antarctic" "$@" > /dev/null 2>&1 &
  else
    mpirun --oversubscribe -n "$ranks" "$antarctic" "$@" > /dev/null 2>&1 &
  fi
  pid=$!
  while [ "$(count "$folder")" -lt "$n" ] && kill -0 $pid 2> /dev/null; do sleep 0.02; done
  all="$pid $(pgrep -P $pid || true)"
  kill -KILL $all 2> /dev/null || true
  wait $pid 2> /dev/null || true
  for one in $all; do # the ranks are not this shell's children
    for try in $(seq 100); do kill -0 "$one" 2> /dev/null || break; sleep 0.05; done
  done
}
keys="--set compute.threads=1 --set output.shard_items=64"
head -2000 "$demo/cache.txt" > old.txt
sed -n 1901,3500p "$demo/cache.txt" > new.txt
printf 'input:\n  path: old.txt\nclip:\n  model: %s\n' "$demo/clip" > build.yaml
printf 'input:\n  path: new.txt\nclip:\n  model: %s\ncache:\n  path: grown\n' "$demo/clip" > grow.yaml
"$antarctic" build-cache build.yaml --run whole $keys 2> /dev/null

ranks=1
for moment in "embeddings 2" "embeddings 20" "shards 1" "shards 25"; do
  set -- $moment
  rm -rf killed
  kill_when "killed/$1" "$2" $ranks build-cache build.yaml --run killed $keys
  code=0
  "$antarctic" export killed --out x 2> said.txt || code=$?
  if [ $code -eq 0 ]; then # killed after the cache was whole
    [ "$(wc -l < x/postcache.txt)" -eq 2000 ]
  else
    [ $code -eq 2 ]
    [ ! -e killed/DONE ]
    grep -q 'the same command resumes it' said.txt
  fi
  ranks=$((ranks % 3 + 1))
  mpirun --oversubscribe -n $ranks "$antarctic" build-cache build.yaml --run killed $keys 2> /dev/null
  same whole killed
  [ ! -e killed/embeddings ]
  no_temporary killed
done

cp -r whole grown
"$antarctic" extend-cache grow.yaml --run grow_whole $keys 2> /dev/null
mv grown grown_whole
for moment in "grow/embeddings 3" "grow/shards 2" "grown/shards 33"; do
  set -- $moment
  rm -rf grow grown
  cp -r whole grown
  kill_when "$1" "$2" $ranks extend-cache grow.yaml --run grow $keys
  entries=$(jq .cache.entries grown/manifest.json)
  [ "$entries" -eq 2000 ] || [ "$entries" -eq 3500 ]
  "$antarctic" export grown --out out 2> /dev/null # whole, the old one or the new one
  [ "$(wc -l < out/postcache.txt)" -eq "$entries" ]
  ranks=$((ranks % 3 + 1))
  mpirun --oversubscribe -n $ranks "$antarctic" extend-cache grow.yaml --run grow $keys 2> /dev/null
  same grown_whole grown
  [ -e grow/DONE ]
  [ ! -e grow/embeddings ]
  [ ! -e grow/shards ]
  no_temporary grown grow
done
# killed after the cache had grown and before the run said so
rm grow/DONE
"$antarctic" extend-cache grow.yaml --run grow $keys 2> said.txt
grep -q 'joined the cache before' said.txt
[ -e grow/DONE ]
same grown_whole grown

# a full disk: one clear message, nothing wrong under a final name, and on with more room
if [ "$(id -u)" -eq 0 ] && mkdir small && mount -t tmpfs -o size=1500k none small 2> /dev/null; then
  code=0
  "$antarctic" build-cache build.yaml --run small/cache $keys 2> said.txt || code=$?
  [ $code -eq 2 ]
  grep -q 'No space left' said.txt
  no_temporary small
  code=0
  "$antarctic" export small/cache --out x 2> said.txt || code=$?
  [ $code -ne 0 ]
  mount -o remount,size=50m small
  "$antarctic" build-cache build.yaml --run small/cache $keys 2> /dev/null
  same whole small/cache
  umount small
else
  echo "full disk: not tested here, it needs the right to mount a small file system"
fi
