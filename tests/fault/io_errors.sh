# Errors of a file server that is away, or of a disk (EIO, ESTALE, ETIMEDOUT): reading and opening are tried again three times; what stays ends with 74,
# and the same command then gives the right bytes. Writing and syncing are not tried again, for nobody knows what was lost: 74 at once. A folder
# that cannot be synced (EINVAL, ENOTSUP) is no failure. Other errors, such as a full disk, end with 2 as ever.
. "$source/tests/fault/libfault.sh"
. "$source/tests/cli/lib.sh"
export OMP_NUM_THREADS=1
small_jobs scene_0[01] 1
run 0 build-cache cache.yaml --run cache
run 0 caption job.yaml --run whole

# broken EXPECTED CALL ERRNO MATCH TIMES [arguments…]: a fresh run (of job.yaml, without arguments) with that fault, then one without
broken() {
  local expected=$1 call=$2 error=$3 match=$4 times=$5 code=0
  shift 5
  [ $# -gt 0 ] || set -- caption job.yaml --run run
  rm -rf run count
  LD_PRELOAD=$fault/io_errors.so IO_CALL=$call IO_ERRNO=$error IO_MATCH=$match IO_TIMES=$times IO_COUNT=$PWD/count timeout 120 "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $call of $match fails with $error, $times times: $*"; cat said.txt; exit 1; }
  [ -s count ] || { echo "no $call of $match failed: the test proves nothing"; exit 1; }
  if [ -d run ]; then
    run 0 caption job.yaml --run run
    same whole run
    no_leftovers run
  fi
}

# what is read: a text, a list, a config, weights, a cache's manifest and shards (by HDF5), a dataset's bytes
for match in job.yaml /clip/config.json vocab.json model.safetensors cache/manifest.json; do broken 0 open 5 $match 1; done
for match in model.safetensors cache/shards/00000.h5 run/embeddings/00000.h5 run/tables/00001.h5; do broken 0 open 116 $match 3; done
for error in 5 116 110; do
  broken 74 open $error cache/manifest.json 0
  [ "$(wc -c < count)" -eq 4 ] # the first try, and three more
done
broken 74 open 116 /clip/config.json 0
broken 74 open 5 model.safetensors 0
broken 74 open 116 cache/shards/00003.h5 0
broken 74 open 5 run/tables/00000.h5 0
broken 74 read 5 cache/shards/00003.h5 0
broken 74 read 116 run/tables/00001.h5 0
broken 74 open 110 cache.txt 0 build-cache cache.yaml --run other
broken 74 read 5 cache.txt 0 build-cache cache.yaml --run other2
broken 0 read 5 cache.txt 2 build-cache cache.yaml --run other3
run 0 build-cache cache.yaml --run other
cmp cache/shards/00000.h5 other/shards/00000.h5
cmp cache/shards/00000.h5 other3/shards/00000.h5
run 0 ingest images --out set
broken 0 read 116 set/shards/00000.h5 1 caption job.yaml --run run_set --set input.path=set
broken 74 read 116 set/shards/00000.h5 0 caption job.yaml --run run_set2 --set input.path=set
broken 2 open 13 model.safetensors 0

# an item: a file server that is away must cost no images, captions or members; what only this file refuses is a rejected item
for call in open read stat; do broken 0 $call 116 images/scene_00.jpg 2; done
for error in 5 116 110; do broken 74 open $error images/scene_00.jpg 0; done
broken 74 read 5 images/scene_01.jpg 0
for call in open read stat; do broken 74 $call 116 images/scene_01.txt 0; done
tar cf tarred.tar -C images .
run 0 caption job.yaml --run tarred --set input.path=tarred.tar
broken 0 read 116 tarred.tar 1 caption job.yaml --run tar1 --set input.path=tarred.tar
same tarred tar1
rm -r tar1
run 0 embed-images job.yaml --run tar1 --set input.path=tarred.tar # indexed; then only the members are read
mv tar1/embeddings embedded
rm tar1/DONE
for call in open read stat; do broken 74 $call 5 tarred.tar 0 embed-images job.yaml --run tar1 --set input.path=tarred.tar; done
run 0 embed-images job.yaml --run tar1 --set input.path=tarred.tar
diff -r embedded tar1/embeddings

# what is only looked at, and folders: an error is not the same as "not there"
for match in /cache images/manifest.json run/manifest.json run/DONE; do broken 0 stat 116 $match 3; done
for match in /cache /cache/manifest.json images/manifest.json run/manifest.json run/captions.jsonl run/tables/00000.h5; do broken 74 stat 110 $match 0; done
for call in opendir readdir; do
  for match in images run/journal; do
    broken 0 $call 116 $match 3
    broken 74 $call 5 $match 0
  done
done

# what is written
for match in run/embeddings/00001.h5 run/journal/0000.jsonl run/manifest.json run/captions.h5; do
  broken 74 write 5 $match 0 # (a write of its own that failed once, HDF5 makes again when it closes the file)
  broken 74 fsync 110 $match 1
  broken 2 write 28 $match 0
done
for match in run/captions.jsonl run/DONE run/summary.json; do broken 74 fsync 5 $match 1; done
broken 2 fsync 28 run/captions.jsonl 1
for match in run/tables/00001.h5 run/manifest.json run/DONE; do broken 74 rename 116 $match 1; done

# folders that are made, and names that are removed
broken 0 mkdir 116 run/tables 3
broken 74 mkdir 5 run/tables 0
broken 0 unlink 116 run/ref5.txt 3
broken 74 unlink 5 run/ref5.txt 0

# folders that cannot be synced, and one that is broken
for error in 22 95; do broken 0 fsync_folder $error run 0; done
broken 74 fsync_folder 5 run/tables 1
