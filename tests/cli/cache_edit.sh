# cache-edit: the entries of the final list, nothing embedded again, whole or not at all; cache-diff: what differs, by exit code.
. "$source/tests/cli/lib.sh"
# differ EXPECTED_CODE A B…: cache-diff; its lines go to changes.jsonl
differ() {
  local expected=$1 code=0
  shift
  "$antarctic" cache-diff "$@" > changes.jsonl 2> said.txt || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: cache-diff $*"; cat said.txt; exit 1; }
}
head -1500 "$demo/cache.txt" > a.txt
sed -n 1401,1700p "$demo/cache.txt" > b.txt # a hundred are in a too
for f in a b; do run 0 build-cache --set input.path=$f.txt --set "clip.model=$demo/clip" --run $f --set compute.threads=1; done
{ sed -n '3p;700p;1450p' a.txt; sed -n 250p b.txt; echo 'no such entry'; } > remove.txt
{ sed -n 10p a.txt; echo 'a quite new entry'; sed -n 3p a.txt; echo 'a quite new entry'; printf 'caf\303\251 cr\303\250me\n'; } > add.txt
{ grep -vxFf remove.txt a.txt; tail -n +101 b.txt | grep -vxFf remove.txt; printf 'a quite new entry\n'; sed -n 3p a.txt; printf 'caf\303\251 cr\303\250me\n'; } > final.txt

run 0 cache-edit a --remove remove.txt --merge b --add add.txt --out new --threads 1
says 'remove.txt: 1 of its lines are no entry of the cache; the first: no such entry'
says 'new: 1699 entries: 1497 kept, 199 merged, 3 added and embedded; 5 removed; 101 were there already'
run 0 verify new
run 0 export new --out out_new
cmp out_new/postcache.txt final.txt
no_half_files .
# the rows that were there: the same bits; a cache built from the final list: the same entries, embeddings within rounding
run 0 build-cache --set input.path=final.txt --set "clip.model=$demo/clip" --run built --set compute.threads=1
differ 0 built new --tolerance 1e-6
differ 1 a new
jq -e -s 'map(select(.change == "changed")) | map(.entry) | length == 1' changes.jsonl > /dev/null # removed and embedded anew: last bits
jq -e -s 'map(select(.change == "removed")) | map(.entry) | length == 2' changes.jsonl > /dev/null
jq -e -s 'map(select(.change == "added")) | length == 201' changes.jsonl > /dev/null
[ "$(jq '[.cache.shards[].rows] | tostring' new/manifest.json)" = "$(jq '[.cache.shards[].rows] | tostring' built/manifest.json)" ]
[ "$(jq -c '[.cache.sources[] | [.kind, .entries]]' new/manifest.json)" = '[["cache",1497],["cache",199],["lines",3]]' ]

# without new entries the shards are those of the old rows: taken apart and put together again, equal to the byte
sed -n 1001,1500p a.txt > tail.txt
run 0 cache-edit a --remove tail.txt --out head
head -1000 a.txt > head.txt
run 0 cache-edit a --remove head.txt --out tail
run 0 cache-edit head --merge tail --out again
for f in a/shards/*.h5; do cmp "$f" "again/shards/$(basename "$f")"; done
[ "$(ls again/shards | wc -l)" -eq 2 ]
differ 0 a again
[ ! -s changes.jsonl ]
# entries in another order: nothing is added or removed, but ids differ
run 0 cache-edit tail --merge head --out turned
differ 1 a turned
says '0 removed, 0 added, 0 with another embedding, 1500 the same; 1500 at another id'
# a run takes the new cache
run 0 tag --set "input.path=$demo/pictures" --set "clip.model=$demo/clip" --set cache.path=new --run tags --set compute.threads=1

# entries that occur twice in the cache stay twice; removed, all of them go
printf 'one\ntwo\none\nthree\n' > twice.txt
run 0 build-cache --set input.path=twice.txt --set "clip.model=$demo/clip" --run twice --set compute.threads=1
printf 'two\r\n' > two.txt
run 0 cache-edit twice --remove two.txt --out less
run 0 export less --out out_less
[ "$(paste -sd, out_less/postcache.txt)" = one,one,three ]
printf 'one\n' > one.txt
run 0 cache-edit twice --remove one.txt --out fewer
run 0 export fewer --out out_fewer
[ "$(paste -sd, out_fewer/postcache.txt)" = two,three ]
differ 1 twice less
jq -e -s '. == [{"change": "removed", "entry": "two", "a": 1}]' changes.jsonl > /dev/null

# killed: nothing under the new name, and the same command again makes it
for seconds in 0.02 0.05 0.1 0.2; do
  timeout -s KILL $seconds "$antarctic" cache-edit a --remove remove.txt --merge b --out killed > /dev/null 2>&1 || true
  [ ! -e killed ] || { run 0 verify killed; rm -r killed; }
done
# what a kill leaves goes when the same name is asked for again; not another host's, nor that of a process at work
rm -rf killed.tmp.*
sh -c 'exit 0' & dead=$!
wait $dead
mkdir -p "killed.tmp.$(hostname).$dead/shards" "killed.tmp.$(hostname).$$" killed.tmp.elsewhere.1
touch "killed.tmp.$(hostname).$dead/shards/00000.h5" "killed.tmp.$(hostname).$dead/postcache.txt"
run 0 cache-edit a --remove remove.txt --merge b --out killed
says "killed.tmp.$(hostname).$dead: of an earlier call that was killed: removed"
says 'killed.tmp.elsewhere.1: another cache-edit is at work there'
[ ! -e "killed.tmp.$(hostname).$dead" ]
[ -d "killed.tmp.$(hostname).$$" ]
[ -d killed.tmp.elsewhere.1 ]
rm -r killed.tmp.*
run 0 verify killed

# the new folder's name with slashes behind it, or an empty folder, which a failure leaves
run 0 cache-edit twice --remove two.txt --out slashed//
cmp <(jq -c .cache.shards slashed/manifest.json) <(jq -c .cache.shards less/manifest.json)
mkdir empty
run 2 cache-edit twice --remove twice.txt --out empty
[ -d empty ]
run 0 cache-edit twice --remove two.txt --out empty
differ 0 less empty

# what cannot be
run 1 cache-edit twice --merge a --merge b --out x
says '--merge is given 2 times'
differ 1 less empty --tolerance -1
run 1 cache-edit a --remove remove.txt --out new
says 'new: is there already'
run 1 cache-edit a --out x
says 'needs --remove, --merge or --add'
run 1 cache-edit a --remove remove.txt
run 1 cache-edit --remove remove.txt --out x
run 2 cache-edit nowhere --remove remove.txt --out x
run 2 cache-edit a --remove nowhere.txt --out x
run 2 cache-edit a --remove a.txt --out x
says 'every entry is removed'
printf 'a\nb\377\n' > bytes.txt
run 2 cache-edit a --add bytes.txt --out x
says 'bytes.txt:2'
cp -r b other
jq '.cache.model = "00000000000000000000000000000000" | .cache.model_path = "/models/another"' b/manifest.json > other/manifest.json
run 2 cache-edit a --merge other --out x
says 'other cannot join: .*fingerprint 00000000000000000000000000000000'
cp -r a moved
jq '.cache.model_path = "/models/gone"' a/manifest.json > moved/manifest.json
run 2 cache-edit moved --add add.txt --out x
says '/models/gone'
run 0 cache-edit moved --add add.txt --model "$demo/clip" --out y
printf 'x' >> moved/shards/00001.h5
run 2 cache-edit moved --remove remove.txt --out x
says 'moved/shards/00001.h5: damaged'
[ ! -e x ]
no_half_files .
differ 1 a other
grep -q '"change": "model"' changes.jsonl
differ 2 a nowhere
differ 1 a
