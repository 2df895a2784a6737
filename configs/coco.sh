#!/bin/bash
# coco.sh DIR [2014|2017]: COCO's captions and images of a year [2014] into DIR, and two configs for them: train-coco.yaml (train), caption-coco.yaml
# (caption; the captions are references). Downloads go on where they stopped, and every file must have the size that the server tells.
# AC_COCO_URL: another server of the same layout [http://images.cocodataset.org]. Needs curl and unzip.
set -eu -o pipefail
[ $# -ge 1 ] && [ $# -le 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 1; }
year=${2:-2014} url=${AC_COCO_URL:-http://images.cocodataset.org}
case $year in 2014 | 2017) ;; *) echo "coco.sh: the year is 2014 or 2017, not $year" >&2; exit 1 ;; esac
for program in curl unzip; do command -v $program > /dev/null || { echo "coco.sh: $program is not here" >&2; exit 1; }; done
mkdir -p "$1"
cd "$1"
files="annotations/annotations_trainval$year.zip zips/val$year.zip zips/train$year.zip"

# what an archive holds, when it is whole
unpacked() {
  case $1 in
    annotations/*) [ -s "annotations/captions_train$year.json" ] && [ -s "annotations/captions_val$year.json" ] ;;
    *) [ -e "$(basename "$1" .zip)/.whole" ] ;;
  esac
}

# its size on the server
size_of() {
  local size
  size=$(curl -fsSIL "$url/$1" | tr -d '\r' | awk 'tolower($1) == "content-length:" { n = $2 } END { print n }')
  [ -n "$size" ] || { echo "coco.sh: $url/$1: the server tells no size" >&2; return 1; }
  echo "$size"
}

# The space: an archive and what it holds stand side by side until the archive is removed; images do not get smaller in a zip.
total=0 largest=0
declare -A sizes
for file in $files; do
  if unpacked "$file"; then continue; fi
  sizes[$file]=$(size_of "$file")
  total=$((total + sizes[$file]))
  [ "${sizes[$file]}" -le $largest ] || largest=${sizes[$file]}
done
free=$(($(df -Pk . | awk 'END { print $4 }') * 1024))
echo "COCO $year: $((total / 1000000)) MB to download; $(((total + largest) / 1000000)) MB of space needed in $PWD, $((free / 1000000)) MB are free"

for file in $files; do
  if unpacked "$file"; then continue; fi
  zip=$(basename "$file")
  for attempt in 1 2 3 4 5; do
    if [ "$(stat -c %s "$zip.part" 2> /dev/null || echo 0)" -ge "${sizes[$file]}" ]; then break; fi
    curl -fL -C - --retry 3 -o "$zip.part" "$url/$file" || echo "coco.sh: $url/$file broke off (attempt $attempt)" >&2
  done
  here=$(stat -c %s "$zip.part" 2> /dev/null || echo 0)
  [ "$here" -eq "${sizes[$file]}" ] || { echo "coco.sh: $PWD/$zip.part has $here bytes, the server's has ${sizes[$file]}: run this again, or remove it" >&2; exit 1; }
  case $file in
    annotations/*) unzip -qo "$zip.part" "annotations/captions_*$year.json" ;;
    *) unzip -qo "$zip.part" && touch "${zip%.zip}/.whole" ;;
  esac
  rm "$zip.part"
done

cat > train-coco.yaml << END
# job: train
# COCO $year, made by coco.sh. Replace the models and the cache by your own (configs/train.yaml has the other keys).
input:
  train: {annotations: annotations/captions_train$year.json, images: train$year}
  validation: {annotations: annotations/captions_val$year.json, images: val$year}
clip:
  model: models/clip-vit-b16
cache:
  path: cache
bart:
  model: models/bart-large
END
cat > caption-coco.yaml << END
# COCO $year's validation images, made by coco.sh; their captions are references (ref0.txt …). Replace the models and the cache by your own.
input:
  path: {annotations: annotations/captions_val$year.json, images: val$year}
clip:
  model: models/clip-vit-b16
cache:
  path: cache
bart:
  model: models/bart-large
  layer_norms: none
END
echo "$PWD: train-coco.yaml, caption-coco.yaml"
