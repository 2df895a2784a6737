# Small runs of every job in a loop for SOAK_MINUTES (5): each on 1 to 8 ranks, disturbed once to three times (SIGKILL of a rank or of all,
# SIGTERM to a rank or to the launcher, a failing call, a full disk), and resumed on another number of ranks. Every result is compared with that
# of a clean run; verify finds nothing wrong, no temporary file is left, and each ending is one that the manual names.
# Every round has its own seed, which its lines say: SOAK_SEED=N SOAK_ROUNDS=1 repeats it (what the kills meet depends on the machine's load).
# SOAK_JOBS: which jobs. A line per minute tells what was tried. What is wrong is said at once, its run folder is kept, and the soak ends with exit code 1.
# AC_TEST_LABELS: long
. "$source/tests/fault/libfault.sh"
. "$source/tests/soak/libsoak.sh"
minutes=${SOAK_MINUTES:-5}
first=${SOAK_SEED:-1}
limit=${SOAK_ATTEMPT_SECONDS:-600}
names=(${SOAK_JOBS:-$soak_names})
export OMP_NUM_THREADS=1
soak_jobs
mkdir run clean
disk=
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=64m none run 2> /dev/null; then
  disk=yes
  trap 'umount run' EXIT
else
  echo 'no full file system here (mounting one needs root): the disk is full by failing writes alone'
fi
"$antarctic" build-cache cache.yaml --run cache 2> said.txt
"$antarctic" caption job.yaml --run base 2> said.txt

declare -A longest tried
for job in "${names[@]}"; do
  prepare "$job" run/run
  begun=$(date +%s%N)
  "$antarctic" ${SOAK_WORDS[$job]} --run run/run > said.txt 2>&1 || { echo "$job, clean: exit $?"; cat said.txt; exit 1; }
  longest[$job]=$(awk -v n=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.3f", 0.5 + 1.5 * n / 1e9 }')
  outcome "$job" run/run > "clean/$job"
  [ "$(wc -l < "clean/$job")" -gt 0 ]
  rm -rf run/run
done

failed() { # failed TEXT: says what is wrong, keeps the run, and returns false, which ends the round
  wrong=$((wrong + 1))
  echo "WRONG: round with SOAK_SEED=$seed SOAK_JOBS='${names[*]}': $job: $1"
  printf 'what was done: %s\n' "$history"
  cat said.txt
  cp -a run "kept.$seed"
  return 1
}

count() { tried[$1]=$((${tried[$1]:-0} + 1)); }
part_of() { awk -v r=$RANDOM -v s="$1" 'BEGIN { printf "%.3f", s * r / 32768 }'; }

# mpirun_crashed: it, and none of its ranks (Open MPI 4.1.4, at its end, after ranks were killed).
mpirun_crashed() {
  if grep -q ' [^ ]*antarctic(' said.txt; then return 1; fi
  grep -q ' mpirun(' said.txt
}

# disturbed KIND RANKS: one start that something happens to.
disturbed() {
  local kind=$1 ranks=$2 launcher pids=() FAULT_RANK= FAULT_KIND= FAULT_NTH= used
  local kinds=(malloc read write enospc fsync rename)
  rm -f fired
  case $kind in
    fault)
      FAULT_RANK=$((RANDOM % ranks)) FAULT_KIND=${kinds[RANDOM % 6]} FAULT_NTH=$((1 + RANDOM % (1 << (1 + RANDOM % 9))))
      history+=" [$kind $FAULT_KIND $FAULT_NTH on rank $FAULT_RANK of $ranks"
      ;;
    disk)
      used=$(df --output=used -k run | tail -1)
      mount -o remount,size=$((used + 1 + RANDOM % 400))k run || exit 1
      history+=" [$kind of $(df --output=size -k run | tail -1) kB, $ranks ranks"
      ;;
    *) history+=" [$kind, $ranks ranks" ;;
  esac
  launch "$ranks" ${SOAK_WORDS[$job]}
  launcher=$!
  case $kind in
    kill* | term*)
      sleep "$(part_of "${longest[$job]}")"
      mapfile -t pids < <(roots_of run/run)
      if [ ${#pids[@]} -gt 0 ]; then
        case $kind in
          kill) kill -KILL "${pids[RANDOM % ${#pids[@]}]}" ;;
          kill_all) kill -KILL "${pids[@]}" ;;
          term) kill -TERM "${pids[RANDOM % ${#pids[@]}]}" ;;
          term_launcher) kill -TERM $launcher ;;
        esac 2> /dev/null && count "$kind"
      else
        count missed
      fi
      case $kind in kill*) gone_within 120 run/run || failed 'ranks are left 120 s after a kill' || return 1 ;; esac
      ;;
  esac
  case $kind in
    kill*) ended=0; launcher_ended $launcher > launcher.txt || ended=$? ;;
    *) ended_within "$limit" $launcher ;;
  esac
  gone_within 60 run/run || failed 'ranks are left after the end' || return 1
  if [ -n "$disk" ]; then mount -o remount,size=64m run || exit 1; fi
  history+=": $ended]"
  case $kind in
    fault) if grep -q ' 1$' fired 2> /dev/null; then count "fault:$FAULT_KIND"; else count fault:other; fi ;;
    disk) count "disk:$([ "$ended" = 0 ] && echo enough || echo full)" ;;
  esac
  case $kind:$ended in
    *:0) [ -e run/run/DONE ] || failed 'exit 0 without DONE' ;;
    *:hang) failed "no end within $limit s" ;;
    kill*:139) mpirun_crashed || failed 'a segmentation fault' ;;
    kill*:137 | kill*:13[34] | kill*:205 | kill*:7[45] | kill*:1 | kill*:2) ;; # mpirun's own code where it lost a rank as it started
    term*:75 | term*:143 | term*:74 | term_launcher:1 | term:1) ;;
    fault:2 | fault:1 | fault:74 | disk:2 | disk:74) ;;
    *) failed "ended with $ended" ;;
  esac
}

round() {
  local kinds=(kill kill kill kill_all term term_launcher fault fault fault disk) kind
  history= RANDOM=$seed
  job=${names[RANDOM % ${#names[@]}]}
  rm -rf run/run
  prepare "$job" run/run
  for ((n = 1 + RANDOM % 3; n > 0; n--)); do
    kind=${kinds[RANDOM % ${#kinds[@]}]}
    [ "$kind" != disk ] || [ -n "$disk" ] || kind=fault
    disturbed "$kind" $((1 + RANDOM % 8)) || return 1
    [ ! -e run/run/DONE ] || break
  done
  launch $((1 + RANDOM % 8)) ${SOAK_WORDS[$job]}
  ended_within "$limit" $!
  [ "$ended" = 0 ] || failed "resumed, it ended with $ended" || return 1
  no_leftovers run/run > left.txt || { cat left.txt; failed 'temporary files are left'; } || return 1
  outcome "$job" run/run > outcome.txt
  cmp -s "clean/$job" outcome.txt || { diff "clean/$job" outcome.txt || true; failed 'a result differs'; } || return 1
  "$antarctic" verify run/run > verified.txt 2>&1 || { cat verified.txt; failed 'verify finds something wrong'; } || return 1
  count "job:$job"
}

summary() {
  local key text=
  for key in $(printf '%s\n' "${!tried[@]}" | sort); do text+=" $key=${tried[$key]}"; done
  echo "$(date +%H:%M:%S) $rounds rounds, last seed $seed, load $(cut -d' ' -f1 /proc/loadavg):$text; wrong: $wrong"
}

begun=$SECONDS told=$SECONDS rounds=0 wrong=0 seed=$first
while [ $((SECONDS - begun)) -lt $((60 * minutes)) ] && [ $rounds -lt "${SOAK_ROUNDS:-1000000}" ]; do
  seed=$((first + rounds))
  round || true
  rounds=$((rounds + 1))
  if [ $((SECONDS - told)) -ge 60 ]; then
    told=$SECONDS
    summary
  fi
done
summary
[ $rounds -gt 0 ] && [ $wrong -eq 0 ]
