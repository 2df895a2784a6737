# XMP sidecars: what exiftool reads of them; ours are replaced, others' never; nothing outside the target.
. "$source/tests/cli/lib.sh"
mkdir -p images/sub
cp "$demo"/pictures/scene_0[0-2].jpg images/
cp "$demo"/pictures/scene_03.jpg "images/sub/a & <b>.jpg"
small_job job.yaml images
run 0 caption job.yaml --run out
run 0 export out --format xmp --out side
[ "$(find side -type f | sort | tr '\n' ' ')" = 'side/scene_00.xmp side/scene_01.xmp side/scene_02.xmp side/sub/a & <b>.xmp ' ]
grep -q '<rdf:li xml:lang="x-default">'"$(head -1 out/preds.txt)"'</rdf:li>' side/scene_00.xmp
[ "$(grep -c 'x-default' side/scene_00.xmp)" -eq 2 ]
run 0 export out --format xmp --out side # the same again

# beside the images; ours may be replaced, one that another program made or changed stays, and then nothing is written
run 0 export out --format xmp
cmp images/scene_00.xmp side/scene_00.xmp
cmp "images/sub/a & <b>.xmp" "side/sub/a & <b>.xmp"
sed -i 's/x-default">[^<]*/x-default">older/' images/scene_01.xmp
run 0 export out --format xmp
cmp images/scene_01.xmp side/scene_01.xmp
sed -i 's/x:xmptk="antarctic-captions"/x:xmptk="Another Program 1.0"/' images/scene_02.xmp
cp images/scene_02.xmp kept.xmp
rm images/scene_00.xmp
run 1 export out --format xmp
says 'scene_02.xmp: is there already with other content'
cmp images/scene_02.xmp kept.xmp
[ ! -e images/scene_00.xmp ]
no_half_files .

# a key that leads out of the target, a run without captions
mkdir list
printf '../images/scene_00.jpg\n' > list/list.txt
run 0 caption job.yaml --run climbs --set input.path=list/list.txt
run 1 export climbs --format xmp --out side2
says 'leads out of side2'
[ ! -e side2 ]
[ ! -e images/scene_00.xmp ]
run 0 tag --set input.path=images --set "clip.model=$demo/clip" --set cache.path=cache.txt --run tags
run 1 export tags --format xmp --out side3
says 'a run of tag has no captions'

# what another program reads
command -v exiftool > /dev/null || { echo 'skipped: no exiftool here (libimage-exiftool-perl)'; exit 77; }
n=0
while read -r key && read -r caption <&3; do
  exiftool -j -Description -AltTextAccessibility "side/$key.xmp" > said.json
  jq -e --arg c "$caption" '.[0].Description == $c and .[0].AltTextAccessibility == $c' said.json > /dev/null
  exiftool -validate -warning -a "side/$key.xmp" > said.txt
  grep -q 'Validate .*: OK' said.txt || { cat said.txt; exit 1; }
  n=$((n + 1))
done < out/keys.txt 3< out/preds.txt
[ $n -eq 4 ]
