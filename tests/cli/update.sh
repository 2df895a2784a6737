# A run whose input changed: --update computes what is new or changed, in shards of its own, and afterwards every output and every
# export equals a fresh run's on the input as it is then, on 1 and 3 ranks.
. "$source/tests/cli/lib.sh"
h5_same=$(dirname "$antarctic")/cli/h5_same

# image NUMBER NAME: a drawn scene with its captions as NAME.jpg, NAME.txt.
image() {
  cp "$demo/pictures/scene_$1.jpg" "images/$2.jpg"
  cp "$demo/pictures/scene_$1.txt" "images/$2.txt"
}

# checksums RUN: of all its shards.
checksums() {
  (cd "$1" && find embeddings tables shards -name '*.h5' | sort | xargs cksum)
}

# export_all RUN OUT: every format that a run of its job has.
export_all() {
  mkdir -p "$2"
  run 0 export "$1" --format csv --out "$2/out.csv"
  run 0 export "$1" --format txt --out "$2/texts"
  run 0 export "$1" --format webdataset --out "$2/tars"
  run 0 export "$1" --format h5 --out "$2/out.h5"
  if [ -e "$1/captions.jsonl" ]; then
    run 0 export "$1" --format coco --out "$2/out.json"
  fi
}

# equal_to_fresh JOB RUN: the outputs of RUN are those of a fresh run.
equal_to_fresh() {
  local file fresh=fresh.$2
  rm -rf "$fresh" exported
  run 0 "$1" job.yaml --run "$fresh"
  for file in captions.jsonl tags.jsonl preds.txt keys.txt bad_items.jsonl; do
    [ ! -e "$fresh/$file" ] || cmp "$fresh/$file" "$2/$file"
  done
  [ "$(cd "$fresh" && ls)" = "$(cd "$2" && ls | grep -v '^updates.jsonl$')" ] || { ls "$fresh" "$2"; exit 1; }
  for file in "$fresh"/ref*.txt; do
    [ ! -e "$file" ] || cmp "$file" "$2/$(basename "$file")"
  done
  [ ! -e "$fresh/captions.h5" ] || "$h5_same" "$fresh/captions.h5" "$2/captions.h5"
  if [ "$1" != embed-images ]; then
    export_all "$fresh" exported/fresh
    export_all "$2" exported/updated
    diff -r exported/fresh exported/updated
  fi
  run 0 verify "$2"
  run 0 report "$2"
  [ "$("$antarctic" status "$2" --json | python3 -c 'import json, sys; s = json.load(sys.stdin); print(s["state"], s["bad"])')" = \
    "done $(wc -l < "$2/bad_items.jsonl")" ] || { "$antarctic" status "$2"; exit 1; }
  no_half_files "$2"
}

# last_line RUN: new, changed, removed and unchanged of its last update, and the keys.
last_line() {
  tail -n 1 "$1/updates.jsonl" | python3 -c 'import json, sys
u = json.load(sys.stdin)
print(u["new"], u["changed"], u["removed"], u["unchanged"], *(",".join(u["keys"][k]) or "-" for k in ("new", "changed", "removed")))'
}

# updated RANKS RUN EXPECTED: an update with this last line.
updated() {
  run_on "$1" 0 caption job.yaml --run "$2" --update
  [ "$(last_line "$2")" = "$3" ] || { echo "said $(last_line "$2"), expected $3"; exit 1; }
}

mkdir images
small_job job.yaml images
printf 'output:\n  shard_items: 4\nlimits:\n  max_bad_items: 20\n' >> job.yaml
for ranks in 1 3; do
  rm -rf images; mkdir images
  for i in 00 01 02 03 04 05 06 07 08 09; do image $i scene_$i; done
  head -c 3000 "$demo/pictures/scene_10.jpg" > images/cut_10.jpg
  run_on $ranks 0 caption job.yaml --run run$ranks

  # new, changed, removed, renamed
  image 11 scene_11
  image 12 a_12
  cp "$demo/pictures/scene_13.jpg" images/scene_05.jpg
  rm images/scene_03.*
  mv images/scene_07.jpg images/zz_07.jpg
  mv images/scene_07.txt images/zz_07.txt
  checksums run$ranks > before
  run 1 caption job.yaml --run run$ranks
  says 'the input differs .*11 items then, 12 now.*--update'
  cp run$ranks/manifest.json kept.json
  run 0 caption job.yaml --run run$ranks --update --dry-run
  says '^3 new, 1 changed, 2 removed, 8 unchanged$'
  says '^new: "a_12", "scene_11", "zz_07"$'
  says '^changed: "scene_05"$'
  says '^removed: "scene_03", "scene_07"$'
  cmp kept.json run$ranks/manifest.json
  updated $ranks run$ranks '3 1 2 8 a_12,scene_11,zz_07 scene_05 scene_03,scene_07'
  [ $ranks -eq 3 ] || equal_to_fresh caption run$ranks # below: run3 equals run1
  checksums run$ranks > after # shards of before stay as they are
  while read -r line; do grep -xF "$line" after > /dev/null; done < before

  # nothing changed: nothing is computed, and a plain start finds it finished
  checksums run$ranks > before
  updated $ranks run$ranks '0 0 0 12 - - -'
  checksums run$ranks | cmp - before
  run_on $ranks 0 caption job.yaml --run run$ranks
  says 'nothing to do'
  says '12 items: 11 done, 1 rejected'

  # captions alone: references change, and the number of their files
  printf 'one new caption\n' > images/scene_01.txt
  updated $ranks run$ranks '0 0 0 12 - - -'
  [ "$(ls run$ranks/ref*.txt)" = run$ranks/ref0.txt ]
  checksums run$ranks | cmp - before
  [ $ranks -eq 3 ] || equal_to_fresh caption run$ranks # below: run3 equals run1

  # a rejected image repaired, another one broken; a second image of a key, before and behind the first one
  cp "$demo/pictures/scene_10.jpg" images/cut_10.jpg
  cp images/cut_10.jpg images/scene_02.png
  cp images/cut_10.jpg images/scene_04.bmp
  head -c 2000 "$demo/pictures/scene_06.jpg" > images/scene_06.jpg
  updated $ranks run$ranks '2 3 0 9 scene_02,scene_04 cut_10,scene_04,scene_06 -'
  grep -q '"scene_02", "reason": "duplicate_key"' run$ranks/bad_items.jsonl
  [ $ranks -eq 3 ] || equal_to_fresh caption run$ranks # below: run3 equals run1

  # the first image of a key leaves: the second one counts from now on
  rm images/scene_04.bmp images/scene_02.jpg
  updated $ranks run$ranks '0 2 2 10 - scene_02,scene_04 scene_02,scene_04'
  [ $ranks -eq 3 ] || equal_to_fresh caption run$ranks # below: run3 equals run1
  [ "$(wc -l < run$ranks/updates.jsonl)" -eq 5 ]
  [ "$(grep -c '{"items": ' run$ranks/manifest.json)" -eq 4 ] # generations, with the first
done
for file in captions.jsonl updates.jsonl; do cmp run1/$file run3/$file; done
checksums run1 | cmp - <(checksums run3)
equal_to_fresh caption run3

# by time alone: the same bytes, touched, are computed again; by hash they are not, and other bytes of the same size and time are
# not missed
touch -d '2020-01-01' images/scene_00.jpg
run 0 caption job.yaml --run run3 --update --dry-run
says '^0 new, 1 changed, 0 removed, 11 unchanged$'
run 0 caption job.yaml --run run3 --update
[ "$(last_line run3)" = '0 1 0 11 - scene_00 -' ]
touch images/scene_0[1-9].*
run_on 2 0 caption job.yaml --run run3 --update=hash
[ "$(last_line run3)" = '0 0 0 12 - - -' ]
run 0 caption job.yaml --run run3 --update --dry-run # the new times are known now
says '^0 new, 0 changed, 0 removed, 12 unchanged$'
bmp() { # bmp BYTE FILE: one pixel
  printf 'BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0%s\0\0\0' "$1" > "$2"
}
bmp a images/tiny_70.bmp
run 0 caption job.yaml --run run3 --update
bmp z images/other
touch -r images/tiny_70.bmp images/other
mv images/other images/tiny_70.bmp
run 0 caption job.yaml --run run3 --update --dry-run
says '^0 new, 0 changed, 0 removed, 13 unchanged$'
run 0 caption job.yaml --run run3 --update=hash --dry-run
says '^0 new, 1 changed, 0 removed, 12 unchanged$'
run 0 caption job.yaml --run run3 --update=hash
[ "$(last_line run3)" = '0 1 0 12 - tiny_70 -' ]
equal_to_fresh caption run3

# a lost and a damaged shard of before an update are made again, though a part of what they held has left the input
rm run3/DONE run3/shards/00001.h5
printf 'x' | dd of=run3/embeddings/00000.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
run_on 2 0 caption job.yaml --run run3
says 'it is made again'
equal_to_fresh caption run3

# an unfinished run: what was not computed yet is, once
run 0 caption job.yaml --run half
rm half/DONE half/captions.jsonl half/shards/00001.h5 half/tables/00001.h5 half/embeddings/00002.h5 half/tables/00002.h5 half/shards/00002.h5
cp half/embeddings/00001.h5 kept.h5
image 20 scene_20
image 21 a_21
rm images/scene_05.*
run_on 2 0 caption job.yaml --run half --update
cmp kept.h5 half/embeddings/00001.h5
equal_to_fresh caption half

# the other jobs; a run's first start may be an update
for job in embed-images tag; do
  grep -v '^bart\|^generation\|^  num_beams\|^  max_length\|^  model: .*/bart$' job.yaml > $job.yaml
done
sed -i '/^cache:/,/cache.txt$/d; /^retrieval:/,/topk/d' embed-images.yaml
image 22 scene_22
for job in embed-images tag; do
  cp job.yaml all.yaml
  run 0 $job $job.yaml --run $job --update
  [ ! -e $job/updates.jsonl ]
  image 23 b_1${#job}
  run 0 $job $job.yaml --run $job --update
  [ "$(last_line $job | cut -d' ' -f1-3,5)" = "1 0 0 b_1${#job}" ]
  mv $job.yaml job.yaml
  equal_to_fresh $job $job
  mv all.yaml job.yaml
done

# metadata that came with the images: another .json is another image
printf '{"url": "a"}\n' > images/scene_00.json
run 0 tag job.yaml --run fields --set 'output.metadata=[url]'
printf '{"url": "b"}\n' > images/scene_00.json
run 0 tag job.yaml --run fields --set 'output.metadata=[url]' --update
[ "$(last_line fields | cut -d' ' -f1-3,6)" = '0 1 0 scene_00' ]
run 0 tag job.yaml --run fields.fresh --set 'output.metadata=[url]'
cmp fields.fresh/tags.jsonl fields/tags.jsonl
rm images/scene_00.json

# .knn files beside images that left, or are broken by now, leave too; those of others are a fresh run's
mkdir -p beside/deep
cp images/scene_0[0-4]* images/zz_07.* beside 2> /dev/null
rm -f beside/*.txt
cp images/scene_08.jpg beside/deep/a.jpg
cp images/scene_09.jpg beside/both.jpg
run_on 2 0 tag job.yaml --run knn --set input.path=beside --set output.knn=true
[ "$(find beside -name '*.knn' | wc -l)" -eq "$(wc -l < knn/keys.txt)" ]
rm beside/deep/a.jpg beside/scene_00.jpg
run 0 tag job.yaml --run knn --set input.path=beside --set output.knn=true --update
mv beside/both.jpg beside/both.png # its .knn stays: the name is another image's now
head -c 2000 images/scene_01.jpg > beside/scene_01.jpg
cp images/scene_11.jpg beside
run_on 2 0 tag job.yaml --run knn --set input.path=beside --set output.knn=true --update
[ "$(cd beside && find . -name '*.knn' | sed 's#^./##; s#.knn$##' | LC_ALL=C sort)" = "$(cat knn/keys.txt)" ]
[ ! -e beside/deep/a.knn ]
[ ! -e beside/scene_01.knn ]
mkdir knn.files
cp beside/*.knn knn.files
run 0 tag job.yaml --run knn.fresh --set input.path=beside --set output.knn=true
for file in knn.files/*; do cmp "$file" "beside/$(basename "$file")"; done

# tars: a new one, and one that leaves
if command -v tar > /dev/null; then
  mkdir tars
  tar cf tars/00000.tar -C images scene_00.jpg scene_00.txt scene_01.jpg
  tar cf tars/00001.tar -C images scene_02.png scene_04.jpg
  sed 's/path: images/path: tars/' job.yaml > tars.yaml
  run_on 2 0 tag tars.yaml --run tarred
  rm tars/00001.tar
  tar cf tars/00002.tar -C images scene_08.jpg zz_07.jpg
  run 1 tag tars.yaml --run tarred
  run 0 tag tars.yaml --run tarred --update --dry-run
  says '^2 new, 0 changed, 2 removed, 2 unchanged$'
  run_on 2 0 tag tars.yaml --run tarred --update
  run 0 tag tars.yaml --run tarred.fresh
  cmp tarred.fresh/tags.jsonl tarred/tags.jsonl
  # the same images in other tars: by hash they are what they were
  rm tars/*
  tar cf tars/a.tar -C images scene_08.jpg scene_00.jpg scene_00.txt
  tar cf tars/b.tar -C images scene_01.jpg
  tar cf tars/c.tar -C images zz_07.jpg
  run 0 tag tars.yaml --run tarred --update --dry-run
  says '^0 new, 4 changed, 0 removed, 0 unchanged$'
  run 0 tag tars.yaml --run tarred --update=hash
  [ "$(last_line tarred)" = '0 0 0 4 - - -' ]
  mv tars/c.tar tars/0.tar
  run_on 2 0 tag tars.yaml --run tarred --update=hash
  [ "$(last_line tarred)" = '0 0 0 4 - - -' ]
  run 0 tag tars.yaml --run tarred --update --dry-run
  says '^0 new, 0 changed, 0 removed, 4 unchanged$'
  cmp tarred.fresh/tags.jsonl tarred/tags.jsonl
fi

# COCO: another image in the annotations and in the folder; other captions; other metadata
mkdir coco
for i in 00 01 02; do cp "$demo/pictures/scene_$i.jpg" coco/$i.jpg; done
annotations() { # annotations IMAGES WORD: of so many images
  jq -n --argjson n "$1" --arg w "$2" '{images: [range($n) | {id: ., file_name: "0\(.).jpg", coco_url: "u/\(.)"}],
    annotations: [range($n) | {id: ., image_id: ., caption: "\($w) of \(.)"}]}' > coco.json
}
sed 's/path: images/path: {annotations: coco.json, images: coco}/' job.yaml > coco.yaml
annotations 3 first
run 0 caption coco.yaml --run annotated
cp "$demo/pictures/scene_03.jpg" coco/03.jpg
cp "$demo/pictures/scene_04.jpg" coco/01.jpg
annotations 4 second
run 1 caption coco.yaml --run annotated
run 0 caption coco.yaml --run annotated --update --dry-run
says '^1 new, 1 changed, 0 removed, 2 unchanged$'
run_on 2 0 caption coco.yaml --run annotated --update
[ "$(last_line annotated)" = '1 1 0 2 03 01 -' ]
annotations 4 third
run 0 caption coco.yaml --run annotated --update
[ "$(last_line annotated)" = '0 0 0 4 - - -' ]
run 0 caption coco.yaml --run annotated.fresh
for file in captions.jsonl ref0.txt keys.txt; do cmp "annotated.fresh/$file" "annotated/$file"; done
run 0 tag coco.yaml --run urls --set 'output.metadata=[coco_url]'
sed 's#u/2#v/2#' coco.json > other.json
mv other.json coco.json
run 0 tag coco.yaml --run urls --set 'output.metadata=[coco_url]' --update
[ "$(last_line urls)" = '0 1 0 3 - 02 -' ]
run 0 tag coco.yaml --run urls.fresh --set 'output.metadata=[coco_url]'
cmp urls.fresh/tags.jsonl urls/tags.jsonl

# what ingest refuses is done like this: the dataset is made again, and only what is new or changed is captioned
rm -rf grown
run 0 ingest images --out grown --set output.shard_items=5
run 0 tag job.yaml --run grown.run --set input.path=grown
image 25 a_25
rm images/scene_09.*
run 0 ingest images --out grown.new --set output.shard_items=5
mv grown grown.old
mv grown.new grown
run 1 tag job.yaml --run grown.run --set input.path=grown
says '--update computes'
run_on 2 0 tag job.yaml --run grown.run --set input.path=grown --update
[ "$(last_line grown.run | cut -d' ' -f1-3,5-)" = '1 0 1 a_25 - scene_09' ]
run 0 tag job.yaml --run grown.fresh --set input.path=grown
for file in tags.jsonl keys.txt bad_items.jsonl; do cmp "grown.fresh/$file" "grown.run/$file"; done

# a run of before there were lists: by names and sizes nothing changed, so nothing is computed; else everything
run 0 caption job.yaml --run old
rm -r old/generations
touch -d '1 hour ago' images/*
run 0 caption job.yaml --run old --update
[ "$(tail -n 1 old/updates.jsonl | cut -d, -f1-4)" = '{"generation": 0, "new": 0, "changed": 0, "removed": 0' ]
rm -r old/generations old/updates.jsonl
image 24 scene_24
run 0 caption job.yaml --run old --update
says 'every image is computed again'
equal_to_fresh caption old

# a damaged list is told
printf 'xxxx' | dd of=old/generations/00001.items bs=1 seek=40 conv=notrunc 2> /dev/null
run 2 caption job.yaml --run old --update
says '00001.items'
run 2 export old --format csv --out never.csv
[ ! -e never.csv ]

# refused: other jobs, with a reason; other words; a changed config
run 1 train --update
says 'train takes no --update: a training depends on all of its images'
run 1 build-cache --update
says 'build-cache takes no --update: .*extend-cache'
run 1 ingest images --out never --update
says 'ingest takes no --update: .*into a new folder'
run 1 story --update
says 'story takes no --update: .*another folder'
run 1 evaluate --update
says 'evaluate takes no --update: .*another folder'
run 1 caption job.yaml --update=never
says 'it is --update or --update=hash'
run 1 caption job.yaml --dry-run
says 'goes with --update'
run 1 caption job.yaml --run run3 --update --set generation.num_beams=3
says 'the config differs .*num_beams: 3.*num_beams: 2\|the config differs .*num_beams: 2.*num_beams: 3'
run 1 caption job.yaml --run run3 --update --dry-run --set retrieval.topk=2
says 'the config differs .*topk'
run 1 caption job.yaml --run run3 --update --set compute.parts=2
says 'compute.parts: 2: .*make the update as one job'
"$antarctic" caption --help | grep -- '--update\[=hash\]' > /dev/null
! "$antarctic" train --help | grep -- '--update' > /dev/null || exit 1
