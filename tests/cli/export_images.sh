# export of image datasets and of captioned runs: tars that webdataset reads, and folders; bytes, captions and metadata come back.
. "$source/tests/cli/lib.sh"
mkdir -p src/sub src/__meta__
cp "$demo"/pictures/scene_0[0-3].* src
cp src/scene_00.jpg src/IMG_2021.03.04.JPG
cp src/scene_00.jpg src/sub/__x__.jpeg
cp src/scene_01.jpg src/__meta__/a.jpg
long=$(printf 'n%.0s' {1..150})
cp src/scene_01.jpg "src/sub/$long.jpg"
cp src/scene_02.jpg 'src/sub/ü%2Ez.jpg'
printf '{"url": "http://x/0", "n": 0.1, "caption": "old", "nested": {"a": [1]} }\n' > src/scene_00.json
run 0 ingest src --out dataset --set output.shard_items=6

# a folder: what was ingested, to the byte, and again the same dataset
run 0 export dataset --format folder --out folder
diff -r src folder
run 0 export dataset --format folder --out folder # the same is there already
run 0 ingest folder --out again --set output.shard_items=6
for file in dataset/shards/*.h5; do cmp "$file" "again/${file#*/}"; done
printf 'mine' > folder/scene_00.txt
run 1 export dataset --format folder --out folder
says 'folder/scene_00.txt: is there already with other content'
[ "$(cat folder/scene_00.txt)" = mine ]
# all files are looked at before the first is written: of an export that is refused nothing is there
find folder -name '*.jpg' -delete
run 1 export dataset --format folder --out folder
says 'folder/scene_00.txt: is there already with other content'
[ -z "$(find folder -name '*.jpg')" ]
mkdir -p clash/x.jpg
cp src/scene_00.jpg clash/a.jpg
cp src/scene_01.jpg clash/x.jpg/y.jpg
cp src/scene_02.jpg clash/x.jpeg
cp src/scene_02.jpg clash/z.jpg
run 0 ingest clash --out clash.dataset
run 0 export clash.dataset --format folder --out clash.folder # x.jpeg keeps its extension
diff -r clash clash.folder
tar cf clash.tar --transform 's/x.jpeg/x.jpg/' -C clash a.jpg x.jpeg z.jpg
tar rf clash.tar --transform 's#a.jpg#x.jpg/y.jpg#' -C clash a.jpg
run 0 ingest clash.tar --out clash2.dataset
run 1 export clash2.dataset --format folder --out clash2.folder
says 'the keys "x" and "x.jpg/y" would have the same file'
[ ! -e clash2.folder ]
run 0 export clash2.dataset --format webdataset --out clash2.tars
mkdir climbs
cp src/scene_02.jpg climbs
printf 'scene_02.jpg\n../src/scene_01.jpg\n' > climbs/list.txt
run 0 ingest climbs/list.txt --out climbs.dataset
run 1 export climbs.dataset --format folder --out climbs.folder
says 'leads out of climbs.folder'
[ ! -e climbs.folder ]
tar cf long.tar --transform "s/scene_00/$(printf 'm%.0s' {1..251})/" -C src scene_00.jpg scene_00.json scene_02.jpg
run 0 ingest long.tar --out long.dataset
run 2 export long.dataset --format folder --out long.folder # .jpg fits with its 255 bytes, .json does not
says 'has 256 bytes'
[ ! -e long.folder ]
if [ "$(id -u)" -ne 0 ]; then
  mkdir -m 555 closed
  run 2 export dataset --format folder --out closed/x
  [ -z "$(ls closed)" ]
fi

# tars: names by webdataset's rules, the true key in each json, metadata as it came, equal bytes
run 0 export dataset --format webdataset --out tars
[ "$(echo tars/*)" = 'tars/00000.tar tars/00001.tar' ]
for tar in tars/*.tar; do tar -xf "$tar" --one-top-level=out; done
[ "$(cd out && find . -name '*2021*' | sort | tr '\n' ' ')" = './IMG_2021%2E03%2E04.jpg ./IMG_2021%2E03%2E04.json ' ]
cmp src/IMG_2021.03.04.JPG out/IMG_2021%2E03%2E04.jpg
cmp src/__meta__/a.jpg out/%5F_meta__/a.jpg
cmp src/sub/__x__.jpeg out/sub/%5F_x__.jpeg
cmp "src/sub/$long.jpg" "out/sub/$long.jpg"
cmp 'src/sub/ü%2Ez.jpg' 'out/sub/ü%252Ez.jpg'
[ "$(find out -name '*.json' -exec jq -r .antarctic_key {} + | LC_ALL=C sort)" = "$(cat dataset/keys.txt)" ]
[ "$(jq -c 'del(.antarctic_key)' out/scene_00.json)" = "$(jq -c . src/scene_00.json)" ]
cmp src/scene_03.txt out/scene_03.txt
run 0 export dataset --format webdataset --out tars2
cmp tars/00001.tar tars2/00001.tar
run 1 export dataset --format webdataset --out tars
says 'holds .*tar already'
# what our own export adds is not ingested again
mkdir own
cp out/scene_00.* own
run 0 ingest own --out own.dataset
run 0 export own.dataset --format folder --out own.folder
[ "$(jq -c . own.folder/scene_00.json)" = "$(jq -c . src/scene_00.json)" ]

# the tars are an input too: the same keys, and the same tars again, to the byte
run_on 3 0 ingest tars --out tars.dataset --set output.shard_items=6
cmp dataset/keys.txt tars.dataset/keys.txt
run 0 export tars.dataset --format webdataset --out tars3
for tar in tars/*.tar; do cmp "$tar" "tars3/${tar#*/}"; done

# keys that are not UTF-8, which JSON shows alike, stay apart
mkdir bytes
for c in '\350' '\351'; do cp src/scene_00.jpg "bytes/caf$(printf "$c").x.jpg"; done
run 0 ingest bytes --out bytes.dataset
run 0 export bytes.dataset --format webdataset --out bytes.tars
run 0 ingest bytes.tars --out bytes.again
printf 'caf\350.x\ncaf\351.x\n' | cmp - bytes.again/keys.txt

# a run: image, caption, and a json of both
small_job job.yaml src
run 0 caption job.yaml --run captioned
run 0 export captioned --format webdataset --out captioned.tars
mkdir samples
tar -xf captioned.tars/00000.tar -C samples
cmp samples/scene_00.jpg src/scene_00.jpg
jq -c 'select(.key == "scene_00") | {caption, clip_score, table, candidates}' captioned/captions.jsonl > a
jq -c '{caption, clip_score, table, candidates}' samples/scene_00.json | cmp - a
[ "$(jq -r '.url + " " + .original_caption' samples/scene_00.json)" = 'http://x/0 old' ]
[ "$(cat samples/scene_00.txt)" = "$(jq -r .caption samples/scene_00.json)" ]
run 0 caption job.yaml --run fromdataset --set input.path=dataset
run 0 export fromdataset --format webdataset --out fromdataset.tars
mkdir samples2
tar -xf fromdataset.tars/00000.tar -C samples2
mv samples2/sub/%5F_x__.jpg samples2/sub/%5F_x__.jpeg # named by its format: a dataset has no file names
diff -r samples samples2
cp "$demo"/pictures/scene_04.jpg src
run 1 export captioned --format webdataset --out changed
says 'is not the input that captioned was made from'

# words that do not fit
run 1 export dataset --format coco --out x
says 'none of webdataset, folder'
run 1 export dataset --out x
says 'give --format webdataset or folder'
run 1 export dataset --format folder
says 'out is missing'
run 0 ingest src --out pixels --set ingest.store=pixels --set clip.model="$demo/clip"
run 2 export pixels --format folder --out x
says 'holds pixels'
[ ! -e x ]

# webdataset itself, where it is installed
if (cd / && python3 -c 'import webdataset') 2> /dev/null; then
  python3 - <<'END'
import glob, json, webdataset
keys = [json.loads(s["json"])["antarctic_key"] for t in sorted(glob.glob("tars/*.tar")) for s in webdataset.WebDataset(t, shardshuffle=False)]
assert sorted(keys) == open("dataset/keys.txt").read().split(), keys
END
else
  echo 'skipped here: webdataset (pip install webdataset) is not installed; tar stood in for it'
fi
