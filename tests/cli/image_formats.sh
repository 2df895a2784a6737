# Every format of images through the program: by content, whatever the name. What is passed over is told: in log, summary and report.
. "$source/tests/cli/lib.sh"
more=$data/golden/pictures_more

# which formats this build reads
run 0 --version
says '^images: JPEG, PNG, WebP, GIF, BMP'
built() { "$antarctic" --version | sed -n 2p | grep "$1"; }

# a phone's and a museum's folder: names with blanks and dots, letters of either case, formats named as others
mkdir -p 'archive/My Phone' archive/museum/plates
cp "$demo/pictures/scene_00.jpg" archive/plain.jpg
cp "$more/images/jpeg.jfif" 'archive/My Phone/IMG 0001.v2.JFIF'
cp "$more/images/jpeg.jpe" archive/x.jpe
cp "$more/images/gif_animated.gif" archive/museum/a.GIF
cp "$more/images/gif_named.jpg" archive/museum/named.jpg
cp "$more/images/bmp_565.bmp" archive/museum/b.dib
items=6 missing=0
for line in 'TIFF tiff_cmyk.tif museum/plates/t.tiff' 'TIFF tiff_named.jpg museum/plates/t2.jpg' 'JPEG.2000 jp2_rgb_lossy.jp2 museum/p.JP2' \
  'JPEG.2000 other.j2c museum/q.j2c' 'AVIF avif_420.avif web.avif' 'HEIC heic_420.heic My_Phone/IMG_2.HEIC' 'JPEG.XL jxl_lossless.jxl l.jxl'; do
  set -- $line
  mkdir -p "archive/$(dirname "$3")"
  cp "$more/images/$2" "archive/$3"
  items=$((items + 1))
  built "$1" || missing=$((missing + 1))
done
# what is passed over: other formats, notes without an extension; what macOS leaves. A picture that is really called so is one.
: > archive/museum/c.psd; : > archive/museum/d.PSD; : > archive/e.svg; : > archive/README; : > archive/plain.txt
printf '\000\005\026\007\000\002\000\000Mac OS X        ' > archive/._plain.jpg
cp archive/._plain.jpg 'archive/My Phone/._IMG 0001.v2.JFIF'
cp "$demo/pictures/scene_01.jpg" archive/museum/._real.jpg
items=$((items + 1))
small_job job.yaml archive
run_on 2 0 embed-images job.yaml --run out --set limits.max_bad_items=10
says 'input.path: passed over by their extension: 2 .psd, 1 without an extension, 1 .svg (README, e.svg, museum/c.psd, museum/d.PSD)'
says 'input.path: passed over: 2 ._ files'
[ "$(grep -c 'passed over' said.txt)" -eq 2 ]
jq -c .passed_over out/summary.json > passed.txt
printf '%s\n' '{"files":4,"extensions":{"psd":2,"":1,"svg":1},"first":["README","e.svg","museum/c.psd","museum/d.PSD"],"apple_double":2}' | cmp - passed.txt
grep -q '2 \.psd, 1 without an extension, 1 \.svg (README, e\.svg, museum/c\.psd, museum/d\.PSD)' out/report.html
grep -q '2 \._ files' out/report.html
# all of them, or a rejected item that says which library the build lacks
[ "$(jq -c '[.items, .ok, .bad]' out/summary.json)" = "[$items,$((items - missing)),$missing]" ]
[ "$(jq -r 'select(.reason == "unsupported_format") | .detail' out/bad_items.jsonl | grep -c 'which this build does not read')" -eq $missing ]

# a folder with nothing to take says what is there
mkdir others
: > others/a.psd
run 2 embed-images job.yaml --run none --set input.path=others
says 'holds no image'
says '1 \.psd (a\.psd)'

# a .json file beside an image is the image's, as img2dataset writes it; one beside none is passed over, like every other file
mkdir -p pairs/sub
cp "$demo/pictures/scene_00.jpg" pairs/a.b.jpg
cp "$demo/pictures/scene_01.jpg" pairs/sub/c.jpg
for file in a.b sub/c lone a sub/a.b; do printf '{"n": 1}' > "pairs/$file.json"; done
: > pairs/00000_stats.json; : > pairs/00000.parquet; : > pairs/sub/c.JSON; : > pairs/.json
run 0 ingest pairs --out pairs.dataset
says 'passed over by their extension: 5 .json, 1 without an extension, 1 .parquet (.json, 00000.parquet, 00000_stats.json, a.json, lone.json, sub/a.b.json, sub/c.JSON)'
run 0 inspect pairs.dataset
says 'with_metadata *2'
rm pairs/00000* pairs/a.json pairs/lone.json pairs/sub/a.b.json pairs/sub/c.JSON pairs/.json
run 0 ingest pairs --out pairs.again
if grep 'passed over' said.txt; then exit 1; fi
[ "$(jq .passed_over pairs.again/summary.json)" = null ]
: > others/x.json
run 2 ingest others --out none
says '1 \.json, 1 \.psd (a\.psd, x\.json)'

# a list with a byte-order mark, CRLF, an empty line, and one of macOS's files
printf '\357\273\277plain.jpg\r\n\r\n._plain.jpg\nx.jpe\n' > archive/list.txt
run 0 embed-images job.yaml --run list --set input.path=archive/list.txt
says '2 items: 2 done, 0 rejected'
says 'passed over: 1 ._ files'
rm archive/list.txt

# a pointer of Git LFS is called by its name
mkdir lfs
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n' > lfs/a.jpg
cp "$demo/pictures/scene_00.jpg" lfs/b.jpg
run 0 embed-images job.yaml --run lfs_out --set input.path=lfs
[ "$(jq -r '.key + " " + .reason' lfs_out/bad_items.jsonl)" = 'a unsupported_format' ]
jq -r .detail lfs_out/bad_items.jsonl | grep 'Git LFS pointer'

built TIFF || exit 0
# pages: the first, or each as an item; the same on any number of ranks
mkdir pages
cp "$more/images/tiff_multi_page.tif" pages/scan.tif
cp "$more/images/tiff_grey8.tif" pages/one.tif
cp "$more/broken/tiff_ifd_loop_back.tif" pages/loop.jpg
cp "$demo/pictures/scene_00.jpg" 'pages/scan#2.jpg'
printf 'of the second page\n' > 'pages/loop#2.txt'
for key in loop scan one; do printf 'of %s\n' $key > pages/$key.txt; done
run 0 tag job.yaml --run first --set input.path=pages --set retrieval.topk=2
[ "$(jq -r .key first/tags.jsonl | tr '\n' ' ')" = 'loop one scan scan#2 ' ]
run_on 2 0 tag job.yaml --run all --set input.path=pages --set input.pages=all --set output.knn=true --set output.shard_items=2
[ "$(jq -r .key all/tags.jsonl | tr '\n' ' ')" = 'loop loop#2 loop#3 one scan scan#2 scan#3 ' ]
[ "$(jq -r '.key + " " + .reason' all/bad_items.jsonl)" = 'scan#2 duplicate_key' ]
run 0 tag job.yaml --run alone --set input.path=pages --set input.pages=all --set output.knn=true --set output.shard_items=2
cmp all/tags.jsonl alone/tags.jsonl
for shard in 00000 00001 00002; do cmp "all/embeddings/$shard.h5" "alone/embeddings/$shard.h5"; done
[ -e pages/loop.knn ] && [ -e 'pages/loop#2.knn' ] && [ -e 'pages/loop#3.knn' ]
jq -c 'select(.key == "loop" or .key == "loop#2") | .table' all/tags.jsonl > tables.txt
[ "$(wc -l < tables.txt)" -eq 2 ]
run 0 verify all
# another setting is another list of items
run 1 tag job.yaml --run all --set input.path=pages --set output.knn=true --set output.shard_items=2
