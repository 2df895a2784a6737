# The job story on whole models as folders: how a story's text ends and joins its prompt, which ids never come out, what is refused.
. "$source/tests/cli/lib.sh"
tiny() { python3 "$source/tests/cli/tiny_causal.py" "$@"; }
printf 'a red fox\n\nan owl\na grey cat on a mat\n' > captions.txt
short=(--set story.max_new_tokens=12 --set story.stories=40 --set generation.top_k=0 --set generation.top_p=1 --set generation.temperature=9)

# tokens that are bytes: what a story's last tokens do not finish is left out; its text follows the prompt's, as in transformers
tiny llama 320 300 bytes bytes
run 0 story captions.txt --model bytes --run bytes_run "${short[@]}"
python3 - "$source/tests/cli" bytes bytes_run/stories.jsonl <<'END'
import json, sys
sys.path.insert(0, sys.argv[1])
from tiny_causal import SPECIALS, decode
dropped = begins = 0
vocabulary = {i: p for p, i in json.load(open(f"{sys.argv[2]}/tokenizer.json", encoding="utf-8"))["model"]["vocab"].items()}
for line in open(sys.argv[3], encoding="utf-8"):
    for s in json.loads(line)["stories"]:
        assert all(i < 300 for i in s["ids"]), s
        assert s["text"] == decode(sys.argv[2], json.dumps(s["ids"])), (s, decode(sys.argv[2], json.dumps(s["ids"])))
        shorter = [i for i in s["ids"] if i >= len(SPECIALS)]
        dropped += decode(sys.argv[2], json.dumps(shorter)) == decode(sys.argv[2], json.dumps(shorter[:-1])) != ""
        begins += vocabulary[s["ids"][0]].startswith("\u2581") and s["text"].startswith(" ")
print(dropped, "end within a character,", begins, "begin with a blank")
assert dropped >= 3 and begins >= 1
END

# a stop string at a story's beginning, whose blank is the first word's
first=$(jq -r '[.stories[] | select(.text | test("^ [a-z]")) | .text[0:2]][0] // empty' bytes_run/stories.jsonl | sed -n 1p)
[ -n "$first" ]
run 0 story captions.txt --model bytes --run bytes_stop "${short[@]}" --set "generation.stop_strings=[\"$first\"]"
jq -e --arg s "$first" 'all(.stories[]; (.text | contains($s) | not) and (.end != "stop" or (.text | length) <= 12))' bytes_stop/stories.jsonl > /dev/null
jq -es '[.[].stories[] | select(.end == "stop" and .text == "")] | length >= 1' bytes_stop/stories.jsonl > /dev/null

# more rows than tokens: those ids, here by far the likeliest, never come out, whatever the search; and are no error
tiny gptj 400 259 wide level
for how in do_sample=true do_sample=false num_beams=4; do
  more=(--set generation.${how})
  [ $how != num_beams=4 ] || more+=(--set generation.do_sample=false)
  [ $how = do_sample=true ] || more+=(--set story.stories=1)
  run 0 story captions.txt --model wide --run "wide_$how" "${short[@]}" "${more[@]}"
  jq -e 'all(.stories[]; (.ids | length) > 0 and all(.ids[]; . < 259))' "wide_$how/stories.jsonl" > /dev/null
done
run_on 2 0 story captions.txt --model wide --run wide_2 "${short[@]}" --set output.shard_items=1
cmp "wide_do_sample=true/stories.jsonl" wide_2/stories.jsonl
echo '{"text": "a cat"}' | "$antarctic" generate --model wide --max-new-tokens 9 | jq -e '.candidates[0].ids | all(. < 259)' > /dev/null
# without a tokenizer nobody knows which they are
mkdir bare
cp wide/config.json wide/model.safetensors bare
echo '{"ids": [5, 6]}' | "$antarctic" generate --model bare --max-new-tokens 3 --eos-token-id none | jq -e '.candidates[0].ids | all(. >= 259)' > /dev/null
# an end token that has no text ends a story all the same
jq '.eos_token_id = [2, 300]' wide/config.json > config.json
cp -r wide ends
cp config.json ends
run 0 story captions.txt --model ends --run ends_run --set story.stories=3 --set generation.do_sample=true --set generation.temperature=0.1
jq -e 'all(.stories[]; .end == "end" and .ids == [300] and .text == "")' ends_run/stories.jsonl > /dev/null
# holes among the ids are no tokens either
cp -r wide holes
jq '.model.vocab |= with_entries(select(.value < 3 or .value % 2 == 0))' wide/tokenizer.json > holes/tokenizer.json
run 0 story captions.txt --model holes --run holes_run "${short[@]}"
jq -e 'all(.stories[].ids[]; . < 259 and (. < 3 or . % 2 == 0))' holes_run/stories.jsonl > /dev/null
# GGUF: tokens of the kind "unused" stand for rows without a token
model=$data/golden/gguf/malformed/model_good.gguf
greedy=(--set generation.do_sample=false --set story.max_new_tokens=12 --set generation.eos_token_id=none)
run 0 story captions.txt --model "$model" --run used "${greedy[@]}"
python3 - "$model" used/stories.jsonl unused.gguf > unused.json <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
def array(key):
    at = data.index(key) + len(key)
    return at + 16, *struct.unpack_from("<IIQ", data, at)
def texts(key):
    at, _, element, count = array(key)
    assert element == 8
    for _ in range(count):
        n = struct.unpack_from("<Q", data, at)[0]
        yield bytes(data[at + 8:at + 8 + n])
        at += 8 + n
tokens, parts = list(texts(b"tokenizer.ggml.tokens")), {p for m in texts(b"tokenizer.ggml.merges") for p in [*m.split(b" "), m.replace(b" ", b"")]}
at, kind, element, count = array(b"tokenizer.ggml.token_type")
assert (kind, element, count) == (9, 5, 264)
used = {i for line in open(sys.argv[2]) for i in json.loads(line)["stories"][0]["ids"] if tokens[i] not in parts}
for i in used:
    struct.pack_into("<i", data, at + 4 * i, 5)
open(sys.argv[3], "wb").write(data)
print(sorted(used))
END
run 0 story captions.txt --model unused.gguf --run unused "${greedy[@]}"
jq -e 'length >= 3' unused.json > /dev/null
jq -e --argjson never "$(cat unused.json)" 'all(.stories[]; (.ids | length) == 12 and .ids - $never == .ids)' unused/stories.jsonl > /dev/null

# a token embedding smaller than the tokenizer's, and no tokenizer at all
tiny gptj 200 0 small
cp wide/tokenizer.json small
run 2 story captions.txt --model small --run x
says 'the vocabulary has 259 entries, but the model.s token embedding only 200: another model.s vocabulary?'
run 2 story captions.txt --model bare --run x
says 'bare: .*tokenizer'
[ ! -e x/manifest.json ]

# eos_token_id as a list, in either file; the first file that says it counts, and each of the list ends a story
ids=$(jq -sc '[.[].stories[].ids[0]] | unique' "wide_do_sample=false/stories.jsonl")
[ "$(jq length <<< "$ids")" -ge 2 ]
one=(--set generation.do_sample=false --set story.max_new_tokens=12)
for file in config generation_config; do
  cp -r wide list_$file
  jq ".eos_token_id = $ids" wide/config.json > list_$file/$file.json
  [ $file = config ] || jq '.eos_token_id = [3]' wide/config.json > list_$file/config.json
  jq 'del(.model_type, .vocab_size, .n_embd, .n_head, .n_layer, .n_inner, .rotary_dim, .n_positions)' list_$file/$file.json > generation.json
  [ $file = config ] || cp generation.json list_$file/generation_config.json
done
run 0 story captions.txt --model list_config --run list_1 "${one[@]}"
run 0 story captions.txt --model list_generation_config --run list_2 "${one[@]}"
jq -e 'all(.stories[]; .end == "end" and (.ids | length) == 1)' list_1/stories.jsonl > /dev/null
cmp list_1/stories.jsonl list_2/stories.jsonl
for wrong in '[2, "x"]' '[-3]' '"x"' '2.5'; do
  jq ".eos_token_id = $wrong" wide/config.json > list_config/config.json
  run 2 story captions.txt --model list_config --run x
  says 'config.json: eos_token_id'
done
# an end token past the vocabulary ends nothing, as in transformers, whose small GPTs all say 50256; said, and no error; a setting is
jq '.eos_token_id = [2, 400]' wide/config.json > list_config/config.json
run 0 story captions.txt --model list_config --run list_3 "${one[@]}"
says 'the end token 400 is none of the model.s 400 tokens'
run_on 3 0 story captions.txt --model list_config --run list_6 "${one[@]}"
[ "$(grep -c 'the end token 400' said.txt)" = 1 ]
cmp list_3/stories.jsonl list_6/stories.jsonl
run 0 story captions.txt --model wide --run list_4 "${one[@]}"
cmp list_3/stories.jsonl list_4/stories.jsonl
jq '.eos_token_id = 50256 | .bos_token_id = 50256' wide/config.json > list_config/config.json
run 0 story captions.txt --model list_config --run list_5 "${one[@]}"
jq -e 'all(.stories[]; .end == "length")' list_5/stories.jsonl > /dev/null
run 1 story captions.txt --model wide --run x --set 'generation.eos_token_id=[2,400]'
says 'eos_token_id is 400, but the tokens of this model are 0 to 399'

# a number that is none, in any weight of any kind of model: an error that names it; what nobody reads may be infinite
for kind in gptj llama; do
  tiny $kind 270 259 plain_$kind level
  for name in $(tiny spoil plain_$kind/model.safetensors '*' 0); do
    for value in $([ $kind = gptj ] && echo nan || echo inf); do
      cp plain_$kind/model.safetensors kept
      tiny spoil plain_$kind/model.safetensors "$name" $value
      run 2 story captions.txt --model plain_$kind --run x
      says "\"$name\" has a value that is not a finite number"
      mv kept plain_$kind/model.safetensors
    done
  done
  run 0 story captions.txt --model plain_$kind --run plain_$kind.run --set story.max_new_tokens=2
done

# prompts longer than the context: truncated on the left, or rejected, and counted; whatever the ranks
for i in 1 2 3; do printf 'word %.0s' $(seq 60); echo "$i"; done > long.txt
cat captions.txt >> long.txt
for ranks in 1 3; do
  run_on $ranks 0 story long.txt --model wide --run cut_$ranks --set story.max_new_tokens=5 --set output.shard_items=2
  says 'truncated on the left to the model.s limit: 3 prompts'
  [ "$(jq .truncated_prompts cut_$ranks/summary.json)" = 3 ]
  run_on $ranks 0 story long.txt --model wide --run refused_$ranks --set story.overflow=refuse --set output.shard_items=2 --set story.max_new_tokens=5
  [ "$(jq -r '.key + " " + .reason' refused_$ranks/bad_items.jsonl | tr '\n' ' ')" = "000001 too_large 000002 too_large 000003 too_large " ]
  [ "$(jq -c '[.truncated_prompts, .bad]' refused_$ranks/summary.json)" = '[0,3]' ]
done
cmp cut_1/stories.jsonl cut_3/stories.jsonl
cmp refused_1/stories.jsonl refused_3/stories.jsonl
# prompt and wanted tokens past the positions: it ends there, with that reason
run 0 story captions.txt --model wide --run past --set story.max_new_tokens=60 --set generation.eos_token_id=none
jq -e 'all(.stories[]; .end == "positions" and (.ids | length) < 60 and (.ids | length) > 0)' past/stories.jsonl > /dev/null
[ "$(jq .ends.positions past/summary.json)" = 3 ]
says 'at the model.s last position'

# a folder that holds a GGUF file alone: the file is what is to be named
mkdir only_gguf
: > only_gguf/model.gguf
run 2 generate --model only_gguf
says 'only_gguf/config.json: .*(a GGUF file is named itself: only_gguf/model.gguf)'

# generation.max_length counts the prompt: a longer one is truncated to half of it, or rejected
for overflow in truncate refuse; do
  code=0
  [ $overflow = truncate ] || code=3
  run $code story long.txt --model wide --run "counted_$overflow" --set story.overflow=$overflow --set generation.max_length=20 --set generation.eos_token_id=none
done
[ "$(jq -c '[.key, (.stories[0].ids | length), .stories[0].end]' counted_truncate/stories.jsonl | sort -u | tr '\n' ' ')" = \
  '["000001",10,"length"] ["000002",10,"length"] ["000003",10,"length"] ["000004",10,"length"] ["000006",10,"length"] ["000007",10,"length"] ' ]
jq -e '.reason == "too_large" and (.detail | contains("; 19 fit"))' counted_refuse/bad_items.jsonl > /dev/null

# what a tokenizer puts in front stays when a prompt is truncated, and is no part of a chat's marks
python3 - wide fronted <<'END'
import json, os, shutil, sys
source, folder = sys.argv[1:]
shutil.copytree(source, folder)
t = json.load(open(f"{source}/tokenizer.json", encoding="utf-8"))
marks = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
for i, mark in enumerate(marks):
    t["model"]["vocab"][mark] = 259 + i
    t["added_tokens"].append({**t["added_tokens"][0], "id": 259 + i, "content": mark})
t["post_processor"] = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                       "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                       "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
json.dump(t, open(f"{folder}/tokenizer.json", "w", encoding="utf-8"))
END
greedy=(--set generation.do_sample=false --set story.max_new_tokens=9 --set generation.eos_token_id=none)
run 0 story long.txt --model fronted --run fronted_run "${greedy[@]}"
python3 - fronted <<'END' > front.jsonl
import json
vocabulary = json.load(open("fronted/tokenizer.json", encoding="utf-8"))["model"]["vocab"]
for line in open("fronted_run/stories.jsonl"):
    text = json.loads(line)["prompt"]
    ids = [1, *(vocabulary[c] for c in text.replace(" ", "\u0120"))]
    print(json.dumps({"ids": ids if len(ids) < 64 else [1, *ids[-54:]]}))
END
"$antarctic" generate --model fronted --max-new-tokens 9 --eos-token-id none < front.jsonl | jq -c '.candidates[0] | [.ids, .score]' > front_ids
jq -c '.stories[0] | [.ids, .score]' fronted_run/stories.jsonl | cmp - front_ids # scores tell a prompt that the greedy tokens do not
run 0 story captions.txt --model fronted --run fronted_chat "${greedy[@]}" --set story.chat=llama3 --set 'story.system=Of {caption}.' --prompt '{caption}!'
[ "$(jq -r .prompt fronted_chat/stories.jsonl | sed -n 1p)" = '<|start_header_id|>system<|end_header_id|>' ]
[ "$(jq -r .prompt fronted_chat/stories.jsonl | grep -c 'Of an owl.<|eot_id|><|start_header_id|>user<|end_header_id|>')" = 1 ]
run 0 story captions.txt --model fronted --run unsaid_system "${greedy[@]}" --set story.system=x
says 'story.system has no effect without story.chat'

# one matrix for embedding and head may have either name; two of them that differ are two, whatever the config says
jq '.tie_word_embeddings = true' wide/config.json > tied.json
for how in embedding head both_same both_differ; do
  cp -r wide tied_$how
  cp tied.json tied_$how/config.json
  tiny tie wide/model.safetensors $how tied_$how/model.safetensors
  run 0 story captions.txt --model tied_$how --run tied_$how.run "${one[@]}"
done
cmp tied_embedding.run/stories.jsonl tied_head.run/stories.jsonl
cmp tied_embedding.run/stories.jsonl tied_both_same.run/stories.jsonl
cmp tied_both_differ.run/stories.jsonl list_4/stories.jsonl
! cmp -s tied_embedding.run/stories.jsonl tied_both_differ.run/stories.jsonl || { echo "a head of its own is not read"; exit 1; }

# settings of an encoder's input are of the prompt, as in transformers
echo '{"ids": [70, 71, 72, 73, 74, 75]}' > prompt.jsonl
"$antarctic" generate --model wide --max-new-tokens 30 --encoder-repetition-penalty 1000 < prompt.jsonl | jq -e '.candidates[0].ids | all(. >= 70 and . <= 75)' > /dev/null
"$antarctic" generate --model wide --max-new-tokens 30 --encoder-repetition-penalty 1000 --encoder-no-repeat-ngram-size 1 --eos-token-id none < prompt.jsonl | jq -e '.candidates[0].ids | length == 30 and all(. < 70 or . > 75)' > /dev/null

# placeholders: those of another name, wherever they stand
for prompt in '{captions}' 'a {caption} and {image}' '{TABLE}' '{table} {}{x}' '{ caption }' '{caption2}' '{caption-1}' '{table.0}' '{caption:>9}{légende}'; do
  run 1 story captions.txt --model wide --run x --prompt "$prompt"
  says 'story.prompt: {[^{}]*} is not known; {caption} and {table} are'
  run 1 story captions.txt --model fronted --run x --set story.chat=llama3 --set "story.system=$prompt"
  says 'story.system: {[^{}]*} is not known; {caption} and {table} are'
done
run 0 story captions.txt --model wide --run braces --prompt 'a {"json": 1} {} {1} {{caption}}' --set story.max_new_tokens=2
[ "$(jq -r .prompt braces/stories.jsonl | sed -n 1p)" = 'a {"json": 1} {} {1} {a red fox}' ]
