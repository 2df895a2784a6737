# What a careless data set brings: named, counted, and fatal only where nothing else is left.
source "$source/tests/cli/lib_train.sh"
short="--set train.max_steps=2"

# images without captions, captions without images, empty captions, captions that are no text, long captions
rm data/train/scene_00.txt
: > data/train/scene_01.txt
printf 'a bad \xff byte\n' > data/train/scene_02.txt
printf 'a zebra\n\n   \na zebra again\n' > data/train/scene_03.txt
printf 'a house without an image\n' > data/train/orphan.txt
head -c 1000 data/train/scene_04.jpg > cut && mv cut data/train/scene_04.jpg
printf 'and a very long caption %.0s' {1..20} > data/train/scene_05.txt
train 2 bad $short
jq -r '.key + " " + .reason' bad/bad_items.jsonl | sort > reasons
printf 'train/scene_00 no_caption\ntrain/scene_01 no_caption\ntrain/scene_02 caption_not_utf8\ntrain/scene_04 truncated\n' | cmp - reasons
grep -q '2 empty captions are left out' said.txt
grep -q '1 captions belong to no image and are left out: orphan.txt' said.txt
grep -q '1 captions to train.max_target_tokens (32)' said.txt
grep -q 'training: 16 images' said.txt
jq -e '.items == 26 and .ok == 22 and .bad == 4' bad/summary.json > /dev/null
expect 3 train 2 strict $short --set limits.max_bad_items=3

# an image of which one crop is rejected: left out whole, and the others keep their own tables
crops="$short --set train.crops_per_image=2"
mkdir -p crop/journal others
printf '{"item": 12, "key": "train/scene_06#0"}\n' > crop/journal/crashed.jsonl
train 1 crop $crops
jq -r '.key + " " + .reason' crop/bad_items.jsonl | grep '^train/scene_06#0 crashed$'
cp data/train/* others && rm others/scene_06.*
train 1 without $crops --set input.train=others
cmp crop/layer_norms.safetensors without/layer_norms.safetensors

# too few images for a step
expect 1 train 2 few $short --set train.batch=6
grep -q '16 usable images are fewer than one step needs (train.replicas × train.batch = 18)' said.txt

# one of the two sets without a usable image: as a run without a result
mkdir hopeless
for name in a b c; do
  printf 'no image\n' > hopeless/$name.jpg
  printf 'a caption\n' > hopeless/$name.txt
done
for set in train validation; do
  expect 3 train 2 hopeless_$set $short --set input.$set=hopeless --set limits.max_bad_items=100%
  grep -q "input.$set: none of its images can be used. hopeless_$set/bad_items.jsonl says why" said.txt
  [ "$(grep -c "\"$set/[abc]\"" hopeless_$set/bad_items.jsonl)" -eq 3 ]
  "$antarctic" status hopeless_$set | grep 'rejected .*(bad_items.jsonl)$'
done

# a loss that is no number: which batch, and the last good checkpoint stays
expect 2 train 2 nan --set train.max_steps=40 --set train.validate_every=1 --set train.clip_norm=none --set train.learning_rate=30000 \
  --set train.weight_decay=3 --set train.save_top_k=1
grep -q 'is not a finite number' said.txt
ls nan/checkpoints | grep vloss
if grep -qi 'nan' nan/metrics.jsonl; then exit 1; fi

# words in the config
expect 1 "$antarctic" train train.yaml --run x --set input.train=none 2> said.txt
grep -q 'train needs input.train' said.txt
expect 2 "$antarctic" train train.yaml --run x --set input.train=nowhere 2> said.txt
grep -q 'input.train: .*nowhere: No such file' said.txt
expect 1 "$antarctic" train train.yaml --run x --set train.betas=0.9 2> said.txt
grep -q 'two numbers' said.txt
expect 1 "$antarctic" train train.yaml --run x --set train.validate_every=often 2> said.txt
grep -q 'or epoch' said.txt
sed 's|^  train: data/train|  train: {annotations: nothing.json}|' train.yaml > half.yaml
expect 1 "$antarctic" train half.yaml --run x 2> said.txt
grep -q 'needs both annotations and images' said.txt
sed 's|^  train: data/train|  train: {anotations: nothing.json}|' train.yaml > typo.yaml
expect 1 "$antarctic" train typo.yaml --run x 2> said.txt
grep -q 'unknown key "input.train.anotations".*"input.train.annotations"' said.txt
[ ! -e x/manifest.json ] # what was tried is recorded, nothing is begun
[ ! -e x/lock ]

# a printed config reads back to itself, a mapping and a list included
sed 's|^  train: data/train|  train: {annotations: a.json, images: data/train}|; s|^  replicas: 3|  replicas: 3\n  betas: [0.85, 0.98]|' train.yaml > mapping.yaml
"$antarctic" train --print-config mapping.yaml > printed.yaml
grep -q 'train.annotations: ".*a.json"' printed.yaml
grep -q 'betas: \[0.85, 0.98\]' printed.yaml
grep -q 'learning_rate: 0.001 ' printed.yaml
grep -q 'validate_every: 3 ' printed.yaml
"$antarctic" train --print-config printed.yaml | cmp - printed.yaml
