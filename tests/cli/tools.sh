# The tools answer as documented: JSON lines in and out, in order; errors in their place and exit code 2; .npy that reads back.
code_of() { local code=0; "$@" > out.txt 2> err.txt || code=$?; echo $code; }

printf '{"text": "a cat"}\n{"nothing": 1}\nnot json\n{"text": "red car | zebra | "}\n' > in.jsonl
[ "$(code_of "$antarctic" tokenize --model "$demo/bart" < in.jsonl)" -eq 2 ]
[ "$(wc -l < out.txt)" -eq 4 ]
[ "$(jq -c 'has("error")' out.txt | tr '\n' ' ')" = "false true true false " ]
jq -c 'select(.ids)' out.txt | "$antarctic" tokenize --decode --model "$demo/bart" | jq -r .text > texts
printf 'a cat\nred car | zebra | \n' | cmp - texts
# a text that is none is told as such, not as a missing tokenizer
printf '{"text": 5}\n{"text": null}\n{"text": ["a cat"]}\n' > numbers.jsonl
for tool in 'tokenize --model clip' 'tokenize --model bart' 'embed --texts --out none.npy --model clip' 'generate --model bart'; do
  [ "$(code_of "$antarctic" ${tool% *} "$demo/${tool##* }" < numbers.jsonl)" -eq 2 ]
  [ "$(jq -r .error out.txt | sort | uniq -c | tr -s ' ')" = ' 3 "text" must be a string' ]
done
rm -f none.npy
"$antarctic" tokenize --model "$demo/clip" --max-length 3 < <(echo '{"text": "a red car and a blue one"}') |
  jq -s -e 'length == 1 and (.[0].ids | length) == 3 and .[0].length > 3' > /dev/null

"$antarctic" preprocess --size 32 --out x.npy "$demo/pictures/scene_00.jpg" "$demo/pictures/scene_01.jpg" | jq -s -e 'map(.ok) == [true, true]' > /dev/null
[ "$(stat -c %s x.npy)" -eq $((128 + 2 * 32 * 32 * 3)) ]
[ "$(code_of "$antarctic" preprocess --size 32 --float --out y.npy "$demo/pictures/scene_00.jpg" none.jpg)" -eq 3 ]
[ "$(jq -r .reason out.txt | tr '\n' ' ')" = "null unreadable " ]
[ "$(code_of "$antarctic" preprocess --size 32 --out none.npy)" -eq 1 ] # a pattern that matched nothing is no success
[ "$(code_of "$antarctic" embed --model "$demo/clip" --out none.npy --images)" -eq 1 ]
[ ! -e none.npy ]
[ "$(stat -c %s y.npy)" -eq $((128 + 2 * 32 * 32 * 3 * 4)) ]

# an image's nearest entries are those of the captioning run
"$antarctic" embed --model "$demo/clip" --out q.npy --images "$demo/pictures/scene_00.jpg" > /dev/null
printf 'input:\n  path: %s\nclip:\n  model: %s\n' "$demo/cache.txt" "$demo/clip" > cache.yaml
"$antarctic" build-cache cache.yaml --run cache 2> /dev/null
"$antarctic" topk --cache cache -k 3 --queries q.npy --out-ids i.npy --out-scores s.npy
od -A n -t d8 -j 128 i.npy | tr -s ' ' '\n' | grep . > ids
head -1 "$data/golden/demo/expected.jsonl" | jq '.table[:3][].id' | cmp - ids
"$antarctic" topk --cache cache --model "$demo/clip" -k 2 --image "$demo/pictures/scene_00.jpg" | grep 'candle on a table'
"$antarctic" topk --cache cache --model "$demo/clip" -k 1 --text 'octopus' | grep 'octopus'
"$antarctic" embed --model "$demo/clip" --out t.npy --texts < <(printf '{"text": "zebra"}\n{"text": "a cat"}\n')
[ "$(code_of "$antarctic" topk --cache t.npy -k 5 --queries x.npy --out-ids a.npy --out-scores b.npy)" -eq 2 ]
"$antarctic" topk --cache t.npy -k 5 --queries t.npy --out-ids a.npy --out-scores b.npy
[ "$(od -A n -t d8 -j 128 a.npy | tr -s ' \n' ' ')" = " 0 1 -1 -1 -1 1 0 -1 -1 -1 " ]

# every scan gives the same bytes; --repeat tells times; what does not fit is refused with both sizes
for scan in int8 bf16 fp32; do
  "$antarctic" topk --cache cache -k 3 --queries q.npy --out-ids i2.npy --out-scores s2.npy --scan $scan --repeat 2 > times.json
  [ -s times.json ]
  cmp i.npy i2.npy
  cmp s.npy s2.npy
  jq -e --arg scan $scan '(.scan | startswith($scan)) and .median_seconds > 0 and .index_bytes > 0' times.json > /dev/null
done
[ "$(code_of "$antarctic" topk --cache cache -k 3 --queries q.npy --out-ids a.npy --out-scores b.npy --scan int4)" -eq 1 ]
[ "$(code_of "$antarctic" topk --cache i.npy --queries q.npy --out-ids a.npy --out-scores b.npy)" -eq 2 ]
"$antarctic" topk --cache cache --model "$demo/clip" -k 2 --text 'octopus' > table
[ "$(head -1 table | tr -s ' ')" = "rank score id entry" ]
[ "$(wc -l < table)" -eq 3 ]

# generate: the reference's candidates from its token ids
head -3 "$data/golden/demo/expected.jsonl" | jq -c '{ids: .table_ids}' |
  "$antarctic" generate --model "$demo/bart" --layer-norms "$demo/layer_norms.safetensors" --num-beams 3 --num-return-sequences 3 --max-length 32 > out.jsonl
jq -c '.candidates[].ids' out.jsonl > ours
head -3 "$data/golden/demo/expected.jsonl" | jq -c '.candidates[].ids' | cmp - ours
# the same call gives the same bytes, another seed or key others
sample() { "$antarctic" generate --model "$demo/bart" --do-sample true --num-beams 1 --num-return-sequences 5 --seed "$1" | jq -c "[.candidates[].ids]"; }
printf '{"text": "zebra | ", "key": "a"}\n{"text": "zebra | ", "key": "b"}\n' | sample 1 > one
printf '{"text": "zebra | ", "key": "a"}\n{"text": "zebra | ", "key": "b"}\n' | sample 1 | cmp - one
if cmp -s <(head -1 one) <(tail -1 one); then exit 1; fi
printf '{"text": "zebra | ", "key": "b"}\n' | sample 2 > two
if cmp -s two <(tail -1 one); then exit 1; fi
for tool in tokenize preprocess embed topk generate caption tag build-cache embed-images; do
  "$antarctic" help $tool | grep usage
done

# recaption: what the run holds, from its tables; other settings give other candidates; what is not there is said
mkdir again
cp "$demo"/pictures/scene_0[0-4]* again
cat > again.yaml <<END
input: { path: again }
clip: { model: $demo/clip }
cache: { path: again.txt }
bart: { model: $demo/bart, layer_norms: $demo/layer_norms.safetensors }
generation: { num_beams: 2, num_return_sequences: 2, max_length: 12 }
output: { shard_items: 2 }
END
head -100 "$demo/cache.txt" > again.txt
"$antarctic" caption again.yaml --run again.run 2> said.txt
"$antarctic" recaption again.run scene_03 scene_00 | jq -c '[.key, .caption, .clip_score, .candidates]' | sort > recaptioned
jq -c 'select(.key == "scene_00" or .key == "scene_03") | [.key, .caption, .clip_score, .candidates]' again.run/captions.jsonl | cmp - recaptioned
"$antarctic" recaption again.run --shard 1 --set generation.num_return_sequences=1 scene_03 | jq -e '.candidates | length == 1' > /dev/null
[ "$(code_of "$antarctic" recaption again.run --shard 1 scene_00)" -eq 1 ]
jq -e '.key == "scene_00" and .error' out.txt > /dev/null
[ "$(code_of "$antarctic" recaption again.run/cache scene_00)" -eq 1 ]

# embed with a NaN in a tower: told, exit code not 0, no NaN in the file
cat > nan.py <<'END'
import json, struct, sys
path, tower = sys.argv[1:]
data = bytearray(open(path, "rb").read())
length, = struct.unpack("<Q", data[:8])
entry = json.loads(data[8:8 + length])[tower + "_model.encoder.layers.1.mlp.fc2.weight"]
at = 8 + length + entry["data_offsets"][0]
data[at:at + 4] = b"\x00\x7e\x00\x7e" if entry["dtype"] == "F16" else b"\x00\x00\xc0\x7f"
open(path, "wb").write(data)
END
cp -rL "$demo/clip" sick && chmod -R u+w sick
python3 nan.py sick/model.safetensors vision && python3 nan.py sick/model.safetensors text
code=0
"$antarctic" embed --model sick --out sick_images.npy --images "$demo/pictures/scene_00.jpg" > said.txt 2>&1 || code=$?
[ $code -eq 3 ]
grep -q '"ok": false.*not_finite' said.txt
[ "$("$antarctic" inspect --json sick_images.npy | jq .not_finite)" -eq 0 ]
code=0
"$antarctic" embed --model sick --out sick_texts.npy --texts < <(echo '{"text": "zebra"}') > said.txt 2>&1 || code=$?
[ $code -ne 0 ]
grep -q 'NaN or an infinity' said.txt
[ "$("$antarctic" inspect --json sick_texts.npy | jq .not_finite)" -eq 0 ]
