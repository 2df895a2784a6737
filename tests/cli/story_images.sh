# Stories of a run of caption: ranked by CLIP's score of their first sentence, shown with their images.
. "$source/tests/cli/lib.sh"
model=$data/golden/gguf/malformed/model_good.gguf # whole, tiny, with a tokenizer

mkdir images
for i in 0 1 2; do cp "$demo/pictures/scene_0$i.jpg" images; done
: > images/empty.png
small_job job.yaml images
run 0 caption job.yaml --run captions
short=(--model "$model" --set story.max_new_tokens=12 --set story.stories=4)

run 0 story captions "${short[@]}" --run plain
run 0 story captions "${short[@]}" --run ranked --set story.rank=clip
run_on 2 0 story captions "${short[@]}" --run ranks --set story.rank=clip --set output.shard_items=1 --set "clip.model=$demo/clip"
cmp ranked/stories.jsonl ranks/stories.jsonl
run 0 verify ranked
# the same stories in another order, the best first; the likeliest first among equal ones
jq -e 'all(.stories[]; has("clip_score") | not)' plain/stories.jsonl > /dev/null
[ "$(jq -c '[.key, ([.stories[] | .ids] | sort)]' plain/stories.jsonl)" = "$(jq -c '[.key, ([.stories[] | .ids] | sort)]' ranked/stories.jsonl)" ]
[ "$(jq -c '[.stories[] | [.clip_score, .score]] | . == (sort | reverse)' ranked/stories.jsonl | sort -u)" = true ]
# each score is the cosine of image and sentence, which the tool embeds
python3 - <<'END' > sentences.jsonl
import json, re
for line in open("ranked/stories.jsonl"):
    r = json.loads(line)
    for s in r["stories"]:
        whole = r["prompt"] + s["text"] # the prompt holds no end of a sentence
        m = re.search(r"""([.!?…]+["')\]”’»]*(?=[ \t\r\n]|$))|[。！？]|\n""", whole)
        print(json.dumps({"text": (whole[:m.end()] if m else whole).strip(" \t\r\n")}))
END
run 0 embed --model "$demo/clip" --out images.npy --images images/scene_00.jpg images/scene_01.jpg images/scene_02.jpg
"$antarctic" embed --model "$demo/clip" --out texts.npy --texts < sentences.jsonl > said.txt
python3 - <<'END'
import array, json
def rows(path, n):
    b = open(path, "rb").read()
    a = array.array("f", b[10 + int.from_bytes(b[8:10], "little"):])
    return [a[i * len(a) // n:(i + 1) * len(a) // n] for i in range(n)]
images, texts = rows("images.npy", 3), rows("texts.npy", 12)
scores = [s["clip_score"] for line in open("ranked/stories.jsonl") for s in json.loads(line)["stories"]]
assert len(scores) == 12
for i, score in enumerate(scores):
    dot = sum(x * y for x, y in zip(images[i // 4], texts[i]))
    assert abs(dot - score) < 1e-5, (i, dot, score)
END

# what cannot be ranked so is refused
run 1 story captions/captions.jsonl "${short[@]}" --run x --set story.rank=clip
says 'story.rank: clip needs the images. embeddings'
cp -r "$demo/clip" other
chmod -R u+w other
sed -i 's/"logit_scale_init_value": [^,]*/"logit_scale_init_value": 1.5/; s/"hidden_act": "quick_gelu"/"hidden_act": "gelu"/' other/config.json
run 1 story captions "${short[@]}" --run x --set story.rank=clip --set clip.model=other
says 'another model than that which embedded the images'

# the report: a thumbnail per card where there are images, none for plain texts; so many cards at most
thumbnails() { { grep -o '"/9j/' "$1/report.html" || true; } | wc -l; }
[ "$(thumbnails ranked)" -eq 3 ]
printf 'a red fox\na grey cat\n' > lines.txt
run 0 story lines.txt "${short[@]}" --run texts
[ "$(thumbnails texts)" -eq 0 ]
grep -q '"unit":"caption"' texts/report.html
grep -q 'Once upon a time there was a grey cat' texts/report.html
mv captions away # a run that is gone costs the images alone
run 0 report ranked
[ "$(thumbnails ranked)" -eq 0 ]
mv away captions
run 0 report ranked
[ "$(thumbnails ranked)" -eq 3 ]
mkdir many
for i in $(seq 10500); do echo "a cat $i"; done > many.txt
run 0 story many.txt --model "$model" --run many --set story.max_new_tokens=1 --set generation.do_sample=false
grep -q '"total":10500' many/report.html
[ "$(grep -c '"a cat' many/report.html)" -eq 10000 ]
