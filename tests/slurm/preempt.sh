# On a real Slurm: preemption by cancelling with a grace time. The job saves, ends in time, starts again, and ends with the complete output,
# equal to the byte. SLURM_MODES="grace requeue" are the other kinds: preempt_modes.sh.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_settings='PreemptType=preempt/partition_prio
PreemptMode=REQUEUE'
slurm_partitions='PartitionName=requeue Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=grace Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=cancel Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=CANCEL GraceTime=60
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=OFF'
slurm_up
slurm_demo
"$antarctic" build-cache cache.yaml --set compute.threads=1 --run cache 2> said.txt
# Longer than a preemption takes.
slow_for 30 60
"$antarctic" caption slow.yaml --set compute.threads=1 --run slow 2> said.txt

# With a grace time the ranks publish what they have, and end with 75; without one Slurm ends them. limits.grace_seconds fits the grace time.
for partition in ${SLURM_MODES:-cancel}; do
  submit caption slow.yaml --run "$partition" --nodes 2 --ranks-per-node 1 --time 30 --partition "$partition" --set limits.grace_seconds=45
  job=$(submitted)
  job_shards "$partition" shards 180
  urgent=$(sbatch --parsable --partition=urgent --nodes=2 --time=5 --output="$PWD/urgent.out" --wrap 'sleep 1')
  job_ends "$urgent" 240 COMPLETED
  until=$((SECONDS + 400))
  until [ -e "$partition/DONE" ]; do [ $SECONDS -lt $until ] || { cat "$partition"/slurm-*.out; exit 1; }; sleep 0.5; done
  job_ends "$job" 60 'COMPLETED|PREEMPTED' # Slurm 24.11 still says PREEMPTED of a job that was, and has then ended well
  [ "$(job_field "$job" ExitCode)" = 0:0 ]
  [ "$(job_field "$job" Restarts)" -ge 1 ]
  complete slow "$partition"
  if [ "$partition" != requeue ]; then
    grep 'ends with exit code 75' "$partition/slurm-$job.out"
    jq -se 'any(.event == "end" and .code == 75)' "$partition/attempts.jsonl" > /dev/null
    grep 'grace_seconds: 30' "$partition/config.yaml"
  fi
  echo "preemption, $partition: well"
done
