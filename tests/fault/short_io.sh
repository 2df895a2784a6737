# No read or write moves more than 4,096 bytes, or 7: equal bytes, and the lock is still told as this run's.
. "$source/tests/fault/libfault.sh"
. "$source/tests/cli/lib.sh"
export OMP_NUM_THREADS=1

# short BYTES arguments…
short() {
  local bytes=$1 code=0
  shift
  LD_PRELOAD=$fault/short_io.so SHORT_BYTES=$bytes timeout -k 5 120 "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq 0 ] || { echo "exit $code, expected 0, $bytes bytes at a time: $*"; cat said.txt; exit 1; }
}
# both NAME arguments…
both() {
  local name=$1 bytes
  shift
  run 0 "$@" --run "whole_$name"
  for bytes in 4096 7; do
    short $bytes "$@" --run "short_${name}_$bytes"
    same "whole_$name" "short_${name}_$bytes"
    cmp <(grep -v '"code"\|"pid"' "whole_$name/attempts.jsonl") <(grep -v '"code"\|"pid"' "short_${name}_$bytes/attempts.jsonl")
  done
}
small_jobs scene_0[0-2] 1
gzip -k cache.txt
mv cache.txt.gz text.gz
both cache build-cache --set input.path=text.gz --set "clip.model=$demo/clip" --set ngrams.bigrams=true
cp -r whole_cache cache
both caption caption job.yaml
cmp whole_caption/captions.h5 short_caption_7/captions.h5
tar cf all.tar -C images .
gzip all.tar
both ingest ingest all.tar.gz
mkdir train
cp "$demo"/pictures/scene_0[0-3].* train
both train train --set input.train=train --set input.validation=train --set "clip.model=$demo/clip" --set cache.path=cache --set "bart.model=$demo/bart" --set retrieval.topk=4 \
  --set train.batch=2 --set train.max_steps=2
both story story --set input.path=whole_caption --set "story.model=$data/golden/gguf/malformed/model_good.gguf" --set story.max_new_tokens=3
for format in coco csv h5 webdataset; do
  run 0 export whole_caption --format $format --out "whole.$format"
  short 4096 export whole_caption --format $format --out "short.$format"
  [ ! -f "whole.$format" ] || cmp "whole.$format" "short.$format"
done
sed -n "601,700p" "$demo/cache.txt" > more.txt
run 0 extend-cache --set input.path=more.txt --set cache.path=whole_cache --set "clip.model=$demo/clip" --run grown
short 7 extend-cache --set input.path=more.txt --set cache.path=short_cache_7 --set "clip.model=$demo/clip" --run short_grown
cmp whole_cache/shards/00001.h5 short_cache_7/shards/00001.h5

# a second run finds the first one's lock, which was written in pieces, for what it is
rm -rf busy
LD_PRELOAD=$fault/short_io.so SHORT_BYTES=7 "$antarctic" train --set input.train=train --set input.validation=train --set "clip.model=$demo/clip" --set cache.path=cache --set "bart.model=$demo/bart" \
  --set retrieval.topk=4 --set train.batch=2 --set train.max_steps=100000 --run busy > busy.txt 2>&1 &
busy=$!
trap 'kill -KILL $busy 2> /dev/null || :' EXIT
until [ -s busy/metrics.jsonl ]; do
  kill -0 $busy || { cat busy.txt; exit 1; }
  sleep 0.1
done
run 1 caption job.yaml --run busy
says "process $busy"
kill -USR1 $busy
code=0
wait $busy || code=$?
[ $code -eq 75 ] || { cat busy.txt; exit 1; }
[ ! -e busy/lock ]
