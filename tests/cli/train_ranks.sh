# Training gives the same bytes on 1, 2, 3 and 4 ranks and with 1 and 2 threads: metrics, checkpoints, layer norms, captions.
source "$source/tests/cli/lib_train.sh"
train 1 one
[ "$(wc -l < one/metrics.jsonl)" -eq 17 ] # 12 steps, 5 validations
[ "$(ls one/checkpoints | wc -l)" -le 3 ] # the two best and the last
ls one/checkpoints | grep '^step=0000012-epoch=03-vloss=[0-9.]*\.safetensors$'
[ "$(wc -l < one/samples.jsonl)" -eq 6 ]
# the chart's marks stand where their steps are: 52 to 706 for 0 to 12
grep -o 'y="[0-9]*" text-anchor="middle">[0-9]*' one/report.html | wc -l | grep -x 7
grep -o '<text x="[0-9.]*" y="[0-9]*" text-anchor="middle">[0-9]*' one/report.html | tr -c '0-9.\n' ' ' |
  awk '{ d = $1 - 52 - 654 * $3 / 12; if (d > 0.1 || d < -0.1) exit 1 }'
grep -q '"/9j/' one/report.html # an image's bytes in base64: the words data:image/jpeg stand in every report's script
train 2 two; same one two
train 3 three --set compute.threads=2; same one three
train 4 four; same one four
grep -q '1 ranks have nothing to do' said.txt

# less memory, the same numbers
train 2 again --set train.recompute=true
same one again

# a finished run does nothing
train 2 one
grep -q 'nothing to do' said.txt

# its layer norms are for `caption`, and for the tools
"$antarctic" loss --model "$demo/bart" --layer-norms one/layer_norms.safetensors <<< '{"ids": [0, 5, 2], "decoder_ids": [0, 5], "labels": [5, -100]}' |
  jq -s -e 'length == 1 and .[0].tokens == 1 and .[0].loss > 0' > /dev/null

# what an image's key, the seed or the number of crops changes
different() { ! cmp -s "one/$1" "other/$1" || { echo "$1 is the same"; exit 1; }; }
rm -rf other; train 2 other --set seed=1; different metrics.jsonl
rm -rf other; train 2 other --set train.crops_per_image=0; different metrics.jsonl; different embeddings/00000.h5
rm -rf other; train 2 other --set train.dropout=none; different metrics.jsonl; cmp one/tables/00000.h5 other/tables/00000.h5
rm -rf other; train 2 other --set train.loss_mean=token; different metrics.jsonl
rm -rf other; train 2 other --set train.crops_per_image=3
[ "$(jq '.items' other/summary.json)" -eq 66 ] # 20 images of 3 crops, 6 to validate

# COCO's annotations of the same images: the same training
jq -n '{images: [inputs]}' <(ls data/train/*.jpg | while read -r f; do jq -n --arg f "$(basename "$f")" '{file_name: $f}'; done) |
  jq '.images |= (to_entries | map(.value + {id: .key}))' > images.json
ls data/train/*.jpg | nl -v 0 | while read -r id f; do jq -R -c --argjson id "$id" '{image_id: $id, id: 0, caption: .}' < "${f%.jpg}.txt"; done |
  jq -s --slurpfile images images.json '$images[0] + {annotations: .}' > captions.json
sed 's|^  train: data/train|  train: {annotations: captions.json, images: data/train}|' train.yaml > coco.yaml
"$antarctic" train coco.yaml --run coco 2> said.txt
for f in metrics.jsonl layer_norms.safetensors samples.jsonl; do cmp one/$f coco/$f; done
