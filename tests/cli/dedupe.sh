# dedupe: pairs equal brute force to the bit; groups; what is kept, and used as input; resumed; refused.
. "$source/tests/cli/lib.sh"
vectors="$source/tests/cli/vectors.py"

# pairs of a cache's entries, of any kind, on any ranks, in shards of any size, with any kernels
for kind in random crowded long equal; do
  python3 "$vectors" make $kind 150 256 x.npy entries.txt
  run 0 import --text entries.txt --embeddings x.npy --model "$demo/clip" --out cache_$kind
  python3 "$vectors" pairs entries.txt x.npy 0.9 wanted.txt
  run 0 dedupe cache_$kind --threshold 0.9 --out one_$kind
  python3 "$vectors" found one_$kind/pairs.jsonl found.txt
  cmp wanted.txt found.txt
  run_on 3 0 dedupe cache_$kind --threshold 0.9 --out other_$kind --set output.shard_items=7 --set compute.kernels=generic
  for file in pairs.jsonl groups.jsonl kept.txt; do cmp one_$kind/$file other_$kind/$file; done
  run 0 verify one_$kind other_$kind
done
[ -s one_crowded/groups.jsonl ]
[ "$(wc -l < one_equal/kept.txt)" = 1 ]
sort entries.txt > sorted.txt
[ "$(sed -n 1p sorted.txt)" = "$(cat one_equal/kept.txt)" ]
[ "$(LC_ALL=C sort -u one_crowded/kept.txt)" = "$(LC_ALL=C sort one_crowded/kept.txt)" ]
run 0 build-cache --set input.path=one_crowded/kept.txt --set "clip.model=$demo/clip" --run smaller # a text for it
# groups are what pairs connect: each dropped entry is in a pair, and none is in two groups
jq -r '.drop[], .keep' one_crowded/groups.jsonl | LC_ALL=C sort > grouped
jq -r '.a, .b' one_crowded/pairs.jsonl | LC_ALL=C sort -u > paired
cmp grouped paired

# one item, and none
python3 "$vectors" make random 1 256 x.npy entries.txt
run 0 import --text entries.txt --embeddings x.npy --model "$demo/clip" --out cache_one
run_on 2 0 dedupe cache_one --out only
[ ! -s only/pairs.jsonl ]
cmp entries.txt only/kept.txt

# images: of near duplicates the one with the most pixels stays, then the lowest key
mkdir pictures
cp "$demo"/pictures/scene_0*.jpg pictures
cp "$demo/pictures/scene_01.jpg" pictures/copy.jpg
cp "$demo/pictures/scene_01.jpg" pictures/zebra.jpg
run 0 embed-images --set input.path=pictures --set "clip.model=$demo/clip" --set output.shard_items=4 --run run
run 0 dedupe run --threshold 0.99999 --out images
[ "$(jq -c . images/groups.jsonl)" = '{"keep":"copy","drop":["scene_01","zebra"]}' ]
[ "$(wc -l < images/pairs.jsonl)" = 3 ]
[ "$(jq -c '[.a, .b]' images/pairs.jsonl | tr '\n' ' ')" = '["copy","scene_01"] ["copy","zebra"] ["scene_01","zebra"] ' ]
[ "$(wc -l < images/kept.txt)" = 10 ]
[ "$(grep -c 'zebra\|scene_01' images/kept.txt)" = 0 ]
run 0 embed-images --set input.path=images/kept.txt --set "clip.model=$demo/clip" --run kept
[ "$(jq .ok kept/summary.json)" = 10 ]
run 0 ingest images/kept.txt --out dataset
[ "$(jq .items dataset/summary.json)" = 10 ]
if python3 -c 'import PIL' 2> /dev/null; then # a larger one with the higher key
  python3 -c 'import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.resize((i.width * 2, i.height * 2)).save(sys.argv[2])' \
    pictures/scene_01.jpg pictures/zebra.png
  rm pictures/zebra.jpg
  run 0 embed-images --set input.path=pictures --set "clip.model=$demo/clip" --run large
  run 0 dedupe large --threshold 0.98 --out larger
  [ "$(jq -c 'select(.drop | index("copy")) | [.keep, (.drop | index("scene_01") != null)]' larger/groups.jsonl)" = '["zebra",true]' ]
fi
cp -r pictures images_again
rm images_again/zebra.png 2> /dev/null || true
cp "$demo/pictures/scene_01.jpg" images_again/zebra.jpg
rm -r pictures
run 0 dedupe run --threshold 0.99999 --out gone # the images are gone: the pairs are the same
says 'sizes'
cmp gone/pairs.jsonl images/pairs.jsonl
cmp gone/groups.jsonl images/groups.jsonl

# an image dataset without the dropped images, as tars
run 0 ingest images_again --out dataset_all
run 0 embed-images --set input.path=dataset_all --set "clip.model=$demo/clip" --run of_dataset
run 0 dedupe of_dataset --threshold 0.99999 --out of_dataset_dedupe
cmp of_dataset_dedupe/groups.jsonl images/groups.jsonl
run 0 export dataset_all --format webdataset --without of_dataset_dedupe --out tars
says '2 images that of_dataset_dedupe drops'
run 0 ingest tars --out dataset_kept
jq -r .drop[] images/groups.jsonl > dropped
[ "$(jq .items dataset_kept/summary.json)" = 10 ]
[ "$(grep -c -x -f dropped dataset_kept/keys.txt)" = 0 ]
run 1 export dataset_all --format folder --without run --out none
run 1 export run --format csv --without of_dataset_dedupe --out none

# names that are no UTF-8: groups tell them with U+FFFD, and what is dropped is found by that where it is one image
mkdir latin
cp "$demo/pictures/scene_01.jpg" "latin/$(printf 'a\351').jpg"
cp "$demo/pictures/scene_01.jpg" "latin/$(printf 'b\351').jpg"
cp "$demo/pictures/scene_02.jpg" latin/c.jpg
run 0 ingest latin --out dataset_latin
run 0 embed-images --set input.path=dataset_latin --set "clip.model=$demo/clip" --run latin_run
run 0 dedupe latin_run --threshold 0.99999 --out latin_dedupe
run 0 export dataset_latin --format folder --without latin_dedupe --out latin_kept
[ "$(ls latin_kept | LC_ALL=C sort | od -An -c | tr -d ' \n')" = 'a351.jpg\nc.jpg\n' ]
cp "$demo/pictures/scene_03.jpg" "latin/$(printf 'b\350').jpg" # told as the dropped one is
run 0 ingest latin --out dataset_told
run 1 export dataset_told --format folder --without latin_dedupe --out told_kept
says 'latin_dedupe drops 1 of the 2 images whose names are no UTF-8'
[ ! -e told_kept ]
run 0 ingest latin_dedupe/kept.txt --out dataset_of_list
[ "$(jq .items dataset_of_list/summary.json)" = 2 ]
# a first page that other documents have too, whose further pages are its own: the file stays
mkdir documents
python3 - documents << 'PAGES'
import struct, sys
size = 64
def page(i): # stripes and squares
    return bytes((x * (i + 1) * 4 + 60 * i) % 256 if c == i % 3 else (255 if (x // 8 + y // (4 * i + 4)) % 2 else 40 * i)
                 for y in range(size) for x in range(size) for c in range(3))
def tiff(path, pages): # uncompressed RGB
    out = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for i in pages:
        data = len(out)
        out += page(i) + struct.pack("<3H", 8, 8, 8)
        out[link:link + 4] = struct.pack("<I", len(out))
        tags = [(256, 3, 1, size), (257, 3, 1, size), (258, 3, 3, data + 3 * size * size), (259, 3, 1, 1), (262, 3, 1, 2),
                (273, 4, 1, data), (277, 3, 1, 3), (278, 3, 1, size), (279, 4, 1, 3 * size * size)]
        out += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags) + b"\0\0\0\0"
        link = len(out) - 4
    open(path, "wb").write(out)
for name, pages in ("a", [0, 1]), ("b", [0, 2]), ("c", [0]), ("d", [0, 1]):
    tiff("%s/%s.tif" % (sys.argv[1], name), pages)
PAGES
run 0 ingest documents --out dataset_pages --set input.pages=all
run 0 embed-images --set input.path=dataset_pages --set "clip.model=$demo/clip" --run pages_run
run 0 dedupe pages_run --threshold 0.99999 --out pages_dedupe
[ "$(jq -c . pages_dedupe/groups.jsonl | tr '\n' ' ')" = '{"keep":"a","drop":["b","c","d"]} {"keep":"a#2","drop":["d#2"]} ' ]
run 0 export dataset_pages --format folder --without pages_dedupe --out pages_kept
says '1 first pages that pages_dedupe drops stay'
[ "$(ls pages_kept | tr '\n' ' ')" = 'a.tif b.tif ' ]
# of another archive: what is not there is said
run 0 export dataset_latin --format folder --without of_dataset_dedupe --out all_kept
says '2 images that of_dataset_dedupe drops are none of dataset_latin'

# a score as it is written is a threshold that its pair reaches; copies may score a little less than 1, and nothing more
while read -r score; do
  run 0 dedupe cache_crowded --threshold "$score" --out "written_$score"
  grep -q "\"score\": $score}" "written_$score/pairs.jsonl"
done < <(sed -n 's/.*"score": \(.*\)}/\1/p' one_crowded/pairs.jsonl | sed -n '1~9p' | sed -n 1,12p)
run 0 dedupe run --threshold 96 --out percent
says 'dedupe.threshold 96: no two images reach it'
[ ! -s percent/pairs.jsonl ]

# a shard that is lost, a killed run, a part at a time: the same files
rm other_crowded/pairs/00003.h5 other_crowded/DONE
run_on 2 0 dedupe cache_crowded --threshold 0.9 --out other_crowded --set output.shard_items=7 --set compute.kernels=generic
cmp one_crowded/pairs.jsonl other_crowded/pairs.jsonl
for part in 0 1 2; do
  run 0 dedupe cache_crowded --threshold 0.9 --out parts --set output.shard_items=7 --set compute.parts=3 --set compute.part=$part
done
[ ! -e parts/pairs.jsonl ]
run 0 dedupe cache_crowded --threshold 0.9 --out parts --set output.shard_items=7
cmp one_crowded/pairs.jsonl parts/pairs.jsonl
cmp one_crowded/groups.jsonl parts/groups.jsonl
run 0 dedupe cache_crowded --threshold 0.9 --out parts --set output.shard_items=7
says 'finished; nothing to do'
code=0
(ulimit -f 8; trap '' XFSZ; exec timeout 120 "$antarctic" dedupe cache_equal --threshold 0.9 --out full > said.txt 2>&1) || code=$?
[ $code = 2 ] || { echo "exit $code with a full disk"; cat said.txt; exit 1; }
no_half_files full
run 0 dedupe cache_equal --threshold 0.9 --out full
cmp one_equal/pairs.jsonl full/pairs.jsonl

# refused
run 1 dedupe run --threshold x --out none
run 1 dedupe run --threshold nan --out none
run 1 dedupe run --threshold inf --out none
run 1 dedupe nowhere/at/all.yaml
run 2 dedupe nowhere --out none
run 1 dedupe dataset --out none
says 'without embeddings'
run 1 dedupe cache_crowded --threshold 0.8 --out one_crowded # another threshold
says 'dedupe.threshold'
run 1 dedupe cache_crowded --threshold 0.9 --update --out one_crowded
# too many pairs: said before the work where any two are one, else when they are counted; written when all are asked for
python3 - x.npy entries.txt << 'P'
import struct, sys
n, width = 4500, 256
with open(sys.argv[1], "wb") as f:
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (n, width)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    for i in range(n):
        f.write(struct.pack("<%df" % width, *[0.0625 if d != i % width else -0.0625 for d in range(width)]))
with open(sys.argv[2], "w") as f:
    f.writelines("entry %d\n" % i for i in range(n))
P
run 0 import --text entries.txt --embeddings x.npy --model "$demo/clip" --out cache_many
run 1 dedupe cache_many --threshold -1 --out many
says 'dedupe.threshold -1 makes a pair of any two: 10122750 pairs of 4500, and more than 10000000 are written with --all only'
[ ! -e many/pairs.jsonl ]
run_on 2 1 dedupe cache_many --threshold 0.9 --out many_on_two
says 'dedupe.threshold 0.9 gives more than 10000000 pairs: a higher one, or --all'
[ ! -e many_on_two/pairs.jsonl ]
[ ! -e many_on_two/DONE ]
run 0 dedupe cache_many --threshold 0.99 --out fewer # the same cache with a threshold that leaves few: 256 kinds of entries
[ "$(wc -l < fewer/kept.txt)" = 256 ]
run 0 dedupe cache_random --threshold -1 --all --out all
[ "$(wc -l < all/pairs.jsonl)" = 11175 ]
run 0 dedupe --help
says 'any number of pairs'
