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
for ranks in 1 3; do # and so on every rank of ingest
  run_on $ranks 0 ingest tree --out tree.$ranks --set output.shard_items=1
  rm -rf tree.back
  run 0 export tree.$ranks --format folder --out tree.back
  (cd tree.back && cat images/a/one.txt images/a/two.txt images/b/beside.txt more/alone.txt) | cmp - refs/ref0.txt
done
for shard in tree.1/shards/*.h5; do cmp "$shard" "tree.3/${shard#tree.1/}"; done
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
says 'input.path: passed over by input.skip.*: 2 @eaDir (first: @eaDir), 1 #recycle (first: #recycle), 1 .Trash\* (first: .Trash-1000), 1 $RECYCLE.BIN.*; images in them: 2 @eaDir, 1 #recycle, 1 .Trash\*, 1 $RECYCLE.BIN'
printf 'b/in\nmine/in\n' | cmp - nas_run/keys.txt
jq -e '.passed_over.skipped == {"@eaDir": 2, "#recycle": 1, ".Trash*": 1, "$RECYCLE.BIN": 1}' nas_run/summary.json
grep 'Passed over by input.skip: 2 @eaDir, 1 #recycle' nas_run/report.html > /dev/null
# other systems' folders of the kind, with more than one image in them
mkdir others
cp "$demo"/pictures/scene_00.jpg others/a.jpg
for place in @Recycle @Recently-Snapshot .@__thumb .snapshot .zfs/snapshot/daily .AppleDouble .svn RECYCLER .stversions .picasaoriginals; do
  mkdir -p "others/$place/below"
  cp others/a.jpg "others/$place/b.jpg"
  cp others/a.jpg "others/$place/below/c.jpg"
done
run 0 embed-images job.yaml --run others_run --set input.path=others
echo a | cmp - others_run/keys.txt
says '1 .@__thumb (first: .@__thumb).*images in them: .*2 .@__thumb'
run 0 ingest others --out others_set
says '1 items\|1 images\|1/1'
tar cf others.tar -C others .
run 0 embed-images job.yaml --run others_tar --set input.path=others.tar
grep -c . others_tar/keys.txt | grep -x 1 > /dev/null
run 0 embed-images job.yaml --run mine --set input.path=nas --set 'input.skip=["@EADIR", "#*", "mi?e", "x/*", "b/*.jpg", "*.bin"]'
printf '.Trash-1000/in\n' | cmp - mine/keys.txt
run 0 embed-images job.yaml --run all --set input.path=nas --set input.skip=none
[ "$(wc -l < all/keys.txt)" -eq 7 ]
run 0 embed-images job.yaml --run one --set input.path=nas --set 'input.skip=#recycle'
[ "$(wc -l < one/keys.txt)" -eq 6 ]
run 0 embed-images --print-config mine/config.yaml
says 'skip: \["@EADIR", "#\*", "mi?e", "x/\*", "b/\*.jpg", "\*.bin"\]'
run 1 embed-images job.yaml --run x --set input.path=nas --set 'input.skip=[@eaDir]'
says 'quotation marks'
run 2 embed-images job.yaml --run x --set input.path=nas --set 'input.skip=["*"]'
says 'holds no image.*passed over by input.skip'
text="--set input.path=nas --set clip.model=$demo/clip --set ngrams.unique=false"
run 0 build-cache --run words $text
says 'passed over by input.skip.*2 @eaDir'
run 0 export words --out words_out
[ "$(wc -l < words_out/postcache.txt)" -eq 2 ]
run 0 build-cache --run words_all $text --set input.skip=none
run 0 export words_all --out words_all_out
[ "$(wc -l < words_all_out/postcache.txt)" -eq 7 ]

# COCO: a caption that no text can hold is left out and counted, the rest is used; ids as texts; absolute names
mkdir coco
cp "$demo"/pictures/scene_0[0-3].jpg coco
train_on() { # train_on RUN FILE [options]
  local name=$1 file=$2
  shift 2
  sed "s|^  train: tree|  train: {annotations: $file, images: coco}|; s|^  validation: tree|  validation: {annotations: good.json, images: coco}|" \
    train.yaml > coco.yaml
  run 0 train coco.yaml --run "$name" "$@"
}
images='"images": [{"id": 1, "file_name": "scene_00.jpg"}, {"id": "x-2", "file_name": "scene_01.jpg"}, {"id": 3.0, "file_name": "'$PWD'/coco/scene_02.jpg"}]'
annotations() { # annotations CAPTION
  printf '{%s, "annotations": [{"image_id": 1, "caption": "%s"}, {"image_id": "1", "caption": "one"}, {"image_id": "x-2", "caption": "two \\ud83d\\ude00"}, {"image_id": 3, "caption": "three"}]}' \
    "$images" "$1"
}
annotations good > good.json
train_on good good.json
says 'training: 3 images'
for trouble in '\\u0000 nul' 'half \\ud83d' 'half \\ude00 pair' '\\ud83d\\ud83d\\ude00' "$(printf 'caf\351')" "$(printf '\355\240\275')"; do
  annotations "$(printf '%b' "${trouble//\\\\/\\\\}")" > bad.json
  rm -rf bad
  train_on bad bad.json
  says 'input.train: 1 captions hold.*left out: annotations\[0\]'
  says 'training: 3 images'
done
printf '\357\273\277' | cat - good.json > marked.json
train_on marked marked.json
cmp good/layer_norms.safetensors marked/layer_norms.safetensors

# Karpathy's form: splits, a folder in the file's name or not
karpathy='{"dataset": "coco", "images": ['
i=0
for split in train restval val test; do
  karpathy+="{\"filepath\": \"val2014\", \"filename\": \"scene_0$i.jpg\", \"cocoid\": $i, \"split\": \"$split\", \"sentences\": [{\"raw\": \"$split\"}, {\"raw\": \"bad \\u0000\"}]},"
  i=$((i + 1))
done
echo "${karpathy%,}]}" > karpathy.json
sed 's|^  train: tree|  train: {annotations: karpathy.json, images: coco, split: train+restval}|
     s|^  validation: tree|  validation: {annotations: karpathy.json, images: coco, split: val}|' train.yaml > splits.yaml
run 0 train splits.yaml --run splits
says 'training: 2 images'
says 'images\[0\].sentences\[1\]'
jq -r ".captions[]" splits/samples.jsonl | sort -u > captions.txt
printf "val\n" | cmp - captions.txt
sed 's|, split: [a-z+]*||' splits.yaml > nosplits.yaml
run 0 train nosplits.yaml --run every
says 'training: 4 images'
run 0 train nosplits.yaml --run test_only --set input.split=test
says 'training: 1 images'
jq 'del(.images[0].split)' karpathy.json > undecided.json # in no split, as others have one
sed 's|karpathy.json|undecided.json|' splits.yaml > undecided.yaml
run 0 train undecided.yaml --run undecided
says 'training: 1 images'
run 1 train nosplits.yaml --run x --set input.split=dev
says '"dev" is not a split: all, or train, val, test, restval, joined by +; .*karpathy.json has train 1, restval 1, val 1, test 1'
jq '.images[2].split = "validation" | .images[3].split = "validation"' karpathy.json > named.json # as others name theirs
sed 's|karpathy.json|named.json|' splits.yaml > named.yaml
run 2 train named.yaml --run x
says 'lists no image of the split val; it has train 1, restval 1, validation 2'
sed -i 's|split: val|split: validation|' named.yaml
run 0 train named.yaml --run named
says 'validation: 2 images'
mkdir coco/val2014
mv coco/scene_0[01].jpg coco/val2014
run 0 train splits.yaml --run foldered
says 'training: 2 images'

# input.pages counts for training too
"$antarctic" --version | grep -w TIFF > /dev/null || exit 0
mkdir pages
zstd -dqc "$data/golden/pictures_more/images/tiff_multi_page.tif.zst" > pages/scan.tif 2> /dev/null || cp "$data"/golden/pictures_more/images/tiff_multi_page.tif pages/scan.tif
cp "$demo"/pictures/scene_00.jpg pages/one.jpg
echo 'of all pages' > pages/scan.txt
echo 'of the second page' > 'pages/scan#2.txt'
echo 'one' > pages/one.txt
sed 's|: tree|: pages|' train.yaml > pages.yaml
run 0 train pages.yaml --run first
says 'training: 2 images'
run_on 2 0 train pages.yaml --run pages_run --set input.pages=all
says 'training: 4 images'
[ ! -s pages_run/bad_items.jsonl ]
jq -r '.captions[]' pages_run/samples.jsonl | sort -u | cmp - <(printf 'of all pages\nof the second page\none\n')
