# Images with the same bytes are embedded and looked up once per shard, and counted; nothing else changes by it: every file is as if each
# had been computed alone.
. "$source/tests/cli/lib.sh"
mkdir src
cp "$demo"/pictures/scene_0[0-5].jpg src
for n in 1 2 3; do cp src/scene_00.jpg "src/again_$n.jpg"; done
cp src/scene_03.jpg src/zz.jpg
head -c 2000 src/scene_01.jpg > src/cut.jpg
cp src/cut.jpg src/cut2.jpg
small_job job.yaml src

run 0 caption job.yaml --run shared --set compute.batch=4
run_on 3 0 caption job.yaml --run shared3 --set compute.batch=1
run 0 caption job.yaml --run alone --set output.shard_items=1 # no shard has two
[ "$(jq .equal shared/summary.json)" = 4 ]
[ "$(jq .equal shared3/summary.json)" = 4 ]
[ "$(jq .equal alone/summary.json)" = null ]
grep -q 'equal to another' shared/report.html
for run in shared3 alone; do
  for file in captions.jsonl preds.txt keys.txt bad_items.jsonl; do cmp "shared/$file" "$run/$file"; done
done
for file in embeddings tables shards; do cmp "shared/$file/00000.h5" "shared3/$file/00000.h5"; done
[ "$(jq -r '.key + " " + .reason' shared/bad_items.jsonl | tr '\n' ' ')" = 'cut truncated cut2 truncated ' ]
[ "$(jq -c 'select(.key | test("again|scene_00")) | del(.key)' shared/captions.jsonl | uniq | wc -l)" -eq 1 ]
run 0 verify shared

# samples follow the key, so equal images have captions of their own
sample=(--set generation.do_sample=true --set generation.num_beams=1 --set generation.num_return_sequences=3 --set generation.top_k=none)
run 0 caption job.yaml --run drawn "${sample[@]}"
run 0 caption job.yaml --run drawn1 "${sample[@]}" --set output.shard_items=1
cmp drawn/captions.jsonl drawn1/captions.jsonl
[ "$(jq -c 'select(.key | test("again|scene_00")) | .candidates' drawn/captions.jsonl | sort -u | wc -l)" -gt 1 ]

# in image datasets the hash is known beforehand; of pixels too
rm src/cut*.jpg
run 0 caption job.yaml --run folder
for store in original pixels; do
  run 0 ingest src --out $store --set ingest.store=$store --set clip.model="$demo/clip"
  run 0 caption job.yaml --run run.$store --set input.path=$store --set compute.batch=3
  cmp folder/captions.jsonl run.$store/captions.jsonl
  [ "$(jq .equal run.$store/summary.json)" = 4 ]
done

# … over all shards: images with the same bytes share one embedding and one table of the whole dataset, whoever computed them
run 0 caption job.yaml --run alone1 --set output.shard_items=2
for store in original pixels; do
  few=(--set input.path=$store --set output.shard_items=2)
  run 0 caption job.yaml --run over.$store "${few[@]}"
  says 'equal images: 2 embeddings were taken from earlier shards'
  says 'equal images: 2 tables were taken from earlier shards'
  cmp folder/captions.jsonl over.$store/captions.jsonl
  [ "$(jq .equal over.$store/summary.json)" = 4 ]
  run_on 3 0 caption job.yaml --run over3.$store "${few[@]}"
  [ "$(jq .equal over3.$store/summary.json)" = 4 ]
  for folder in embeddings tables shards; do diff -r over.$store/$folder over3.$store/$folder; done
  cmp over.$store/captions.jsonl over3.$store/captions.jsonl
done
grep -q 'equal to another' over.original/report.html
for folder in tables shards; do diff -r alone1/$folder over.original/$folder; done
# a start that has to make shards of the first and of the last images again, one of which lies there damaged
rm over.original/DONE over.original/embeddings/00000.h5
printf 'x' | dd of=over.original/embeddings/00004.h5 bs=1 seek=900 conv=notrunc 2> dd.txt
run_on 2 0 caption job.yaml --run over.original --set input.path=original --set output.shard_items=2
for folder in embeddings tables shards; do diff -r over.original/$folder over3.original/$folder; done
[ "$(jq .equal over.original/summary.json)" = 4 ]
run 0 verify over.original
# a rejected image shares nothing: both of a pair that cannot be decoded are rejected, and not counted
mkdir damaged
cp "$demo"/pictures/scene_00.jpg damaged/a.jpg
for name in b m z; do cp "$demo"/pictures/scene_01.jpg damaged/$name.jpg; done
head -c 2000 "$demo"/pictures/scene_02.jpg > damaged/c.jpg
cp damaged/c.jpg damaged/y.jpg
cp damaged/a.jpg damaged/zz.jpg
run 0 ingest damaged --out damaged.set
run 0 caption job.yaml --run damaged.run --set input.path=damaged.set --set output.shard_items=2
[ "$(jq -c '[.equal, .bad]' damaged.run/summary.json)" = '[3,2]' ]
run 0 caption job.yaml --run damaged.folder --set input.path=damaged
cmp damaged.folder/captions.jsonl damaged.run/captions.jsonl
cmp damaged.folder/bad_items.jsonl damaged.run/bad_items.jsonl
# samples follow the key, over shards too
run 0 caption job.yaml --run drawn.over "${sample[@]}" --set input.path=original --set output.shard_items=2
run 0 caption job.yaml --run drawn.folder "${sample[@]}"
cmp drawn.over/captions.jsonl drawn.folder/captions.jsonl

run 0 caption job.yaml --run fields --set input.path=original --set 'output.exif=[Make]'
[ "$(jq .equal fields/summary.json)" = 4 ]

# turned by EXIF
mkdir turned
cp "$data/exif/orientation_6.png" turned/a.png
cp turned/a.png turned/b.png
run 0 embed-images job.yaml --run turned.run --set input.path=turned --set input.apply_exif=true
[ "$(jq .equal turned.run/summary.json)" = 1 ]
