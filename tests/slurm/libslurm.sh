# A real Slurm of two nodes on this machine: slurm_up starts munged, slurmctld and two slurmd in the folder ./slurm, slurm_down ends them.
# Needs root and Debian's slurmctld, slurmd, slurm-client, munge, libpmix-dev; without them the test skips, and says so.
# docs/CLUSTER.md tells what each setting is for.

slurm_skip() { echo "skipped: $1"; exit 77; }

slurm_need() {
  local program
  [ "$(id -u)" -eq 0 ] || slurm_skip "starting Slurm's daemons needs root"
  for program in slurmctld slurmd munged sbatch; do
    PATH=$PATH:/usr/sbin:/sbin command -v $program > /dev/null || slurm_skip "$program is not installed"
  done
  ls /usr/lib/*/slurm*/mpi_pmix.so > /dev/null 2>&1 || slurm_skip "Slurm has no PMIx plug-in"
  ls /usr/lib/*/libpmix.so > /dev/null 2>&1 || slurm_skip "libpmix.so is not installed (libpmix-dev)"
}

slurm_start_node() { # each with a host name of its own, as nodes have
  unshare --uts sh -c "hostname $1; exec slurmd -D -N $1 -f $SLURM_CONF" >> "$slurm/slurmd.$1.out" 2>&1 &
}

# slurm_up: with what the test sets: slurm_settings and slurm_partitions (lines of slurm.conf), slurm_select, slurm_cpus, slurm_tasks
slurm_up() {
  export OMP_WAIT_POLICY=passive OMPI_MCA_mpi_yield_when_idle=1
  export OMPI_MCA_btl_tcp_if_include=lo # both nodes are this machine: Open MPI 5 finds no way from one to the other over its other networks
  slurm_need
  export PATH=$PATH:/usr/sbin:/sbin
  slurm=$PWD/slurm
  local host address port=$((20000 + $$ % 20000))
  host=$(hostname)
  address=$(hostname -I | tr ' ' '\n' | grep -m 1 -v : || true)
  [ -n "$address" ] || slurm_skip "this machine has no address but the loopback"
  unshare --uts true 2> /dev/null || slurm_skip "no right to give a process its own host name"
  mkdir -p "$slurm/state" "$slurm/t.n1" "$slurm/t.n2"
  # munge wants a key, and a path that others cannot write to
  chmod 755 . "$slurm"
  dd if=/dev/urandom of="$slurm/munge.key" bs=64 count=1 2> /dev/null
  chmod 600 "$slurm/munge.key"
  cat > "$slurm/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host($address)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$slurm/munge.socket,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool.%n
TmpFS=$slurm/t.%n
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd.%n.pid
SlurmctldLogFile=$slurm/slurmctld.log
SlurmdLogFile=$slurm/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=${slurm_tasks:-task/none}
SelectType=select/cons_tres
SelectTypeParameters=${slurm_select:-CR_Core}
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$slurm/jobs.done
MinJobAge=86400
ReturnToService=2
SlurmdTimeout=10
KillWait=10
MessageTimeout=60
${slurm_settings-}
MailProg=/bin/true
NodeName=n1 NodeHostname=$host NodeAddr=$address Port=$((port + 1)) CPUs=${slurm_cpus:-1} RealMemory=8000
NodeName=n2 NodeHostname=$host NodeAddr=$address Port=$((port + 2)) CPUs=${slurm_cpus:-1} RealMemory=8000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
${slurm_partitions-}
END
  echo 'CgroupPlugin=cgroup/v1' > "$slurm/cgroup.conf"
  export SLURM_CONF=$slurm/slurm.conf
  trap slurm_down EXIT
  munged --force --foreground --socket="$slurm/munge.socket" --key-file="$slurm/munge.key" --pid-file="$slurm/munge.pid" \
    --log-file="$slurm/munge.log" --seed-file="$slurm/munge.seed" > "$slurm/munge.out" 2>&1 &
  slurm_pids=$!
  local until=$((SECONDS + 20))
  while [ ! -S "$slurm/munge.socket" ]; do [ $SECONDS -lt $until ] || slurm_skip "munged does not start: $(cat "$slurm/munge.out")"; sleep 0.1; done
  # srun on a node is answered by the node's name, which Slurm 24 looks up for ten seconds, with all others waiting
  NODE_NAMES=' n1 n2 ' NODE_ADDRESS=$address LD_PRELOAD=$fault/node_names.so slurmctld -D -f "$SLURM_CONF" > "$slurm/slurmctld.out" 2>&1 &
  slurm_pids="$slurm_pids $!"
  slurm_start_node n1
  slurm_start_node n2
  until=$((SECONDS + 40))
  until [ "$(timeout 5 sinfo -h -o '%T %D' 2> /dev/null)" = "idle 2" ]; do
    [ $SECONDS -lt $until ] || { cat "$slurm"/*.out; tail -n 20 "$slurm"/*.log; slurm_skip "Slurm does not come up"; }
    sleep 0.2
  done
}

# every process on node $1: those that see its host name
slurm_processes_of() {
  local leader space pid
  leader=$(pgrep -f "^slurmd -D -N $1 -f $SLURM_CONF" | sed -n 1p)
  [ -n "$leader" ] || return 0
  space=$(readlink "/proc/$leader/ns/uts")
  for pid in /proc/[0-9]*; do
    [ "$(readlink "$pid/ns/uts" 2> /dev/null)" != "$space" ] || echo "${pid#/proc/}"
  done
}

slurm_crash_node() { kill -KILL $(slurm_processes_of "$1") 2> /dev/null || true; }

slurm_down() {
  local code=$?
  timeout 10 scancel --user=root 2> /dev/null || true
  slurm_crash_node n1
  slurm_crash_node n2
  kill $slurm_pids 2> /dev/null || true
  wait 2> /dev/null || true
  exit $code
}

# a Slurm that does not answer in time gives nothing
job_field() { timeout 10 scontrol show job "$1" 2> /dev/null | tr ' ' '\n' | sed -n "s/^$2=//p" | sed -n 1p || true; }

# job_requeue ID: a busy Slurm may not answer in time ("Unexpected message received"), whether it did it or not
job_requeue() {
  local until=$((SECONDS + 120))
  until timeout 90 scontrol requeue "$1" || [ "$(job_field "$1" Restarts)" -ge 1 ]; do [ $SECONDS -lt $until ] || return 1; sleep 1; done
}

# job_ends ID SECONDS STATE: waits until the job is over, and is in this state (or in one of A|B).
job_ends() {
  local until=$((SECONDS + $2)) state
  while :; do
    state=$(job_field "$1" JobState)
    case $state in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL | OUT_OF_MEMORY) break ;; esac
    [[ ! "|$3|" = *"|$state|"* ]] || break
    [ $SECONDS -lt $until ] || { echo "job $1 is $state after $2 s"; timeout 10 scontrol show job "$1"; return 1; }
    sleep 0.2
  done
  [[ "|$3|" = *"|$state|"* ]] || { echo "job $1 is $state, expected $3"; timeout 10 scontrol show job "$1"; return 1; }
}

# job_shards RUN FOLDER SECONDS: waits until the run has published a shard of that stage
job_shards() {
  local until=$((SECONDS + $3))
  until ls "$1/$2"/*.h5 > /dev/null 2>&1; do [ $SECONDS -lt $until ] || { cat "$1"/slurm-*.out; return 1; }; sleep 0.1; done
}

# slurm_demo: images and configs of small jobs; slow.yaml takes its time.
slurm_demo() {
  small_jobs 'scene_0 scene_1' 2
  sed -i '/^compute/d' job.yaml cache.yaml # the batch script says how many threads
  # one that takes its time
  sed -e 's/num_beams: 3, num_return_sequences: 3/num_beams: 1, do_sample: true, num_return_sequences: 60/' job.yaml > slow.yaml
}

# slow_for SECONDS LEAST: slow.yaml keeps one core of any CPU busy for as long, with no fewer than LEAST candidates per image; a short run tells
# how fast it is.
slow_for() {
  local candidates
  "$antarctic" caption slow.yaml --set compute.threads=1 --set generation.num_return_sequences=150 --run short 2> said.txt
  candidates=$(jq --argjson seconds "$1" --argjson least "$2" \
    '.stages[] | select(.name == "generate") | 150 * $seconds / .seconds | floor | [., $least] | max' short/summary.json)
  sed -i "s/num_return_sequences: 60/num_return_sequences: $candidates/" slow.yaml
  grep "num_return_sequences: $candidates" slow.yaml
}

submitted() { sed -n 's/^submitted: job \([0-9]*\).*/\1/p' submitted.txt; }
submit() { "$antarctic" submit "$@" > submitted.txt || { cat submitted.txt; return 1; }; }
complete() { # complete REFERENCE RUN
  same "$1" "$2" && "$antarctic" verify "$2" && [ "$("$antarctic" status "$2" --json | jq -r .state)" = done ] ||
    { cat "$2"/slurm-*.out "$2"/attempts.jsonl; return 1; }
}
