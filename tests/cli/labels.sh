# Labels: CLIP's zero-shot recipe as transformers does it; probabilities over all labels; any ranks; killed and resumed; bad input.
. "$source/tests/cli/lib.sh"
golden=$data/golden/zero_shot
cp "$golden/labels.txt" labels.txt
templates=$(jq -c . "$golden/templates.json")
keys=(--set "input.path=$demo/pictures" --set "clip.model=$demo/clip" --set cache.path=labels.txt --set compute.threads=1)
labels=$(wc -l < labels.txt)

# all labels: ids, scores and probabilities of the golden data
run 0 tag "${keys[@]}" --set "retrieval.templates=$templates" --set retrieval.topk="$labels" --run all
[ "$(wc -l < all/tags.jsonl)" -eq "$(wc -l < "$golden/expected.jsonl")" ]
cmp <(jq -c '[.key, [.table[].id]]' all/tags.jsonl) <(jq -c '[.key, .ids]' "$golden/expected.jsonl")
paste <(jq '.table[].score' all/tags.jsonl) <(jq '.scores[]' "$golden/expected.jsonl") <(jq '.table[].probability' all/tags.jsonl) \
  <(jq '.probabilities[]' "$golden/expected.jsonl") |
  awk -v labels="$labels" '{ d = $1 - $2; e = $3 - $4; if (d < 0) d = -d; if (e < 0) e = -e; sum += $3
         if (!(d <= 2e-5) || !(e <= 2e-3 * $4)) { print "score " $1 ", expected " $2 ", probability " $3 ", expected " $4; bad = 1 }
         if (NR % labels == 0) { if (!(sum > 0.999999 && sum < 1.000001)) { print "sum " sum; bad = 1 }; sum = 0 } }
       END { exit bad || NR < 100 }'
[ ! -e all/labels-0 ]
jq -e '.cache.sources[0].kind == "labels"' all/cache/manifest.json > /dev/null
run 0 verify all

# the best three: the same probabilities (they are over all labels), on any ranks; tags.csv is what export writes
run 0 tag "${keys[@]}" --set "retrieval.templates=$templates" --set retrieval.topk=3 --run best
cmp <(jq -c '[.key, .table[:3]]' all/tags.jsonl) <(jq -c '[.key, .table]' best/tags.jsonl)
for ranks in 2 3; do
  run_on $ranks 0 tag "${keys[@]}" --set "retrieval.templates=$templates" --set retrieval.topk=3 --run best$ranks
  cmp best/tags.jsonl best$ranks/tags.jsonl
  cmp best/tags.csv best$ranks/tags.csv
  for f in best/tables/*.h5; do cmp "$f" "best$ranks/tables/$(basename "$f")"; done
done
run 0 export best --format csv --out best.csv
cmp best.csv best/tags.csv
[ "$(head -1 best.csv | tr -d '\r')" = key,rank,entry,id,score,probability ]
[ "$(wc -l < best.csv)" -eq $((3 * $(wc -l < best/tags.jsonl) + 1)) ]

# one template that is the label alone is the text file itself
run 0 tag "${keys[@]}" --set 'retrieval.templates=["{}"]' --set retrieval.topk=3 --run alone
run 0 tag "${keys[@]}" --set retrieval.topk=3 --run plain
paste <(jq -c '.table[] | [.id, .score]' alone/tags.jsonl) <(jq -c '.table[] | [.id, .score]' plain/tags.jsonl) | tr -d '[]' | tr ',\t' '  ' |
  awk '{ d = $2 - $4; if (d < 0) d = -d; if ($1 != $3 || !(d <= 1e-6)) { print; bad = 1 } } END { exit bad || NR == 0 }'
[ ! -e plain/tags.csv ]
[ "$(jq '[.table[] | has("probability")] | any' plain/tags.jsonl | sort -u)" = false ]

# equal images of a dataset take tables of earlier shards, probabilities too
cp -r "$demo/pictures" twice
for f in "$demo"/pictures/*.jpg; do cp "$f" "twice/z_$(basename "$f")"; done
run 0 ingest twice --out dataset
run 0 tag "${keys[@]}" --set "input.path=$PWD/dataset" --set "retrieval.templates=$templates" --set retrieval.topk=3 --set output.shard_items=7 --run from_dataset
grep -q 'tables were taken from earlier shards' from_dataset/log.txt
cmp <(jq -c .table best/tags.jsonl) <(jq -c 'select(.key | startswith("z_") | not).table' from_dataset/tags.jsonl)
cmp <(jq -c .table best/tags.jsonl) <(jq -c 'select(.key | startswith("z_")).table' from_dataset/tags.jsonl)

# blank lines are no labels; one that comes again is warned of
{ echo; head -2 labels.txt; printf '  \r\n'; tail -n +3 labels.txt; printf '\302\240\n'; } > blank.txt
run 0 tag "${keys[@]}" --set cache.path=blank.txt --set "retrieval.templates=$templates" --set retrieval.topk=3 --run blank
cmp best/tags.jsonl blank/tags.jsonl
cmp best/cache/shards/00000.h5 blank/cache/shards/00000.h5
{ cat labels.txt; head -1 labels.txt; } > again.txt
run 0 tag "${keys[@]}" --set cache.path=again.txt --set "retrieval.templates=$templates" --set retrieval.topk=3 --run again
says 'again.txt: 1 labels come again'
printf '\n \n' > nothing.txt
run 2 tag "${keys[@]}" --set cache.path=nothing.txt --set "retrieval.templates=$templates" --run nothing
says 'nothing.txt: no label in it'

# interrupted while the sentences are embedded, and just before they are removed: the same again
cp -r best killed
rm -r killed/DONE killed/tables killed/tags.jsonl killed/tags.csv killed/cache
mkdir -p killed/labels-0/cache
run 0 tag "${keys[@]}" --set "retrieval.templates=$templates" --set retrieval.topk=3 --run killed
cmp best/tags.jsonl killed/tags.jsonl
cmp best/cache/shards/00000.h5 killed/cache/shards/00000.h5
[ ! -e killed/labels-0 ]
mkdir -p killed/labels-0/cache/shards
touch killed/labels-0/sentences.txt killed/labels-0/cache/shards/00000.h5
run 0 tag "${keys[@]}" --set "retrieval.templates=$templates" --set retrieval.topk=3 --run killed
[ ! -e killed/labels-0 ]

# what cannot be
run 1 tag "${keys[@]}" --set 'retrieval.templates=["a photo"]' --run x
says 'retrieval.templates: "a photo" must hold {} once'
run 1 tag "${keys[@]}" --set 'retrieval.templates=["{} and {}"]' --run x
says 'must hold {} once'
run 0 build-cache --set input.path=labels.txt --set "clip.model=$demo/clip" --run built
run 1 tag "${keys[@]}" --set cache.path=built --set 'retrieval.templates=["a {}"]' --run x
says 'built: a cache, whose entries are embedded already'
run 1 tag "${keys[@]}" --set 'retrieval.templates=["a {}"]' --set retrieval.topk=3 --run best
says 'made from other labels or templates'
: > labels.txt
run 2 tag "${keys[@]}" --set 'retrieval.templates=["a {}"]' --run y
says 'labels.txt: no entry in it'
