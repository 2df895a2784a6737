# The demo on 32 ranks, which share two cores or whatever there is: more ranks than shards in each stage, and about as many shards as
# ranks. Every file has the bytes of one rank.
. "$source/tests/cli/lib.sh"

files='captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt ref1.txt ref2.txt ref3.txt ref4.txt'
for items in 1 8; do
  job=("$source/configs/demo.yaml" --set compute.threads=1 --set "output.shard_items=$items")
  run 0 caption "${job[@]}" --run "one.$items"
  code=0
  timeout 900 mpirun --oversubscribe -n 32 "$antarctic" caption "${job[@]}" --run "many.$items" > said.txt 2>&1 || code=$?
  [ $code -eq 0 ] || { echo "exit $code, 32 ranks"; cat said.txt; exit 1; }
  says 'over 32 ranks'
  for file in $files; do cmp "one.$items/$file" "many.$items/$file"; done
  for folder in embeddings tables shards cache/shards; do
    diff -r "one.$items/$folder" "many.$items/$folder"
    ls "many.$items/$folder"/00000.h5 > files.txt
  done
  no_half_files "many.$items"
done
run 0 verify many.1
