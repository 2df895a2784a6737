# The job story, and the tools on causal models: prompts, ranks, resume, what is refused.
. "$source/tests/cli/lib.sh"
model=$data/golden/gguf/malformed/model_good.gguf # whole, tiny, with a tokenizer
gpt2=$data/golden/gpt/gpt2
bad=$data/golden/gguf/malformed

# inspect names the model and the tokenizer
run 0 inspect "$model"
says '^  model  *llama: 1 layers of width 32, .* 264 tokens'
says 'tokens'
run 2 inspect "$bad/truncated_data.gguf"

# a text: its blank lines are passed over, keys are the lines' numbers; the report is written
printf 'a red fox\n\na grey cat on a mat\r\nan owl\n' > captions.txt
run 0 story captions.txt --model "$model" --out one --set story.max_new_tokens=9 --set story.stories=3
[ "$(jq -r .key one/stories.jsonl | tr '\n' ' ')" = "000001 000003 000004 " ]
[ "$(jq -r .prompt one/stories.jsonl | sed -n 2p)" = "Once upon a time there was a grey cat on a mat" ]
[ "$(jq -c '.stories | length' one/stories.jsonl | sort -u)" = 3 ]
[ "$(jq -c '[.stories[].score] | . == (sort | reverse)' one/stories.jsonl | sort -u)" = true ]
jq -e 'all(.stories[]; (.ids | length) <= 9 and (.end == "length" or .end == "end"))' one/stories.jsonl > /dev/null
for file in report.html summary.json keys.txt DONE; do [ -s one/$file ]; done
[ ! -s one/bad_items.jsonl ]
run 0 verify one
run 0 story captions.txt --model "$model" --run one --set story.max_new_tokens=9 --set story.stories=3
says 'finished; nothing to do'
run 1 story captions.txt --model "$model" --run one --set story.max_new_tokens=8 --set story.stories=3
says 'max_new_tokens'
rm one/report.html
run 0 report one
grep -q 'a grey cat on a mat' one/report.html

# any ranks, shards of another size, threads, kernels: the same stories
same() { cmp one/stories.jsonl "$1/stories.jsonl"; }
short=(--model "$model" --set story.max_new_tokens=9 --set story.stories=3)
run_on 3 0 story captions.txt "${short[@]}" --run three --set output.shard_items=1
same three
run 0 story captions.txt "${short[@]}" --run kernels --set compute.kernels=generic --set compute.threads=2
same kernels
run 0 story captions.txt "${short[@]}" --run other --set seed=1
! cmp -s one/stories.jsonl other/stories.jsonl || { echo "another seed, the same stories"; exit 1; }

# a shard that is lost is made again
rm three/shards/00001.h5 three/DONE
run_on 2 0 story captions.txt "${short[@]}" --run three --set output.shard_items=1
same three

# shards of an older version, which do not say how many prompts were truncated: read, and said
xxh() { "$antarctic" inspect --json "$1" | jq -r .checksum; }
before=$(xxh three/shards/00000.h5)
"$(dirname "$antarctic")/cli/h5_drop" three/shards/00000.h5 truncated
sed -i "s/$before/$(xxh three/shards/00000.h5)/" three/manifest.json
rm -r three/shards/00002.h5 three/DONE three/stories.jsonl three/journal/*.jsonl
run_on 2 0 story captions.txt "${short[@]}" --run three --set output.shard_items=1
says '1 shards are of an older version'
same three
run 0 verify three

# retell: the same stories, each caption by itself; other settings give others; what is not there is said
"$antarctic" retell one 000004 000001 | jq -c . > retold.jsonl
jq -c 'select(.key == "000001" or .key == "000004")' one/stories.jsonl | sort -r | cmp - retold.jsonl
"$antarctic" retell one --set story.stories=1 --set seed=9 000003 | jq -e '.stories | length == 1' > /dev/null
run 1 retell one 000002
says '"error": "no caption has this key"'
run 1 retell one
says 'retell RUN KEY'

# records of a run: the table fills {table}; one without a caption is a rejected item
mkdir run
cat > run/captions.jsonl <<'END'
{"key": "a/x", "caption": "a dog", "table": [{"entry": "dog", "id": 1, "score": 0.5}, {"entry": "grass", "id": 2, "score": 0.4}]}
{"key": "a/y", "caption": "", "table": []}
END
run 0 story run --model "$model" --prompt '{caption}; {table}' --out records --set story.max_new_tokens=4 --set generation.do_sample=false
[ "$(jq -r .prompt records/stories.jsonl)" = "a dog; dog | grass | " ]
[ "$(jq -r '.key + " " + .reason' records/bad_items.jsonl)" = "a/y no_caption" ]

# a key that comes twice is the first one's
printf '{"key": "%s", "caption": "%s"}\n' a 'a cat' b 'a dog' a 'an owl' > twice.jsonl
run 0 story twice.jsonl --model "$model" --run twice --set story.max_new_tokens=4
[ "$(jq -r '.key + " " + .caption' twice/stories.jsonl | tr '\n' ';')" = 'a a cat;b a dog;' ]
[ "$(jq -r '.key + " " + .reason' twice/bad_items.jsonl)" = 'a duplicate_key' ]

# greedy stories are what the tool generates
jq -c '{text: .prompt}' records/stories.jsonl | "$antarctic" generate --model "$model" --max-new-tokens 4 > tool.jsonl
[ "$(jq -c '.candidates[0].ids' tool.jsonl)" = "$(jq -c '.stories[0].ids' records/stories.jsonl)" ]
[ "$(jq -r '.candidates[0].text' tool.jsonl)" = "$(jq -r '.stories[0].text' records/stories.jsonl)" ]

# a prompt longer than the context: truncated on the left, or rejected; the last position ends a story
context=$("$antarctic" inspect --json "$model" | jq '[.. | ."llama.context_length"? // empty][0]')
python3 -c "print('word ' * 2 * $context)" > long.txt
run 0 story long.txt --model "$model" --run truncated --set story.max_new_tokens=5
says 'truncated on the left to the model.s limit: 1'
[ "$(jq -r '.stories[0].end' truncated/stories.jsonl)" = length ] # what is wanted fits behind it
run 3 story long.txt --model "$model" --run refused --set story.overflow=refuse
[ "$(jq -r .reason refused/bad_items.jsonl)" = too_large ]
run 0 story captions.txt --model "$model" --run far --set story.max_new_tokens=100000 --set generation.eos_token_id=none
[ "$(jq -r '.stories[].end' far/stories.jsonl | sort -u)" = positions ]

# limits.memory bounds keys and values: said beforehand; fewer stories at once are the same stories; too little is refused before anything is made
many=(--model "$model" --set story.max_new_tokens=20 --set story.stories=30)
run 0 story captions.txt "${many[@]}" --run large --set limits.memory=1GiB
says 'keys and values up to 25[0-9] MB per rank'
run 0 story captions.txt "${many[@]}" --run small --set limits.memory=1000000
says 'keys and values up to 0 MB per rank'
cmp large/stories.jsonl small/stories.jsonl
run 2 story captions.txt "${many[@]}" --run tight --set limits.memory=1000000 --set generation.num_beams=500 --set generation.do_sample=false
says 'limits.memory leaves 0.[0-9] MB per rank for keys and values, but one text of 21 tokens needs 1.[0-9]: .*lower generation.num_beams'
[ ! -e tight/manifest.json ]

# each key of sampling reaches the job: one token likely enough is the greedy story, n-grams of one token never come twice
greedy=$("$antarctic" retell one 000001 --set generation.do_sample=false --set story.stories=1 | jq -c '.stories[0].ids')
for set in top_k=1 top_p=1e-9 min_p=1 temperature=1e-4; do
  [ "$("$antarctic" retell one 000001 --set story.stories=1 --set generation.$set | jq -c '.stories[0].ids')" = "$greedy" ] || { echo "generation.$set"; exit 1; }
done
for set in no_repeat_ngram_size=1 repetition_penalty=100; do
  "$antarctic" retell one 000001 --set story.max_new_tokens=30 --set generation.$set > told.json
  jq -e 'all(.stories[]; (.ids | length) == (.ids | unique | length))' told.json > /dev/null || { echo "generation.$set"; exit 1; }
done
"$antarctic" retell one 000001 --set story.max_new_tokens=30 | jq -e 'any(.stories[]; (.ids | length) > (.ids | unique | length))' > /dev/null

# a stop string ends a story wherever the tokens lie, is cut off, and is counted; whatever the ranks
python3 - one/stories.jsonl > stop.txt << 'END'
import json, re, sys
texts = [s["text"] for line in open(sys.argv[1]) for s in json.loads(line)["stories"]]
found = next(m for m in (re.search("(?<=.)[!-~]{2}", text, re.S) for text in texts) if m)
sys.stdout.write(json.dumps(["not there at all", found[0]]))
END
stop=(--set "generation.stop_strings=$(cat stop.txt)")
run 0 story captions.txt "${short[@]}" --run stopped "${stop[@]}"
says 'stories ended: .*by a stop string'
run_on 2 0 story captions.txt "${short[@]}" --run stopped2 "${stop[@]}" --set output.shard_items=1
cmp stopped/stories.jsonl stopped2/stories.jsonl
python3 - one stopped "$(cat stop.txt)" << 'END'
import json, sys
whole, cut = ([(r["key"], s) for line in open(f"{run}/stories.jsonl") for r in [json.loads(line)] for s in r["stories"]] for run in sys.argv[1:3])
stop, ends = json.loads(sys.argv[3])[1], {}
for key, s in cut:
    full = next(w for k, w in whole if k == key and w["ids"][:len(s["ids"])] == s["ids"])
    assert stop not in s["text"] and s["text"] == full["text"].split(stop)[0], (s, full)
    assert (s["end"] == "stop") == (stop in full["text"]), (s, full)
    ends[s["end"]] = ends.get(s["end"], 0) + 1
assert ends["stop"] >= 1
assert json.load(open("stopped/summary.json"))["ends"] == {e: ends.get(e, 0) for e in ("end", "stop", "length", "positions")}
END
# the tool cuts as the job does, beams too
jq -c '{text: .prompt}' records/stories.jsonl > prompt.jsonl
"$antarctic" generate --model "$model" --max-new-tokens 4 --min-new-tokens 4 < prompt.jsonl > tool.jsonl
first=$(jq -r '.candidates[0].text[0:1]' tool.jsonl)
"$antarctic" generate --model "$model" --max-new-tokens 4 --min-new-tokens 4 --stop-strings "$first" < prompt.jsonl > cut.jsonl # a character in two tokens
[ "$(jq -c '.candidates[0] | [.text, (.ids | length)]' cut.jsonl)" = '["",2]' ]
"$antarctic" generate --model "$model" --max-new-tokens 4 --num-beams 3 --num-return-sequences 3 --stop-strings "[\"$first\"]" < prompt.jsonl | jq -e --arg s "$first" '.candidates | all(.text | contains($s) | not)' > /dev/null
run 1 story captions.txt --model "$model" --run x --set 'generation.stop_strings=["a", ""]'
says 'generation.stop_strings.*none of them empty'
echo '{"text": "a"}' > a.jsonl
run 1 generate --model "$demo/bart" --stop-strings x < a.jsonl
says 'stop_strings is for causal'
run 1 generate --model "$bad/tokenizer_missing.gguf" --stop-strings x < a.jsonl
says 'stop_strings needs the model.s tokenizer'

# what cannot be is refused by name
run 1 story captions.txt --model "$model" --prompt 'a {capiton}' --run x
says '{capiton} is not known'
run 1 story captions.txt --model "$model" --run x --set story.chat=chatml
says 'story.chat: <|im_start|> is no token'
run 1 story captions.txt --model "$model" --run x --set story.max_new_tokens=3 --set generation.max_new_tokens=4
says 'they mean the same'
run 2 story captions.txt --model "$gpt2" --run x
run 2 story captions.txt --model "$bad/tokenizer_missing.gguf" --run x
says 'tokenizer'
for other in tokenizer_tokens_one_more tokenizer_tokens_one_short; do # a vocabulary that does not fit the embedding
  run 2 story captions.txt --model "$bad/$other.gguf" --run x
  says 'tokenizer.ggml.tokens has .* tokens, but the model.s token embedding'
done
run 2 story captions.txt --model "$bad/model_norm_nan.gguf" --run x
says 'not a finite number'
run 2 story none.txt --model "$model" --run x
printf '{"key": "a", "caption": "a cat"}\n\n{"key": "b", "capt\n' > half.jsonl
run 2 story half.jsonl --model "$model" --run x
says 'half.jsonl, line 3: is not JSON'
printf '{"caption": "a cat"}\n' > keyless.jsonl
run 2 story keyless.jsonl --model "$model" --run x
says 'keyless.jsonl, line 1: has no "key"'
: > empty.txt
run 2 story empty.txt --model "$model" --run x
says 'there is no caption'

mkdir without
run 2 story without --model "$model" --run x
says 'captions.jsonl: cannot be read.*input.path of story is a run of caption'
printf '{"key": "a", "caption": ""}\n' > blank.jsonl
run 3 story blank.jsonl --model "$model" --run blank
[ "$(jq -r .reason blank/bad_items.jsonl)" = no_caption ]

# any of several end tokens ends a story
ends=$(jq -c '[.stories[0].ids[1]]' one/stories.jsonl | jq -sc 'add | unique')
run 0 story captions.txt "${short[@]}" --run ends --set "generation.eos_token_id=$ends"
jq -e --argjson ends "$ends" 'all(.stories[]; (.end == "end") == (.ids[-1] as $last | $ends | index($last) != null))' ends/stories.jsonl > /dev/null
[ "$(jq -r '.stories[0].end' ends/stories.jsonl | sort | uniq -c | awk '$2 == "end" { print ($1 >= 1) }')" = 1 ]

# the tools: ids need no tokenizer; loss and its logits
echo '{"ids": [5, 6, 7]}' > ids.jsonl
"$antarctic" generate --model "$bad/tokenizer_missing.gguf" --max-new-tokens 2 --eos-token-id none < ids.jsonl | jq -e '.candidates[0] | (.ids | length) == 2 and (has("text") | not)' > /dev/null
"$antarctic" loss --model "$model" --logits logits.npy < ids.jsonl | jq -e '.tokens == 2 and .loss > 0' > /dev/null
[ "$(stat -c %s logits.npy)" -eq $((128 + 264 * 4)) ]
code=0
printf '{"ids": [99999]}\n{"ids": []}\n{"ids": [1, 2]}\n' | "$antarctic" loss --model "$model" --logits logits.npy > out.jsonl 2> /dev/null || code=$?
[ $code -eq 2 ]
[ "$(jq -c 'has("error")' out.jsonl | tr '\n' ' ')" = "true true false " ]
[ "$(stat -c %s logits.npy)" -eq $((128 + 3 * 264 * 4)) ]

# config.json: what is not done is refused by its key
refuses() {
  rm -rf folder
  cp -r "$data/golden/llama/llama" folder
  chmod -R u+w folder
  rm -f folder/model.safetensors.zst
  jq "$1" "$data/golden/llama/llama/config.json" > folder/config.json
  run 2 generate --model folder < ids.jsonl
  says "config.json: $2"
}
refuses '.rope_parameters.rope_type = "yarn"' 'rope_parameters.rope_type'
refuses '.num_local_experts = 8' 'num_local_experts'
refuses '.quantization_config = {}' 'quantization_config'
refuses '.rope_parameters.rope_type = 3' 'rope_parameters.rope_type'
refuses 'del(.rope_parameters) | .rope_scaling = {"type": "linear", "factor": 2}' 'rope_scaling.type'
refuses '.rope_scaling = {"type": "dynamic", "factor": 2}' 'rope_scaling.type' # of both, the older one counts
refuses 'del(.rope_parameters) | .rope_scaling = {"factor": 2}' 'rope_scaling.type'
refuses '.rope_scaling = "linear"' 'rope_scaling is not an object'
refuses '.rope_parameters = {"full_attention": {"rope_theta": 5}}' 'rope_parameters.full_attention'
refuses '.rope_parameters = {"rope_type": "llama3", "factor": 8, "high_freq_factor": 4}' 'rope_parameters.low_freq_factor'
refuses '.partial_rotary_factor = 0.5' 'partial_rotary_factor'
refuses '.layer_types = ["sliding_attention", "full_attention"] | .sliding_window = 8' 'layer_types'
refuses '.num_key_value_heads = 3' 'num_attention_heads'
refuses '.model_type = "mamba"' 'model_type is "mamba"'
# a list of layers that never ends
rm -rf folder
mkdir folder
jq '.attention_types = [[[], 1000000000000000000]]' "$data/golden/gpt/gpt_neo/config.json" > folder/config.json
run 2 generate --model folder < ids.jsonl
says 'config.json: attention_types'

# windows of Qwen2: those of the layers that use one change what is said, those that nobody uses do not
windows() {
  rm -rf folder
  cp -r "$data/golden/llama/qwen2" folder
  chmod -R u+w folder
  [ ! -e folder/model.safetensors.zst ] || zstd -dqf --rm folder/model.safetensors.zst
  jq "$1" "$data/golden/llama/qwen2/config.json" > folder/config.json
  seq 20 | jq -sc '{ids: .}' | "$antarctic" loss --model folder > loss.jsonl 2> said.txt || echo refused > loss.jsonl
  cat loss.jsonl
}
plain=$(windows .)
[ "$(windows '.sliding_window = 4 | del(.layer_types)')" = "$plain" ]
[ "$(windows '.use_sliding_window = true | .sliding_window = 4 | .max_window_layers = 3 | del(.layer_types)')" = "$plain" ]
[ "$(windows '.use_sliding_window = true | .sliding_window = 20 | .max_window_layers = 0 | del(.layer_types)')" = "$plain" ]
[ "$(windows '.use_sliding_window = true | .sliding_window = null | .max_window_layers = 0 | del(.layer_types)')" = "$plain" ]
last=$(windows '.use_sliding_window = true | .sliding_window = 4 | .max_window_layers = 2 | del(.layer_types)')
[ "$last" != "$plain" ]
[ "$last" != refused ]
[ "$(windows '.use_sliding_window = true | .sliding_window = 4 | .layer_types = ["full_attention", "full_attention", "sliding_attention"]')" = "$last" ]
for wrong in '.layer_types = ["sliding_attention", "full_attention", "full_attention"]' '.layer_types = ["full_attention"]' '.layer_types = ["full_attention", "full_attention", "linear_attention"]'; do
  [ "$(windows "$wrong | .sliding_window = 4")" = refused ]
  says 'config.json: layer_types'
done

# a blank caption is none, a run without captions is said to be
printf '{"key": "a", "caption": " \\t\\n"}\n' > blank.jsonl
run 3 story blank.jsonl --model "$model" --run blank_run
[ "$(jq -r .reason blank_run/bad_items.jsonl)" = no_caption ]
run 2 story one --model "$model" --run x
says 'captions.jsonl: cannot be read.*(this run has no captions yet, or is of another job)'

# JSON lines by any case of their name; one JSON value is no text
cp twice.jsonl TWICE.JSONL
run 0 story TWICE.JSONL --model "$model" --run twice_again --set story.max_new_tokens=4
cmp twice/stories.jsonl twice_again/stories.jsonl
printf '[{"image_id": 1, "caption": "a dog"}]' > results.json
run 2 story results.json --model "$model" --run x
says 'results.json: is one JSON value'

# files that are no texts: an image, a model, a text in UTF-16, a compressed one
printf 'a cat\nan owl\n' | iconv -t UTF-16 > utf16.txt
printf 'a cat\n' | gzip > gz.txt
printf '\211PNG\r\n\032\n\0\0\0\rIHDR' > png.txt
for file in utf16.txt gz.txt png.txt "$model"; do
  run 2 story "$file" --model "$model" --run x
done
says 'is no text (it has zero bytes)'
run 2 story utf16.txt --model "$model" --run x
says 'UTF-16'

# GGUF: what would change the tokens and is not read is refused by name; a part of a model says that it is one
edit() { python3 "$source/tests/cli/gguf_edit.py" "$@"; }
good() { run 0 generate --model edited.gguf < ids.jsonl; }
wrong() { run 2 generate --model edited.gguf < ids.jsonl; says "$1"; }
edit "$model" edited.gguf
good
edit "$model" edited.gguf u32:llama.rope.scale_linear=1 str:llama.rope.scaling.type=none
good
edit "$model" edited.gguf f32:llama.rope.scaling.factor=4
wrong 'llama.rope.scaling.factor asks for'
edit "$model" edited.gguf f32:llama.rope.scale_linear=2
wrong 'llama.rope.scale_linear asks for'
edit "$model" edited.gguf str:llama.rope.scaling.type=none f32:llama.rope.scaling.factor=4
good
edit "$model" edited.gguf u16:split.count=3 u16:split.no=0
wrong 'one of 3 files of a model'
edit "$model" edited.gguf u16:split.count=1
good
for name in blk.0.attn_k.bias blk.0.ffn_up.bias blk.0.attn_q_norm.weight output.bias; do
  edit "$model" edited.gguf tensor:$name=32
  wrong "\"$name\" is none that this program reads"
done
edit "$model" edited.gguf tensor:rope_freqs.weight=8
wrong 'rope_freqs.weight. has a value that is not above 0'
edit "$model" edited.gguf tensor:rope_freqs.weight=8:1
good
