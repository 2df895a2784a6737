# What a run leaves for people and other programs: the report, log.txt, captions.h5, .knn files, exports.
. "$source/tests/cli/lib.sh"
mkdir -p images/a
cp "$demo"/pictures/scene_0[0-2].jpg images
cp "$demo/pictures/scene_03.jpg" "images/a/with, \"odd\" <name>& 7.jpg"
: > images/empty.png
small_job job.yaml images
run_on 2 0 caption job.yaml --run out --set output.shard_items=2 --set output.knn=true
says 'report: out/report.html'
run 0 caption job.yaml --run one_shard --set output.shard_items=10

# the report: whole, no address of any network in it, every image and the rejected item, nothing of the data taken for markup
[ "$(tail -1 out/report.html)" = '</html>' ]
if grep -oE '(https?:)?//[a-z]+\.[a-z]+|@import|url\(|src *= *"http' out/report.html | grep .; then exit 1; fi # no address
[ "$(grep -c '<script type="application/json" id="pictures-' out/report.html)" -eq 1 ]
sed -n '/id="pictures-0"/,/<\/script>/p' out/report.html | sed 's/.*id="pictures-0">//; s/<\/script>//' > records.json
jq -r '.[][0]' records.json | cmp - out/keys.txt
jq -r '.[][1]' records.json | cmp - out/preds.txt
if grep -q '<name>' out/report.html; then exit 1; fi
grep -q '<td>empty</td><td>empty</td>' out/report.html
grep -q 'id="thumbnails-0">\["/9j/' out/report.html # JPEG, in base64
"$antarctic" report out --out again.html > said.txt
cmp out/report.html again.html
"$antarctic" report out --out few.html --images 2 > said.txt
sed -n '/id="pictures-0"/,/<\/script>/p' few.html | sed 's/.*id="pictures-0">//; s/<\/script>//' | jq -e 'length == 2' > /dev/null
run 2 report images
says 'not a run folder'
run 1 report out --picturs 3
run 2 report out --out /proc/none/report.html

# log.txt: stamped, a header a start, appended by the next
grep -cE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z ' out/log.txt > stamped
[ "$(cat stamped)" -eq "$(wc -l < out/log.txt)" ]
grep -q '=== antarctic .*: caption job.yaml --run out, 2 ranks' out/log.txt
grep -q 'embed: 5/5 images' out/log.txt
run 0 caption job.yaml --run out --set output.shard_items=2 --set output.knn=true
says 'nothing to do'
[ "$(grep -c '=== antarctic' out/log.txt)" -eq 2 ]
tail -1 out/log.txt | grep 'exit 0$'

# .knn: the table's entries, one per line, best first
for key in scene_00 'a/with, "odd" <name>& 7'; do
  jq -r --arg key "$key" 'select(.key == $key) | .table[].entry' out/captions.jsonl | cmp - "images/$key.knn"
done
[ ! -e images/empty.knn ]
no_half_files images
run 0 tag job.yaml --run tags
[ -s tags/report.html ]
[ "$(wc -l < tags/tags.jsonl)" -eq 4 ]
for ranks in 1 3; do # a folder that cannot be written is found before any work
  printf '/proc/cpuinfo.jpg\n' > list.txt
  run_on $ranks 2 tag job.yaml --run shut --set input.path=list.txt --set output.knn=true
  says '/proc/: .knn files cannot be written there'
  [ ! -e shut/manifest.json ]
done

# captions.h5 shows what is in the shards: away from them it would read as zeros, and that is told
run 0 verify out/captions.h5
mkdir away && cp out/captions.h5 away && ln -s ../out/captions.h5 away/link.h5
run 2 verify away/captions.h5
says 'away/shards/00000.h5, which is not there'
run 2 inspect away/captions.h5
says 'which is not there'
if grep -q sample said.txt; then exit 1; fi
run 0 verify away/link.h5
mkdir away/embeddings away/tables away/shards && cp out/embeddings/*.h5 away/embeddings && cp out/tables/*.h5 away/tables
cp out/shards/*.h5 away/shards
run 0 verify away/captions.h5
cp out/embeddings/00002.h5 away/embeddings/00000.h5
run 2 verify away/captions.h5
says 'than is in away/embeddings/00000.h5'
# the folders of stages may be links, as people put shards on another disk; what lies in them may not
cp -r out scratched && mkdir scratch && mv scratched/shards scratched/tables scratch
ln -s ../scratch/tables scratched/tables && ln -s "$PWD/scratch/shards" scratched/shards
run 0 verify scratched/captions.h5 scratched
run 0 inspect scratched/captions.h5
says sample
run 0 export scratched --format h5 --out scratched.h5
run 0 verify scratched.h5
mv scratch/shards/00000.h5 scratch && ln -s ../00000.h5 scratch/shards/00000.h5
run 2 verify scratched/captions.h5
says 'shows the file shards/00000.h5, which is not beside or below it'

# exports
run 0 export out --format coco --out coco.json
jq -e 'length == 4 and (map(.image_id) | sort == [0, 1, 2, 7]) and (.[0] | keys == ["caption", "image_id"])' coco.json > /dev/null
cp -r out wordy && cp images/scene_00.jpg images/wordless.jpg
run 0 caption job.yaml --run wordy2 --set output.shard_items=2
run 3 export wordy2 --format coco --out coco2.json # one key has no number: named, left out
says 'wordless: the key ends with no number'
jq -e 'length == 4' coco2.json > /dev/null
cp images/scene_01.jpg images/a/other_001.jpg
run 0 caption job.yaml --run twice
run 2 export twice --format coco --out coco3.json
says 'two keys end with the number 1'
[ ! -e coco3.json ]
run 1 export tags --format coco --out coco4.json
says 'need a caption run'

run 0 export out --format csv --out out.csv
head -1 out.csv | grep '^key,caption,clip_score.$'
[ "$(grep -c $'\r$' out.csv)" -eq 5 ]
grep -q '^"a/with, ""odd"" <name>& 7",' out.csv
run 0 export tags --format csv --out tags.csv
head -1 tags.csv | grep '^key,rank,entry,id,score.$'
[ "$(wc -l < tags.csv)" -eq 13 ]

# h5: what captions.h5 shows, in one file that may be moved; the same bytes however the run was cut into shards
mkdir -p elsewhere
run 0 export out --format h5 --out elsewhere/alone.h5
run 0 export one_shard --format h5 --out elsewhere/one_shard.h5
cmp elsewhere/alone.h5 elsewhere/one_shard.h5
run 0 verify elsewhere/alone.h5
run 0 inspect elsewhere/alone.h5
says 'captions, all in this file'
says 'sample_of'
for compression in none gzip; do
  run 0 caption job.yaml --run "$compression" --set output.shard_items=2 --set output.compression=$compression
  run 0 export "$compression" --format h5 --out elsewhere/$compression.h5
  run 0 verify elsewhere/$compression.h5
done
if command -v h5dump > /dev/null; then
  h5dump -H -p elsewhere/alone.h5 | grep 'USER_DEFINED_FILTER' > said.txt
  h5dump -H -p elsewhere/gzip.h5 | grep 'COMPRESSION DEFLATE' > said.txt
  if h5dump -H -p elsewhere/none.h5 | grep 'COMPRESSION DEFLATE\|USER_DEFINED\|VIRTUAL'; then exit 1; fi
  h5dump -d keys_bytes -d keys_offsets -d embeddings -d table_ids -d table_scores -d table_entries_bytes -d table_entries_offsets \
    -d captions_bytes -d captions_offsets -d clip_scores -d candidate_offsets -d candidates_bytes -d candidates_offsets \
    -d candidate_clip_scores -d candidate_scores -d thumbnails_bytes -d thumbnails_offsets none/captions.h5 | sed 1d > shown.txt
  h5dump -d keys_bytes -d keys_offsets -d embeddings -d table_ids -d table_scores -d table_entries_bytes -d table_entries_offsets \
    -d captions_bytes -d captions_offsets -d clip_scores -d candidate_offsets -d candidates_bytes -d candidates_offsets \
    -d candidate_clip_scores -d candidate_scores -d thumbnails_bytes -d thumbnails_offsets elsewhere/none.h5 | sed 1d > held.txt
  [ "$(wc -l < held.txt)" -gt 200 ]
  cmp shown.txt held.txt
fi
if python3 -c 'import h5py, hdf5plugin, numpy' 2> /dev/null; then
  python3 - <<'END'
import h5py, hdf5plugin, numpy
a, b = h5py.File("out/captions.h5"), h5py.File("elsewhere/alone.h5")
assert set(a) == set(b)
for name in a:
    assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and not b[name].is_virtual
    assert numpy.array_equal(a[name][()], b[name][()], equal_nan=a[name].dtype.kind == "f")
END
else
  echo 'not tried: h5py'
fi
run 0 export tags --format h5 --out elsewhere/tags.h5 # what a run of `tag`, of `embed-images` has
run 0 verify elsewhere/tags.h5
run 1 export out --format h5 --out out/captions.h5
says "is the run's own file"
run 1 export out --format h5 --out out/../out//captions.h5
run 2 export out --format h5 --out nowhere/x.h5
run 0 verify out
no_half_files elsewhere
printf x | dd of=elsewhere/none.h5 bs=1 seek=12000 conv=notrunc 2> /dev/null
run 2 verify elsewhere/none.h5

run 0 export out --format txt --out texts
cat "texts/a/with, \"odd\" <name>& 7.txt" texts/scene_0[0-2].txt | cmp - out/preds.txt
run 0 export out --format txt # beside the images
cmp texts/scene_01.txt images/scene_01.txt
run 0 export out --format txt
printf 'somebody wrote this\n' > images/scene_02.txt
rm images/scene_01.txt
run 1 export out --format txt
says 'scene_02.txt: is there already with other content'
[ ! -e images/scene_01.txt ] # nothing was written
run 1 export out --format xml --out x
says 'none of coco, csv, txt, xmp, h5'
run 1 export out --format csv
says '--out is missing'
run 2 export images --format csv --out x

# a damaged shard is seen before HDF5 opens it
cp -r out hurt && printf x | dd of=hurt/tables/00001.h5 bs=1 seek=1000 conv=notrunc 2> /dev/null
run 2 export hurt --format h5 --out hurt.h5
[ ! -e hurt.h5 ]
run 2 export hurt --format csv --out hurt.csv
says 'hurt/tables/00001.h5: not what was published'
[ ! -e hurt.csv ]
cp hurt/report.html before.html
run 2 report hurt
cmp before.html hurt/report.html # the old one stays
no_half_files hurt

# a run that was stopped can be looked at too
rm -r out/DONE out/summary.json
jq '.stages[2].shards |= .[:1]' out/manifest.json > m && mv m out/manifest.json && rm -r out/journal
"$antarctic" report out > /dev/null
grep -q 'This run is not finished: 2 of 5 items' out/report.html
run 0 export out --format csv --out part.csv
says 'not finished'
[ "$(wc -l < part.csv)" -eq 2 ]

# the manifest says in which precision; a run is not taken for a half-built cache
grep -q '"precision": "fp32"' out/manifest.json
run 0 tag job.yaml --run lean --set cache.path=out/cache
run 1 export lean --out post
says 'is a run without a cache of its own: give --format coco, csv, txt, xmp, h5 or webdataset'

# what is no file is written to as it is, and never replaced: a pipe, a device, an open file's name; HDF5 needs a file
mkfifo pipe
run 0 search out --key scene_00 -k 1 --out plain.jsonl
cat pipe > piped.jsonl &
run 0 search out --key scene_00 -k 1 --out pipe
wait
cmp plain.jsonl piped.jsonl
[ -p pipe ]
run 0 search out --key scene_00 -k 1 --out /dev/fd/7 7> by_number.jsonl
cmp plain.jsonl by_number.jsonl
run 0 search out --key scene_00 -k 1 --out /proc/self/fd/7 7>> by_number.jsonl
[ "$(wc -l < by_number.jsonl)" -eq 2 ]
ln -s /dev/fd/7 link
run 0 export out --format csv --out link 7> linked.csv
run 0 export out --format csv --out plain.csv
cmp plain.csv linked.csv
[ -L link ]
run 0 report out --out plain.html
run 0 report out --out /dev/fd/7 7> by_number.html
cmp plain.html by_number.html
cat pipe > piped.h5 &
run 1 export out --format h5 --out pipe
says 'pipe: a device, a pipe or an open file; this needs the name of a file'
: > pipe # ends the reader
wait
[ -p pipe ]

# a folder in place of a file, and a file in a folder that is not there: said before anything is written
mkdir taken
for words in 'search out --key scene_00' 'report out' 'export out --format csv' 'export out --format h5' 'export out --format review'; do
  run 2 $words --out taken
  says ' taken: a folder; this needs the name of a file'
  run 2 $words --out no/such/file
  says 'no/such/file: cannot be written: there is no folder no/such'
done
[ -z "$(ls taken)" ]
if ls ./*.tmp.* > left.txt 2>&1; then cat left.txt; exit 1; fi

# what a killed call left beside its output goes with the next; not another host's, nor that of a process at work
sh -c 'exit 0' & dead=$!
wait $dead
for file in plain.jsonl plain.csv plain.html; do
  : > "$file.tmp.$(hostname).$dead"
  : > "$file.tmp.$(hostname).$$"
  : > "$file.tmp.elsewhere.$dead"
done
run 0 search out --key scene_00 -k 1 --out plain.jsonl
run 0 export out --format csv --out ./plain.csv
run 0 report out --out "$PWD/plain.html"
[ "$(find . -maxdepth 1 -name 'plain*.tmp.*' | wc -l)" -eq 6 ]
[ "$(find . -maxdepth 1 -name "plain*.tmp.$(hostname).$dead" | wc -l)" -eq 0 ]
