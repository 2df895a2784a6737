# A checkpoint of the reference becomes layer norms; layer norms and their BART become a folder, which captions as the two do.
golden=$data/golden/train checkpoint=lightning_foreign_classes.ckpt
refused() {
  local words=$1 code=0
  shift
  "$antarctic" "$@" > out.txt 2> err.txt || code=$?
  [ "$code" -eq 1 ] || [ "$code" -eq 2 ] || { echo "exit $code: $*"; cat err.txt; exit 1; }
  grep -q -e "$words" err.txt || { echo "no \"$words\" in:"; cat err.txt; exit 1; }
}
"$antarctic" import --checkpoint "$golden/$checkpoint" --out norms.safetensors 2> said.txt
grep -q 'norms.safetensors: [0-9]* layer norms' said.txt
"$antarctic" export --layer-norms norms.safetensors --model "$data/golden/bart/a" --out merged 2> /dev/null
cmp merged/config.json "$data/golden/bart/a/config.json"
echo '{"ids": [0, 5, 6, 7, 2]}' > ids.jsonl
"$antarctic" generate --model merged < ids.jsonl > ours
[ -s ours ]
"$antarctic" generate --model "$data/golden/bart/a" --layer-norms norms.safetensors < ids.jsonl | cmp - ours

# the demo's: tokenizer files come along
"$antarctic" export --layer-norms "$demo/layer_norms.safetensors" --model "$demo/bart" --out demo 2> /dev/null
head -3 "$demo/cache.txt" | jq -R '{text: (. + " | ")}' -c > texts.jsonl
"$antarctic" generate --model demo < texts.jsonl > ours
[ "$(wc -l < ours)" -eq 3 ]
"$antarctic" generate --model "$demo/bart" --layer-norms "$demo/layer_norms.safetensors" < texts.jsonl | cmp - ours

refused 'demo: is not empty' export --layer-norms norms.safetensors --model "$demo/bart" --out demo
refused 'norms.safetensors: tensor .* in .*/bart: layer norms of another model?' export --layer-norms norms.safetensors --model "$demo/bart" --out wrong
refused 'model_type is "clip", but "bart" is needed' export --layer-norms norms.safetensors --model "$demo/clip" --out wrong
refused 'state_dict.pt: holds no layer norms' import --checkpoint "$data/golden/formats/torch/state_dict.pt" --out x.safetensors
refused 'needs --out\|--out' import --checkpoint "$golden/$checkpoint"
[ ! -e x.safetensors ]
