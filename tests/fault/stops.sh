# What ends a run early, one after the other: stop signals, a rank that stands still, a second run on the folder, an image that kills
# its reader, damaged shards. Each time the exit code, what status and verify say, and the same bytes in the end.
. "$source/tests/fault/libfault.sh"

small_jobs 'scene_0 scene_1' 4
"$antarctic" build-cache cache.yaml --run cache 2> said.txt
"$antarctic" caption job.yaml --run whole 2> said.txt
"$antarctic" verify whole cache

caption() { # caption RANKS RUN OPTIONS…
  local ranks=$1 run=$2
  shift 2
  mpirun --oversubscribe -n "$ranks" "$antarctic" caption job.yaml --run "$run" "$@" > "$run.said" 2>&1
}
expect() { # expect CODE STATE RUN ACTUAL: the exit code, and the state that status tells
  [ "$4" -eq "$1" ] || { echo "exit $4, expected $1"; cat "$3.said"; exit 1; }
  "$antarctic" status "$3" --json > state.json
  [ "$(jq -r .state state.json)" = "$2" ] || { echo "state $(cat state.json), expected $2"; exit 1; }
}
completed() { # completed RUN: the plain command completes it
  caption 2 "$1" || { cat "$1.said"; exit 1; }
  same whole "$1"
  no_leftovers "$1"
  "$antarctic" verify "$1" > /dev/null
}
wait_for_stage() { # wait_for_stage RUN FOLDER: until a shard of that stage is published
  local until=$((SECONDS + 60))
  until ls "$1/$2"/*.h5 > /dev/null 2>&1; do [ $SECONDS -lt $until ]; sleep 0.02; done
}

launcher='^(mpirun|prterun|mpiexec[.a-z]*)' # Open MPI 5's mpirun becomes prterun
# USR1 to mpirun, and to one rank alone: all ranks stop at a shard's end, exit 75.
slow="--set generation.num_return_sequences=200 --set generation.do_sample=true --set generation.num_beams=1 --set output.shard_items=4"
for to in launcher rank; do
  code=0
  caption 3 usr1 $slow &
  wait_for_stage usr1 tables
  if [ $to = launcher ]; then kill -USR1 $(pgrep -f -- "$launcher .*--run usr1( |$)"); else kill -USR1 "$(ranks_of usr1 | tail -1)"; fi
  wait $! || code=$?
  expect 75 stopped usr1 $code
  jq -e '.last_error | test("stopped on request")' state.json > /dev/null
  rm -r usr1
done
# INT to a run without a launcher; then it goes on where it was. TERM, and one more as the rank ends, which srun sends to the ranks that are
# left: the rank's own exit code counts, not the signal.
for signal in INT TERM; do
  at_end=
  [ $signal = INT ] || at_end=$fault/term_at_end.so
  LD_PRELOAD=$at_end "$antarctic" caption job.yaml --run $signal > $signal.said 2>&1 &
  wait_for_stage $signal embeddings
  kill -$signal $!
  code=0
  wait $! || code=$?
  expect 75 stopped $signal $code
  [ "$(grep -c 'stop requested: the work in flight is finished within 20 s' $signal/log.txt)" -eq 1 ]
  completed $signal
done

# The shard in flight takes longer than limits.grace_seconds: dropped, exit 75 all the same.
caption 2 grace $slow --set output.shard_items=20 --set generation.num_return_sequences=2000 --set limits.grace_seconds=0.5 &
wait_for_stage grace tables
sleep 0.5
kill -USR1 $(pgrep -f -- "$launcher .*--run grace( |$)")
begun=$SECONDS code=0
wait $! || code=$?
expect 75 stopped grace $code
[ $((SECONDS - begun)) -le 15 ]

# A rank that stands still: each of the others says where it is, exit 74.
code=0
caption 3 stall --set limits.stall_minutes=0.05 &
wait_for_stage stall embeddings
stopped=$(ranks_of stall | tail -1)
kill -STOP "$stopped"
wait $! || code=$?
if grep -q 'BAD TERMINATION' stall.said; then code=74; fi # MPICH's launcher returns the signal by which it ended the stopped rank
kill -KILL "$stopped" 2> /dev/null || true
gone_within 30 stall
expect 74 retry stall $code
[ "$(grep -c 'no rank made progress for .* minutes; phase ' stall.said)" -eq 2 ]
completed stall

# A second run on the same folder is refused, by name of host and process; the first one goes on.
caption 2 twice &
wait_for_stage twice embeddings
launcher=$!
holder=$(jq -r .pid twice/lock)
kill -STOP "$holder" # so that it is not over before the second has asked
code=0
"$antarctic" caption job.yaml --run twice > second.said 2>&1 || code=$?
kill -CONT "$holder"
wait $launcher
[ $code -eq 1 ]
grep -q "another run works in this folder: host $(hostname), process $holder," second.said
same whole twice

# Locks: of a dead process taken over; of another host only when it was long not renewed.
lock() { printf '{"host": "%s", "pid": %d, "started": 1, "boot": "b", "pid_space": "p", "slurm_job": %d, "slurm_restart": 0, "token": "t"}\n' "$@" > twice/lock; }
lock elsewhere 12 0
(while sleep 2; do touch -c twice/lock; done) & # its renewals
renewing=$!
code=0
"$antarctic" caption job.yaml --run twice > second.said 2>&1 || code=$?
kill $renewing
[ $code -eq 1 ]
grep -q 'another run works in this folder: host elsewhere, process 12' second.said
[ "$("$antarctic" status twice --json | jq -r '.state + .holder.host')" = runningelsewhere ]
touch -d '10 minutes ago' twice/lock
"$antarctic" caption job.yaml --run twice 2>&1 | grep 'lock of a run that is gone (host elsewhere, process 12) taken over'
lock elsewhere 12 0
touch -d '292 seconds ago' twice/lock # killed not five minutes ago: waited for
"$antarctic" caption job.yaml --run twice > second.said 2>&1
grep -q 'host elsewhere, process 12 was last seen here 29[0-9] s ago: waiting' second.said
grep -q 'taken over' second.said
lock elsewhere 12 77 # the same Slurm job, started again elsewhere
SLURM_JOB_ID=77 SLURM_RESTART_COUNT=1 "$antarctic" caption job.yaml --run twice 2>&1 | grep 'taken over'
[ ! -e twice/lock ]

# An image whose reading ends the process, by a signal of its own or by the kernel's: found and rejected, the run continues.
for signal in 11 9; do
  rm -rf crash
  code=0
  CRASH_ON_OPEN=scene_05.jpg CRASH_SIGNAL=$signal LD_PRELOAD=$fault/crash_on_open.so caption 2 crash || code=$?
  [ $code -ne $signal ] || code=$((128 + signal)) # MPICH's launcher returns the signal itself
  expect $((128 + signal)) killed crash $code
  CRASH_ON_OPEN=scene_05.jpg CRASH_SIGNAL=$signal LD_PRELOAD=$fault/crash_on_open.so caption 2 crash
  [ "$(jq -r '.key + " " + .reason' crash/bad_items.jsonl)" = "scene_05 crashed" ]
  [ "$(wc -l < crash/captions.jsonl)" -eq 19 ]
  "$antarctic" verify crash > /dev/null
done

# Damage: told by verify, which names the file, and corrected by the next run.
for damage in flip cut gone; do
  for file in embeddings/00002.h5 tables/00000.h5 shards/00004.h5 captions.jsonl; do
    rm -rf damaged
    cp -r whole damaged
    case $damage in
      flip) printf '\377' | dd of=damaged/$file bs=1 seek=1500 conv=notrunc 2> /dev/null ;;
      cut) truncate -s -1 damaged/$file ;;
      gone) rm damaged/$file ;;
    esac
    code=0
    "$antarctic" verify damaged > said.txt 2> /dev/null || code=$?
    [ $code -eq 2 ]
    grep -q "^FAILED .*$file: " said.txt
    "$antarctic" caption job.yaml --run damaged > said.txt 2>&1
    grep -q "$file.*it is made again" said.txt
    same whole damaged
    "$antarctic" verify damaged > /dev/null
  done
done
# of a cache: told by verify, and a run refuses it
cp -r cache broken
printf '\377' | dd of=broken/shards/00000.h5 bs=1 seek=5000 conv=notrunc 2> /dev/null
if "$antarctic" verify broken > said.txt 2>&1; then exit 1; fi
grep -q 'FAILED  broken/shards/00000.h5: not the file that was published' said.txt
code=0
"$antarctic" caption job.yaml --run x --set cache.path=broken > said.txt 2>&1 || code=$?
[ $code -eq 2 ]
grep -q 'broken/shards/00000.h5: damaged' said.txt
expect 2 failed x 2
jq -e '.last_error | test("damaged")' state.json > /dev/null
