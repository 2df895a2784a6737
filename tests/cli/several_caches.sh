# Several caches searched as one, and denied phrases: the tables of the one cache that holds their entries; any ranks; captions,
# training and text files among the caches; caches of another model refused by name.
. "$source/tests/cli/lib.sh"
keys=(--set "input.path=$demo/pictures" --set "clip.model=$demo/clip" --set compute.threads=1 --set output.shard_items=16)
head -2000 "$demo/cache.txt" > a.txt
tail -n +1901 "$demo/cache.txt" > b.txt # the first hundred are in a too
for f in a b; do run 0 build-cache --set input.path=$f.txt --set "clip.model=$demo/clip" --run "$f, cache" --set compute.threads=1; done
mv 'a, cache' a
run 0 build-cache --set "input.path=$demo/cache.txt" --set "clip.model=$demo/clip" --run whole --set compute.threads=1

# a table is that of the one cache, and says where each entry is from
run 0 tag "${keys[@]}" --set cache.path=whole --run one
cat > job.yaml <<Y
input:
  path: $demo/pictures
clip:
  model: $demo/clip
cache:
  path:
    - a
    - "b, cache"
output:
  shard_items: 16
compute:
  threads: 1
Y
run 0 tag job.yaml --run two
says '100 entries are left out: an earlier cache has them'
[ "$(grep -c 'denied' said.txt)" = 0 ]
# the cache `whole` was embedded in other company: last bits of scores may differ, so near ties may change places
paste <(jq -c '.table[] | [.entry, .score]' one/tags.jsonl) <(jq -c '.table[] | [.entry, .score]' two/tags.jsonl) |
  awk -F '\t' '{ if ($1 != $2) bad++ } END { print bad + 0 " of " NR " entries differ"; exit bad > NR / 100 }'
jq -e -s 'all(.[].table[]; (.cache == 0 and .id < 2000) or (.cache == 1 and .id >= 100 and .id < 2902)) and any(.[].table[]; .cache == 1)' two/tags.jsonl > /dev/null
jq -r -s '[.[].table[] | select(.cache == 1)][:50][] | "\(.id + 1)\t\(.entry)"' two/tags.jsonl > said_by_b
while IFS=$'\t' read -r line entry; do [ "$(sed -n "${line}p" b.txt)" = "$entry" ]; done < said_by_b
[ "$(wc -l < said_by_b)" -gt 10 ]
[ "$(jq '[.table[] | has("cache")] | any' one/tags.jsonl | sort -u)" = false ]
jq -e '.repeated == 100 and (has("denied") | not)' two/summary.json > /dev/null
jq -e '(.caches | length) == 2 and .caches[1].entries == 2902' two/manifest.json > /dev/null
jq -e 'has("caches") | not' one/manifest.json > /dev/null
for ranks in 2 3; do
  run_on $ranks 0 tag job.yaml --run two$ranks
  cmp two/tags.jsonl two$ranks/tags.jsonl
  for f in two/tables/*.h5; do cmp "$f" "two$ranks/tables/$(basename "$f")"; done
done
run 0 verify two
run 0 tag two/config.yaml --run two # the resolved config is the same
says 'nothing to do'
run 0 export two --format csv --out two.csv
[ "$(head -1 two.csv | tr -d '\r')" = key,rank,entry,id,score,cache ]
# a list of one cache is that cache
run 0 tag "${keys[@]}" --set 'cache.path=[whole]' --run listed
cmp one/tags.jsonl listed/tags.jsonl
run 0 tag "${keys[@]}" --set cache.path=whole --run listed
says 'nothing to do'
# the same entry twice, when asked: it takes two places, the earlier cache's first
run 0 tag "${keys[@]}" --set 'cache.path=[a, a]' --set retrieval.duplicates=keep --run kept
jq -e -s 'all(.[].table; length == 10 and ([range(0; 10; 2) as $i | .[$i].entry == .[$i + 1].entry and .[$i].cache == 0 and .[$i + 1].cache == 1] | all))' kept/tags.jsonl > /dev/null
run 0 tag "${keys[@]}" --set 'cache.path=[a, a]' --run once
run 0 tag "${keys[@]}" --set cache.path=a --run alone
cmp <(jq -c '[.table[] | [.entry, .id, .score]]' once/tags.jsonl) <(jq -c '[.table[] | [.entry, .id, .score]]' alone/tags.jsonl)

# captions; a text file among the caches; a run that goes on; an update keeps the caches apart
mkdir images
cp "$demo"/pictures/scene_0[0-3].jpg images/
small_job caption.yaml images
printf 'moon\nred car\ngreen bus\n' > more.txt
run 0 caption caption.yaml --run c1 --set 'cache.path=[cache.txt, more.txt]' --set output.shard_items=2
jq -e -s 'all(.[].table; length == 3) and all(.[].table[]; (.cache == 0 and .id < 3) or (.cache == 1 and (.id == 0 or .id == 2)))' c1/captions.jsonl > /dev/null
[ -e c1/caches/0/manifest.json ]
[ -e c1/caches/1/manifest.json ]
run 0 verify c1
cp -r c1 damaged # the caches that a run built are part of it
printf x >> damaged/caches/1/shards/00000.h5
run 2 verify damaged
says 'caches/1/shards/00000.h5: not the file that was published'
rm -r damaged
cp -r c1 damaged
rm damaged/caches/0/manifest.json
run 2 verify damaged
says 'damaged/caches/0'
rm -r damaged
run_on 2 0 caption caption.yaml --run c2 --set 'cache.path=[cache.txt, more.txt]' --set output.shard_items=2
cmp c1/captions.jsonl c2/captions.jsonl
rm c1/DONE c1/tables/00001.h5 c1/captions.jsonl
run 0 caption caption.yaml --run c1 --set 'cache.path=[cache.txt, more.txt]' --set output.shard_items=2
cmp c1/captions.jsonl c2/captions.jsonl
cp "$demo"/pictures/scene_04.jpg images/
run 0 caption caption.yaml --run c1 --set 'cache.path=[cache.txt, more.txt]' --set output.shard_items=2 --update
run 0 caption caption.yaml --run c3 --set 'cache.path=[cache.txt, more.txt]' --set output.shard_items=2
cmp c1/captions.jsonl c3/captions.jsonl
run 0 report c1

# denied: words in any case, everywhere; as many entries as before; counted; the same on any ranks; another file is another run
printf 'CAR\r\n\nIce cream  cone\n' > deny.txt
run 0 tag job.yaml --set retrieval.deny=deny.txt --run denied
said=$(jq .denied denied/summary.json)
says "$said entries are denied by retrieval.deny"
[ "$said" -eq "$(cat a.txt b.txt | grep -ciE '\b(car|ice cream cone)\b')" ]
[ "$said" -gt 50 ]
jq -e -s 'all(.[].table; length == 10)' denied/tags.jsonl > /dev/null
[ "$(jq -r '.table[].entry' denied/tags.jsonl | grep -ciE '\b(car|ice cream cone)\b')" -eq 0 ]
[ "$(jq -r '.table[].entry' two/tags.jsonl | grep -ciE '\b(car|ice cream cone)\b')" -gt 0 ]
for ranks in 2 3; do
  run_on $ranks 0 tag job.yaml --set retrieval.deny=deny.txt --run denied$ranks
  cmp denied/tags.jsonl denied$ranks/tags.jsonl
done
# it is the search over a cache without them
cat a.txt <(tail -n +101 b.txt) | grep -viE '\b(car|ice cream cone)\b' > without.txt
run 0 tag "${keys[@]}" --set cache.path=without.txt --run without
paste <(jq -c '.table[] | [.entry, .score]' without/tags.jsonl) <(jq -c '.table[] | [.entry, .score]' denied/tags.jsonl) |
  awk -F '\t' '{ if ($1 != $2) bad++ } END { print bad + 0 " of " NR " entries differ"; exit bad > NR / 100 }'
[ "$(jq -r .deny_fingerprint denied/manifest.json | tr -d '\n' | wc -c)" -eq 32 ]
rm denied/DONE denied/tags.jsonl # the tables are there: the count is made again
run 0 tag job.yaml --set retrieval.deny=deny.txt --run denied
[ "$(jq .denied denied/summary.json)" -eq "$said" ]
printf 'car\n' > deny.txt
run 1 tag job.yaml --set retrieval.deny=deny.txt --run denied
says 'the file of retrieval.deny differs'
run 1 tag job.yaml --set retrieval.deny=deny.txt --run two
says 'the file of retrieval.deny differs'
run 0 caption caption.yaml --run c4 --set 'cache.path=[cache.txt, more.txt]' --set retrieval.deny=deny.txt
jq -e -s 'all(.[].table; length == 3 and all(.[]; .entry != "red car"))' c4/captions.jsonl > /dev/null

# what cannot be
printf 'a\nred\ncar\nzebra\nan\nmoon\ngreen\n' > all.txt
run 2 tag job.yaml --set 'cache.path=[cache.txt, more.txt]' --set retrieval.deny=all.txt --run x
says 'retrieval.deny: every entry of cache.path is denied'
printf '\n \n' > empty.txt
run 2 tag job.yaml --set retrieval.deny=empty.txt --run y
says 'empty.txt: no phrase in it'
printf 'car\n\377\n' > bytes.txt
run 2 tag job.yaml --set retrieval.deny=bytes.txt --run y
says 'bytes.txt'
run 2 tag job.yaml --set retrieval.deny=nowhere.txt --run y
says 'nowhere.txt'
run 2 tag job.yaml --set 'cache.path=[a, nowhere]' --run y
says 'cache.path: .*nowhere'
run 1 tag job.yaml --set 'cache.path=[]' --run y
says 'this list is empty'
run 1 extend-cache --set input.path=more.txt --set "clip.model=$demo/clip" --set "cache.path=[a, whole]" --run y
says 'extend-cache extends one cache'
# another model made the second one
cp -r a other
jq '.cache.model = "00000000000000000000000000000000" | .cache.model_path = "/models/another"' a/manifest.json > other/manifest.json
run 2 tag job.yaml --set 'cache.path=[a, other]' --run z
says 'other: made by another CLIP model (/models/another'
