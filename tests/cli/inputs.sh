# The ways to name images: a folder, a list, one image; and EXIF orientation, applied only when asked for.
. "$source/tests/cli/lib.sh"
mkdir -p images/deep/er
cp "$demo"/pictures/scene_00.jpg images/one.JPG
cp "$demo"/pictures/scene_01.jpg images/deep/er/two.x.jpeg
cp "$demo"/pictures/scene_02.jpg 'images/deep/with space.jpg'
printf 'a caption\nanother\n' > images/one.txt
small_job job.yaml images

run 0 caption job.yaml --run folder
printf 'deep/er/two.x\ndeep/with space\none\n' | cmp - folder/keys.txt
[ ! -e folder/ref0.txt ] # one of three has captions
run 0 caption job.yaml --run slash --set input.path=images/
cmp folder/captions.jsonl slash/captions.jsonl

# the same images elsewhere: the same bytes everywhere, and files beside an image find it there
mkdir elsewhere
cp -r images elsewhere/other
run_on 2 0 caption job.yaml --run moved --set input.path=elsewhere/other --set output.knn=true
for file in captions.jsonl keys.txt embeddings/00000.h5 tables/00000.h5 shards/00000.h5; do cmp "folder/$file" "moved/$file"; done
[ "$(find elsewhere -name '*.knn' | wc -l)" -eq 3 ]
jq -r 'select(.key == "deep/er/two.x") | .table[].entry' moved/captions.jsonl | cmp - elsewhere/other/deep/er/two.x.knn
rm elsewhere/other/one.txt
run 0 export moved --format txt
sed -n 's/^{"key": "one", "caption": "\([^"]*\)".*/\1/p' moved/captions.jsonl | cmp - elsewhere/other/one.txt
rm -r elsewhere

# a list: paths relative to it, or absolute; order of the lines does not matter; keys are as written, without "./"
printf './one.JPG\r\n\ndeep/with space.jpg\n%s\n' "$PWD/images/deep/er/two.x.jpeg" > images/list.txt
run_on 2 0 caption job.yaml --run list --set input.path=images/list.txt
printf '%s\ndeep/with space\none\n' "$PWD/images/deep/er/two.x" | cmp - list/keys.txt
jq -c 'del(.key)' list/captions.jsonl > a
jq -c 'del(.key)' folder/captions.jsonl | cmp - a
printf 'gone.jpg\none.JPG\none.JPG\n' > images/list.txt
run 0 caption job.yaml --run holes --set input.path=images/list.txt
[ "$(jq -r '.key + " " + .reason' holes/bad_items.jsonl | tr '\n' ' ')" = 'gone unreadable one duplicate_key ' ]
: > images/list.txt
run 2 caption job.yaml --run nothing --set input.path=images/list.txt

# one image
run 0 caption job.yaml --run single --set input.path=images/one.JPG
printf 'one\n' | cmp - single/keys.txt
grep '"key": "one"' folder/captions.jsonl | cmp - single/captions.jsonl
printf 'a caption\n' | cmp - single/ref0.txt
[ -e single/ref1.txt ]
[ ! -e single/ref2.txt ]

# orientation 6 means: turn by a right angle. Asked for, the turned image is what is embedded; by default it is not.
mkdir turned
cp "$data/exif/orientation_6.png" turned/tagged.png
cp "$data/exif/expected_6.png" turned/upright.png
run 0 embed-images job.yaml --run plain --set input.path=turned
run 0 embed-images job.yaml --run exif --set input.path=turned --set input.apply_exif=true
run 1 embed-images job.yaml --run exif --set input.path=turned # another setting is another run
says 'apply_exif: true.*is now.*apply_exif: false'
run 0 caption job.yaml --run captioned --set input.path=turned --set input.apply_exif=true
run 0 caption job.yaml --run uncaptioned --set input.path=turned
[ "$(jq -c '.table' captioned/captions.jsonl | uniq | wc -l)" -eq 1 ]
[ "$(jq -c '.table' uncaptioned/captions.jsonl | uniq | wc -l)" -eq 2 ]
