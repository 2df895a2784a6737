# ingest reads tars, plain and compressed; what comes out is the same dataset. train takes tars as it takes folders.
. "$source/tests/cli/lib.sh"
mkdir images tars packed
cp "$demo"/pictures/scene_0[0-9].* images
for i in 0 3 7; do printf '{"url": "http://x/%d", "n": %d}' $i $i > images/scene_0$i.json; done
(cd images && tar cf ../tars/00000.tar scene_0[0-4].* && tar cf ../tars/00001.tar scene_0[5-9].*)
gzip -c tars/00000.tar > packed/00000.tar.gz
zstd -q -c tars/00001.tar > packed/00001.tar.zst
gzip -c tars/00000.tar > packed.tgz
small="--set output.shard_items=4"

run 0 ingest images --out from_folder $small
run 0 ingest tars --out from_tars $small
run_on 3 0 ingest packed --out from_packed $small
for dataset in from_tars from_packed; do
  cmp from_folder/keys.txt $dataset/keys.txt
  cmp from_folder/bad_items.jsonl $dataset/bad_items.jsonl
  run 0 verify $dataset
  rm -rf out_a out_b
  run 0 export from_folder --format folder --out out_a
  run 0 export $dataset --format folder --out out_b
  diff -r out_a out_b
done
run 1 ingest tars --out from_tars $small --set input.captions=json:url # what shards hold: not changed halfway
says 'input.captions: "txt"" is now "input.captions: "json:url"'
run 1 ingest tars --out from_tars $small --set input.grouping=files
says 'input.grouping: auto'
for f in from_tars/shards/*.h5; do
  [ "$(stat -c %s "$f")" -gt 1000 ]
done
[ ! -e from_packed/tars/plain ] # what was unpacked goes at the end
run 0 ingest packed --out from_packed $small # and a finished run does not unpack again
says 'nothing to do'
[ ! -e from_packed/tars/plain ]

# a job on the dataset, and on the tars it was made of
small_job tars.yaml tars
small_job dataset.yaml from_packed
run 0 caption tars.yaml --run by_tars
run 0 caption dataset.yaml --run by_dataset
for f in captions.jsonl preds.txt ref0.txt; do cmp by_tars/$f by_dataset/$f; done
run 0 export by_tars --format webdataset --out exported
tar xOf exported/00000.tar scene_03.json | jq -e '.url == "http://x/3" and .caption' > /dev/null

# compressed data that breaks off: what was whole is ingested, the damage is an item that is rejected
head -c $(($(stat -c %s packed.tgz) / 2)) packed.tgz > half.tgz
run 0 ingest half.tgz --out half $small
says 'half.tgz.*damaged gzip data'
says '1 damaged tars'
[ "$(jq -r .reason half/bad_items.jsonl)" = truncated ]
[ "$(wc -l < half/keys.txt)" -ge 1 ]

# killed while it unpacks or ingests, and resumed
for moment in tars/plain shards/00000.h5; do
  rm -rf killed
  "$antarctic" ingest packed --out killed $small > /dev/null 2>&1 &
  pid=$!
  while [ ! -e killed/$moment ] && kill -0 $pid 2> /dev/null; do sleep 0.005; done
  kill -KILL $pid 2> /dev/null || true
  wait $pid 2> /dev/null || true
  run_on 2 0 ingest packed --out killed $small
  for f in from_packed/shards/*.h5; do cmp "$f" "killed/shards/$(basename "$f")"; done
  [ ! -e killed/tars/plain ]
  no_half_files killed
done

# ---- train ----
. "$source/tests/cli/lib_train.sh"
(cd data/train && tar cf ../train.tar ./*.jpg ./*.txt) # images first: not contiguous, so as files
(cd data/validation && tar cf ../validation.tar $(ls))
(cd data/train && tar cf ../samples.tar $(ls))
train 2 by_folders
train 2 by_samples --set input.train=data/samples.tar --set input.validation=data/validation.tar
cmp by_folders/layer_norms.safetensors by_samples/layer_norms.safetensors
train 1 by_files --set input.train=data/train.tar --set input.validation=data/validation.tar --set input.grouping=files --set train.max_steps=2
says 'training: 20 images'
# keys that count from 0 in each tar of the training set: the manifest says what input.key_prefix came to, for each set
mkdir numbered
for t in 0 1; do
  for i in 0 1 2 3; do
    cp "data/train/scene_0$((4 * t + i)).jpg" "numbered/00000$i.jpg"
    cp "data/train/scene_0$((4 * t + i)).txt" "numbered/00000$i.txt"
  done
  (cd numbered && tar cf ../n$t.tar ./*)
done
train 2 numbers --set 'input.train=n{0..1}.tar' --set input.validation=data/validation.tar --set train.max_steps=2
says 'input.train: each key begins with its tar'
[ "$(jq -r '[.key_prefix, .validation_key_prefix] | join(" ")' numbers/manifest.json)" = 'tar none' ]
[ "$(jq -r '[.key_prefix, .validation_key_prefix] | join(" ")' by_samples/manifest.json)" = 'none none' ]
jq -e 'has("key_prefix") or has("validation_key_prefix") | not' by_folders/manifest.json > /dev/null
# the choice is the run's, also where its index is lost: without it the keys, and so the input, would be others
rm numbers/tars/input.train.index numbers/DONE
train 1 numbers --set 'input.train=n{0..1}.tar' --set input.validation=data/validation.tar --set train.max_steps=2
says 'input.train: each key begins with its tar'

# captions that cannot be used
rm data/train/scene_00.txt
: > data/train/scene_01.txt
printf 'a bad \xff byte\n' > data/train/scene_02.txt
(cd data/train && tar cf ../bad.tar $(ls))
train 2 bad --set input.train=data/bad.tar --set train.max_steps=2
[ "$(jq -r '.key + " " + .reason' bad/bad_items.jsonl | sort | paste -sd '|')" = \
  'train/scene_00 no_caption|train/scene_01 no_caption|train/scene_02 caption_not_utf8' ]
