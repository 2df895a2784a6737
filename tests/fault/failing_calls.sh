# Each malloc (by place), read, write, fsync and rename of a tiny run made to fail in turn, and the disk full from each write on: no
# crash, no hang, no success without the right files; and the same command without the fault then gives the right bytes.
# FAULT_STEP=1 for every call (docs/RELIABILITY.md); by default every tenth.
. "$source/tests/fault/libfault.sh"
step=${FAULT_STEP:-10}
export OMP_NUM_THREADS=1

mkdir pictures
cp "$demo/pictures/scene_00.jpg" "$demo/pictures/scene_00.txt" "$demo/pictures/scene_01.jpg" "$demo/pictures/scene_01.txt" pictures
head -40 "$demo/cache.txt" > cache.txt
cat > job.yaml <<END
input: { path: pictures }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart, layer_norms: $demo/layer_norms.safetensors }
generation: { num_beams: 1, num_return_sequences: 1, max_length: 4 }
compute: { threads: 1 }
output: { shard_items: 1 }
END
"$antarctic" build-cache job.yaml --set input.path=cache.txt --run cache 2> said.txt
"$antarctic" caption job.yaml --run whole 2> said.txt

one() { # one KIND N: writes "KIND N verdict" to verdicts
  local kind=$1 nth=$2 run=run.$1.$2 code=0 verdict=good
  FAULT_KIND=$kind FAULT_NTH=$nth FAULT_COUNT=$run.count LD_PRELOAD=$fault/failing_calls.so \
    timeout -k 5 "${FAULT_SECONDS:-60}" "$antarctic" caption job.yaml --run "$run" > "$run.said" 2>&1 || code=$?
  if [ $code -eq 124 ] || [ $code -eq 137 ]; then
    verdict=HANG
  elif [ $code -eq 0 ]; then # the call did not matter, or was tried again
    { same whole "$run" && "$antarctic" verify "$run"; } > "$run.off" 2>&1 || verdict=FALSE_SUCCESS
  elif [ $code -ne 1 ] && [ $code -ne 2 ] && [ $code -ne 74 ]; then
    verdict=CRASH_$code
  elif ! grep -q '^antarctic' "$run.said"; then
    verdict=NO_MESSAGE_$code
  fi
  if [ $verdict = good ]; then
    code=0
    timeout -k 5 60 "$antarctic" caption job.yaml --run "$run" > "$run.again" 2>&1 || code=$?
    { [ $code -eq 0 ] && same whole "$run" && no_leftovers "$run"; } > "$run.off" 2>&1 || verdict=NOT_RECOVERED_$code
  fi
  if [ $verdict = good ]; then rm -rf "$run" "$run".*; else cat "$run".said "$run".again "$run".off 2>/dev/null | sed "s/^/$kind $nth: /" >&2; fi
  echo "$kind $nth $verdict" >> verdicts
}
export -f one same no_leftovers

for kind in ${FAULT_KINDS:-malloc read write enospc fsync rename}; do
  FAULT_KIND=$kind FAULT_COUNT=count LD_PRELOAD=$fault/failing_calls.so "$antarctic" caption job.yaml --run counted > said.txt 2>&1
  read -r calls _ < count
  rm -rf counted
  [ "$calls" -gt 0 ]
  # a seeded start, so that over the releases every call has its turn
  for ((n = 1 + ${FAULT_SEED:-3} % step; n <= calls; n += step)); do echo "$kind $n"; done > turns
  xargs -P "${FAULT_JOBS:-2}" -L 1 bash -c 'one "$0" "$1"' < turns
  echo "$kind: $(wc -l < turns) of $calls calls failed in turn, $(grep "^$kind " verdicts | grep -vc good || true) bad"
done
if grep -v good verdicts; then exit 1; fi
