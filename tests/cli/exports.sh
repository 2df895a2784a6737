# Exports of one file per image: what cannot be written whole is refused before the first file.
. "$source/tests/cli/lib.sh"
image() { mkdir -p "$(dirname "$1")" && cp "$demo/pictures/scene_0$2.jpg" "$1"; }
long=$(printf 'n%.0s' {1..251})
nothing_in() { if find "$1" -type f 2> /dev/null | grep .; then echo "written in $1"; exit 1; fi; }
small_job job.yaml x

# the longest names that there are
mkdir images
image "images/a/$long.jpg" 0
image "images/$(printf '\xc3\xa4%.0s' {1..120}).jpg" 1
image images/z.jpg 2
run 0 caption job.yaml --set input.path=images --run run --set output.knn=true
[ -s "images/a/$long.knn" ]
run 0 export run --format txt --out out
run 0 export run --format txt
cmp "out/a/$long.txt" "images/a/$long.txt"
[ "$(find out -type f | wc -l)" -eq 3 ]
run 0 export run --format csv --out "$(printf 'c%.0s' {1..251}).csv"
no_half_files .

# keys that are too long with .txt: images without an extension, in a list
mkdir named && cp images/z.jpg "named/$(printf 'k%.0s' {1..252})" && cp images/z.jpg named/a
ls named | sed 's#^#named/#' > list.txt
run 0 tag job.yaml --set input.path=list.txt --run listed
run 2 export listed --format txt --out long
says 'has 256 bytes, and this file system takes 255'
nothing_in long
run 2 export listed --format txt
[ "$(ls named | wc -l)" -eq 2 ]

# two keys for one file, and a file where the other's folder must be
printf 'images/z.jpg\nimages//z.jpg\nimages/./z.jpg\n' > twice.txt
run 0 tag job.yaml --set input.path=twice.txt --run twice
run 1 export twice --format txt --out both
says 'would have the same file'
nothing_in both
image dots/z.jpg 0
image dots/z.txt/y.jpg 1
run 0 tag job.yaml --set input.path=dots --run dotted
run 1 export dotted --format txt --out both
says '"z" and "z.txt/y" would have the same file'
nothing_in both
run 0 export dotted --format csv --out both.csv
# a linked folder shows the same images again: the same captions go to the same files beside them
image linked/one/z.jpg 0
ln -s one linked/two
run 0 tag job.yaml --set input.path=linked --run linked_run
run 0 export linked_run --format txt
[ -s linked/one/z.txt ]

# folders that cannot be written or made
mkdir part && printf 'somebody wrote this\n' > part/a
run 2 export run --format txt --out part
says 'part/a.*is no folder'
[ "$(ls part)" = a ]
run 2 export run --format txt --out /proc/none
says '/proc.*no file can be made there'
mkdir -p full/z.txt
run 2 export run --format txt --out full
says 'full/z.txt'
nothing_in full
run 2 export run --format csv --out full/z.txt
[ "$(find full | wc -l)" -eq 2 ]
if [ "$(id -u)" -ne 0 ]; then
  mkdir -p shut/a && chmod 555 shut/a
  run 2 export run --format txt --out shut
  nothing_in shut
  chmod 755 shut/a
fi

# .knn files of further pages have longer names than their image
mkdir pages
cp "$data/golden/pictures_more/images/tiff_multi_page.tif" "pages/$long.tif"
cp "pages/$long.tif" pages/a.tif
run 0 tag job.yaml --set input.path=pages/a.tif --set input.pages=all --set output.knn=true --run paged
[ -s 'pages/a#2.knn' ]
run 2 tag job.yaml --set input.path=pages --set input.pages=all --set output.knn=true --run paged_long
says 'a name of 257 bytes'
[ ! -e paged_long/embeddings ]
