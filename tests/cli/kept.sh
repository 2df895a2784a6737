# kept.txt of a run from an image dataset or from tars as input: the items, keys and captions of an input without the dropped.
. "$source/tests/cli/lib.sh"
mkdir -p all/a all/b few
cp "$demo"/pictures/scene_0[0-4].* all/a
cp "$demo"/pictures/scene_0[5-9].* all/b
cp "$demo/pictures/scene_01.jpg" all/a/zebra.jpg
cp "$demo/pictures/scene_07.jpg" all/b/zebra.jpg # a key that comes in both tars
echo '{"place": "harbour"}' > all/a/scene_03.json
for half in a b; do tar -C all/$half --sort=name -cf $half.tar .; done
mkdir tars
mv a.tar b.tar tars
cp -r all/* few
rm few/a/zebra.jpg few/b/zebra.jpg
mkdir few_tars
for half in a b; do tar -C few/$half --sort=name -cf few_tars/$half.tar .; done
small_job job.yaml all

# same_data RUN OTHER: the same keys, and the same score of every two embeddings.
same_data() {
  for one in "$1" "$2"; do run 0 dedupe "$one" --threshold -1 --all --out "pairs_$one"; done
  [ "$(wc -l < "pairs_$1/pairs.jsonl")" = 45 ]
  cmp "pairs_$1/pairs.jsonl" "pairs_$2/pairs.jsonl"
}

run 0 ingest tars --out dataset --set input.key_prefix=tar
run 0 ingest few_tars --out few_dataset --set input.key_prefix=tar
run 0 export few_dataset --format webdataset --out exported_few
for kind in dataset tars; do
  run 0 embed-images --set input.path=$kind --set "clip.model=$demo/clip" --set input.key_prefix=tar --run of_$kind
  run 0 dedupe of_$kind --threshold 0.99999 --out dedupe_$kind
  [ "$(jq -c . dedupe_$kind/groups.jsonl | tr '\n' ' ')" = '{"keep":"a/./scene_01","drop":["a/./zebra"]} {"keep":"b/./scene_07","drop":["b/./zebra"]} ' ]
  kept=dedupe_$kind/kept.txt
  [ "$(wc -l < $kept)" = 10 ]
  few=few_$kind
  run 0 embed-images --set input.path=$few --set "clip.model=$demo/clip" --set input.key_prefix=tar --set output.shard_items=4 --run wanted_$kind
  run 0 embed-images --set input.path=$kept --set "clip.model=$demo/clip" --set input.key_prefix=tar --set output.shard_items=4 --run one_$kind
  run_on 3 0 embed-images --set input.path=$kept --set "clip.model=$demo/clip" --set input.key_prefix=tar --set output.shard_items=4 --run three_$kind
  same_data wanted_$kind one_$kind
  for shard in one_$kind/embeddings/*.h5; do cmp "$shard" "three_$kind/embeddings/${shard##*/}"; done
  run 0 verify one_$kind --recompute 4
  run 0 caption job.yaml --set input.path=$few --set input.key_prefix=tar --run captions_few_$kind
  run_on 3 0 caption job.yaml --set input.path=$kept --set input.key_prefix=tar --run captions_$kind
  [ "$(wc -l < captions_$kind/captions.jsonl)" = 10 ]
  cmp captions_few_$kind/captions.jsonl captions_$kind/captions.jsonl
  cmp captions_few_$kind/ref0.txt captions_$kind/ref0.txt # the captions that came with the images
  run 0 ingest $kept --out without_$kind --set input.key_prefix=tar
  cmp few_dataset/keys.txt without_$kind/keys.txt
  run 0 export without_$kind --format webdataset --out exported_$kind # images, captions, metadata
  diff -r exported_few exported_$kind
  [ "$(grep -c harbour exported_$kind/*.tar)" = 1 ]
  run 0 dedupe one_$kind --threshold 0.99999 --out again_$kind # places of a run of places
  cmp $kept again_$kind/kept.txt
  run 0 train --set input.train=$kept --set input.validation=$kept --set input.key_prefix=tar --set "clip.model=$demo/clip" --set "bart.model=$demo/bart" \
    --set cache.path=cache.txt --set retrieval.topk=3 --set train.max_steps=1 --set train.replicas=1 --set train.batch=2 --run trained_$kind

  # in any order, twice, relative to the list's folder, with the line ends of others
  { sed 1q $kept; sort -r $kept; } | sed "s,^$PWD/,../,; s/$/\r/" > dedupe_$kind/other.txt
  run 0 embed-images --set input.path=dedupe_$kind/other.txt --set "clip.model=$demo/clip" --set input.key_prefix=tar --set output.shard_items=4 --run other_$kind
  same_data wanted_$kind other_$kind

  # a place that is not there; files among places, before and behind; an archive that is gone
  sed '4s/scene_0/scene_9/' $kept > wrong.txt
  for ranks in 1 3; do
    run_on $ranks 2 embed-images --set input.path=wrong.txt --set "clip.model=$demo/clip" --set input.key_prefix=tar --run none_$kind
    says "wrong.txt, line 4: $(sed -n 4p wrong.txt): no such image in $PWD/$kind"
  done
  { cat $kept; echo "$PWD/all/a/scene_00.jpg"; } > mixed.txt
  run 1 ingest mixed.txt --out none_$kind
  says 'give one kind, in a run of its own'
  { echo "$PWD/all/a/scene_00.jpg"; cat $kept; } > mixed.txt
  run_on 3 1 ingest mixed.txt --out none_$kind
  says 'give one kind, in a run of its own'
  sed "s,/$kind/,/nowhere/," $kept > gone.txt
  run 2 ingest gone.txt --out none_$kind
  says "$PWD/nowhere"
done
cat dedupe_dataset/kept.txt dedupe_tars/kept.txt > mixed.txt
run 1 ingest mixed.txt --out none
says 'give one kind, in a run of its own'
{ cat dedupe_dataset/kept.txt; sed 's,/dataset/,/few_dataset/,' dedupe_dataset/kept.txt; } > mixed.txt
run 1 ingest mixed.txt --out none
says 'is another image dataset'
