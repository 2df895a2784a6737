# input.captions and input.skip mean the same for every kind of input: folder, list, tar, image dataset, COCO; where a job cannot do what
# they say it refuses.
. "$source/tests/cli/lib.sh"
mkdir src
for i in 0 1 2; do
  cp "$demo/pictures/scene_0$i.jpg" src/i$i.jpg
  printf 'text of %d\n' $i > src/i$i.txt
  printf '{"title": "title of %d", "all": ["a of %d", "", "b of %d"], "n": %d}' $i $i $i $i > src/i$i.json
done
(cd src && tar cf ../src.tar i*)
ls -d "$PWD"/src/*.jpg > list.txt
small_job job.yaml src
run 0 ingest src --out src.set
run 0 ingest src.tar --out tar.set
for input in src list.txt src.tar src.set tar.set; do
  name=${input//./_}
  run 0 caption job.yaml --run txt.$name --set input.path=$input
  [ "$(paste -sd '|' txt.$name/ref0.txt)" = 'text of 0|text of 1|text of 2' ]
  [ ! -e txt.$name/ref1.txt ]
  run 0 caption job.yaml --run none.$name --set input.path=$input --set input.captions=none
  [ ! -e none.$name/ref0.txt ]
  cmp txt.$name/captions.jsonl none.$name/captions.jsonl
  run_on 2 0 caption job.yaml --run all.$name --set input.path=$input --set input.captions=json:all
  [ "$(paste -sd '|' all.$name/ref0.txt)" = 'a of 0|a of 1|a of 2' ]
  [ "$(paste -sd '|' all.$name/ref1.txt)" = 'b of 0|b of 1|b of 2' ]
  run 0 caption job.yaml --run number.$name --set input.path=$input --set input.captions=json:n # no text
  [ ! -e number.$name/ref0.txt ]
  run 1 caption job.yaml --run wrong --set input.path=$input --set input.captions=xml
  says 'input.captions: "xml" is none of'
done
# into a dataset, from a folder and on two ranks
run_on 2 0 ingest src --out titles --set input.captions=json:title
run 0 caption job.yaml --run titles.run --set input.path=titles
[ "$(paste -sd '|' titles.run/ref0.txt)" = 'title of 0|title of 1|title of 2' ]
run 0 ingest src --out untitled --set input.captions=none
run 0 caption job.yaml --run untitled.run --set input.path=untitled
[ ! -e untitled.run/ref0.txt ]
printf '{"images": [{"id": 1, "file_name": "i0.jpg"}], "annotations": [{"id": 1, "image_id": 1, "caption": "of COCO"}]}' > coco.json
coco=(--set input.path.annotations=coco.json --set input.path.images=src)
printf 'clip:\n  model: %s\nbart:\n  model: %s\ncache:\n  path: cache.txt\nretrieval:\n  topk: 3\n' "$demo/clip" "$demo/bart" > coco.yaml
run 0 caption coco.yaml --run coco1 "${coco[@]}"
grep -qx 'of COCO' coco1/ref0.txt
run 0 caption coco.yaml --run coco2 "${coco[@]}" --set input.captions=none
[ ! -e coco2/ref0.txt ]

# train needs captions: the choice is one of tars
printf 'input:\n  train: src\n  validation: src\nclip:\n  model: %s\nbart:\n  model: %s\ncache:\n  path: cache.txt\ntrain:\n  max_steps: 1\n' \
  "$demo/clip" "$demo/bart" > train.yaml
for other in json:title none; do
  run 1 train train.yaml --run train --set input.captions=$other
  says "input.captions: $other is for training from tars, and input.train is none"
  run 1 train train.yaml --run train --set input.train=src.tar --set input.captions=$other
  says 'input.validation is none'
done

# names that input.skip passes over, in tars too: a folder's, and a file's; counted and named
mkdir -p more/@eaDir more/a/__MACOSX more/a/b
cp src/i0.jpg more/one.jpg
cp src/i1.jpg more/@eaDir/two.jpg
cp src/i2.jpg more/a/__MACOSX/three.jpg
cp src/i2.jpg more/a/b/four.jpg
cp src/i1.jpg more/draft_five.jpg
(cd more && tar cf ../more.tar ./one.jpg ./@eaDir ./a ./draft_five.jpg && tar cf ../plain.tar one.jpg @eaDir a draft_five.jpg)
for input in more more.tar plain.tar; do
  name=${input//./_}
  run 0 embed-images job.yaml --run skip.$name --set input.path=$input
  [ "$(sed 's,^\./,,' skip.$name/keys.txt | sort | paste -sd ' ')" = 'a/b/four draft_five one' ]
  says 'passed over by input.skip'
  run 0 embed-images job.yaml --run skip2.$name --set input.path=$input --set 'input.skip=[draft_*, b]'
  [ "$(sed 's,^\./,,' skip2.$name/keys.txt | sort | paste -sd ' ')" = '@eaDir/two a/__MACOSX/three one' ]
  run 0 embed-images job.yaml --run skip3.$name --set input.path=$input --set input.skip=none
  [ "$(wc -l < skip3.$name/keys.txt)" -eq 5 ]
done
run 0 embed-images job.yaml --run skip.more_tar.again --set input.path=more.tar
says '2 members passed over by input.skip: more.tar#./@eaDir/two.jpg, more.tar#./a/__MACOSX/three.jpg'
[ "$(jq -c '.tars.notes.skipped.count' skip.more_tar.again/summary.json)" = 2 ]
