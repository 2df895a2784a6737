# Bad input: recorded bad items, clear errors, exit codes.
run() { # run EXPECTED_CODE arguments…: runs the job, keeps what it says in said.txt
  local expected=$1 code=0
  shift
  "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $*"; cat said.txt; exit 1; }
}
demo_keys="--set clip.model=$demo/clip --set bart.model=$demo/bart --set cache.path=cache.txt --set compute.threads=1"
printf 'red car\nzebra\nan ice cream cone\n' > cache.txt
mkdir pictures pictures/folder.jpg
cp "$demo"/pictures/scene_0[0-3].jpg pictures
cp "$demo/pictures/scene_00.jpg" pictures/scene_00.png
head -c 2000 "$demo/pictures/scene_01.jpg" > pictures/cut.jpg
: > pictures/empty.png
echo 'not a picture' > pictures/text.bmp
printf 'input:\n  path: pictures\nclip:\n  model: %s\nbart:\n  model: %s\ncache:\n  path: cache.txt\n' "$demo/clip" "$demo/bart" > job.yaml

run 0 caption job.yaml --run out
[ "$(wc -l < out/captions.jsonl)" -eq 4 ]
jq -r '.key + " " + .reason' out/bad_items.jsonl | sort > reasons
printf 'cut truncated\nempty empty\nfolder unreadable\nscene_00 duplicate_key\ntext unsupported_format\n' | cmp - reasons
run 3 caption job.yaml --run few --set limits.max_bad_items=2
grep -q 'limits.max_bad_items' said.txt
[ ! -e few/captions.jsonl ]
run 0 caption job.yaml --run few --set limits.max_bad_items=5
cmp out/captions.jsonl few/captions.jsonl

run 1 caption job.yaml --run typo --set retrieval.topkk=3
grep -q 'unknown key "retrieval.topkk".*"retrieval.topk"' said.txt
sed 's/model:/modle:/' job.yaml > typo.yaml
run 1 caption typo.yaml --run typo
grep -q 'typo.yaml:4: unknown key "clip.modle"' said.txt
run 1 caption job.yaml --run typo --set retrieval.topk=many
grep -q 'not a whole number' said.txt
[ ! -e typo ]

mkdir none
run 1 caption job.yaml --run x --set input.path=none_such
run 1 caption job.yaml --run x --set input.path=none
run 1 captoin job.yaml
grep -q 'did you mean caption' said.txt

cp -r "$demo/bart" broken
head -c 100000 "$demo/bart/model.safetensors" > broken/model.safetensors
run 2 caption job.yaml --run x --set bart.model=broken
grep -q 'broken/model.safetensors' said.txt
run 2 caption job.yaml --run x --set bart.model="$demo/clip"
grep -q 'model_type is "clip"' said.txt
run 2 caption job.yaml --run x --set bart.layer_norms="$demo/clip/model.safetensors"
grep -q 'is not a layer norm' said.txt

# the same codes under mpirun, without a hang
code=0
timeout 60 mpirun --oversubscribe -n 3 "$antarctic" caption job.yaml --run y --set bart.model=broken > said.txt 2>&1 || code=$?
[ $code -eq 2 ]
code=0
timeout 60 mpirun --oversubscribe -n 3 "$antarctic" caption job.yaml --run y --set limits.max_bad_items=0 > said.txt 2>&1 || code=$?
[ $code -eq 3 ]
