# Caches: built, imported, exported, grown; the same bytes from any ranks and threads; mixing and bad input refused.
. "$source/tests/cli/lib.sh"
same() { # same CACHE_A CACHE_B: every shard equal to the byte, and the cache's own part of the manifest
  cmp <(ls "$1/shards") <(ls "$2/shards")
  [ "$(jq .cache.entries "$1/manifest.json")" -gt 0 ]
  for f in "$1"/shards/*.h5; do cmp "$f" "$2/shards/$(basename "$f")"; done
  cmp <(jq -S '.cache | del(.sources)' "$1/manifest.json") <(jq -S '.cache | del(.sources)' "$2/manifest.json")
}
keys="--set compute.threads=1 --set output.shard_items=100"
head -700 "$demo/cache.txt" > a.txt
sed -n 650,1000p "$demo/cache.txt" > b.txt
{ cat a.txt; sed -n 701,1000p "$demo/cache.txt"; } > both.txt
for f in a b both; do printf 'input:\n  path: %s.txt\nclip:\n  model: %s\n' $f "$demo/clip" > $f.yaml; done
printf 'input:\n  path: b.txt\nclip:\n  model: %s\ncache:\n  path: grown\n' "$demo/clip" > grow.yaml

# any ranks, any threads
run 0 build-cache a.yaml --run a $keys
jq -e '.positions.computed < .positions.own_length and .positions.own_length < .positions.padded and .entries == 700' a/summary.json > /dev/null
[ ! -e a/embeddings ]
for ranks in 2 3 4; do
  mpirun --oversubscribe -n $ranks "$antarctic" build-cache a.yaml --run r$ranks --set output.shard_items=100 --set compute.threads=2 2> /dev/null
  same a r$ranks
done

# as the tool embeds them, one after the other
head -100 a.txt | jq -R -c '{text: .}' | "$antarctic" embed --model "$demo/clip" --threads 1 --texts --out alone.npy
run 0 export a --out out
paste <(od -A n -v -t f4 -w4 -j 128 alone.npy) <(od -A n -v -t f4 -w4 -j 128 -N 102400 out/postcache.npy) |
  awk '{ d = $1 - $2; if (d < 0) d = -d; if (!(d <= 1e-6)) { print "alone " $1 ", in the cache " $2; bad = 1 } } END { exit bad || NR != 25600 }'

# out and in again: identical
cmp out/postcache.txt a.txt
run 0 import --text out/postcache.txt --embeddings out/postcache.npy --model "$demo/clip" --out imported
run 0 status imported
says '^imported: import, done'
says 'cache  *[1-9][0-9]* entries'
run 0 export imported --out again
cmp out/postcache.npy again/postcache.npy
cmp out/postcache.txt again/postcache.txt
run 1 import --text out/postcache.txt --embeddings out/postcache.npy --model "$demo/clip" --out imported
# clip-grams' folder; clip-retrieval's parts are taken by number
mkdir -p grams parts/text_emb
cp out/postcache.npy grams/emb00000.npy
cp out/postcache.txt grams/entries.txt
run 0 import --embeddings grams --model "$demo/clip" --out grams_in
same imported grams_in
cp out/postcache.npy parts/text_emb/text_emb_9.npy
run 0 build-cache b.yaml --run b $keys
run 0 export b --out out_b
cp out_b/postcache.npy parts/text_emb/text_emb_10.npy
cat a.txt b.txt > ab.txt
run 0 import --text ab.txt --embeddings parts --model "$demo/clip" --out parts_in
run 0 export parts_in --out out_parts
cmp <(tail -c +129 out/postcache.npy; tail -c +129 out_b/postcache.npy) <(tail -c +129 out_parts/postcache.npy)

# what does not fit is refused, both named
head -699 out/postcache.txt > short.txt
run 2 import --text short.txt --embeddings out/postcache.npy --model "$demo/clip" --out x
grep -q 'short.txt has 699 lines, but out/postcache.npy has 700 rows' said.txt
{ printf "\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (700, 256), }"; head -c 400000 /dev/zero; printf '\000\000\300\177'; head -c 316796 /dev/zero; } > nan.npy
run 2 import --text a.txt --embeddings nan.npy --model "$demo/clip" --out x
grep -q 'nan.npy: row 390 .*not finite' said.txt
{ printf "\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n" "{'descr': '<f4', 'fortran_order': False, 'shape': (700, 8), }"; head -c 22400 /dev/zero; } > narrow.npy
run 2 import --text a.txt --embeddings narrow.npy --model "$demo/clip" --out x
grep -q 'narrow.npy: its rows have 8 values, .* 256' said.txt
[ ! -e x/manifest.json ]

# growing: 51 of the 351 are there already; old shards stay as they are; every id means what it meant
cp -r a grown
mpirun --oversubscribe -n 2 "$antarctic" extend-cache grow.yaml --run grow $keys 2> said.txt
grep -q '51 entries were there already' said.txt
jq -e '.entries == 1000 and .duplicates == 51' grow/summary.json > /dev/null
for f in a/shards/*.h5; do cmp "$f" "grown/shards/$(basename "$f")"; done
run 0 export grown --out out_grown
cmp out_grown/postcache.txt both.txt
run 0 build-cache both.yaml --run both $keys
run 0 export both --out out_both
# in other company a text's last bits may differ: compare as numbers
paste <(od -A n -v -t f4 -w4 -j 128 out_grown/postcache.npy) <(od -A n -v -t f4 -w4 -j 128 out_both/postcache.npy) |
  awk '{ d = $1 - $2; if (d < 0) d = -d; if (!(d <= 1e-6)) { print "grown " $1 ", built " $2; bad = 1 } } END { exit bad || NR != 256000 }'
run 0 extend-cache grow.yaml --run grow $keys
grep -q 'nothing to do' said.txt
run 0 extend-cache grow.yaml --run other $keys
grep -q '351 entries were there already' said.txt
jq -e '.cache.entries == 1000' grown/manifest.json > /dev/null
run 0 extend-cache grow.yaml --run kept $keys --set cache.duplicates=keep
jq -e '.cache.entries == 1351' grown/manifest.json > /dev/null
run 1 extend-cache grow.yaml --run grow $keys --set cache.duplicates=keep
run 0 build-cache a.yaml --run grown $keys # a finished build looks at its own shards, and leaves the growth alone
jq -e '.cache.entries == 1351' grown/manifest.json > /dev/null
# another cache of the same model joins without being embedded
cp -r a joined
run 0 extend-cache grow.yaml --run join $keys --set cache.path=joined --set input.path=b
run 0 export joined --out out_joined
cmp out_joined/postcache.txt both.txt
cmp <(tail -c +129 out_b/postcache.npy | tail -c $((300 * 1024))) <(tail -c $((300 * 1024)) out_joined/postcache.npy)

# another model, another prefix: refused, naming both
cp -r "$demo/clip" other_clip
jq '.text_config.layer_norm_eps = 1e-6' "$demo/clip/config.json" > other_clip/config.json
run 2 extend-cache grow.yaml --run x1 $keys --set clip.model=other_clip
grep -q "made by another CLIP model ($demo/clip.*other_clip" said.txt
jq '.text_config.num_hidden_layers = 1' "$demo/clip/config.json" > other_clip/config.json
run 2 topk --cache a --model other_clip --text zebra
grep -q "made by another CLIP model" said.txt
run 0 build-cache b.yaml --run prefixed $keys --set ngrams.prefix='a photo of '
if cmp -s b/shards/00000.h5 prefixed/shards/00000.h5; then exit 1; fi
run 2 extend-cache grow.yaml --run x2 $keys --set input.path=prefixed
grep -q 'prefix "", .* "a photo of "' said.txt
run 1 extend-cache grow.yaml --run x3 $keys --set ngrams.prefix=x
run 1 extend-cache grow.yaml --run grown $keys

# text as people have it: no newline at the end, CRLF, empty lines, a NUL, a line of 10 MB, more than the context
{ printf 'red car\r\n\r\na\000b\n'; head -c 10000000 /dev/zero | tr '\0' 'x'; printf '\n'; for i in $(seq 100); do printf 'zebra '; done; printf '\nno newline at the end'; } > odd.txt
run 0 build-cache a.yaml --run odd $keys --set input.path=odd.txt
grep -q '2 entries are longer than CLIP.s context' said.txt
jq -e '.entries == 6' odd/summary.json > /dev/null
run 0 export odd --out out_odd
cmp out_odd/postcache.txt <(sed 's/\r$//' odd.txt; echo)
: > empty.txt
run 2 build-cache a.yaml --run x4 $keys --set input.path=empty.txt
grep -q 'empty.txt: no entry' said.txt
printf 'fine\n\377\376\n' > latin.txt
run 2 build-cache a.yaml --run x5 $keys --set input.path=latin.txt
grep -q 'latin.txt:2' said.txt

# a damaged shard is named and refused; a half-built cache says how to go on
cp -r a damaged
printf 'x' | dd of=damaged/shards/00003.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
run 2 export damaged --out y
grep -q 'damaged/shards/00003.h5: damaged' said.txt
run 0 build-cache a.yaml --run damaged $keys
grep -q '00003.h5: not what was published; it is made again' said.txt
same a damaged
cp -r grown worse
printf 'x' | dd of=worse/shards/00003.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
run 2 build-cache a.yaml --run worse $keys
grep -q 'has grown since it was built.*restore that file' said.txt
jq -e '.cache.entries == 1351' worse/manifest.json > /dev/null
cp -r a half
jq 'del(.cache)' a/manifest.json > half/manifest.json
rm half/DONE
run 1 report a
grep -q 'a: a run of build-cache has no images' said.txt
run 2 export half --out y
grep -q 'half built.*the same command resumes it' said.txt
run 0 build-cache a.yaml --run half $keys
same a half
