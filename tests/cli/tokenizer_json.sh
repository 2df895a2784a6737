# tokenizer.json alone, as transformers 5 saves a tokenizer: every job and tool takes such folders, with the same results as
# from vocab.json and merges.txt; where both are, tokenizer.json counts; what cannot be done exactly is refused by its name.
. "$source/tests/cli/lib.sh"

# as_one FOLDER FROM 'jq program' POST: FROM's files, but for the tokenizer's, which become a tokenizer.json
as_one() {
  mkdir -p "$1"
  ln -sf "$2"/*.safetensors "$2"/*config.json "$1"
  sed 1d "$2/merges.txt" | jq -R 'select(. != "") / " "' | jq -s . > merges.json
  jq -n --slurpfile vocab "$2/vocab.json" --slurpfile merges merges.json --argjson names "$3" --argjson more "$4" '
    {version: "1.0", truncation: null, padding: null, normalizer: null,
     added_tokens: [$names[] | {id: $vocab[0][.], content: ., single_word: false, lstrip: (. == "<mask>"), rstrip: false,
                                normalized: false, special: true}],
     pre_tokenizer: {type: "ByteLevel", add_prefix_space: false, trim_offsets: true},
     post_processor: {type: "RobertaProcessing", sep: [$names[1], $vocab[0][$names[1]]], cls: [$names[0], $vocab[0][$names[0]]],
                      trim_offsets: true, add_prefix_space: false},
     decoder: {type: "ByteLevel", add_prefix_space: true, trim_offsets: true},
     model: {type: "BPE", vocab: $vocab[0], merges: $merges[0]}} | .model += $more' > "$1/tokenizer.json"
}
as_one clip "$demo/clip" '["<|startoftext|>", "<|endoftext|>"]' '{"end_of_word_suffix": "</w>", "unk_token": "<|endoftext|>"}'
as_one bart "$demo/bart" '["<s>", "</s>", "<pad>", "<unk>", "<mask>"]' '{}'
[ ! -e clip/vocab.json ] && [ ! -e bart/merges.txt ]

# the same ids, texts and kinds
printf '%s\n' '{"text": "A red car, isn'"'"'t it? 12 zebras &amp; CAFÉ"}' '{"text": " a  <mask> b"}' '{"text": ""}' '{"text": "日本 \u2028 🐈"}' > texts.jsonl
for kind in clip bart; do
  "$antarctic" tokenize --model "$demo/$kind" < texts.jsonl > from_files
  "$antarctic" tokenize --model "$kind" < texts.jsonl > from_one
  cmp from_files from_one
  "$antarctic" tokenize --no-special --max-length 3 --model "$demo/$kind" < texts.jsonl > cut_files
  "$antarctic" tokenize --no-special --max-length 3 --model "$kind" < texts.jsonl > cut_one
  cmp cut_files cut_one
  "$antarctic" tokenize --max-length 3 --model "$demo/$kind" < texts.jsonl > cut_files
  "$antarctic" tokenize --max-length 3 --model "$kind" < texts.jsonl > cut_one
  cmp cut_files cut_one
  "$antarctic" tokenize --decode --model "$demo/$kind" < from_files > back_files
  "$antarctic" tokenize --decode --model "$kind" < from_files > back_one
  cmp back_files back_one
  for key in kind entries; do
    [ "$("$antarctic" inspect --json "$kind" | jq ".tokenizer.$key")" = "$("$antarctic" inspect --json "$demo/$kind" | jq ".tokenizer.$key")" ]
  done
done
[ "$("$antarctic" inspect --json clip/tokenizer.json | jq -r .kind)" = tokenizer ]

# the same captions, and a cache that either folder may use: the text tower's fingerprint knows the vocabulary, not its file
[ "$("$antarctic" inspect --json clip | jq .text_fingerprint)" = "$("$antarctic" inspect --json "$demo/clip" | jq .text_fingerprint)" ]
mkdir images
cp "$demo"/pictures/scene_0[0-3].jpg images
small_job files.yaml images
sed "s|$demo/clip|clip|; s|$demo/bart|bart|" files.yaml > one.yaml
run 0 caption files.yaml --run files
run 0 caption one.yaml --run one
cmp files/captions.jsonl one/captions.jsonl
run 0 caption one.yaml --run crossed --set cache.path=files/cache
cmp files/captions.jsonl crossed/captions.jsonl
run 0 export --layer-norms "$demo/layer_norms.safetensors" --model bart --out merged
cmp bart/tokenizer.json merged/tokenizer.json

# where both are, tokenizer.json counts: here it has one more token
changed() { # changed FOLDER FROM 'jq program': FROM with another tokenizer.json
  mkdir -p "$1"
  ln -sf "$PWD/$2"/*.safetensors "$PWD/$2"/*config.json "$1"
  jq "$3" "$2/tokenizer.json" > "$1/tokenizer.json"
}
more='.added_tokens += [.added_tokens[0] + {id: (.model.vocab | length), content: "<Cat-toy>", special: false, normalized: true}]'
changed both clip "$more"
ln -s "$demo/clip/vocab.json" "$demo/clip/merges.txt" both
id=$(jq '.model.vocab | length' clip/tokenizer.json)
[ "$(echo '{"text": "A <cat-TOY> &amp; car"}' | "$antarctic" tokenize --no-special --model both | jq ".ids[1]")" -eq "$id" ]
[ "$(echo '{"text": "A <cat-TOY> &amp; car"}' | "$antarctic" tokenize --no-special --model both | jq -c .ids)" = \
  "$(for text in A '&amp;' car; do echo "{\"text\": \"$text\"}" | "$antarctic" tokenize --no-special --model clip; [ "$text" != A ] || echo "{\"ids\": [$id]}"; done | jq -cs 'map(.ids) | add')" ]
# CLIP's text has no white space around it: words of blanks alone, at both ends
blank=$(jq '.["\u0120</w>"]' "$demo/clip/vocab.json")
cat=$(jq '.["cat</w>"]' "$demo/clip/vocab.json")
[ "$(echo "{\"ids\": [$blank, $blank, $cat, $blank, $cat, $blank, $blank]}" | "$antarctic" tokenize --decode --model "$demo/clip" | jq -r .text)" = 'cat   cat' ]
[ "$(echo "{\"ids\": [$blank]}" | "$antarctic" tokenize --decode --model "$demo/clip" | jq -r .text)" = '' ]
[ "$(echo "{\"ids\": [$id]}" | "$antarctic" tokenize --decode --model both | jq -r .text)" = '<Cat-toy>' ]

# refused: key, value, file; nothing is left out without a word
refused() { # refused FOLDER FROM 'jq program' 'words'
  changed "$1" "$2" "$3"
  run 2 tokenize --model "$1" < texts.jsonl
  says "$1/tokenizer.json: $4"
}
refused dropout bart '.model.dropout = 0.1' 'model.dropout is 0.1, which is not supported'
refused prefix bart '.model.continuing_subword_prefix = "##"' 'model.continuing_subword_prefix is "##", which'
refused step bart '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "BertPreTokenizer"}]}' 'pre_tokenizer.pretokenizers\[0\].type is "BertPreTokenizer", which'
refused setting bart '.pre_tokenizer.split_by = 1' 'pre_tokenizer.split_by is a key that is not supported'
refused look bart '.pre_tokenizer = {type: "Split", pattern: {Regex: "(?<=a)b"}, behavior: "Isolated", invert: false}' 'pre_tokenizer.pattern.Regex: a group of a kind that is not supported at byte 0'
refused empty bart '.pre_tokenizer = {type: "Split", pattern: {Regex: "a*"}, behavior: "Isolated", invert: false}' 'pre_tokenizer.pattern.Regex: the regular expression can match an empty text'
refused other bart '.model = {type: "WordPiece", vocab: {}}' 'model.type is "WordPiece": BPE is supported'
refused ends clip '.post_processor = null' 'post_processor does not put <|startoftext|> in front'
refused suffix clip '.model.ignore_merges = true' 'model.ignore_merges is true, which'
refused lost both '.model.merges += [["qq", "zz"]]' 'merge .*"qq" and "zz"'
ln -s "$demo/clip/vocab.json" "$demo/clip/merges.txt" lost
run 2 tokenize --model lost < texts.jsonl
says 'vocab.json and merges.txt beside it are used where tokenizer.json is moved away'
echo '{"version": "1.0", ' > lost/tokenizer.json
run 2 tokenize --model lost < texts.jsonl
says 'lost/tokenizer.json:[0-9]*: .*get the file again'

# a model of a kind whose way of splitting vocab.json does not tell; a tool that can do without texts says why there are none
mkdir qwen
echo '{"model_type": "qwen2"}' > qwen/config.json
ln -s "$demo/bart/vocab.json" "$demo/bart/merges.txt" qwen
run 2 tokenize --model qwen < texts.jsonl
says 'qwen: how this kind of model splits a text .* its tokenizer.json is needed'
code=0
echo '{"text": "red car | "}' | "$antarctic" generate --model dropout > out.txt 2> said.txt || code=$?
[ "$code" -eq 2 ]
says 'no texts, only ids: .*model.dropout is 0.1'
