# HDF5 files made to do harm (tests/data/hostile_h5, tests/golden/make/hostile_h5.py), each where a command opens one: in runs, caches, datasets,
# with manifests that name their checksums. No command is ended by a signal or a bug, or hangs; what reads the file refuses it by name. Each
# command gets some of the files, each file goes to some of the commands; HOSTILE_EVERY=1 tries every pair (more than half an hour).
. "$source/tests/cli/lib.sh"

mkdir images
for i in 00 01 02 03; do cp "$demo/pictures/scene_$i.jpg" "$demo/pictures/scene_$i.txt" images/; done
small_job job.yaml images
printf 'output:\n  shard_items: 4\n' >> job.yaml
run 0 build-cache --run cache --set input.path=cache.txt --set "clip.model=$demo/clip"
sed -i 's/cache.txt/cache/' job.yaml
run 0 caption job.yaml --run whole
run 0 ingest images --out dataset
python3 "$source/tests/cli/hostile_h5.py" "$antarctic" "$(dirname "$antarctic")/cli/file_checksum" "$data/hostile_h5" "$demo"
