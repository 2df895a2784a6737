# Each malloc (by place), read, write, fsync and rename of a tiny run made to fail in turn, and the disk full from each write on: no
# crash, no hang, no success without the right files; and the same command without the fault then gives the right bytes.
# A program built with the sanitizers (preset asan) is watched besides: no error of memory, and nothing left at its end, but what MPI_Init
# keeps. What comes after the fault is then left out.
# FAULT_STEP=1 for every call (docs/RELIABILITY.md); by default every tenth, with the sanitizers every ninetieth. Of malloc@1 the second of two ranks alone has the fault: the
# first must learn of it wherever it waits. Starting two ranks takes longer, so of these every fiftieth (FAULT_STEP=1: every fifth).
# FAULT_UPDATE=1: an update (--update) of a finished run instead, whose input got one image, lost one, and has a changed one.
# FAULT_SECONDS: after so many a run hangs (180: an fsync of a busy disk has taken 40).
# FAULT_JOB: build-cache, train or ingest in place of caption. FAULT_KINDS: which kinds of call.
# AC_TEST_LABELS: calls
. "$source/tests/fault/libfault.sh"
job=${FAULT_JOB:-caption}
sanitized=""
case $(ldd "$antarctic") in *libasan*) sanitized=yes ;; esac
step=${FAULT_STEP:-$([ $sanitized ] && echo 90 || echo 10)}
kinds=${FAULT_KINDS:-malloc $([ $sanitized ] || echo malloc@1) read write enospc fsync rename}
export OMP_NUM_THREADS=1
# Open MPI 5 patches the C library's memory calls in place, which the sanitizer's own do not survive.
if [ $sanitized ]; then export OMPI_MCA_memory=^patcher; fi
# The library that makes calls fail stands before the sanitizer's. A leak ends nothing (exitcode=0): its report is what tells
# (ASAN_OPTIONS=fast_unwind_on_malloc=0 shows callers behind the C library too, and takes twice as long).
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1:exitcode=0:abort_on_error=1:${ASAN_OPTIONS:-} UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1

tiny_jobs 2
"$antarctic" build-cache build-cache.yaml --run cache 2> said.txt
"$antarctic" "$job" "$job.yaml" --run whole 2> said.txt
update=
if [ "${FAULT_UPDATE:-}" ]; then
  update=--update
  mv whole base
  cp "$demo/pictures/scene_02.jpg" "$demo/pictures/scene_02.txt" images
  cp "$demo/pictures/scene_03.jpg" images/scene_00.jpg
  rm images/scene_01.*
  cp -a base whole
  "$antarctic" "$job" "$job.yaml" --run whole --update 2> said.txt
fi

attempt() { # attempt KIND N RUN
  local faults=(env FAULT_KIND="${1%@1}" FAULT_NTH="$2" FAULT_COUNT="$3.count" LD_PRELOAD="$fault/failing_calls.so")
  local words=("$antarctic" "$job" "$job.yaml" --run "$3" $update)
  if [ "$update" ]; then cp -a base "$3"; fi
  case $1 in
    *@1) # only in rank 1, one of two
      mpirun --oversubscribe -n 2 bash -c '[ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 1 ] || shift '${#faults[@]}'
        exec "$@"' rank "${faults[@]}" "${words[@]}" ;;
    *) "${faults[@]}" "${words[@]}" ;;
  esac
}

# right RUN: its results are those of the run without a fault. Of an update the text files are: a shard of before that could not be read
# is made again without what has left the input.
right() {
  local file
  if [ -z "$update" ]; then same whole "$1"; return; fi
  for file in captions.jsonl preds.txt keys.txt ref0.txt bad_items.jsonl; do
    cmp "whole/$file" "$1/$file" || return 1
  done
}

# leaks FILE: the sanitizer reports memory that is ours. What HDF5 and MPI allocated for themselves is not: HDF5 1.10.8
# loses a header's image when its read fails, PMIx 5.0.7 some 150 bytes in every run.
leaks() {
  awk 'BEGIN { RS = "" } / leak of / && !/#1 [^\n]*\/lib(hdf5|pmix)/ { found = 1 } END { exit !found }' "$1"
}

one() { # one KIND N: writes "KIND N STATUS" to statuses
  local kind=$1 nth=$2 run=run.$1.$2 code=0 result=good
  timeout -k 5 "${FAULT_SECONDS:-180}" bash -c 'attempt "$@"' attempt "$kind" "$nth" "$run" > "$run.said" 2>&1 || code=$?
  if [ $code -eq 124 ] || [ $code -eq 137 ]; then
    result=HANG
  elif [ $code -eq 0 ]; then # the call did not matter, or was tried again
    { right "$run" && "$antarctic" verify "$run"; } > "$run.off" 2>&1 || result=FALSE_SUCCESS
  elif [ $code -ne 1 ] && [ $code -ne 2 ] && [ $code -ne 74 ]; then
    result=CRASH_$code
  elif ! grep -q '^antarctic' "$run.said"; then
    result=NO_MESSAGE_$code
  fi
  if grep -q 'ERROR: AddressSanitizer\|runtime error:' "$run.said"; then
    result=ASAN_$code
  elif leaks "$run.said"; then
    result=LEAK_$code
  fi
  if [ $result = good ] && [ ! $sanitized ]; then
    code=0
    timeout -k 5 60 "$antarctic" "$job" "$job.yaml" --run "$run" $update > "$run.again" 2>&1 || code=$?
    { [ $code -eq 0 ] && right "$run" && no_leftovers "$run"; } > "$run.off" 2>&1 || result=NOT_RECOVERED_$code
  fi
  if [ $result = good ]; then rm -rf "$run" "$run".*; else cat "$run".said "$run".again "$run".off 2>/dev/null | sed "s/^/$kind $nth: /" >&2; fi
  echo "$kind $nth $result" >> statuses
}
export fault sanitized job update
export -f attempt leaks one right same no_leftovers

for kind in $kinds; do
  attempt "$kind" 0 counted > said.txt 2>&1
  read -r calls _ < counted.count
  rm -rf counted
  [ "$calls" -gt 0 ]
  every=$step
  case $kind in *@1) every=$((5 * step)) ;; esac
  # a seeded start, so that over the releases every call has its turn
  for ((n = 1 + ${FAULT_SEED:-3} % every; n <= calls; n += every)); do echo "$kind $n"; done > turns
  if [ "$kind" = read ] && [ ! $sanitized ]; then # always the first ones: the images', which are tried again and must not be rejected
    printf 'read %s\n' 1 2 3 4 5 6 >> turns
    sort -u -o turns turns
  fi
  xargs -P "${FAULT_JOBS:-2}" -L 1 bash -c 'one "$0" "$1"' < turns
  echo "$kind: $(wc -l < turns) of $calls calls failed in turn, $(grep "^$kind " statuses | grep -vc good || true) bad"
done
if grep -v good statuses; then exit 1; fi
