# Folders as people have them: images and captions in separate trees, what NAS systems leave, COCO's files and Karpathy's.
. "$source/tests/cli/lib.sh"

# images/ and texts/: the .txt beside the image first, else the only one of its name below the root; several are named
mkdir -p tree/images/a tree/images/b tree/texts/deep
n=0
for name in images/a/one images/a/two images/b/beside images/b/several images/b/none images/b/alone; do
  cp "$demo"/pictures/scene_0$n.jpg tree/$name.jpg
  n=$((n + 1))
done
echo 'far' > tree/texts/deep/one.txt
echo 'two' > tree/texts/two.TXT
echo 'near' > tree/images/b/beside.txt
echo 'not this' > tree/texts/beside.txt
echo 'first' > tree/texts/several.txt
echo 'second' > tree/texts/deep/several.txt
echo 'nobody' > tree/texts/orphan.txt
mkdir tree/more
cp "$demo"/pictures/scene_07.jpg tree/more/alone.jpg
echo 'of the one beside' > tree/more/alone.txt # and of no other image
small_job job.yaml tree
printf 'input:\n  train: tree\n  validation: tree\nclip:\n  model: %s\ncache:\n  path: cache.txt\nbart:\n  model: %s\n' \
  "$demo/clip" "$demo/bart" > train.yaml
printf 'train:\n  batch: 1\n  max_steps: 1\nretrieval:\n  topk: 3\ncompute:\n  threads: 1\n' >> train.yaml
run_on 2 0 train train.yaml --run tree_run
jq -r 'select(.key | startswith("train/")) | .key + " " + .reason' tree_run/bad_items.jsonl > bad.txt
printf 'train/images/b/alone no_caption\ntrain/images/b/none no_caption\ntrain/images/b/several no_caption\n' | cmp - bad.txt
jq -r 'select(.key == "train/images/b/several").detail' tree_run/bad_items.jsonl | grep 'texts/deep/several.txt, texts/several.txt'
says '2 captions belong to no image and are left out: texts/beside.txt, texts/orphan.txt'
jq -r '.captions[]' tree_run/samples.jsonl | sort -u > captions.txt
printf 'far\nnear\nof the one beside\ntwo\n' | cmp - captions.txt
rm -r tree/images/b/several.jpg tree/images/b/none.jpg tree/images/b/alone.jpg
run 0 caption job.yaml --run refs
printf 'far\ntwo\nnear\nof the one beside\n' | cmp - refs/ref0.txt
printf 'caf\351\n' > tree/texts/two.TXT # Latin-1: mended, and said
run 0 caption job.yaml --run latin
says 'images/a/two: caption_not_utf8'
printf 'far\ncaf\357\277\275\nnear\nof the one beside\n' | cmp - latin/ref0.txt
iconv -f UTF-8 -t UTF-16 tree/texts/deep/one.txt > tree/texts/two.TXT
run 0 caption job.yaml --run wide
says 'images/a/two: caption_not_utf8: its .txt file: text in UTF-16.*iconv'
[ ! -e wide/ref0.txt ]
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 6\n' 7 > tree/texts/two.TXT
run 0 caption job.yaml --run pointer
says 'images/a/two: no_caption: its .txt file: a Git LFS pointer'

# input.skip: by default what NAS systems and file managers make; a list of patterns; none
mkdir -p nas/@eaDir/x.jpg nas/b/@eaDir 'nas/#recycle' nas/.Trash-1000 'nas/$Recycle.Bin' nas/mine
for place in @eaDir/x.jpg b/@eaDir '#recycle' .Trash-1000 '$Recycle.Bin' mine b; do
  cp "$demo"/pictures/scene_00.jpg "nas/$place/in.jpg"
  echo 'some words' > "nas/$place/in.txt"
done
run 0 embed-images job.yaml --run nas_run --set input.path=nas
says 'input.path: passed over by input.skip.*: 2 @eaDir (first: @eaDir), 1 #recycle (first: #recycle), 1 .Trash\* (first: .Trash-1000), 1 $RECYCLE.BIN'
printf 'b/in\nmine/in\n' | cmp - <(jq -r .key nas_run/tags.jsonl 2> /dev/null || cat nas_run/keys.txt)
jq -e '.passed_over.skipped == {"@eaDir": 2, "#recycle": 1, ".Trash*": 1, "$RECYCLE.BIN": 1}' nas_run/summary.json
grep -q 'Passed over by input.skip: 2 @eaDir, 1 #recycle' nas_run/report.html
run 0 embed-images job.yaml --run nas_mine --set input.path=nas --set 'input.skip=["@eaDir", "#*", "mi?e", "b/*.jpg", "*.bin", ".T*"]' --set limits.max_bad_items=9 && exit 1 || true
