# output.metadata and output.exif: fields that came with an image stand in captions.jsonl, CSV and the webdataset export; from a folder and
# from image datasets, of files and of pixels, alike.
. "$source/tests/cli/lib.sh"
mkdir src
cp "$demo"/pictures/scene_0[0-2].jpg src
# an EXIF block, big-endian: Make; FNumber 28/10 and DateTimeOriginal in their own directory
{
  head -c 2 src/scene_00.jpg
  printf '\xff\xe1\x00\x6eExif\x00\x00MM\x00*\x00\x00\x00\x08'
  printf '\x00\x02\x01\x0f\x00\x02\x00\x00\x00\x06\x00\x00\x00\x26\x87\x69\x00\x04\x00\x00\x00\x01\x00\x00\x00\x2c\x00\x00\x00\x00Canon\x00'
  printf '\x00\x02\x82\x9d\x00\x05\x00\x00\x00\x01\x00\x00\x00\x4a\x90\x03\x00\x02\x00\x00\x00\x14\x00\x00\x00\x52\x00\x00\x00\x00'
  printf '\x00\x00\x00\x1c\x00\x00\x00\x0a2026:01:02 03:04:05\x00'
  tail -c +3 src/scene_00.jpg
} > src/shot.jpg
printf '{"url": "http://x/0?a,b", "n": 0.1, "caption": "old", "tags": ["a", "b"]}' > src/scene_00.json
printf '{"url": "http://x/s", "Make": "in the json"}' > src/shot.json
small_job job.yaml src
fields=(--set 'output.metadata=[url, n, caption, tags]' --set 'output.exif=[Make, FNumber, DateTimeOriginal, LensModel]')

run 0 caption job.yaml --run plain
run 0 caption job.yaml --run folder "${fields[@]}"
run 0 verify folder
[ "$(jq -c 'select(.key == "scene_00") | [.url, .n, .original_caption, .tags, .Make, .FNumber]' folder/captions.jsonl)" = \
  '["http://x/0?a,b",0.1,"old",["a","b"],null,null]' ]
[ "$(jq -c 'select(.key == "shot") | [.url, .n, .Make, .FNumber, .DateTimeOriginal, .LensModel]' folder/captions.jsonl)" = \
  '["http://x/s",null,"Canon",2.8,"2026:01:02 03:04:05",null]' ]
grep -q '"n": 0.1,' folder/captions.jsonl
# all else is as without
jq -c '{key, caption, clip_score, table, candidates}' folder/captions.jsonl > a
jq -c . plain/captions.jsonl | cmp - a
cmp plain/shards/00000.h5 folder/shards/00000.h5

run 0 export folder --format csv --out folder.csv
[[ $(head -1 folder.csv) == key,caption,clip_score,url,n,original_caption,tags,Make,FNumber,DateTimeOriginal,LensModel* ]]
grep -q '^scene_00,.*,"http://x/0?a,b",0.1,old,"\[""a"", ""b""\]",,,,' folder.csv
grep -q '^scene_01,.*,,,,,,,,' folder.csv
grep -q '^shot,.*,http://x/s,,,,Canon,2.8,2026:01:02 03:04:05,' folder.csv
run 0 tag job.yaml --run tagged "${fields[@]}"
[ "$(jq -r 'select(.key == "shot") | .FNumber' tagged/tags.jsonl)" = 2.8 ]
run 0 export tagged --format csv --out tagged.csv
[[ $(head -1 tagged.csv) == key,rank,entry,id,score,url,n,* ]]
run 0 export folder --format webdataset --out tars
tar -xf tars/00000.tar --one-top-level=samples
[ "$(jq -c '[.url, .original_caption, .n, .FNumber]' samples/scene_00.json)" = '["http://x/0?a,b","old",0.1,null]' ]
[ "$(jq -c '[.url, .Make, .FNumber, .LensModel]' samples/shot.json)" = '["http://x/s","in the json",2.8,null]' ]

# datasets: the same lines; of pixels, EXIF as it was ingested
run 0 ingest src --out dataset
run_on 3 0 caption job.yaml --run fromdataset --set input.path=dataset "${fields[@]}" --set output.shard_items=1
cmp folder/captions.jsonl fromdataset/captions.jsonl
rm src/shot.json
run 0 caption job.yaml --run folder2 "${fields[@]}"
run 0 ingest src --out pixels --set ingest.store=pixels --set clip.model="$demo/clip" --set 'output.exif=[Make, FNumber, DateTimeOriginal]'
run 0 caption job.yaml --run frompixels --set input.path=pixels "${fields[@]}"
cmp folder2/captions.jsonl frompixels/captions.jsonl

# what other programs write: NaN, half of a surrogate pair, a byte-order mark, Latin-1; from a folder, a tar, and a dataset alike
mkdir odd
for i in 0 1 2 3; do cp "$demo"/pictures/scene_0$i.jpg odd/$i.jpg; done
printf '{"alt": "of NaN", "p": NaN}' > odd/0.json
printf '{"alt": "half \\ud83d"}' > odd/1.json
printf '\357\273\277{"alt": ["a mark", "two\\r"]}' > odd/2.json
printf '{"alt": "caf\351"}' > odd/3.json
tar cf odd.tar -C odd 0.jpg 0.json 1.jpg 1.json 2.jpg 2.json 3.jpg 3.json
printf 'of NaN\nhalf \357\277\275\na mark\ncaf\357\277\275\n' > wanted.txt
run 0 ingest odd --out odd.dataset
for input in odd odd.tar odd.dataset; do
  run 0 caption job.yaml --run alt.$input --set input.path=$input --set input.captions=json:alt --set 'output.metadata=[alt]'
  cmp wanted.txt alt.$input/ref0.txt
  cmp alt.odd/captions.jsonl alt.$input/captions.jsonl
done
[ "$(jq -r 'select(.key == "3").alt' alt.odd/captions.jsonl | tail -c 4)" = "$(printf '\357\277\275')" ]

# no name comes twice in a line: of a field that is named twice, and where what came with an image was captioned before
printf '{"caption": "second", "original_caption": "first", "url": "u"}' > odd/0.json
run 0 caption job.yaml --run again --set input.path=odd --set 'output.metadata=[url, caption, original_caption, url]'
head -1 again/captions.jsonl > line.json
[ "$(grep -o '"[a-z_]*": \("second"\|"first"\|"u"\)' line.json | paste -sd ' ')" = \
  '"url": "u" "original_original_caption": "second" "original_caption": "first"' ]
run 0 export again --format csv --out again.csv
[[ $(head -1 again.csv) == key,caption,clip_score,url,original_original_caption,original_caption$'\r' ]]
run 0 export again --format webdataset --out again.tars
tar xOf again.tars/00000.tar 0.json > sample.json
[ "$(jq -r '.original_caption + " " + .original_original_caption' sample.json)" = 'first second' ]

# another list is another run; a name that is no field is refused before any work
run 1 caption job.yaml --run folder2 --set output.metadata=url
says 'output.metadata'
run 1 caption job.yaml --run x --set output.exif=make
says '"make" is none of the fields that are read: Make'
run 1 ingest src --out x --set 'output.exif=[Make, Modell]'
says '"Modell" is none'
[ ! -e x/shards/00000.h5 ]
run 0 caption job.yaml --run none --set output.metadata=none
cmp plain/captions.jsonl none/captions.jsonl
