# Images that cannot be used are recorded with their reason, counted, and fatal only past the limit: in = ok + bad.
. "$source/tests/cli/lib.sh"
mkdir images images/folder.jpg
cp "$demo"/pictures/scene_0[0-3].jpg images
cp "$demo/pictures/scene_00.jpg" images/scene_00.png                 # a second image of one key
cp "$demo/pictures/scene_01.jpg" images/really_a_jpeg.png            # mislabelled, and good all the same
head -c 2000 "$demo/pictures/scene_01.jpg" > images/cut.jpg
: > images/empty.png
echo 'not an image' > images/text.bmp
printf '\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xc3\x50\0\0\xc3\x50\x08\x02\0\0\0\xc4\xcd\xaa\x9d\0\0\x10\0IDAT' > images/vast.png # 50,000 x 50,000
mkfifo images/pipe.webp
ln -s nowhere images/dangling.jpg
mkdir images/really_a_jpeg.txt                                       # a folder where the first image's captions might be: none
small_job job.yaml images
cat > expected <<'END'
cut truncated
dangling unreadable
empty empty
folder unreadable
pipe unreadable
scene_00 duplicate_key
text unsupported_format
vast too_large
END
for ranks in 1 3; do
  run_on $ranks 0 caption job.yaml --run "out$ranks" --set output.shard_items=3
  jq -r '.key + " " + .reason' "out$ranks/bad_items.jsonl" | cmp - expected
  printf 'really_a_jpeg\nscene_00\nscene_01\nscene_02\nscene_03\n' | cmp - "out$ranks/keys.txt"
  jq -e '.items == 13 and .ok == 5 and .bad == 8 and .state == "done"' "out$ranks/summary.json" > /dev/null
  grep -q 'limits.max_pixels' "out$ranks/bad_items.jsonl"
done
cmp out1/captions.jsonl out3/captions.jsonl
cmp out1/bad_items.jsonl out3/bad_items.jsonl
cmp out1/captions.h5 out3/captions.h5

# past the limit: 3, nothing merged, what is finished stays and serves the next try
run_on 3 3 caption job.yaml --run few --set limits.max_bad_items=7
says '8 of 13 items are rejected.*limits.max_bad_items allows (7)'
[ ! -e few/captions.jsonl ]
[ ! -e few/DONE ]
[ -s few/bad_items.jsonl ]
run 3 caption job.yaml --run few --set limits.max_bad_items=0
run 0 caption job.yaml --run few --set limits.max_bad_items=100%
says 'embed: 13/13 images.*done before'
cmp out1/captions.jsonl few/captions.jsonl

# none of the images is good: no success, whatever the limit; nothing is merged
mkdir bad
cp images/cut.jpg images/text.bmp bad
run 3 caption job.yaml --run empty --set input.path=bad
says 'all of the 2 items are rejected'
run_on 2 3 tag job.yaml --run empty2 --set input.path=bad --set limits.max_bad_items=100%
[ ! -e empty/captions.jsonl ]
[ ! -e empty/DONE ]
[ ! -e empty2/DONE ]
[ "$(wc -l < empty/bad_items.jsonl)" -eq 2 ]

# an image that another user may not read
if [ "$(id -u)" -eq 0 ] && command -v setpriv > /dev/null; then
  chmod 755 . && mkdir theirs && cp "$demo"/pictures/scene_0[45].jpg theirs && chmod 600 theirs/scene_05.jpg
  mkdir open && chmod 777 open
  as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$PWD/open" TMPDIR="$PWD/open" "$@"; }
  if as_nobody test -x "$antarctic" && as_nobody test -r "$demo/clip/config.json" && as_nobody test -r job.yaml; then
    as_nobody "$antarctic" caption job.yaml --run open/out --set input.path=theirs > said.txt 2>&1
    jq -s -e 'length == 1 and (.[0] | .key == "scene_05" and .reason == "unreadable" and .detail == "Permission denied")' open/out/bad_items.jsonl > /dev/null
    code=0
    as_nobody "$antarctic" caption job.yaml --run shut --set input.path=theirs > said.txt 2>&1 || code=$?
    [ $code -eq 2 ]
    says 'shut: the folder cannot be made: Permission denied'
  else
    echo 'skipped here: an unreadable image (another user may not read the program or the models)'
  fi
elif [ "$(id -u)" -ne 0 ]; then
  mkdir theirs && cp "$demo"/pictures/scene_0[45].jpg theirs && chmod 0 theirs/scene_05.jpg
  run 0 caption job.yaml --run theirs_out --set input.path=theirs
  jq -s -e 'length == 1 and .[0].key == "scene_05" and .[0].reason == "unreadable"' theirs_out/bad_items.jsonl > /dev/null
else
  echo 'skipped here: an unreadable image (root reads everything, and there is no setpriv)'
fi
