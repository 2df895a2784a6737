# configs/train-demo.yaml, as the README has it: training lowers the validation loss, and its layer norms caption.
mpirun --oversubscribe -n 2 "$antarctic" train "$source/configs/train-demo.yaml" --run run 2> said.txt
before=$(jq -s 'map(select(.vloss))[0].vloss' run/metrics.jsonl)
best=$(jq '.best_vloss' run/summary.json)
echo "validation loss: $before before, $best best"
jq -e -n --argjson a "$before" --argjson b "$best" '$b < $a - 0.3' > /dev/null # about 2.2 to 1.6
"$antarctic" status run --json | jq -e '.state == "done" and .stage == "train" and .done == .total and .total > 0' > /dev/null
"$antarctic" caption "$source/configs/demo.yaml" --run captions --set bart.layer_norms=run/layer_norms.safetensors --set cache.path=run/cache \
  --set input.path="$demo/pictures/scene_00.jpg" 2> /dev/null
[ "$(wc -l < captions/preds.txt)" -eq 1 ]
