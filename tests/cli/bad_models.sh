# Models that cannot be used: refused with the file and what is wrong, the same code on one rank and on three.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo"/pictures/scene_0[0-3].jpg images
small_job job.yaml images

run_on 3 2 caption job.yaml --run x --set clip.model=none_such
says 'clip.model: .*/none_such: there is no such model'
run 2 caption job.yaml --run x --set bart.model=none_such
says 'bart.model: .*/none_such/config.json: .*No such file'
run 2 caption job.yaml --run x --set bart.model=images
says 'images/config.json: .*No such file'
cp -r "$demo/bart" broken
head -c 100000 "$demo/bart/model.safetensors" > broken/model.safetensors
run 2 caption job.yaml --run x --set bart.model=broken
says 'broken/model.safetensors'
run_on 3 2 caption job.yaml --run x --set bart.model=broken
run 2 caption job.yaml --run x --set bart.model="$demo/clip"
says 'model_type is "clip"'
run 2 caption job.yaml --run x --set bart.layer_norms="$demo/clip/model.safetensors"
says 'is not a layer norm'

# what is there and cannot be accessed is not "not there" (a link to itself, so that root cannot look either)
mkdir looped_model looped_cache
cp "$demo/bart/config.json" looped_model
ln -s model.safetensors looped_model/model.safetensors
ln -s manifest.json looped_cache/manifest.json
run 2 caption job.yaml --run x --set bart.model=looped_model
says 'looped_model/model.safetensors: cannot be accessed: Too many levels'
run 2 caption job.yaml --run x --set cache.path=looped_cache
says 'looped_cache/manifest.json: cannot be read: Too many levels'

# a NaN among the weights of the image tower: each image is a rejected item, none a caption
cp -r "$demo/clip" poisoned
model=poisoned/model.safetensors
header=$(od -A n -t u8 -N 8 $model | tr -d ' ')
at=$(head -c $((8 + header)) $model | tail -c +9 | jq '."visual_projection.weight".data_offsets[0]')
width=$(head -c $((8 + header)) $model | tail -c +9 | jq -r '."visual_projection.weight".dtype' | grep -o '[0-9]*')
[ "$width" -eq 32 ] && nan='\x00\x00\xc0\x7f' || nan='\x00\x7e'
printf "$nan" | dd of=$model bs=1 seek=$((8 + header + at)) conv=notrunc 2> /dev/null
for ranks in 1 3; do
  run_on $ranks 3 caption job.yaml --run "nan$ranks" --set clip.model=poisoned --set output.shard_items=2
  [ "$(jq -r .reason "nan$ranks/bad_items.jsonl" | sort | uniq -c | tr -s ' ')" = " 4 not_finite" ]
  [ ! -e "nan$ranks/DONE" ]
done
run_on 3 3 caption job.yaml --run nan0 --set clip.model=poisoned --set limits.max_bad_items=3

# a NaN among BART's weights: no caption can be had of it, and none is made up (they were all empty)
cp -rL "$demo/bart" rotten
model=rotten/model.safetensors
header=$(od -A n -t u8 -N 8 $model | tr -d ' ')
entry=$(head -c $((8 + header)) $model | tail -c +9 | jq -c 'with_entries(select(.key | endswith("decoder.layers.0.final_layer_norm.weight")))[]')
at=$(echo "$entry" | jq '.data_offsets[0]')
[ "$(echo "$entry" | jq -r .dtype)" = F32 ] && nan='\x00\x00\xc0\x7f' || nan='\x00\x7e'
printf "$nan" | dd of=$model bs=1 seek=$((8 + header + at)) conv=notrunc 2> /dev/null
run 2 caption job.yaml --run rotten1 --set bart.model=rotten
says 'not a finite number'
run_on 3 2 caption job.yaml --run rotten3 --set bart.model=rotten --set output.shard_items=1
printf '{"ids": [0, 100, 2]}\n' > one.jsonl
for way in '--num-beams 2' '--num-beams 1' '--num-beams 1 --do-sample true'; do
  code=0
  "$antarctic" generate --model rotten $way < one.jsonl > out.jsonl 2> said.txt || code=$?
  [ $code -eq 2 ]
  cat out.jsonl said.txt | grep 'not a finite number'
done

# a run goes on with the model it began with: its config and the way it generates are part of that, not its weights alone
cp -rL "$demo/bart" changing
printf 'input:\n  path: images\nclip:\n  model: %s\nbart:\n  model: changing\ncache:\n  path: cache.txt\nretrieval:\n  topk: 2\ncompute:\n  threads: 1\n' "$demo/clip" > changing.yaml
run 0 caption changing.yaml --run same
run 0 caption changing.yaml --run same
jq '.vision_config.hidden_act = "gelu"' "$demo/clip/config.json" > gelu.json
run 1 caption changing.yaml --run same --set clip.model_config=gelu.json
says 'the CLIP model differs from the one this run began with'
cp changing/generation_config.json before.json
jq '.num_beams = 2' before.json > changing/generation_config.json
run 1 caption changing.yaml --run same
says 'the BART model differs from the one this run began with'
cp before.json changing/generation_config.json
jq '.scale_embedding = true' "$demo/bart/config.json" > changing/config.json
run 1 caption changing.yaml --run same
says 'the BART model differs from the one this run began with'
cp "$demo/bart/config.json" changing
run 0 caption changing.yaml --run same

# a model lacking a tensor, one whose config has other sizes, another model's vocabulary; an image or a folder in place of layer norms or a cache
for ranks in 1 3; do
  rm -rf lacking other foreign
  cp -rL "$demo/clip" lacking
  sed -i 's/"visual_projection.weight"/"visual_projectioM.weight"/' lacking/model.safetensors
  run_on $ranks 2 caption job.yaml --run x --set clip.model=lacking
  says 'lacking.*visual_projection.weight'
  cp -rL "$demo/bart" other
  jq '.decoder_ffn_dim += 8' "$demo/bart/config.json" > other/config.json
  run_on $ranks 2 caption job.yaml --run x --set bart.model=other
  says 'decoder.layers.0.fc1.weight'
  cp -rL "$demo/bart" foreign
  cp "$demo"/clip/vocab.json "$demo"/clip/merges.txt foreign
  run_on $ranks 2 caption job.yaml --run x --set bart.model=foreign
  says 'foreign'
  for thing in images images/scene_00.jpg; do
    run_on $ranks 2 caption job.yaml --run x --set bart.layer_norms=$thing
    says "$thing"
    run_on $ranks 2 caption job.yaml --run x --set cache.path=$thing
    says "$thing"
  done
done
[ ! -e x/DONE ]
[ ! -e x/captions.jsonl ]
