# configs/coco.sh against a server on the loopback with tiny archives: a download that breaks off goes on, sizes are checked, the configs run.
for program in python3 curl unzip zip; do
  command -v $program > /dev/null || { echo "skipped: no $program"; exit 77; }
done
. "$source/tests/cli/lib.sh"
mkdir -p served/annotations served/zips annotations train2014 val2014
for i in 0 1 2 3; do
  cp "$demo/pictures/scene_0$i.jpg" train2014/COCO_train2014_00000000000$i.jpg
  cp "$demo/pictures/scene_1$i.jpg" val2014/COCO_val2014_00000000001$i.jpg
done
for set in train val; do
  first=0
  [ $set = train ] || first=10
  jq -n --arg set $set --argjson first $first '{images: [range(4) | (. + $first) | {id: ., file_name: "COCO_\($set)2014_\(1000000000000 + . | tostring | .[1:]).jpg"}],
    annotations: [range(20) | {id: ., image_id: (. % 4 + $first), caption: "a caption \(.)"}]}' > annotations/captions_${set}2014.json
done
echo '{}' > annotations/instances_val2014.json # not asked for
zip -qr served/annotations/annotations_trainval2014.zip annotations
zip -qr served/zips/train2014.zip train2014
zip -qr served/zips/val2014.zip val2014

python3 "$source/tests/cli/range_server.py" served port --break val2014.zip &
server=$!
trap 'kill $server' EXIT
while [ ! -e port ]; do sleep 0.05; done
AC_COCO_URL=http://127.0.0.1:$(cat port)
export AC_COCO_URL
no_proxy=127.0.0.1
export no_proxy

bash "$source/configs/coco.sh" data > said.txt 2>&1 || { cat said.txt; exit 1; }
says 'MB of space needed'
says 'val2014.zip broke off (attempt 1)'
grep -q 'GET /zips/val2014.zip bytes=[1-9]' requests.txt # went on where it stopped
diff -r -x .whole train2014 data/train2014
diff -r -x .whole val2014 data/val2014
[ ! -e data/annotations/instances_val2014.json ]
[ -z "$(find data -name '*.zip*')" ]
before=$(grep -c GET requests.txt)
bash "$source/configs/coco.sh" data > said.txt 2>&1 # nothing is downloaded twice
says '^COCO 2014: 0 MB to download'
[ "$(grep -c GET requests.txt)" -eq "$before" ]

# an archive that is not the server's
mkdir wrong
head -c 100000000 /dev/zero > wrong/annotations_trainval2014.zip.part
if bash "$source/configs/coco.sh" wrong > said.txt 2>&1; then exit 1; fi
says 'has 100000000 bytes, the server.s has'
if bash "$source/configs/coco.sh" data 2015 > said.txt 2>&1; then exit 1; fi
says 'the year is 2014 or 2017'

# the configs, with the demo's models
head -300 "$demo/cache.txt" > cache.txt
models="--set clip.model=$demo/clip --set bart.model=$demo/bart --set cache.path=cache.txt --set compute.threads=1"
run 0 caption data/caption-coco.yaml --run captions $models --set generation.max_length=8 --set generation.num_beams=1
[ "$(wc -l < captions/ref4.txt)" -eq 4 ]
run 0 train data/train-coco.yaml --run trained $models --set train.max_steps=1 --set train.replicas=1 --set train.batch=2
[ -s trained/layer_norms.safetensors ]
