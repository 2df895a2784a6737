# What a job may use, and what it says of it: memory and cores of its cgroups, binding, threads per rank; a standard output that is full; a file that
# another program has locked; printed numbers.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo/pictures/scene_11.jpg" images/a.jpg
small_job job.yaml images
sed -i '/^compute:/,$d' job.yaml # threads: the program's own choice

# threads of each rank, in log and summary
run_on 2 0 embed-images job.yaml --run two --set compute.threads=3
[ "$(jq -c .threads two/summary.json)" = '[3,3]' ]
grep 'threads: 3 on each of ranks 0 to 1' two/log.txt > /dev/null
grep 'this node: .* MB of memory (.*), .* cores (.*)' two/log.txt > /dev/null
run 0 ingest images --out set
[ "$(jq '.threads | length' set/summary.json)" -eq 1 ]

# more memory than there is
run 0 embed-images job.yaml --run greedy --set limits.memory=900000GB
says 'limits.memory is .* allows'

# a rank that its launcher has bound: all cores that are allowed, or a line that says so
if [ "$(nproc)" -gt 1 ] && mpirun --version 2>&1 | grep 'Open MPI' > /dev/null; then
  timeout 120 mpirun --bind-to core -n 1 "$antarctic" embed-images job.yaml --run bound > said.txt 2>&1
  [ "$(jq -c .threads bound/summary.json)" = '[1]' ]
  says 'bound to fewer cores .*--bind-to none'
  timeout 120 mpirun --bind-to none -n 1 "$antarctic" embed-images job.yaml --run free > said.txt 2>&1
  if grep 'bound to fewer' said.txt; then exit 1; fi
  # the user's own choice for all that the launcher starts is no reason to speak
  timeout 120 taskset -c 0 mpirun --bind-to none -n 1 "$antarctic" embed-images job.yaml --run chosen > said.txt 2>&1
  [ "$(jq -c .threads chosen/summary.json)" = '[1]' ]
  if grep 'bound to fewer' said.txt; then exit 1; fi
fi
taskset -c 0 "$antarctic" embed-images job.yaml --run alone > said.txt 2>&1
[ "$(jq -c .threads alone/summary.json)" = '[1]' ]
if grep 'bound to fewer' said.txt; then exit 1; fi

# a real group of version 1, where that is permitted; the limit is of the group above
group=/sys/fs/cgroup/memory/antarctic-test-$$
if mkdir "$group" 2> /dev/null && mkdir "$group/below" && echo 2000000000 > "$group/memory.limit_in_bytes"; then
  code=0
  bash -c "echo \$\$ > $group/below/cgroup.procs; exec \"\$@\"" - "$antarctic" embed-images job.yaml --run grouped > said.txt 2>&1 || code=$?
  rmdir "$group/below" "$group"
  [ $code -eq 0 ] || { cat said.txt; exit 1; }
  grep "this node: 190[0-9] MB of memory ($group/memory.limit_in_bytes)" grouped/log.txt > /dev/null || { grep 'this node' grouped/log.txt; exit 1; }
else
  rmdir "$group/below" "$group" 2> /dev/null || :
fi

# a standard output that is full, though the job says nothing there
if [ -w /dev/full ]; then
  for words in "embed-images job.yaml --run full" "caption job.yaml --run full2"; do
    code=0
    "$antarctic" $words > /dev/full 2> said.txt || code=$?
    [ "$code" -eq 2 ] || { echo "exit $code with standard output on /dev/full: $words"; exit 1; }
    says 'standard output cannot be written'
  done
fi
"$antarctic" embed-images job.yaml --run closed >&- 2> said.txt # none at all is no failure

# a file that another program has locked, where locks are asked for
python3 - two/embeddings/00000.h5 << 'END' &
import fcntl, sys, time
f = open(sys.argv[1], "rb+")
fcntl.flock(f, fcntl.LOCK_EX)
open("locked", "w").close()
time.sleep(60)
END
locker=$!
trap 'kill $locker 2> /dev/null || :' EXIT
until [ -e locked ]; do sleep 0.1; done
code=0
HDF5_USE_FILE_LOCKING=TRUE "$antarctic" inspect two/embeddings/00000.h5 > said.txt 2>&1 || code=$?
[ $code -eq 74 ]
says 'locked.*HDF5_USE_FILE_LOCKING'
run 0 inspect two/embeddings/00000.h5
kill $locker

# captions.h5 over more shards than files may be open: all of it, or the open files; no zeros
for i in $(seq 36); do cp images/a.jpg images/$i.jpg; done
run 0 caption job.yaml --run many --set output.shard_items=1 --set generation.num_beams=1 --set generation.max_length=4
run 0 verify many/captions.h5
for words in "inspect many/captions.h5" "verify many/captions.h5" "verify many"; do
  code=0
  (ulimit -n 34 && "$antarctic" $words) > said.txt 2>&1 || code=$?
  [ $code -ne 0 ] || continue
  says 'open files'
done
(ulimit -n 34 && run 2 inspect many/captions.h5)
run 0 inspect many/captions.h5 # the soft limit is raised

# numbers as short as they read back, and fingerprints as ever
run 0 caption job.yaml --print-config --set generation.top_p=0.7 --set generation.temperature=0.1 --set generation.length_penalty=1e-7
says 'top_p: 0.7 '
says 'temperature: 0.1 '
says 'length_penalty: 1e-07 '
