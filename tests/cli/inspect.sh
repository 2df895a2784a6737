# inspect says what each kind of file and folder is, with counts that other ways of counting confirm; what is damaged is a
# problem of its own, the others are still shown.
get() { "$antarctic" inspect --json "$1" | jq -r "$2"; }
is() { # is PATH 'jq program' expected
  local found
  found=$(get "$1" "$2")
  [ "$found" = "$3" ] || { echo "$1: $2: \"$found\", expected \"$3\""; exit 1; }
}
problem() { # problem PATH 'words'
  local code=0
  "$antarctic" inspect --json "$1" > out.json 2> err.txt || code=$?
  [ $code -eq 2 ] || [ $code -eq 1 ] || { echo "$1: exit $code"; exit 1; }
  jq -e -r .problem out.json | grep -e "$2" || { echo "$1: no \"$2\":"; cat out.json; exit 1; }
}

# models and what belongs to them
is "$demo/clip" .kind 'model (clip)'
is "$demo/clip" '.tokenizer.entries' "$(jq length "$demo/clip/vocab.json")"
is "$demo/clip" '[.image_size, .dimension] | join(" ")' "$(jq -r '[.vision_config.image_size, .projection_dim] | join(" ")' "$demo/clip/config.json")"
is "$demo/bart" '.types | keys[0]' F16
is "$demo/bart" '.tensors[] | select(.name == "model.shared.weight") | .shape | join("x")' "$(jq -r '"\(.vocab_size)x\(.d_model)"' "$demo/bart/config.json")"
is "$demo/layer_norms.safetensors" '[.kind, .numbers] | join(" ")' 'safetensors 6144'
is "$demo/clip/vocab.json" .kind 'vocabulary of a tokenizer'
is "$demo/clip/merges.txt" .kind 'merges of a tokenizer'
is "$demo/clip/config.json" .kind 'config of a model'

# PyTorch's, numpy's and COCO's
torch=$data/golden/formats/torch
is "$torch/nested.pt" '[.kind, (.tensors | length), (.values[] | select(.name == "step") | .value)] | join(" ")' 'PyTorch archive 4 7'
is "$torch/state_dict_legacy.pt" .kind 'PyTorch file, format before 1.6'
is "$torch/torchscript.pt" .kind 'TorchScript archive'
is "$data/golden/formats/npy/f4.npy" '[.dtype, (.shape | join("x"))] | join(" ")' 'F32 3x5'
is "$data/golden/formats/coco/captions_tiny.json" '[.kind, .images, .captions] | join(" ")' 'COCO captions 4 11'
problem "$torch/hostile_system.pt" 'refused: .*posix.system'
problem "$torch/truncated.pt" 'truncated.pt'

# images, configs, text
is "$demo/pictures" .pictures "$(ls "$demo"/pictures/*.jpg | wc -l)"
is "$demo/pictures/scene_00.jpg" '[.kind, .mode, .width] | join(" ")' 'picture RGB 224'
head -c 1000 "$demo/pictures/scene_00.jpg" > cut.jpg
problem cut.jpg 'rejected item, truncated'
is "$source/configs/demo.yaml" .kind 'config of a job'
get "$source/configs/demo.yaml" '.changed[]' | grep 'topk: 12'
printf 'input:\n  pth: x\n' > typo.yaml
problem typo.yaml 'typo.yaml:2: unknown key'
is "$demo/cache.txt" '[.kind, .lines] | join(" ")' "text $(wc -l < "$demo/cache.txt")"

# a cache and a run, their shards and files
printf 'input:\n  path: %s\nclip:\n  model: %s\noutput:\n  shard_items: 64\n' "$demo/cache.txt" "$demo/clip" > cache.yaml
"$antarctic" build-cache cache.yaml --run cache 2> /dev/null
is cache '[.kind, .entries, .dimension] | join(" ")' "cache $(wc -l < "$demo/cache.txt") 256"
is cache '[.shards[].rows] | add' "$(wc -l < "$demo/cache.txt")"
is cache '.sample[0]' "$(head -1 "$demo/cache.txt")"
[ "$(get cache .model)" = "$(get "$demo/clip" .text_fingerprint)" ]
is cache/shards/00000.h5 '[.kind, .manifest] | join(" ")' 'HDF5 file has this checksum'
is cache/shards/00000.h5 '.datasets[] | select(.name == "embeddings") | .shape[1]' 256
mkdir images
cp "$demo"/pictures/scene_0[0-2].jpg images
echo no > images/not.png
printf 'input:\n  path: images\nclip:\n  model: %s\nbart:\n  model: %s\ncache:\n  path: cache\noutput:\n  shard_items: 2\n' "$demo/clip" "$demo/bart" > run.yaml
"$antarctic" caption run.yaml --run run 2> /dev/null
is run '[.kind, .job, .done, .items] | join(" ")' 'run caption true 4'
is run '.stages[] | select(.name == "embed") | [.shards_done, .of, .rows, .bad] | join(" ")' '2 2 3 1'
is run '.clip' "$(get "$demo/clip" .fingerprint)"
is run '.captions[0]' "$(head -1 run/preds.txt)"
is run/captions.jsonl '[.kind, .records] | join(" ")' 'JSON lines 3'
is run/captions.h5 '.datasets[] | select(.name == "clip_scores") | .shape[0]' 3
printf 'x' | dd of=cache/shards/00000.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
problem cache/shards/00000.h5 'its checksum .* was not opened'
problem cache 'cache/shards/00000.h5'

# for people, several at once: the good ones are shown, the exit code says that one was not
code=0
"$antarctic" inspect "$demo/clip" nothing "$demo/cache.txt" > out.txt 2> err.txt || code=$?
[ $code -eq 2 ]
grep -q 'model (clip)' out.txt
grep -q 'and [0-9]* more (--all)' out.txt
grep -q 'nothing: there is no such file or folder' out.txt
grep -q 'cache.txt: text' out.txt
grep -q '1 of 3 could not be used' err.txt
