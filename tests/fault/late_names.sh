# A file system on which other nodes see a new name, file or folder, seconds late, as missing or as stale: every job waits for what its ranks have
# published for each other, and gives the bytes that it gives elsewhere; when limits.visibility_seconds are over it ends with 74 and says so.
. "$source/tests/fault/libfault.sh"
. "$source/tests/cli/lib.sh"
export OMP_NUM_THREADS=1

# late SECONDS ERRNO RANKS EXPECTED_CODE arguments…: each rank but the one that made a name in a folder late_… misses it so long.
late() {
  local seconds=$1 error=$2 ranks=$3 expected=$4 code=0
  shift 4
  rm -rf notes
  mkdir notes
  timeout 300 mpirun --oversubscribe -n "$ranks" env LD_PRELOAD="$fault/late_names.so" LATE_SECONDS="$seconds" LATE_ERRNO="$error" LATE_MATCH=/late_ LATE_NOTES="$PWD/notes" \
    "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected, names $seconds s late (error $error): $*"; cat said.txt; exit 1; }
}
# also ERRNO NAME JOB arguments…: alone, and with late names
also() {
  local error=$1 name=$2
  shift 2
  [ -d "whole_$name" ] || run 0 "$@" --run "whole_$name"
  late 1 "$error" 3 0 "$@" --run "late_$name"
  same "whole_$name" "late_$name"
}

small_jobs scene_0 1
cp images/scene_00.jpg images/twin.jpg # equal images: the list of them is a file too
sed -i "s/path: cache }/path: cache.txt }/" job.yaml
also 116 caption caption job.yaml
cmp whole_caption/captions.h5 late_caption/captions.h5
run 0 verify late_caption late_caption/captions.h5
rm -r late_caption
also 2 caption caption job.yaml

# labels in templates: a cache of sentences first; a folder of compressed texts and a tar, mined
printf 'cat\ndog\nred car\n' > labels.txt
also 2 tag tag --set input.path=images --set "clip.model=$demo/clip" --set cache.path=labels.txt --set retrieval.topk=2 --set output.shard_items=2 --set 'retrieval.templates=["a photo of {}", "the {}"]'
mkdir -p texts/sub
for i in 1 2 3 4; do head -$((i * 60)) "$demo/cache.txt" | gzip > texts/$i.txt.gz; done
head -50 "$demo/cache.txt" > texts/sub/plain.txt
tar cf texts/more.tar -C texts sub
also 116 cache build-cache --set input.path=texts --set "clip.model=$demo/clip" --set ngrams.unigrams=true --set output.shard_items=64

# tars, plain and compressed; an image dataset
tar cf tar_a.tar -C images .
tar czf tar_b.tar.gz -C images scene_01.jpg scene_02.jpg scene_03.jpg
mkdir tars
mv tar_a.tar tar_b.tar.gz tars
also 2 ingest ingest tars --set input.key_prefix=tar --set output.shard_items=2
rm tars/tar_b.tar.gz
also 116 tars embed-images --set input.path=tars --set "clip.model=$demo/clip" --set output.shard_items=2

# what reads a run: dedupe, story; training
also 116 dedupe dedupe --set input.path=whole_caption --set dedupe.threshold=0.5 --set output.shard_items=2
cmp whole_dedupe/pairs.jsonl late_dedupe/pairs.jsonl
cmp whole_dedupe/groups.jsonl late_dedupe/groups.jsonl
also 2 story story --set input.path=whole_caption --set "story.model=$data/golden/gguf/malformed/model_good.gguf" --set story.max_new_tokens=3 --set output.shard_items=1
mkdir train validation
cp "$demo"/pictures/scene_0[0-5].* train
cp "$demo"/pictures/scene_2[0-2].* validation
also 116 train train --set input.train=train --set input.validation=validation --set "clip.model=$demo/clip" --set cache.path=cache.txt --set "bart.model=$demo/bart" --set retrieval.topk=4 \
  --set train.batch=2 --set train.max_steps=3 --set output.shard_items=2
printf '[{"image_id": "scene_00", "caption": "a cat"}, {"image_id": "scene_01", "caption": "a dog"}, {"image_id": "scene_02", "caption": "a dog"}]' > predictions.json
also 2 evaluate evaluate --set evaluate.predictions=predictions.json --set evaluate.images=images --set "clip.model=$demo/clip" --set output.shard_items=1
cmp whole_evaluate/items.jsonl late_evaluate/items.jsonl

# the index of a large input; the file of the list is there, most of what it names is not
(echo images/scene_03.jpg && seq -f 'images/none_%06.0f.jpg' 70000) > list.txt
also 116 index ingest list.txt --set output.shard_items=40000 --set limits.max_bad_items=70000
[ -s late_index/journal/input.path.files ]

# the time is over
for error in 2 116; do
  late 60 $error 2 74 caption job.yaml --run late_over_$error --set limits.visibility_seconds=1 --set limits.max_bad_items=0
  says 'late_over_.* limits.visibility_seconds'
done
# and the same command goes on where it stood
run 0 caption job.yaml --run late_over_2
same whole_caption late_over_2

# Parts of an array and the run that completes them, on three hosts; then a start on a fourth, which finds the run finished. What the parts
# and that run have made is not made again, though its names are seen late.
# on HOST EXPECTED_CODE arguments…
on() {
  local host=$1 expected=$2 code=0
  shift 2
  timeout 300 env LD_PRELOAD="$fault/late_names.so" LATE_SECONDS=$seconds LATE_ERRNO=$error LATE_MATCH=/late_ LATE_NOTES="$PWD/notes" LATE_HOST=$host "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected, host $host, names $seconds s late (error $error): $*"; cat said.txt; exit 1; }
}
made_when() { (cd "$1" && stat -c '%n %i %y' embeddings/*.h5 tables/*.h5 shards/*.h5); }
run 0 build-cache cache.yaml --run cache
for error in 2 116; do
  rm -rf notes late_parts
  mkdir -p notes late_parts/journal
  seconds=0
  on one 0 caption job.yaml --set cache.path=cache --run late_parts --set compute.parts=2 --set compute.part=0
  rm -r notes # the first part is old by now
  mkdir notes
  on two 0 caption job.yaml --set cache.path=cache --run late_parts --set compute.parts=2 --set compute.part=1
  made_when late_parts > before
  seconds=3600
  on three 74 caption job.yaml --set cache.path=cache --run late_parts --set limits.visibility_seconds=1
  says 'limits.visibility_seconds'
  seconds=$(($(date +%s) - $(stat -c %Y late_parts/journal/p1-DONE) + 5))
  on three 0 caption job.yaml --set cache.path=cache --run late_parts
  made_when late_parts | cmp before -
  seconds=$(($(date +%s) - $(stat -c %Y late_parts/DONE) + 5))
  on four 0 caption job.yaml --set cache.path=cache --run late_parts
  says 'this run is finished'
  run 0 caption job.yaml --set cache.path=cache --run whole_parts
  same whole_parts late_parts
done
