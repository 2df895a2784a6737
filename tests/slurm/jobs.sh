# On a real Slurm of two nodes, by `antarctic submit`: a job over both, an array, a chain, a requeue.
# Each ends with the complete output, equal to the byte to that of a run without Slurm.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_up

slurm_demo

# A chain: the cache, and when that is done the captions, over both nodes.
submit build-cache cache.yaml --run cache --ranks-per-node 1 --time 10
first=$(submitted)
submit caption job.yaml --run chain --nodes 2 --ranks-per-node 1 --time 10 --after cache
second=$(submitted)
job_field "$second" Dependency | grep "afterok:$first"
"$antarctic" status chain --json | jq -e '.state == "submitted" and (.slurm | test("PENDING"))' > /dev/null
job_ends "$first" 90 COMPLETED
job_ends "$second" 90 COMPLETED
"$antarctic" caption job.yaml --set compute.threads=1 --run whole 2> said.txt
complete whole chain
jq -se 'map(select(.event == "start")) | all(.ranks == 2)' chain/attempts.jsonl > /dev/null
slow_for 15 60
"$antarctic" caption slow.yaml --set compute.threads=1 --run slow 2> said.txt &
reference=$!

# What cannot begin is refused, not queued: no such partition, too few nodes, a run that is in the queue or done, one that never will be.
refused() { # refused WORDS ARGUMENTS…
  local words=$1
  shift
  if "$antarctic" submit "$@" > refused.txt 2>&1; then cat refused.txt; return 1; fi
  grep -q "$words" refused.txt || { cat refused.txt; return 1; }
}
refused 'no such partition (Slurm has: main)' caption job.yaml --run x --partition gpu
refused 'nodes 3, but the partition has 2' caption job.yaml --run x --nodes 3
submit caption job.yaml --run held --time 10 --dry-run --sample 0
held=$(sbatch --parsable --hold held/job.sbatch)
printf '{"event": "submit", "slurm_job": %d}\n' "$held" > held/jobs.jsonl
refused "in Slurm's queue already: $held PENDING" caption job.yaml --run held
scancel "$held"
refused "job $held is no longer in the queue" caption job.yaml --run x --after held
submit caption job.yaml --run whole --set compute.threads=1
grep -q 'this run is done, and nothing is submitted' submitted.txt
refused 'topk: 10.*is now.*topk: 3' caption job.yaml --run whole --set retrieval.topk=3
[ ! -e x ]
echo "refusals: well"

# A chain whose first job fails ends too, and does not wait for ever.
: > none.txt
submit build-cache cache.yaml --run broken --set input.path=none.txt --time 10 --dry-run --sample 0
first=$(sbatch --parsable --hold broken/job.sbatch) # so that it has not failed before the second is submitted
printf '{"event": "submit", "slurm_job": %d}\n' "$first" > broken/jobs.jsonl
submit caption job.yaml --run never --after broken --time 10
second=$(submitted)
scontrol release "$first"
job_ends "$first" 60 FAILED
job_ends "$second" 60 CANCELLED
"$antarctic" status broken --json | jq -e '.state == "failed" and (.last_error | test("none.txt"))' > /dev/null
echo "chain: well"

# An array: three parts at the same time, and a job that completes the run.
submit caption job.yaml --run array --ranks-per-node 1 --array 3 --time 10
last=$(sed -n 's/.*then job \([0-9]*\),.*/\1/p' submitted.txt)
job_ends "$last" 120 COMPLETED
complete whole array
[ "$(ls array/journal/p?-DONE | wc -l)" -eq 3 ]
# the last job had nothing to make: every shard is in a part's journal
if [ -s array/journal/0000.jsonl ]; then exit 1; fi
echo "array: well"
wait $reference

# Preemption: Slurm takes the nodes away and starts the job again.
submit caption slow.yaml --run requeue --nodes 2 --ranks-per-node 1 --time 10
job=$(submitted)
job_shards requeue shards 60
job_requeue "$job"
job_ends "$job" 180 COMPLETED
[ "$(job_field "$job" Restarts)" -ge 1 ]
complete slow requeue
echo "requeue: well"
