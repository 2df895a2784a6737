# One to four ranks, with every kernel set that this CPU runs, tell the same stories: of quantized weights, of nine types of weights in one file,
# in fp32, bf16 and int8; sampled, and by beams.
. "$source/tests/cli/lib.sh"
model=$data/golden/gguf/malformed/model_good.gguf # whole, tiny, with a tokenizer
for i in $(seq 9); do echo "a fox and $i owls"; done > captions.txt
short=(--set story.max_new_tokens=12 --set story.stories=3 --set output.shard_items=2 --set compute.threads=1)

sets=()
for set in amx avx512_vnni avx512 avx_vnni avx2 generic; do
  code=0
  "$antarctic" story captions.txt --model "$model" --run probe_$set "${short[@]}" --set compute.kernels=$set > said.txt 2>&1 || code=$?
  if [ $code -eq 1 ]; then
    says "this CPU does not run \"$set\""
    echo "$set: SKIPPED, this CPU does not run it"
    continue
  fi
  [ $code -eq 0 ] || { cat said.txt; exit 1; }
  sets+=("$set")
done
[ "${sets[-1]}" = generic ]

# same RUN: its stories and shards are those of the first run of this name
same() {
  local file
  for file in stories.jsonl bad_items.jsonl shards/00000.h5 shards/00004.h5; do
    cmp "probe_${sets[0]}/$file" "$1/$file"
  done
}
for set in "${sets[@]}"; do
  same probe_$set
  for ranks in 2 3 4; do
    run_on $ranks 0 story captions.txt --model "$model" --run "${set}_$ranks" "${short[@]}" --set compute.kernels=$set
    same "${set}_$ranks"
  done
done

# others NAME OPTIONS…: each set tells the same, on two ranks and on one
others() {
  local name=$1 set ranks=1
  shift
  for set in "${sets[@]}"; do
    run_on $ranks 0 story captions.txt --run "$name.$set" "${short[@]}" --set compute.kernels=$set "$@"
    cmp "$name.${sets[0]}/stories.jsonl" "$name.$set/stories.jsonl"
    ranks=$((3 - ranks))
  done
}
others beams --model "$model" --set generation.do_sample=false --set generation.num_beams=3
others bf16 --model "$model" --set compute.precision=bf16
others int8 --model "$model" --set compute.precision=int8
if command -v zstd > /dev/null; then
  zstd -q -d "$data/golden/gguf/models/llama-mixed.gguf.zst" -o mixed.gguf
  others mixed --model mixed.gguf
else
  echo "weights of nine types: SKIPPED, there is no program zstd"
fi
