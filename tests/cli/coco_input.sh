# COCO's annotations and their folder as input.path: the images' captions are references; ingest takes them too.
. "$source/tests/cli/lib.sh"
mkdir images
for i in 0 1 2 3; do cp "$demo/pictures/scene_0$i.jpg" images/COCO_val2014_00000000001$i.jpg; done
small_job folder.yaml images
jq -n '{images: [range(4) | {license: ., id: (10 + .), file_name: "COCO_val2014_00000000001\(.).jpg", coco_url: "http://x/\(.)"}],
        annotations: [range(12) | {id: ., image_id: (10 + . % 4), caption: "caption \(. / 4 | floor) of \(10 + . % 4)"}]}' > captions.json
sed 's|path: images|path: {annotations: captions.json, images: images}|' folder.yaml > coco.yaml
run 0 caption folder.yaml --run folder
run_on 2 0 caption coco.yaml --run coco
for f in captions.jsonl preds.txt keys.txt bad_items.jsonl; do cmp folder/$f coco/$f; done
[ "$(paste -sd '|' coco/ref1.txt)" = 'caption 1 of 10|caption 1 of 11|caption 1 of 12|caption 1 of 13' ]
[ ! -e coco/ref3.txt ]
run 0 export coco --format coco --out results.json
[ "$(jq -c 'map(.image_id)' results.json)" = '[10,11,12,13]' ]
run 0 export coco --format txt # beside the images
[ -s images/COCO_val2014_000000000010.txt ]
rm images/*.txt
run 0 tag coco.yaml --run tags --set output.knn=true
[ "$(ls images/*.knn | wc -l)" -eq 4 ]
rm images/*.knn
run 0 caption --print-config coco.yaml
says "path.annotations: \"$PWD/captions.json\""
cp said.txt printed.yaml
run 0 caption --print-config printed.yaml
cmp said.txt printed.yaml

run 1 caption folder.yaml --run alone --set input.path=captions.json
says 'input.path={annotations: F.json, images: FOLDER}'

# an image without captions is one all the same; without its file it is rejected
jq 'del(.annotations[] | select(.image_id == 12))' captions.json > fewer.json
rm images/COCO_val2014_000000000013.jpg
run 0 embed-images coco.yaml --run fewer --set input.path.annotations=fewer.json
[ "$(jq -r '.key + " " + .reason' fewer/bad_items.jsonl)" = 'COCO_val2014_000000000013 unreadable' ]
[ "$(wc -l < fewer/keys.txt)" -eq 3 ]
run 0 ingest coco.yaml --run dataset
run 0 export dataset --format folder --out back
[ "$(head -1 back/COCO_val2014_000000000011.txt)" = 'caption 0 of 11' ]
[ ! -e back/COCO_val2014_000000000013.jpg ]


# captions and what else the file says of an image are the same on every rank
run 0 ingest coco.yaml --run one --set output.shard_items=1
run_on 3 0 ingest coco.yaml --run three --set output.shard_items=1
for shard in one/shards/*.h5; do cmp "$shard" "three/${shard#one/}"; done
run 0 export three --format folder --out out
[ "$(cat out/COCO_val2014_000000000012.txt | paste -sd '|')" = 'caption 0 of 12|caption 1 of 12|caption 2 of 12' ]
[ "$(jq -c . out/COCO_val2014_000000000012.json)" = \
  '{"image_id":12,"license":2,"file_name":"COCO_val2014_000000000012.jpg","coco_url":"http://x/2"}' ]
for ranks in 1 3; do
  run_on $ranks 0 tag coco.yaml --run fields$ranks --set output.shard_items=1 --set 'output.metadata=[image_id, coco_url]'
done
cmp fields1/tags.jsonl fields3/tags.jsonl
[ "$(jq -c '[.image_id, .coco_url]' fields3/tags.jsonl | paste -sd ' ')" = '[10,"http://x/0"] [11,"http://x/1"] [12,"http://x/2"]' ]

run 1 caption coco.yaml --run x --set input.path=images
says 'given as a path and as {annotations, images}'
run 1 caption coco.yaml --run x --set input.path.images=none
says 'needs both annotations and images'
run 1 caption folder.yaml --run x --set input.path=none
says 'caption needs input.path (a folder'
run 1 build-cache folder.yaml --run x --set input.path=none
says 'build-cache needs input.path'
for name in no_annotations wrong_type cut; do
  run 2 caption coco.yaml --run x --set "input.path.annotations=$data/golden/formats/coco/$name.json"
  says "$name.json"
done
