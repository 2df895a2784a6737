# Reviews: the page's file goes into the run beside what was computed; exports and evaluate use it when asked; an update keeps what is
# still of the same image; files of other runs are refused; killed at any moment.
. "$source/tests/cli/lib.sh"
mkdir images
for i in 00 01 02 03 04 05; do cp "$demo/pictures/scene_$i.jpg" "$demo/pictures/scene_$i.txt" images/; done
small_job job.yaml images
printf 'output:\n  shard_items: 2\n' >> job.yaml
run 0 caption job.yaml --run out
cp -r out pristine
run 0 export out --format review --out review.html
[ "$(grep -c '<script' review.html)" -ge 4 ]
# facts NAME: of the page
facts() { sed -n 's|.*id="review-facts">\(.*\)</script>.*|\1|p' "$1"; }
head_of() { facts "$1" | jq -c '{antarctic_review: 1, run, input, folder}'; }
# computed KEY: the page's word for what was computed
sed -n '/id="review-0">/,/<\/script>/p' review.html | sed 's/.*id="review-0">//; s/<\/script>.*//' | jq -c '.[] | [.[0], .[3]]' > computed.txt
computed() { jq -r --arg k "$1" 'select(.[0] == $k) | .[1]' computed.txt; }
line() { jq -n -c --arg k "$1" --arg s "$2" --arg c "$3" --arg h "$(computed "$1")" '{key: $k, status: $s} + (if $c == "" then {} else {caption: $c} end) + {computed: $h}'; }
{ head_of review.html; line scene_00 accepted ''; line scene_01 edited 'A "better" caption, by hand: café'; line scene_02 rejected ''; line scene_03 edited 'first'; } > review.jsonl

run 0 import-review out review.jsonl
says '1 accepted, 2 edited, 1 rejected, 0 opened again'
run 0 verify out
no_half_files out
# computed values stay, to the byte
cmp <(jq -c 'del(.reviewed)' out/captions.jsonl) <(jq -c . pristine/captions.jsonl)
for f in preds.txt keys.txt ref0.txt bad_items.jsonl; do cmp out/$f pristine/$f; done
[ "$(jq -c '[.key, .reviewed]' out/captions.jsonl | sed -n 2p)" = '["scene_01",{"status":"edited","caption":"A \"better\" caption, by hand: café"}]' ]
[ "$(jq -c .reviewed out/captions.jsonl | sed -n 3p)" = '{"status":"rejected"}' ]
[ "$(jq -r .reviewed.caption out/captions.jsonl | sed -n 1p)" = "$(sed -n 1p out/preds.txt)" ]
[ "$(jq -c 'has("reviewed")' out/captions.jsonl | tr '\n' ' ')" = 'true true true true false false ' ]
cp out/captions.jsonl once.jsonl
run 0 import-review out review.jsonl # again: the same
cmp once.jsonl out/captions.jsonl
run 0 caption job.yaml --run out # the job has nothing to do, and its own merge says the same
says 'nothing to do'
rm out/DONE
run 0 caption job.yaml --run out
cmp once.jsonl out/captions.jsonl
# the page shows what is there; a later line replaces an earlier one; "open" takes a review back
run 0 export out --format review --out again.html
grep -q '"edited","A \\"better\\" caption, by hand: café"' again.html
{ line scene_03 accepted ''; line scene_03 edited 'by the last line'; line scene_00 open ''; } > more.jsonl
run 0 import-review out more.jsonl
[ "$(jq -c .reviewed out/captions.jsonl | sed -n 4p)" = '{"status":"edited","caption":"by the last line"}' ]
[ "$(jq -c .reviewed out/captions.jsonl | sed -n 1p)" = null ]
[ "$(wc -l < out/reviewed.jsonl)" -eq 3 ]

# exports: computed without --reviewed, a person's with it
run 0 export out --format csv --out computed.csv
run 0 export pristine --format csv --out pristine.csv
cmp computed.csv pristine.csv
run 0 export out --format csv --reviewed --out reviewed.csv
[ "$(wc -l < reviewed.csv)" -eq 6 ] # the head, and five of six images
grep -q '^scene_01,"A ""better"" caption, by hand: café",,edited' reviewed.csv
grep -q '^scene_00,.*,open' reviewed.csv
run 0 export out --format txt --reviewed --out texts
[ "$(cat texts/scene_03.txt)" = 'by the last line' ]
[ "$(cat texts/scene_04.txt)" = "$(sed -n 5p out/preds.txt)" ]
[ ! -e texts/scene_02.txt ]
run 0 export out --format coco --reviewed --out coco.json
jq -e 'length == 5 and (map(select(.image_id == 3)) | .[0].caption == "by the last line") and all(.image_id != 2)' coco.json > /dev/null
run 0 export out --format xmp --reviewed --out side
grep -q 'by the last line' side/scene_03.xmp
[ ! -e side/scene_02.xmp ]
run 0 export out --format webdataset --reviewed --out tars
cat tars/*.tar | tar -x -i -f - -C "$(mkdir -p members; echo members)"
[ "$(cat members/scene_03.txt)" = 'by the last line' ]
jq -e '.reviewed.status == "edited" and .caption != "by the last line"' members/scene_03.json > /dev/null
[ ! -e members/scene_02.jpg ]
run 1 export out --format h5 --reviewed --out x.h5
says 'holds what was computed'
run 1 export out --format review --reviewed --out x.html

# evaluate
run 0 evaluate --predictions out --references out --out computed
run 0 evaluate --predictions pristine --references pristine --out before
cmp computed/items.jsonl before/items.jsonl
run 0 evaluate --predictions out --references out --reviewed --out reviewed
[ "$(jq .items reviewed/metrics.json)" -eq 5 ]
[ "$(jq -r 'select(.key == "scene_03") | .caption' reviewed/items.jsonl)" = 'by the last line' ]
says '1 rejected captions are left out'
run 1 evaluate --predictions coco.json --references out --reviewed --out x
says 'is no run of caption'

# an update: the review of another image under the key goes, the others stay; a fresh run with the same reviews is the same
cp "$demo/pictures/scene_09.jpg" images/scene_01.jpg
cp "$demo/pictures/scene_10.jpg" images/scene_06.jpg
cp "$demo/pictures/scene_10.txt" images/scene_06.txt
rm images/scene_05.*
run 0 caption job.yaml --run out --update
[ "$(jq -c '[.key, .reviewed.status]' out/captions.jsonl | tr '\n' ' ')" = '["scene_00",null] ["scene_01",null] ["scene_02","rejected"] ["scene_03","edited"] ["scene_04",null] ["scene_06",null] ' ]
run 0 verify out
run 0 export out --format csv --reviewed --out updated.csv
grep -q '^scene_01,.*,open' updated.csv
# the old page's file: what is of another image now does not count, and is named
run 0 import-review out review.jsonl
says '1 reviews are of other images than the run has now .*: scene_01'
[ "$(jq -c '.reviewed.status' out/captions.jsonl | tr '\n' ' ')" = '"accepted" null "rejected" "edited" null null ' ]
run 0 verify out

# of another run: other settings, other images, other keys: refused by name, and nothing changes
run 0 caption job.yaml --run other --set generation.num_beams=3
run 1 import-review other review.jsonl
says 'review.jsonl: a review of another run (.*/out) than other: their settings, models or caches differ'
run 0 caption job.yaml --run fresh
run 1 import-review fresh review.jsonl
says 'a review of another run (.*/out) than fresh: their images differ'
tail -n +2 review.jsonl > headless.jsonl
sed 's/scene_0/else_/' headless.jsonl > keys.jsonl
run 1 import-review fresh keys.jsonl
says '4 of its keys are none of this run.s; the first: else_0'
sed 's/"computed":"../"computed":"00/' headless.jsonl > stale.jsonl
run 1 import-review fresh stale.jsonl
says 'not one of its 4 reviews is of what this run computed'
[ ! -e fresh/reviewed.jsonl ]
run 0 verify fresh
cmp <(jq -c 'del(.reviewed)' out/captions.jsonl) <(jq -c . fresh/captions.jsonl)
# as editors of other systems save it
{ printf '\357\273\277'; tail -n +2 review.jsonl | sed 's/$/\r/'; printf '\r\n'; } > other_editor.jsonl
cp -r fresh edited
run 0 import-review edited other_editor.jsonl
[ "$(jq -c '.reviewed.status' edited/captions.jsonl | tr '\n' ' ')" = '"accepted" null "rejected" "edited" null null ' ]
iconv -f UTF-8 -t UTF-16 review.jsonl > utf16.jsonl
run 2 import-review fresh utf16.jsonl
says 'utf16.jsonl: text in UTF-16'
# files that are no review
printf '{"key": "scene_00", "status": "fine"}\n' > bad.jsonl
run 2 import-review fresh bad.jsonl
says 'bad.jsonl: line 1: the status "fine" is none of'
printf '{"key": "scene_00", "status": "edited", "caption": " "}\n' > bad.jsonl
run 2 import-review fresh bad.jsonl
says 'not blank'
printf '{"key": "scene_00", "status": "accepted"}\nnonsense\n' > bad.jsonl
run 2 import-review fresh bad.jsonl
says 'bad.jsonl: line 2: not a JSON object'
run 2 import-review fresh nowhere.jsonl
run 2 import-review nowhere review.jsonl
run 0 tag --set input.path=images --set "clip.model=$demo/clip" --set cache.path=cache.txt --run tags
run 1 import-review tags review.jsonl
says 'a run of tag has no captions'
run 1 export tags --format review --out x.html
[ ! -e x.html ]
no_half_files .

# killed at each of its steps (a call that fails stands for the kill): the old state or the new one, and the same command completes it
line scene_00 accepted '' > one.jsonl
for seconds in 0.005 0.01 0.02 0.03 0.04 0.06 0.08 0.1; do
  rm -rf killed
  cp -r fresh killed
  timeout -s KILL $seconds "$antarctic" import-review killed one.jsonl > /dev/null 2>&1 || true
  jq -c . killed/captions.jsonl > lines.jsonl
  [ "$(wc -l < lines.jsonl)" -eq 6 ]
  rm -f killed/lock
  run 0 import-review killed one.jsonl
  run 0 verify killed
  [ "$(jq -c .reviewed.status killed/captions.jsonl | sed -n 1p)" = '"accepted"' ]
done
# between its two files: without DONE, marked; the job's command completes it too
rm -rf killed
cp -r fresh killed
cp killed/captions.jsonl old.jsonl
run 0 import-review killed one.jsonl
cp killed/captions.jsonl new.jsonl
cp old.jsonl killed/captions.jsonl
rm killed/DONE
touch killed/.review-pending
cp -r killed killed2
run 0 import-review killed one.jsonl
cmp new.jsonl killed/captions.jsonl
run 0 verify killed
[ -e killed/DONE ]
[ ! -e killed/.review-pending ]
run 0 caption job.yaml --run killed2
cmp new.jsonl killed2/captions.jsonl
[ -e killed2/DONE ]
[ ! -e killed2/.review-pending ]
