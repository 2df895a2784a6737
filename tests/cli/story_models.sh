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
jq '.eos_token_id = [2, 400]' wide/config.json > list_config/config.json
run 1 story captions.txt --model list_config --run x
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

# placeholders: those of another name, wherever they stand
for prompt in '{captions}' 'a {caption} and {image}' '{TABLE}' '{table} {}{x}'; do
  run 1 story captions.txt --model wide --run x --prompt "$prompt"
  says 'story.prompt: {[A-Za-z]*} is not known; {caption} and {table} are'
done
run 0 story captions.txt --model wide --run braces --prompt 'a {"json": 1} {} { caption } {caption}' --set story.max_new_tokens=2
[ "$(jq -r .prompt braces/stories.jsonl | sed -n 1p)" = 'a {"json": 1} {} { caption } a red fox' ]

# a folder that holds a GGUF file alone: the file is what is to be named
mkdir only_gguf
: > only_gguf/model.gguf
run 2 generate --model only_gguf
says 'only_gguf/config.json: .*(a GGUF file is named itself: only_gguf/model.gguf)'
