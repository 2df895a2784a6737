# ingest: a folder becomes an image dataset, the same bytes on any number of ranks, and every job reads it as it read the folder. What is
# no dataset, or a damaged one, is refused by name.
. "$source/tests/cli/lib.sh"
mkdir -p images/deep
cp "$demo"/pictures/scene_0[0-9].jpg images
cp "$demo"/pictures/scene_0[0-4].txt images
cp "$demo"/pictures/scene_1[0-2].jpg images/deep
printf '{"url": "http://example.org/3", "license": 4}' > images/scene_03.json
printf '[1]' > images/scene_04.json # no object: nothing that came with the image
cp images/scene_00.jpg images/deep/scene_99.png # what it is, its content decides
cp images/scene_01.jpg images/scene_01.jpeg     # a second image of the same key
head -c 3000 images/scene_02.jpg > images/cut.jpg
printf 'no image' > images/text.jpg
: > images/empty.png

# the dataset: accounted for, the same on 3 ranks
run 0 ingest images --out one --set output.shard_items=4
says '18 items: 15 ingested, 3 rejected'
run_on 3 0 ingest --set input.path=images --run three --set output.shard_items=4
for file in keys.txt bad_items.jsonl config.yaml $(cd one && echo shards/*.h5); do
  case $file in config.yaml) continue ;; esac
  cmp "one/$file" "three/$file"
done
[ "$(jq -r '.key + " " + .reason' one/bad_items.jsonl | tr '\n' ' ')" = 'empty empty scene_01 duplicate_key text unsupported_format ' ]
[ "$(jq -r .content one/manifest.json)" = images ]
[ "$(wc -l < one/keys.txt)" -eq 15 ]
sort -c one/keys.txt
run 0 verify one three
says '18 items in, 15 ok + 3 rejected'
run 0 status one
says '18 of 18'
run 0 inspect one
says 'image dataset'
says 'with_metadata *1'
says 'scene_10  format JPEG  width 224'
run 0 ingest images --out one --set output.shard_items=4
says 'this run is finished'

# check: decode finds the damage behind the header
run 0 ingest images --out decoded --set ingest.check=decode
says '18 items: 14 ingested, 4 rejected'
grep -q '"key": "cut", "reason": "truncated"' decoded/bad_items.jsonl

# shards by bytes: about so many
run 0 ingest images --out bytes --set ingest.shard_bytes=20kB
[ "$(ls bytes/shards | wc -l)" -gt 3 ]
[ "$(jq '[.stages[0].shards[].rows] | add' bytes/manifest.json)" -eq 15 ]

# a config, and words that do not fit
printf 'input: { path: images }\noutput: { shard_items: 4 }\n' > my.yaml
run 0 ingest my.yaml --out configured
cmp one/shards/00001.h5 configured/shards/00001.h5
run 1 ingest images one --out x
says 'is a second one'
run 1 ingest images --out x --run y
says 'are the same: give one'
run 1 ingest --out x
says 'needs input.path'

# every job reads it: the same keys, embeddings, captions and references as from the folder
small_job job.yaml images
run 0 caption job.yaml --run folder
run_on 3 0 caption job.yaml --run dataset --set input.path=one --set output.shard_items=5
for file in captions.jsonl preds.txt keys.txt; do cmp "folder/$file" "dataset/$file"; done
run 0 caption job.yaml --run withref --set input.path=one/
mkdir all
cp images/scene_0[0-4].* all
rm all/scene_01.jpeg
run 0 caption job.yaml --run refs.folder --set input.path=all
run 0 ingest all --out all.dataset
run 0 caption job.yaml --run refs.dataset --set input.path=all.dataset
cmp refs.folder/ref0.txt refs.dataset/ref0.txt
cmp refs.folder/captions.jsonl refs.dataset/captions.jsonl
[ -s refs.dataset/ref4.txt ]
run 0 ingest one --out again --set output.shard_items=4 # a dataset of a dataset: the same images
[ "$(jq -r '.items' again/summary.json)" -eq 15 ]
run 1 caption job.yaml --run knn --set input.path=one --set output.knn=true
says 'output.knn writes files beside the images'

# pixels: no decoding, the same bits; another recipe is refused
run 0 ingest images --out pixels --set ingest.store=pixels --set clip.model="$demo/clip" --set output.shard_items=4
run_on 3 0 ingest images --out pixels3 --set ingest.store=pixels --set clip.model="$demo/clip" --set output.shard_items=4
for file in pixels/shards/*.h5; do cmp "$file" "pixels3/${file#*/}"; done
run 0 verify pixels
run 0 caption job.yaml --run pixels.run --set input.path=pixels
cmp folder/captions.jsonl pixels.run/captions.jsonl
run 1 caption job.yaml --run x --set input.path=pixels --set input.apply_exif=true
says 'made by another recipe'
run 0 ingest images --out small --set ingest.store=pixels --set ingest.size=32
run 1 caption job.yaml --run x --set input.path=small
says 'centre 32'

# refused: no image at all, a run, a cache, an HDF5 file, a dataset that is not finished
mkdir none
printf 'x' > none/notes.md
run 2 ingest none --out x
says 'holds no image'
run 2 embed-images job.yaml --run x --set input.path=folder
says 'folder of a run of caption and holds no images'
run 2 embed-images job.yaml --run x --set input.path=folder/cache
says 'is a cache and holds no images'
run 2 embed-images job.yaml --run x --set input.path=one/shards/00000.h5
says 'is an HDF5 file'
cp -r one open
rm open/DONE
run 2 embed-images job.yaml --run x --set input.path=open
says 'not finished'

# a shard that is cut, gone or flipped is named, by the job and by verify; the same command makes it again
cp -r one damaged
truncate -s -100 damaged/shards/00001.h5
run_on 3 2 embed-images job.yaml --run x --set input.path=damaged
says 'damaged/shards/00001.h5'
run 0 ingest images --out damaged --set output.shard_items=4
cmp one/shards/00001.h5 damaged/shards/00001.h5
at=$(grep -abo JFIF damaged/shards/00002.h5 | sed -n '2s/:.*//p')
printf '\125' | dd of=damaged/shards/00002.h5 bs=1 seek=$((at + 2000)) conv=notrunc 2> /dev/null
run 2 embed-images job.yaml --run x --set input.path=damaged
says 'damaged/shards/00002.h5: the bytes of image .* are not those that were ingested'
run 2 verify damaged
says 'damaged/shards/00002.h5: the bytes of image'
rm damaged/shards/00003.h5
run 2 embed-images job.yaml --run x --set input.path=damaged
says 'damaged/shards/00003.h5'

# another input or setting in the same folder is refused; more rejected items than allowed end with 3
run 1 ingest images --out one --set output.shard_items=5
says 'shard_items: 5.*is now.*shard_items: 4\|shard_items: 4.*is now.*shard_items: 5'
run 1 ingest all --out one --set output.shard_items=4
says 'the input differs'
run 3 ingest images --out few --set limits.max_bad_items=2 --set output.shard_items=4
run 0 ingest images --out few --set limits.max_bad_items=3 --set output.shard_items=4
cmp one/shards/00003.h5 few/shards/00003.h5
printf 'a' > none/a.jpg
run 3 ingest none --out allbad

# a folder in which another ingest works: told who holds it, and nothing changes
cp -r one held
echo 'not to be read here' > held/lock
(for _ in $(seq 60); do sleep 1; touch -c held/lock; done) &
keeper=$!
for ranks in 1 3; do
  run_on $ranks 1 ingest images --out held --set output.shard_items=4
  says 'another run works in this folder'
done
kill $keeper
wait $keeper || true
cmp one/shards/00000.h5 held/shards/00000.h5
[ "$(cat held/lock)" = 'not to be read here' ]
