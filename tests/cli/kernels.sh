# Every kernel set that this CPU runs gives the same bytes: caption in fp32, bf16 and int8, build-cache, train, the tool topk; a run begun
# with one set is completed with another; OPENBLAS_CORETYPE does not matter. A set that this CPU lacks is refused by name.
. "$source/tests/cli/lib.sh"
source "$source/tests/cli/lib_train.sh"

mkdir images
cp "$demo"/pictures/scene_0[0-4].jpg images
small_job caption.yaml images
sed -i 's/path: cache.txt/path: cache/' caption.yaml # of lib_train.sh
printf 'output:\n  shard_items: 2\n' >> caption.yaml
head -60 "$demo/cache.txt" > list.txt
printf 'input:\n  path: list.txt\nclip:\n  model: %s\ncompute:\n  threads: 1\n' "$demo/clip" > list.yaml

# files RUN: what a run leaves, but for what tells when and how it was made
files() {
  (cd "$1" && find . -type f ! -name '*.json' ! -name '*.html' ! -name 'log*.txt' ! -name config.yaml ! -name attempts.jsonl ! -name DONE ! -path '*journal*' | sort)
}
# equal RUN_A RUN_B
equal() {
  cmp <(files "$1") <(files "$2")
  [ "$(files "$1" | wc -l)" -gt 0 ]
  for f in $(files "$1"); do
    cmp "$1/$f" "$2/$f"
  done
}

sets=()
for set in amx avx512_vnni avx512 avx_vnni avx2 generic; do
  code=0
  "$antarctic" caption caption.yaml --run "caption_$set" --set compute.kernels=$set > said.txt 2>&1 || code=$?
  if [ $code -eq 1 ]; then # refused, before a folder is made
    says "compute.kernels: this CPU does not run \"$set\""
    says generic
    [ ! -e "caption_$set" ]
    echo "$set: SKIPPED, this CPU does not run it"
    continue
  fi
  [ $code -eq 0 ] || { cat said.txt; exit 1; }
  sets+=("$set")
  [ "$(jq -r .kernels "caption_$set/summary.json")" = $set ]
  grep -q "kernels $set" "caption_$set/log.txt"
done
[ "${sets[-1]}" = generic ]
first=${sets[0]}
run 1 caption caption.yaml --run none --set compute.kernels=sse9
says sse9

# nothing chosen: the first of those
run 0 caption caption.yaml --run auto
[ "$(jq -r .kernels auto/summary.json)" = "$first" ]
jq -e '.backend == "native" and .equal_bytes' auto/summary.json > /dev/null
jq -e '.kernels == "native" and .equal_bytes' auto/manifest.json > /dev/null
OPENBLAS_CORETYPE=Prescott run 0 caption caption.yaml --run prescott
equal auto prescott

for set in "${sets[@]}"; do
  equal auto caption_$set
  [ "$(jq -c 'del(.stages[].seconds)' auto/manifest.json)" = "$(jq -c 'del(.stages[].seconds)' caption_$set/manifest.json)" ]
  run 0 caption caption.yaml --run narrow_$set --set compute.precision=bf16 --set compute.kernels=$set
  equal narrow_$first narrow_$set
  run 0 caption caption.yaml --run int8_$set --set compute.precision=int8 --set compute.kernels=$set
  equal int8_$first int8_$set
  run 0 build-cache list.yaml --run list_$set --set compute.kernels=$set
  equal list_$first list_$set
  train 1 train_$set --set train.max_steps=6 --set compute.kernels=$set
  equal train_$first train_$set
  for scan in int8 bf16 fp32; do
    run 0 topk --cache list_$first --model "$demo/clip" -k 7 --text 'a red car' --scan $scan --kernels $set
    mv said.txt topk_${scan}_$set
    cmp topk_int8_$first topk_${scan}_$set
  done
done
if cmp -s auto/captions.jsonl narrow_$first/captions.jsonl; then echo 'bf16 was not used'; exit 1; fi
if cmp -s "$(ls auto/embeddings/*.h5 | sed -n 1p)" "$(ls int8_$first/embeddings/*.h5 | sed -n 1p)"; then echo 'int8 was not used'; exit 1; fi

# begun with one set, completed with another, without a word about it: half of the shards; training killed after a checkpoint
other=${sets[${#sets[@]} > 1 ? ${#sets[@]} - 2 : 0]} # not generic where there are others
run 0 caption caption.yaml --run moved --set compute.kernels=generic --set compute.part=0 --set compute.parts=2
run 0 caption caption.yaml --run moved --set compute.kernels=$other
equal auto moved
if grep -i 'other kernels' moved/log.txt; then exit 1; fi
"$antarctic" train train.yaml --run moved_train --set train.max_steps=6 --set compute.kernels=$first > said.txt 2>&1 &
pid=$!
for _ in $(seq 1000); do
  ls moved_train/checkpoints 2> /dev/null | grep '^step=0000003' && break
  sleep 0.02
done
kill -KILL $pid 2> /dev/null || true
wait $pid 2> /dev/null || true
train 1 moved_train --set train.max_steps=6 --set compute.kernels=generic
equal train_$first moved_train

# the backends that do not promise it say so; a run of before, whose manifest names the set, is taken up without a word
run 0 caption caption.yaml --run blas --set compute.backend=openblas
jq -e '.equal_bytes | not' blas/manifest.json > /dev/null
jq -r .backend blas/summary.json | grep '^openblas [A-Za-z]'
run 0 caption caption.yaml --run half --set compute.part=0 --set compute.parts=2
old() { # old TEXT: half's manifest as if begun with these kernels, then the rest of the run
  rm -rf old
  cp -r half old
  run 0 caption caption.yaml --run old --set compute.part=1 --set compute.parts=3
  jq --arg k "$1" '.kernels = $k | del(.equal_bytes)' old/manifest.json > m && mv m old/manifest.json
  run 0 caption caption.yaml --run old
}
old 'native avx2, openblas Haswell'
if grep 'other kernels' said.txt; then exit 1; fi
equal auto old
old 'openblas, openblas Haswell'
says 'began with other kernels (openblas, openblas Haswell) than those here (native)'
