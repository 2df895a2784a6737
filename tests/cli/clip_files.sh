# A CLIP's files say how images are prepared and what the model is: preprocessor_config.json, OpenCLIP's folders, folders with
# both. (The embeddings themselves: golden.clip_variants.)
. "$source/tests/cli/lib.sh"
openclip=$data/golden/clip_variants/openclip/plain
image=$demo/pictures/scene_00.jpg
with_recipe() { # with_recipe FOLDER 'jq program': the demo's CLIP with another preprocessor_config.json
  mkdir -p "$1"
  ln -sf "$demo"/clip/{model.safetensors,config.json,vocab.json,merges.txt} "$1"
  jq "$2" "$demo/clip/preprocessor_config.json" > "$1/preprocessor_config.json"
}
fingerprint() { "$antarctic" inspect --json "$1" | jq -r .fingerprint; }

# preprocess: by OpenAI's recipe, or by the model's
"$antarctic" preprocess --size 128 --out size.npy "$demo"/pictures/*.jpg > /dev/null
"$antarctic" preprocess --model "$demo/clip" --out model.npy "$demo"/pictures/*.jpg > /dev/null
cmp size.npy model.npy
with_recipe larger '.size.shortest_edge = 160'
"$antarctic" preprocess --model larger --out larger.npy "$demo"/pictures/*.jpg > /dev/null
[ "$(stat -c %s larger.npy)" -eq "$(stat -c %s size.npy)" ]
! cmp -s size.npy larger.npy || { echo 'size 160 changed nothing'; exit 1; }
with_recipe half '.image_mean = 0.5 | .image_std = [0.5, 0.5, 0.5]'
"$antarctic" preprocess --model half --out half.npy "$demo"/pictures/*.jpg > /dev/null
cmp size.npy half.npy # bytes are what comes before mean and std
"$antarctic" preprocess --model half --float --out half.npy "$image" > /dev/null
"$antarctic" preprocess --size 128 --float --out usual.npy "$image" > /dev/null
! cmp -s half.npy usual.npy || { echo 'mean and std changed nothing'; exit 1; }
run 1 preprocess --size 128 --model "$demo/clip" --out x.npy "$image"
says 'either --size or --model'
run 1 preprocess --out x.npy "$image"
says '--size is missing'

# what cannot be done is refused by the key's name
refuses() { # refuses 'jq program' 'words'
  rm -rf refused
  with_recipe refused "$1"
  run 2 preprocess --model refused --out x.npy "$image"
  says "refused/preprocessor_config.json: $2"
  run 2 embed --model refused --out x.npy --images "$image"
  says "refused/preprocessor_config.json: $2"
}
refuses '.size = {longest_edge: 128}' 'size has another form'
refuses '.size = {shortest_edge: 128, longest_edge: 200}' 'size has another form'
refuses '.size = "128"' 'size has another form'
refuses '.size = 0' 'size does not hold numbers'
refuses '.crop_size = 100' "crop_size is not the model's image_size"
refuses '.crop_size = {shortest_edge: 128}' 'crop_size is neither'
refuses '.crop_size = null' 'crop_size'
refuses 'del(.crop_size)' 'crop_size is missing, which means 224'
refuses '.do_center_crop = false' 'do_center_crop is off'
refuses '.do_center_crop = false | .size = {height: 128, width: 100}' 'size is not the model'
refuses '.do_center_crop = false | .do_resize = false' 'do_resize is off'
refuses '.do_resize = "yes"' 'do_resize is neither true nor false'
refuses '.resample = 6' 'resample is none of'
refuses '.resample = "bicubic"' 'resample is none of'
refuses '.image_mean = [0.5, 0.5]' 'image_mean is neither a number nor a list of three'
refuses '.image_std = 0' 'image_std holds a number'
refuses '.rescale_factor = null' 'rescale_factor is not a number'
refuses '.do_pad = true' 'do_pad is on'
refuses '[.]' 'is not an object'
echo '{' > refused/preprocessor_config.json
run 2 embed --model refused --out x.npy --images "$image"
says 'refused/preprocessor_config.json:[0-9]*: '

# a model keeps the fingerprint it had before its recipe was read, where that is OpenAI's; another recipe is another model
plain=$(fingerprint "$demo/clip")
with_recipe same '.'
with_recipe none '.'
rm none/preprocessor_config.json
[ "$(fingerprint same)" = "$plain" ]
[ "$(fingerprint none)" = "$plain" ]
[ "$(fingerprint larger)" != "$plain" ]
[ "$(fingerprint half)" != "$plain" ]
[ "$(fingerprint half)" != "$(fingerprint larger)" ]

# OpenCLIP's folder as a job's model; a checkpoint of another name beside the config
mkdir images
cp "$demo"/pictures/scene_0[0-3].jpg images
printf 'a red box\ntwo boats on a lake\nan old bridge\n' > phrases.txt
printf 'input:\n  path: images\nclip:\n  model: %s\ncache:\n  path: phrases.txt\nretrieval:\n  topk: 2\n' "$openclip" > tag.yaml
run 0 tag tag.yaml --run by_folder
[ "$(wc -l < by_folder/tags.jsonl)" -eq 4 ]
mkdir file
ln -s "$openclip"/{vocab.json,merges.txt,open_clip_config.json} file
ln -s "$openclip/open_clip_model.safetensors" file/epoch_9.safetensors
run 0 tag tag.yaml --run by_file --set clip.model="$PWD/file/epoch_9.safetensors"
cmp by_folder/tags.jsonl by_file/tags.jsonl
rm file/open_clip_config.json
run 2 tag tag.yaml --run without --set clip.model="$PWD/file/epoch_9.safetensors"
says 'epoch_9.safetensors: the names of these weights are OpenAI'
says 'open_clip_config.json beside it'
run 0 tag tag.yaml --run named --set clip.model="$PWD/file/epoch_9.safetensors" --set clip.model_config="$openclip/open_clip_config.json"
cmp by_folder/tags.jsonl named/tags.jsonl
jq .model_cfg "$openclip/open_clip_config.json" > ViT-tiny.json # as in OpenCLIP's source
run 0 tag tag.yaml --run source --set clip.model="$PWD/file/epoch_9.safetensors" --set clip.model_config="$PWD/ViT-tiny.json"
cmp by_folder/tags.jsonl source/tags.jsonl

# other models than LAION's, and a config of another model: refused by the key's name
other() { # other 'jq program' 'words'
  rm -rf other
  mkdir other
  ln -s "$openclip"/{open_clip_model.safetensors,vocab.json,merges.txt} other
  jq "$1" "$openclip/open_clip_config.json" > other/open_clip_config.json
  run 2 embed --model other --out x.npy --images "$image"
  says "other/open_clip_config.json: $2"
}
other 'del(.model_cfg.text_cfg)' 'model_cfg.text_cfg is missing'
other '.model_cfg.text_cfg.hf_model_name = "roberta-base"' 'model_cfg.text_cfg.hf_model_name asks for'
other '.model_cfg.text_cfg.hf_tokenizer_name = "xlm-roberta-base"' 'model_cfg.text_cfg.hf_tokenizer_name asks for'
other '.model_cfg.text_cfg.embed_cls = true' 'model_cfg.text_cfg.embed_cls asks for'
other '.model_cfg.multimodal_cfg = {"layers": 2}' 'model_cfg.multimodal_cfg asks for'
other '.model_cfg.vision_cfg.layers = [3, 4, 6, 3]' 'model_cfg.vision_cfg.layers is a list'
other '.model_cfg.vision_cfg.attentional_pool = "parallel"' 'model_cfg.vision_cfg.attentional_pool asks for'
other '.model_cfg.vision_cfg.norm_kwargs = {"elementwise_affine": false}' 'model_cfg.vision_cfg.norm_kwargs asks for'
other '.model_cfg.vision_cfg.act_kwargs = {"inplace": true}' 'model_cfg.vision_cfg.act_kwargs asks for'
other '.model_cfg.vision_cfg.some_new_key = 1' 'model_cfg.vision_cfg.some_new_key is a key that is not known'
other '.model_cfg.vision_cfg.layers = 1' 'model_cfg.vision_cfg.layers is 1, but .* has more layers'
other '.model_cfg.text_cfg.layers = 3' 'model_cfg.text_cfg.layers is 3, but .* has fewer layers'
other '.model_cfg.vision_cfg.image_size = 128' 'model_cfg.vision_cfg.image_size means 65 in "visual.positional_embedding", but there .* has 17'
other '.model_cfg.vision_cfg.mlp_ratio = 3' 'model_cfg.vision_cfg.mlp_ratio means 144'
other '.model_cfg.text_cfg.context_length = 77' 'model_cfg.text_cfg.context_length means 77'
other '.model_cfg.text_cfg.heads = 5' 'model_cfg.text_cfg.heads does not divide'
other '.model_cfg.embed_dim = 512' 'model_cfg.embed_dim means 512'
other 'del(.model_cfg.embed_dim)' 'model_cfg.embed_dim is missing'
other 'del(.model_cfg.text_cfg)' 'model_cfg.text_cfg'
other '.preprocess_cfg.resize_mode = "stretch"' 'preprocess_cfg.resize_mode is a word'
other '.preprocess_cfg.interpolation = "lanczos"' 'preprocess_cfg.interpolation is a word'
other '.preprocess_cfg.mean = [0.5]' 'preprocess_cfg.mean is neither'

# a folder with both: Hugging Face's files count where they are whole, and the log says so; else OpenCLIP's
mkdir both
cp -s "$openclip/open_clip_model.safetensors" "$openclip/open_clip_config.json" "$demo"/clip/* both
"$antarctic" embed --model "$demo/clip" --out expected.npy --images "$image" > /dev/null
"$antarctic" embed --model both --out found.npy --images "$image" > /dev/null
cmp expected.npy found.npy
run 0 tag tag.yaml --run both_run --set clip.model="$PWD/both"
grep -q 'both holds two models; .*both/config.json counts' both_run/log.txt
rm both/model.safetensors both/vocab.json both/merges.txt
cp -s "$openclip"/{vocab.json,merges.txt} both
"$antarctic" embed --model "$openclip" --out expected.npy --images "$image" > /dev/null
"$antarctic" embed --model both --out found.npy --images "$image" > /dev/null
cmp expected.npy found.npy
run 0 tag tag.yaml --run openclip_run --set clip.model="$PWD/both"
grep -q 'both holds two models; .*both/open_clip_config.json counts' openclip_run/log.txt
[ "$("$antarctic" inspect --json "$openclip" | jq -r '[.kind, .image_size, .preprocessing.resize] | join(" ")')" = 'model (clip) 64 shortest' ]

# SigLIP: its own tokenizer, and a cache without the prefix tree, the same on any number of ranks
siglip=$data/golden/clip_variants/siglip
printf 'a red box\ntwo boats on a lake\n\nBLUE Door!\na red box on a bridge\n' > phrases.txt
printf 'input:\n  path: phrases.txt\nclip:\n  model: %s\noutput:\n  shard_items: 2\n' "$siglip" > build.yaml
run 0 build-cache build.yaml --run cache1
run_on 2 0 build-cache build.yaml --run cache2
for f in cache1/shards/*; do cmp "$f" "cache2/shards/${f##*/}"; done
run 0 export cache1 --out exported
jq -R -c '{text: .}' phrases.txt | "$antarctic" embed --model "$siglip" --texts --out texts.npy > /dev/null
cmp exported/postcache.npy texts.npy
run 0 tag tag.yaml --run siglip_run --set clip.model="$siglip" --set cache.path="$PWD/cache1"
[ "$(wc -l < siglip_run/tags.jsonl)" -eq 4 ]
[ "$("$antarctic" inspect --json "$siglip" | jq -r '[.kind, .tokenizer.kind, .preprocessing.resize] | join(" ")')" = 'model (siglip) SigLIP exact' ]
echo '{"text": "A red box!"}' | "$antarctic" tokenize --model "$siglip" | "$antarctic" tokenize --decode --model "$siglip" | grep -x '{"text": "a red box"}'
mkdir bad
ln -s "$siglip"/{model.safetensors,config.json} bad
head -c 5000 "$siglip/spiece.model" > bad/spiece.model
run 2 build-cache build.yaml --run x --set clip.model="$PWD/bad"
says 'bad/spiece.model: not a model of sentencepiece, or damaged'
rm bad/spiece.model
run 2 build-cache build.yaml --run x --set clip.model="$PWD/bad"
says 'bad/spiece.model: no vocabulary here'
ln -s "$siglip/spiece.model" bad
rm bad/config.json
jq '.vision_config.vision_use_head = false' "$siglip/config.json" > bad/config.json
run 2 build-cache build.yaml --run x --set clip.model="$PWD/bad"
says 'bad/config.json: vision_config.vision_use_head is false'
