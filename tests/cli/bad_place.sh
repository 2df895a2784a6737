# Places that refuse: no permission, no room, damaged shards, a folder in use. A clear message, the right code, no hang, nothing half.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo"/pictures/scene_0[0-5].jpg images
small_job job.yaml images
"$antarctic" caption job.yaml --run whole --set output.shard_items=2 > said.txt 2>&1
same() { cmp whole/captions.jsonl "$1/captions.jsonl" && cmp whole/captions.h5 "$1/captions.h5"; }

# a run folder that cannot be made, for root too
for ranks in 1 3; do
  run_on $ranks 2 caption job.yaml --run /proc/antarctic
  says '/proc/antarctic: the folder cannot be made'
done
run 2 caption job.yaml --run cache.txt
says 'cache.txt'

# a file system without room: a small one of our own, or, everywhere, a limit on the size of files
full() { # full NAME: the message and the code after a failed run in NAME, and the same result once there is room
  says "$1.*\(No space left\|File too large\|cannot be written\)"
  no_half_files "$1"
  [ ! -e "$1/DONE" ]
  [ ! -e "$1/captions.jsonl" ]
}
limited() { # limited RANKS KILOBYTES: MPI's own files stay out of it, so TCP and no shared memory
  code=0
  timeout 120 mpirun --oversubscribe $(over_tcp) -n "$1" bash -c "ulimit -f $2
    exec '$antarctic' caption job.yaml --run limited --set output.shard_items=2" > said.txt 2>&1 || code=$?
  [ $code -eq 2 ] || { echo "exit $code, $1 ranks, files limited to $2 kB"; cat said.txt; exit 1; }
}
limited 1 12
full limited
limited 3 12
full limited
limited 1 44 # all but the report fits
says 'limited/report.html.* cannot be written'
no_half_files limited
[ ! -e limited/DONE ]
[ ! -e limited/report.html ]
run 0 caption job.yaml --run limited --set output.shard_items=2
same limited
mkdir small
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=100k none small 2> /dev/null; then
  trap 'umount small' EXIT
  for ranks in 1 3; do
    run_on $ranks 2 caption job.yaml --run small/run --set output.shard_items=2
    full small/run
    mount -o remount,size=10m small # room is made: the same command goes on
    run 0 caption job.yaml --run small/run --set output.shard_items=2
    same small/run
    rm -r small/run
    mount -o remount,size=100k small
  done
  umount small
  trap - EXIT
else
  echo 'skipped here: a full file system (mounting one needs root); the limit on file sizes stood in for it'
fi

# standard output without room is no success
printed() {
  code=0
  "$antarctic" "$@" > /dev/full 2> said.txt || code=$?
  [ $code -eq 2 ] || { echo "exit $code, standard output full: $*"; exit 1; }
  says 'standard output cannot be written'
}
printed preprocess --size 8 --out x.npy images/scene_00.jpg
printed embed --model "$demo/clip" --out x.npy --images images/scene_00.jpg
printed caption --print-config job.yaml
printed status whole --json
printed verify whole --json

# damaged shards, of a finished run too: found by whichever rank looks, and made again; a damaged manifest is refused
for ranks in 1 3; do
  rm -rf damaged && cp -r whole damaged
  printf 'x' | dd of=damaged/embeddings/00001.h5 bs=1 seek=2500 conv=notrunc 2> /dev/null
  rm damaged/tables/00002.h5
  : > damaged/shards/00000.h5
  run_on $ranks 0 caption job.yaml --run damaged --set output.shard_items=2
  says 'embeddings/00001.h5: not what was published; it is made again'
  says 'tables/00002.h5: gone or unreadable; it is made again'
  same damaged
  for f in whole/*/*.h5; do cmp "$f" "damaged/${f#whole/}"; done
done
# a journal's line of before a shard was made again does not make the new one wrong
printf '{"stage": "embed", "shard": 0, "rows": 2, "bad": 0, "checksum": "%032d"}\n' 0 > damaged/journal/0009.jsonl
run 0 verify damaged
run 0 caption job.yaml --run damaged --set output.shard_items=2
says 'this run is finished'
# counts are those of the shards, not of the manifest alone
cp -r whole counted
sed -i '0,/"shard": 1, "rows": 2, "bad": 0/s//"shard": 1, "rows": 1, "bad": 1/' counted/manifest.json
run 2 verify counted
says 'embeddings/00001.h5: 2 rows, the manifest says 1'
# what killed processes left is cleared away, but not the name under which a living one waits for the lock
sleep 60 &
waiting=$!
awaited() { # awaited TOKEN PROCESS STARTED
  printf '{"host": "%s", "pid": %d, "started": %s, "boot": "%s", "pid_space": "%s", "token": "%s"}\n' "$(hostname)" "$2" "$3" \
    "$(cat /proc/sys/kernel/random/boot_id)" "$(readlink /proc/self/ns/pid)" "$1" > "damaged/lock.tmp.$1"
}
awaited living $waiting "$(sed 's/.*) //' /proc/$waiting/stat | cut -d ' ' -f 20)"
awaited dead $waiting 1
rm damaged/DONE
run 0 caption job.yaml --run damaged --set output.shard_items=2
[ -e damaged/lock.tmp.living ]
[ ! -e damaged/lock.tmp.dead ]
rm damaged/lock.tmp.living
kill $waiting

printf 'not json' > damaged/manifest.json
run_on 3 2 caption job.yaml --run damaged --set output.shard_items=2
says 'damaged/manifest.json.*another --run folder'

# another process works there: it renews its lock
rm damaged/DONE damaged/manifest.json
echo 'not to be read here' > damaged/lock
(for _ in $(seq 60); do sleep 1; touch -c damaged/lock; done) &
run_on 3 1 caption job.yaml --run damaged --set output.shard_items=2
says 'another run works in this folder'
kill $!
