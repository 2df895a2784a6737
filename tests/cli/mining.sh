# Mining: the tool ngrams and build-cache agree with the reference for any ranks and memory; sources in every form; bad text.
run() { # run EXPECTED_CODE arguments…: runs the program, keeps what it says in said.txt and what it prints in out.txt
  local expected=$1 code=0
  shift
  "$antarctic" "$@" > out.txt 2> said.txt || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $*"; cat said.txt; exit 1; }
}
golden=${AC_GOLDEN:-$source/tests/data/golden}/ngrams
[ -d "$golden" ] || { echo "no golden data for n-grams"; exit 77; }
corpus=$golden/corpus
setting() { jq -r ".settings.small.$1" "$golden/settings.json"; }
sum() { sha256sum | cut -d' ' -f1; }
export TMPDIR=$PWD/tmp
mkdir tmp

# the tool: entries, counts and order of the reference
run 0 ngrams --topk-ngrams "$(setting topk_ngrams)" "$corpus"
[ "$(jq -r .text out.txt | sum)" = "$(setting entries_sha256)" ]
cmp <(jq -c '[.kind, .text, .count]' out.txt) <(jq -c '[.kind, .text, .count]' "$golden/small.jsonl")
grep -q 'latin1.txt: not UTF-8, left out' said.txt
run 0 ngrams --topk-ngrams 50 --use-line true --unique true "$corpus"
[ "$(jq -r .text out.txt | sum)" = "$(jq -r .settings.lines.unique_sha256 "$golden/settings.json")" ]

# the same text in a tar shard, compressed, from standard input
(cd "$corpus" && tar cf - --sort=name $(jq -r '.settings.small.files[]' "$golden/settings.json")) > all.tar
gzip -k all.tar
for form in all.tar all.tar.gz; do
  run 0 ngrams --topk-ngrams 50 $form
  [ "$(jq -r .text out.txt | sum)" = "$(setting entries_sha256)" ]
done
for f in $(jq -r '.settings.small.files[]' "$golden/settings.json"); do cat "$corpus/$f"; printf '\n'; done > all.txt
gzip -k all.txt
"$antarctic" ngrams --topk-ngrams 50 - < all.txt.gz 2> /dev/null | jq -r .text | sum | grep -x "$(setting entries_sha256)"
"$antarctic" ngrams --topk-ngrams 50 - < all.txt 2> /dev/null | jq -r .text | sum | grep -x "$(setting entries_sha256)"

# build-cache: the same entries and the same bytes on any ranks, and where memory is too small for the counts
printf 'input:\n  path: %s\nclip:\n  model: %s\nngrams: { lines: false, unigrams: true, bigrams: true, trigrams: true, topk_ngrams: 50 }\n' \
  "$corpus" "$demo/clip" > mine.yaml
run 0 build-cache mine.yaml --run one
run 0 export one --out out
[ "$(sum < out/postcache.txt)" = "$(setting entries_sha256)" ]
[ ! -e one/mining ]
cmp one/mined.txt out/postcache.txt
jq -e '.words == 28580 or env.AC_GOLDEN != null' one/mining.json > /dev/null
[ "$(jq '.not_utf8 | length' one/mining.json)" = "$(jq '.settings.small.skipped_not_utf8 | length' "$golden/settings.json")" ]
# again: nothing is mined a second time, unless what was kept is damaged, or a text has changed
run 0 build-cache mine.yaml --run one
if grep -q 'mined:' said.txt; then exit 1; fi
printf 'x\n' >> one/mined.txt
run 0 build-cache mine.yaml --run one
grep -q 'mined:' said.txt
cmp one/mined.txt out/postcache.txt
for ranks in 2 3; do
  mpirun --oversubscribe -n $ranks "$antarctic" build-cache mine.yaml --run r$ranks --set limits.memory=1MB > said.txt 2>&1
  grep -q 'MB spilled in [1-9]' said.txt
  for f in one/shards/*.h5; do cmp "$f" "r$ranks/shards/$(basename "$f")"; done
  cmp one/mining.json r$ranks/mining.json
  [ ! -e r$ranks/mining ]
done
# standard input is rank 0's; the time that mining takes is part of the whole
{ cat all.txt; sleep 2; } | mpirun --oversubscribe -n 2 "$antarctic" build-cache mine.yaml --run piped --set input.path=- > said.txt 2>&1
jq -e '.wall_seconds > 1' piped/summary.json > /dev/null
cmp one/shards/00000.h5 piped/shards/00000.h5
# n-grams of another corpus join a cache
head -200 "$demo/cache.txt" > more.txt
cp -r one grown
run 0 extend-cache mine.yaml --run grow --set cache.path=grown --set input.path=more.txt --set ngrams.topk_ngrams=5 --set ngrams.filter=2
jq -e '.cache.entries > 150' grown/manifest.json > /dev/null

# what is wrong is named, with what to do; nothing is left behind
head -c 20000 all.txt.gz > cut.txt.gz
run 2 ngrams cut.txt.gz
grep -q 'cut.txt.gz: damaged gzip data: it ends too early; fetch' said.txt
run 2 build-cache mine.yaml --run x --set input.path=cut.txt.gz
grep -q 'cut.txt.gz' said.txt
[ ! -e x/manifest.json ]
run 2 ngrams nowhere.txt
grep -q 'nowhere.txt: cannot be found' said.txt
mkdir empty
run 2 ngrams empty
grep -q 'empty: no text in this folder' said.txt
: > empty/a.txt
run 2 ngrams empty
grep -q 'no text to mine' said.txt
run 2 build-cache mine.yaml --run x --set input.path=empty
printf 'each word once\n' > once.txt
run 1 ngrams --unigrams false once.txt
grep -q 'mining left no entry.*lower ngrams.filter' said.txt
run 1 ngrams --unigrams false --bigrams false --trigrams false once.txt
run 1 ngrams
run 1 ngrams --filter 0 once.txt
run 1 build-cache mine.yaml --run x --set limits.memory=lots
grep -q 'limits.memory: "lots" is not an amount of memory' said.txt
{ printf 'red car '; head -c 10000000 /dev/zero | tr '\0' 'x'; printf ' red car\nnul \0 byte\n'; } > long.txt
run 0 ngrams --filter 2 long.txt
[ "$(jq -r 'select(.kind == "bigram") | .text' out.txt)" = "red car" ]
jq '.text | length' out.txt | grep -x 10000000 > said.txt
# no room for spilled counts: files of at most 64 KB (mpi/test_mining.c does the same to each rank)
code=0
(trap '' XFSZ; ulimit -f 64; exec "$antarctic" ngrams --memory 1 --topk-ngrams 10 "$corpus") > out.txt 2> said.txt || code=$?
[ $code -eq 2 ]
grep -q 'cannot be spilled after .*raise limits.memory' said.txt
if ls tmp | grep antarctic; then exit 1; fi
# killed in the middle: what lies there does no harm, and is gone afterwards
mkdir -p killed/mining
: > killed/mining/spool-00000000
: > killed/mining/ngrams-abcdef
run 0 build-cache mine.yaml --run killed
cmp one/shards/00000.h5 killed/shards/00000.h5
[ ! -e killed/mining ]
if ls tmp | grep antarctic; then exit 1; fi
