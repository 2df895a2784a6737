# verify --recompute: every job's items computed again are the same to the byte; what is not is named.
. "$source/tests/cli/lib.sh"
mkdir pictures
cp "$demo"/pictures/scene_0[0-5].jpg pictures
small_job job.yaml pictures
run 0 caption job.yaml --run cap --set output.shard_items=2
run 0 verify cap --recompute 2
says '^CERTIFIED: antarctic .* computed 2 of 6 items of caption again (seed 0; .*): the same to the byte; .*kernels native .* clip=[0-9a-f]* bart=[0-9a-f]* cache=[0-9a-f]* config=[0-9a-f]* input=[0-9a-f]* result=[0-9a-f]*$'
cp -r cap before
run 0 verify cap --recompute 99 --seed 7 --json
[ "$(sed -n 2p said.txt | jq -c '[.recomputed, .items, .of, .equal, .job]')" = '[6,6,6,true,"caption"]' ]
diff -r cap before # the run stays as it is

# every job with items
run 0 tag --set input.path=pictures --set "clip.model=$demo/clip" --set cache.path=cap/cache --run tag
run 0 embed-images --set input.path=pictures --set "clip.model=$demo/clip" --set output.shard_items=4 --run embed
run 0 ingest pictures --out dataset
run 0 embed-images --set input.path=dataset --set "clip.model=$demo/clip" --run of_dataset
run 0 dedupe embed --threshold 0.5 --out dedupe
run 0 build-cache --set input.path=cache.txt --set "clip.model=$demo/clip" --run cache
run 0 story cap --model "$data/golden/gguf/malformed/model_good.gguf" --out story --set story.max_new_tokens=4
tar -cf tar.tar -C pictures .
run 0 embed-images --set input.path=tar.tar --set "clip.model=$demo/clip" --run tar
for made in tag embed dataset of_dataset dedupe cache story tar; do
  run 0 verify $made --recompute 3
  says '^CERTIFIED'
done

# inputs that changed: the same number of bytes, and another
cp -r pictures kept
printf '\377' | dd of=pictures/scene_03.jpg bs=1 seek=900 conv=notrunc 2> dd.txt
run 2 verify cap --recompute 6
says 'FAILED .*scene_03.jpg: the input file is not what the run read'
says '^DIFFERS'
rm -r pictures
cp -r kept pictures
cp pictures/scene_00.jpg pictures/scene_04.jpg
run 2 verify embed --recompute 1 # whatever was drawn
says 'FAILED .*scene_04.jpg: the input file'
rm pictures/scene_04.jpg
run 2 verify embed --recompute 1
says 'another number of images'
rm -r pictures
cp -r kept pictures
rm dataset/shards/00000.h5
run 2 verify dataset --recompute 1 # not even whole
[ "$(grep -c 'CERTIFIED' said.txt)" = 0 ]

# a result that was exchanged, and its checksums with it
run 0 caption job.yaml --run other --set output.shard_items=2 --set generation.num_beams=1
cp other/shards/00001.h5 cap/shards/00001.h5
old=$(jq -r '.stages[2].shards[1].checksum' cap/manifest.json)
new=$(jq -r '.stages[2].shards[1].checksum' other/manifest.json)
if [ "$old" != null ] && [ "$old" != "$new" ]; then
  sed -i "s/$old/$new/" cap/manifest.json cap/journal/*.jsonl
  sed -i '/manifest.json/d' cap/DONE
  run 2 verify cap --recompute 6
  says 'FAILED .*shards/00001.h5: computed again it differs, first in .* of scene_0'
  says '^DIFFERS'
fi

# refused
rm embed/DONE
run 1 verify embed --recompute 1
says 'only a finished run'
run 1 verify cap --recompute 0
run 1 verify cap --recompute x
run 0 verify --help
says 'recompute N'
