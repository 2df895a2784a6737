# Models that are not right: each gives one message with file, place and remedy; and OpenAI's own files are taken.
refused() { # refused 'words of the message' arguments…
  local words=$1 code=0
  shift
  "$antarctic" "$@" > out.txt 2> err.txt < /dev/null || code=$?
  [ "$code" -eq 1 ] || [ "$code" -eq 2 ] || { echo "exit $code: $*"; cat err.txt; exit 1; }
  [ "$(wc -l < err.txt)" -eq 1 ] || { echo "not one line:"; cat err.txt; exit 1; }
  grep -q -e "$words" err.txt || { echo "no \"$words\" in:"; cat err.txt; exit 1; }
}
with_config() { # with_config FOLDER 'jq program': the demo's CLIP with another config
  mkdir -p "$1"
  ln -sf "$demo"/clip/model.safetensors "$demo"/clip/vocab.json "$demo"/clip/merges.txt "$1"
  jq "$2" "$demo/clip/config.json" > "$1/config.json"
}
image=$demo/pictures/scene_00.jpg
embed="embed --out x.npy --images $image --model"

refused 'none: there is no such model' $embed none
mkdir nothing
refused 'nothing: no weights in this folder (looked for model.safetensors, pytorch_model.bin' $embed nothing
ln -s "$demo/clip/model.safetensors" nothing/
refused 'nothing/config.json' $embed nothing

mkdir lacking
sed 's/"visual_projection.weight"/"visual_projection.weighs"/' "$demo/clip/model.safetensors" > lacking/model.safetensors
cp "$demo/clip/config.json" lacking
refused 'lacking: has no tensor "visual_projection.weight".*complete?' $embed lacking

with_config shape '.projection_dim += 1'
refused 'shape: tensor "visual_projection.weight" has shape .* but config.json asks for' $embed shape
with_config type '.model_type = "blip"'
refused 'type/config.json: model_type is "blip", but "clip" is needed' $embed type
with_config heads '.vision_config.num_attention_heads = 7'
refused 'heads/config.json: vision_config.hidden_size is not a multiple of num_attention_heads' $embed heads
with_config broken '.'
echo '{"model_type": "clip",' > broken/config.json
refused 'broken/config.json:[0-9]*: ' $embed broken

# BART's config: sizes beyond any model, tokens beyond the vocabulary (the end token's logit was written there), a model
# that says it has a head of its own, and has none, a dropout that leaves nothing
with_bart() { # with_bart FOLDER 'jq program for config.json' ['jq program for generation_config.json']
  mkdir -p "$1"
  ln -sf "$demo/bart/model.safetensors" "$1"
  jq "$2" "$demo/bart/config.json" > "$1/config.json"
  jq "${3:-.}" "$demo/bart/generation_config.json" > "$1/generation_config.json"
}
echo '{"ids": [0, 100, 101, 2]}' > ids.jsonl
generated() { # generated FOLDER options…: the first candidate's ids
  local folder=$1
  shift
  "$antarctic" generate --model "$folder" "$@" < ids.jsonl | jq -c '.candidates[0].ids'
}
with_bart huge '.encoder_ffn_dim = 2147483647 | .encoder_layers = 2147483647'
refused 'huge/config.json: encoder_layers is not a number that makes sense here' generate --model huge
with_bart far '.eos_token_id = 2000000000'
refused 'far/config.json: eos_token_id is not below vocab_size' generate --model far --min-length 5
with_bart farther '.' '.eos_token_id = 2000000000'
refused 'generation.eos_token_id is 2000000000' generate --model farther --min-length 5
with_bart untied '.tie_word_embeddings = false'
refused 'untied: has no tensor "lm_head.weight".*tie_word_embeddings is false' generate --model untied
with_bart dropped '.dropout = 1'
refused 'dropped/config.json: dropout is not a probability' generate --model dropped

# BART's names with a wrapper's before them, and without any token embedding
named() { # named FOLDER 'sed program': the demo's BART under other names of the same length
  mkdir "$1"
  sed "$2" "$demo/bart/model.safetensors" > "$1/model.safetensors"
  ln -s "$demo"/bart/*.json "$1"
}
named wrapped 's/"model\.\(encoder\|decoder\|shared\)\./"mobil.\1./g'
refused 'wrapped: has "mobil.encoder.embed_positions.weight" where "model.encoder.embed_positions.weight" is needed' generate --model wrapped
named wordless_bart 's/"model\.shared\.weight"/"model.shared.weighs"/'
refused 'wordless_bart: has no token embedding: neither "model.shared.weight" nor .*"lm_head.weight".*complete?' generate --model wordless_bart

# where generation_config.json is, config.json's settings of generation do not count; without it they do
with_bart forced '.forced_bos_token_id = 7'
with_bart plain '.'
[ "$(generated forced --max-length 6)" = "$(generated plain --max-length 6)" ]
rm forced/generation_config.json
[ "$(generated forced --max-length 6 | jq '.[1]')" -eq 7 ]
with_bart unforced '.' '.forced_bos_token_id = null'
[ "$(generated unforced --max-length 6)" = "$(generated plain --max-length 6)" ]

# what a model's file asks for is done, or refused with file, key and remedy; what no version knows is told
with_bart penalised '.' '.max_length = null | .repetition_penalty = 1.5 | .max_new_tokens = 9'
[ "$(generated penalised --forced-eos-token-id none --eos-token-id none | jq length)" -eq 10 ]
[ "$(generated penalised)" = "$(generated plain --max-length none --repetition-penalty 1.5 --max-new-tokens 9)" ]
[ "$(generated penalised --max-new-tokens none --repetition-penalty none --max-length 12)" = "$(generated plain --max-length 12)" ]
with_bart watermarked '.' '.watermarking_config = {bias: 2.5}'
refused 'watermarked/generation_config.json: watermarking_config asks for what this program does not support.*null' generate --model watermarked
with_bart stopping '.' '.stop_strings = ["."] | .num_beams = 1'
refused 'stopping/generation_config.json: stop_strings' generate --model stopping
with_bart texts '.' '.suppress_tokens = "5"'
refused 'texts/generation_config.json: suppress_tokens: is not a list of token ids' generate --model texts
for key in forced_bos_token_id forced_eos_token_id; do # -1 is no way of saying none: transformers would count from the end
  with_bart negative '.' ".$key = -1"
  refused "negative/generation_config.json: $key: is not a whole number from 0" generate --model negative
  rm -rf negative
done
with_bart beginless '.' 'del(.decoder_start_token_id, .bos_token_id)'
refused 'beginless/generation_config.json: has neither decoder_start_token_id nor bos_token_id' generate --model beginless
with_bart unknown '.' '.forced_decoder_ids = [[1, 5]]'
[ "$(generated unknown 2> told.txt)" = "$(generated plain)" ]
grep -q 'unknown/generation_config.json: forced_decoder_ids .* no effect' told.txt
refused 'generation.sequence_bias: "\[\[5\], 1\]": is not a list of token ids with a bias' generate --model plain --sequence-bias '[[5], 1]'
refused 'generation.bad_words_ids has the token 999999' generate --model plain --bad-words-ids '[[999999]]'
last=$(generated plain --num-beams 1 --max-length 9 --forced-eos-token-id none | jq '.[4]')
with_bart ends '.' ".eos_token_id = $last"
[ "$(generated ends --num-beams 1 --max-length 9 | jq '.[-1]')" -eq "$last" ]
[ "$(generated ends --num-beams 1 --max-length 9 | jq length)" -le 5 ]

# another vocabulary: larger than the embedding, or with its end token elsewhere
with_config vocabulary '.'
rm vocabulary/vocab.json
jq '. + {"one more</w>": length}' "$demo/clip/vocab.json" > vocabulary/vocab.json
refused "vocabulary: the vocabulary has $(jq length vocabulary/vocab.json) entries, but the model's token embedding only" embed --out x.npy --texts --model vocabulary
with_config end '.text_config.eos_token_id -= 1'
printf 'a cat\n' > one.txt
printf 'input:\n  path: one.txt\nclip:\n  model: end\n' > end.yaml
refused "end: the vocabulary's end token is .* another model's vocabulary?" build-cache end.yaml --run cache
with_config wordless '.'
rm wordless/vocab.json
printf 'input:\n  path: one.txt\nclip:\n  model: wordless\n' > wordless.yaml
refused 'wordless: no vocabulary here (looked for tokenizer.json, vocab.json with merges.txt, and bpe_simple_vocab_16e6.txt.gz)' build-cache wordless.yaml --run cache

# weights cut into shards: an index that names them, one of them missing, one named outside
mkdir shards
cp "$demo/clip/config.json" shards
ln -s "$demo/clip/model.safetensors" shards/part.safetensors
echo '{"weight_map": {"visual_projection.weight": "part.safetensors", "logit_scale": "part.safetensors"}}' > shards/model.safetensors.index.json
"$antarctic" embed --model "$demo/clip" --out whole.npy --images "$image" > /dev/null
"$antarctic" $embed shards > /dev/null
cmp whole.npy x.npy
echo '{"weight_map": {"visual_projection.weight": "gone.safetensors"}}' > shards/model.safetensors.index.json
refused 'shards/gone.safetensors' $embed shards
echo '{"weight_map": {"visual_projection.weight": "../part.safetensors"}}' > shards/model.safetensors.index.json
refused 'model.safetensors.index.json: "visual_projection.weight" does not name a file of this folder' $embed shards

# the vocabulary as OpenAI publishes it: the same ids
mkdir openai
{ echo '"bpe_simple_vocab_16e6.txt#version: 0.2'; tail -n +2 "$demo/clip/merges.txt"; } | gzip > openai/bpe_simple_vocab_16e6.txt.gz
head -50 "$demo/cache.txt" | jq -R '{text: .}' -c > texts.jsonl
"$antarctic" tokenize --model "$demo/clip" < texts.jsonl > expected
[ "$(wc -l < expected)" -eq 50 ]
"$antarctic" tokenize --model openai < texts.jsonl | cmp - expected
"$antarctic" tokenize --model nowhere --vocabulary openai/bpe_simple_vocab_16e6.txt.gz < texts.jsonl | cmp - expected
head -c 2000 openai/bpe_simple_vocab_16e6.txt.gz > cut.gz
refused 'cut.gz: ' tokenize --model nowhere --vocabulary cut.gz
refused 'a vocabulary of CLIP, where one of BART or GPT-2 is needed' tokenize --model openai --kind bart

# OpenAI's CLIP itself (golden data): needs a config, since its heads are not width / 64
openai=$data/golden/clip/a_openai_fp16_torchscript.pt
refused 'a_openai_fp16_torchscript.pt: .*clip.model_config' $embed "$openai"
"$antarctic" $embed "$openai" --model-config "$data/golden/clip/a/config.json" > /dev/null
[ "$(stat -c %s x.npy)" -eq $((128 + 4 * 40)) ]
refused 'hostile_system.pt: refused: .*posix.system' $embed "$data/golden/formats/torch/hostile_system.pt"
refused 'state_dict.pt: the names in this file are not OpenAI' $embed "$data/golden/formats/torch/state_dict.pt"
