# Two runs that grow one cache: the second, which waited for the first one's lock, sees what the first one left, and adds to it.
. "$source/tests/cli/lib.sh"
keys="--set compute.threads=1 --set output.shard_items=8"
head -20 "$demo/cache.txt" > old.txt
sed -n 21,40p "$demo/cache.txt" > first.txt
sed -n 41,60p "$demo/cache.txt" > second.txt
printf 'input:\n  path: old.txt\nclip:\n  model: %s\n' "$demo/clip" > build.yaml
printf 'input:\n  path: first.txt\nclip:\n  model: %s\ncache:\n  path: cache\n' "$demo/clip" > grow.yaml
run 0 build-cache build.yaml --run cache $keys
cp -r cache small
run 0 extend-cache grow.yaml --run run1 $keys
mv cache grown
mv small cache

# the first one, at work: a process that lives, and its lock in the words of this program
sleep 60 &
holder=$!
trap 'kill $holder 2> /dev/null || true' EXIT
started=$(sed 's/.*) //' /proc/$holder/stat | cut -d ' ' -f 20)
printf '{"host": "%s", "pid": %d, "started": %d, "boot": "%s", "pid_space": "%s", "token": "%032d"}\n' "$(hostname)" $holder "$started" \
  "$(cat /proc/sys/kernel/random/boot_id)" "$(readlink /proc/self/ns/pid)" 1 > cache/lock
"$antarctic" extend-cache grow.yaml --set input.path=second.txt --run run2 $keys > said.txt 2>&1 &
second=$!
until ls cache/lock.tmp.* > /dev/null 2>&1; do kill -0 $second || { cat said.txt; exit 1; }; sleep 0.02; done
cp grown/shards/* cache/shards/
cp grown/manifest.json cache/manifest.json # it has grown the cache, and ends
kill $holder
wait $second || { cat said.txt; exit 1; }
[ "$(jq .cache.entries cache/manifest.json)" -eq 60 ]
run 0 export cache --out out
cat old.txt first.txt second.txt | cmp - out/postcache.txt
run 0 verify cache
