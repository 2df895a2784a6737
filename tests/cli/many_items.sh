# More images than a report shows: it has a fixed number of them, chosen evenly, and says so; status, verify and the index of a large
# folder. (A million: docs/adr/0901.)
. "$source/tests/cli/lib.sh"
command -v python3 > /dev/null || { echo "python3 is not here"; exit 77; }
antarctic_toy=$(dirname "$antarctic")/tests/toy_job/antarctic_toy
small_job job.yaml many
mkdir one
cp "$data/exif/orientation_1.png" one/first.png
python3 -c 'import os
for i in range(10000, 22500): os.link("one/first.png", "one/n%d.png" % i)'
ls one | tar --hard-dereference -cf one.tar -C one -T -
run 0 ingest one.tar --out many --set output.shard_items=5000
run_on 2 0 embed-images job.yaml --run emb --set input.path=many --set output.shard_items=3000
[ "$(jq -c '[.ok, .equal]' emb/summary.json)" = '[12501,12500]' ]
facts() { # of the report $1: its blocks of images, and how many images there are in all
  grep -o 'id="gallery-facts">{[^<]*}' "$1" | sed 's/^[^{]*//' | jq -c '[.blocks, .per_block, .total]'
}
[ "$(facts emb/report.html)" = '[79,128,12501]' ] # 10,000 of them
[ "$(grep -o '\["n[0-9]*",\|\["first",' emb/report.html | wc -l)" -eq 10000 ]
grep -q 'search and order go over these' emb/report.html
run 0 report emb --out few.html --images 100
[ "$(facts few.html)" = '[1,128,12501]' ]
[ "$(grep -o '\["n[0-9]*",\|\["first",' few.html | wc -l)" -eq 100 ]
run 0 status emb --json
says '12501'
run 0 verify emb many
says '12501 items in, 12501 ok'

# a folder whose index is a file: the same on one rank and on several, killed and resumed
mkdir large large/texts
for folder in $(seq 10 16); do mkdir large/$folder; done
seq 100000 165999 | awk '{ printf "large/%d/i%d.jpg\n", substr($1, 2, 1) + 10, $1 }' | xargs touch
printf 'four' > large/10/i100000.jpg
printf 'five5' > large/16/i165999.jpg
"$antarctic_toy" count-bytes --set input.path=large --set output.shard_items=8192 --run toy1 2> said.txt
[ -s toy1/journal/input.path.files ]
[ "$(wc -l < toy1/counts.txt)" -eq 66000 ]
grep -qx '10/i100000 4' toy1/counts.txt
grep -qx '16/i165999 5' toy1/counts.txt
cut -d' ' -f1 toy1/counts.txt | LC_ALL=C sort -c
"$antarctic_toy" count-bytes --set input.path=large --set output.shard_items=8192 --run toy3 > /dev/null 2>&1 &
pid=$!
while [ "$(ls toy3/counts 2> /dev/null | grep -c '\.h5$' || true)" -lt 2 ] && kill -0 $pid 2> /dev/null; do sleep 0.01; done
kill -KILL $pid 2> /dev/null || true
wait $pid 2> /dev/null || true
mpirun --oversubscribe -n 3 "$antarctic_toy" count-bytes --set input.path=large --set output.shard_items=8192 --run toy3 2> said.txt
cmp toy1/counts.txt toy3/counts.txt
diff -r toy1/counts toy3/counts
no_half_files toy3
