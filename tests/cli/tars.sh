# Tars as an input: every form of naming them gives the bytes of the same images in a folder, on any ranks, killed and resumed;
# grouping, prefixes, damage, replaced tars.
. "$source/tests/cli/lib.sh"
mkdir images shards
cp "$demo"/pictures/scene_0[0-9].* images
(cd images && tar cf ../shards/00000.tar scene_0[0-4].* && tar cf ../shards/00001.tar scene_0[5-9].* && tar cf ../all.tar ./*)
printf 'shards/00001.tar\nshards/00000.tar\n' > list.txt
small_job folder.yaml images
printf 'output:\n  shard_items: 4\n' >> folder.yaml
run 0 caption folder.yaml --run folder

# same NAME: the run's results are the folder's.
same() {
  for f in captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt ref4.txt; do cmp "folder/$f" "$1/$f"; done
  for f in folder/tables/*.h5 folder/shards/*.h5; do cmp "$f" "$1/${f#folder/}"; done
}

# job NAME INPUT: a config of its own.
job() {
  sed "s|path: images|path: $2|" folder.yaml > "$1.yaml"
}

# ---- every form, on one and three ranks ----
job braces 'shards/{00000..00001}.tar'
job joined '"shards/00001.tar :: shards/00000.tar"'
job list list.txt
job shards shards
ranks=1
for form in braces joined list shards; do
  run_on $ranks 0 caption $form.yaml --run by_$form
  same by_$form
  says 'input.path: 10 items in 2 tars'
  ranks=$((4 - ranks))
done
run 0 caption --print-config braces.yaml
says "path: \"$PWD/shards/{00000..00001}.tar\""
run 0 caption --print-config joined.yaml
says "path: \"$PWD/shards/00001.tar::$PWD/shards/00000.tar\""
jq -e '.tars.count == 2 and .tars.key_prefix == "none"' by_braces/summary.json > /dev/null
run 0 verify by_braces
no_half_files by_braces
[ "$(ls by_braces/tars)" = input.path.index ]

# locations, the report, .txt files, .knn
job all all.tar
run 0 caption all.yaml --run all # the names begin with ./
sed 's|^{"key": *"./|{"key": "|' all/captions.jsonl > stripped.jsonl
cmp folder/captions.jsonl stripped.jsonl
run 0 report all --out report.html
[ "$(grep -o '/9j/' report.html | wc -l)" -eq 10 ] # thumbnails
run 1 export all --format txt
says 'members of tars.*give --out'
run 0 export by_braces --format txt --out texts
[ "$(ls texts | wc -l)" -eq 10 ]
run 1 caption braces.yaml --run knn --set output.knn=true
says 'output.knn writes files beside the images'
run 0 inspect all.tar shards
says 'pictures'
says '00000.tar#scene_00.jpg'

# ---- an index is not made again; a replaced tar is refused by name ----
before=$(stat -c %Y.%i by_braces/tars/input.path.index)
rm by_braces/DONE
run 0 caption braces.yaml --run by_braces
if grep -q 'reading the headers' said.txt; then exit 1; fi
[ "$(stat -c %Y.%i by_braces/tars/input.path.index)" = "$before" ]
rm by_braces/DONE
cp shards/00001.tar kept.tar
touch shards/00001.tar # the same bytes at another time: read again, and the same run
run 0 caption braces.yaml --run by_braces
says 'reading the headers'
same by_braces
rm by_braces/DONE
(cd images && tar cf ../shards/00001.tar scene_0[5-8].*)
run 1 caption braces.yaml --run by_braces
says 'shards/00001.tar is not the tar that was indexed'
says 'input'
cp kept.tar shards/00001.tar

# ---- killed while it indexes and while it works, resumed on other ranks ----
interrupted=0
for moment in tars/00 embeddings/00000.h5 shards/00000.h5; do
  rm -rf killed
  "$antarctic" caption braces.yaml --run killed > /dev/null 2>&1 &
  pid=$!
  while ! ls killed/$moment* > /dev/null 2>&1 && kill -0 $pid 2> /dev/null; do sleep 0.01; done
  kill -KILL $pid 2> /dev/null || true
  wait $pid 2> /dev/null || true
  [ -e killed/DONE ] || interrupted=$((interrupted + 1))
  run_on 3 0 caption braces.yaml --run killed
  same killed
  no_half_files killed
done
[ $interrupted -ge 1 ] || { echo 'no kill came before the end of a run'; exit 1; }

# replaced between two reads: a member of the old place is never read from the new tar
rm -rf killed
"$antarctic" caption braces.yaml --run killed > /dev/null 2>&1 &
pid=$!
while ! ls killed/embeddings/*.h5 > /dev/null 2>&1 && kill -0 $pid 2> /dev/null; do sleep 0.01; done
kill -KILL $pid 2> /dev/null || true
wait $pid 2> /dev/null || true
(cd images && tar cf ../shards/00001.tar scene_0[5-9].txt scene_0[5-8].jpg)
if [ ! -e killed/DONE ]; then
  run 1 caption braces.yaml --run killed
  says 'shards/00001.tar is not the tar that was indexed'
fi
cp kept.tar shards/00001.tar

# ---- keys that count from 0 in each tar ----
mkdir numbered
for t in 0 1; do
  for i in 0 1 2; do
    cp images/scene_0$((3 * t + i)).jpg numbered/00000$i.jpg
    printf '{"caption": "image %d of %d", "url": "u%d"}' $i $t $i > numbered/00000$i.json
  done
  (cd numbered && tar cf ../n$t.tar 00000{0,1,2}.{jpg,json})
done
printf '{"count": 3, "successes": 3}' > n0_stats.json
printf '{"count": 9, "successes": 7}' > n1_stats.json
job numbers 'n{0..1}.tar'
run 0 caption numbers.yaml --run numbers --set input.captions=json:caption
says 'each key begins with its tar'
says '1 tars that hold another number of images.*n1.tar: 3 images, 7 by its _stats.json'
[ "$(paste -sd ' ' numbers/keys.txt)" = 'n0/000000 n0/000001 n0/000002 n1/000000 n1/000001 n1/000002' ]
[ "$(head -2 numbers/ref0.txt | paste -sd '|')" = 'image 0 of 0|image 1 of 0' ]
[ "$(jq -r .key_prefix numbers/manifest.json by_braces/manifest.json | paste -sd ' ')" = 'tar none' ]
# the choice is the run's, also where its index is lost, and no key is in two tars any more
cp -r numbers grown
rm grown/tars/*.index
mkdir third
cp images/scene_07.jpg third/other.jpg
mv n1.tar n1.kept
tar cf n1.tar -C third other.jpg
run 0 caption numbers.yaml --run grown --set input.captions=json:caption --update
[ "$(paste -sd ' ' grown/keys.txt)" = 'n0/000000 n0/000001 n0/000002 n1/other' ]
[ "$(jq -r .key_prefix grown/manifest.json)" = tar ]
mv n1.kept n1.tar
jq -e '.tars.key_prefix == "tar" and .tars.notes.stats.count == 1' numbers/summary.json > /dev/null
run 0 caption numbers.yaml --run unprefixed --set input.key_prefix=none --set input.captions=none
[ "$(jq -r '.key + " " + .reason' unprefixed/bad_items.jsonl | paste -sd '|')" = \
  '000000 duplicate_key|000001 duplicate_key|000002 duplicate_key' ]
[ ! -e unprefixed/ref0.txt ]

# ---- grouping ----
mkdir dotted
cp images/scene_00.jpg dotted/IMG_2021.03.04.jpg
cp images/scene_01.jpg dotted/x.left.jpg
cp images/scene_02.jpg dotted/x.right.jpg
printf 'the left one\n' > dotted/x.left.txt
(cd dotted && tar cf ../dotted.tar IMG_2021.03.04.jpg x.left.jpg x.right.jpg x.left.txt)
job dotted dotted
job dots dotted.tar
run 0 caption dotted.yaml --run as_folder
run 0 caption dots.yaml --run as_tar
cmp as_folder/captions.jsonl as_tar/captions.jsonl
run 0 caption dots.yaml --run as_samples --set input.grouping=webdataset
[ "$(paste -sd ' ' as_samples/keys.txt)" = 'IMG_2021 x' ]
says 'x.right.jpg'
for name in not_contiguous duplicate partial path_escape links meta uppercase pax_long gnu_long pax_utf8 no_end_blocks; do
  job golden "$data/golden/formats/tar/$name.tar"
  run 0 embed-images golden.yaml --run "golden_$name"
  jq -r '.key' "golden_$name/bad_items.jsonl" | cat - "golden_$name/keys.txt" | LC_ALL=C sort > keys
  jq -r --arg f "$name.tar" '.[$f].samples[] | select(.files.jpg or .files.jpeg or .files.png) | .key' \
    "$data/golden/formats/tar/expected.json" | LC_ALL=C sort | cmp - keys
done
jq -e '.tars.notes.again.count == 2 and .tars.notes.without_image.count == 2' golden_not_contiguous/summary.json > /dev/null
[ "$(jq -r .reason golden_duplicate/bad_items.jsonl)" = duplicate_key ]
[ "$(jq -r '.key + .reason' golden_partial/bad_items.jsonl)" = emptyempty ]
jq -e '.tars.notes.outside.count == 3' golden_path_escape/summary.json > /dev/null
jq -e '.tars.notes.no_files.count == 4' golden_links/summary.json > /dev/null

# ---- damage: what is good before it is used, and the damage is an item that is rejected ----
cp shards/00000.tar cut.tar
truncate -s $(($(stat -c %s cut.tar) / 2)) cut.tar
printf 'x' | dd of=shards/00001.tar bs=1 seek=148 conv=notrunc 2> /dev/null # the first header's checksum
job damaged 'cut.tar::shards/{00000..00001}.tar'
run 0 embed-images damaged.yaml --run damaged
says '2 damaged tars'
jq -r '.key + " " + .reason' damaged/bad_items.jsonl > reasons
grep -x 'shards/00001.tar corrupt' reasons
grep -c truncated reasons > /dev/null
run 3 embed-images damaged.yaml --run strict --set limits.max_bad_items=1
for name in zero_bytes text empty; do
  job golden "$data/golden/formats/tar/$name.tar"
  run 2 embed-images golden.yaml --run nothing
  says "$name.tar"
done
job huge "$data/golden/formats/tar/huge_size.tar"
run 3 embed-images huge.yaml --run huge
[ "$(jq -r .reason huge/bad_items.jsonl)" = truncated ]
cp kept.tar shards/00001.tar

# ---- what is no such input ----
gzip -k kept.tar
cp kept.tar.gz named.tar
for name in kept.tar.gz named.tar; do
  job packed $name
  run 1 caption packed.yaml --run packed
  says "$name.*compressed.*ingest"
done
printf 'kept.tar\nimages/scene_00.jpg\n' > mixed.txt
job mixed mixed.txt
run 1 caption mixed.yaml --run mixed
says 'names tars and other files'
job gap 'shards/{00000..00003}.tar'
run 2 caption gap.yaml --run gap
says '00002.tar: No such file'
job backwards 'shards/{00001..00000..1}{,.none}.tar'
run 2 caption backwards.yaml --run backwards
says '00001.none.tar: No such file'
job letters 'shards/{0..x}.tar'
run 1 caption letters.yaml --run letters
says '{0..x}.* is no range of numbers or letters'
run 1 caption braces.yaml --run captions --set input.captions=jason:x
says 'input.captions'
printf 'a line of text' > some.tar.xz
printf 'some.tar.xz\n' > some.txt
for name in some.tar.xz some.txt "'kept.tar::some.tar.xz'"; do
  job other "$name"
  run 1 caption other.yaml --run other
  says 'some.tar.xz: archives of this kind are not read: unpack it'
done
printf '\3757zXZ\0%01000d' 1 > named.tar
job other named.tar
run 2 caption other.yaml --run other
says 'named.tar: byte 0: not a tar, but compressed by xz'
cp kept.tar images/backup.tar # images with a tar beside them: the images are the input
run 0 caption folder.yaml --run beside
says '1 tars beside them are passed over'
cmp folder/captions.jsonl beside/captions.jsonl
