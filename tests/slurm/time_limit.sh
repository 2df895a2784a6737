# On a real Slurm: a time limit. USR1 before it, exit code 75, requeued by the script; then the limit is raised, and the next start ends the
# run. Slurm's shortest limit is a minute, and the signal asked for 52 seconds before it comes within the first half minute, so the run
# must take longer than that on any CPU.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_up
slurm_demo
"$antarctic" build-cache cache.yaml --set compute.threads=1 --run cache 2> said.txt
slow_for 90 1500
"$antarctic" caption slow.yaml --set compute.threads=1 --run slow 2> said.txt

submit caption slow.yaml --run limit --nodes 2 --ranks-per-node 1 --time 1 --set limits.grace_seconds=10 --dry-run --sample 0
sed -i 's/USR1@120/USR1@52/' limit/job.sbatch
job=$(sbatch --parsable limit/job.sbatch)
# a signal that comes before the ranks are there starts the job again, too, and leaves no attempt
until=$((SECONDS + 240))
until jq -se 'any(.event == "end" and .code == 75)' limit/attempts.jsonl > /dev/null 2>&1; do [ $SECONDS -lt $until ]; sleep 0.2; done
until [ "$(job_field "$job" JobState)" = PENDING ]; do [ $SECONDS -lt $until ]; sleep 0.2; done
scontrol update JobId="$job" TimeLimit=30
job_ends "$job" 480 COMPLETED
[ "$(job_field "$job" Restarts)" -ge 1 ]
grep -q 'ends with exit code 75' limit/slurm-*.out
jq -se 'any(.event == "end" and .code == 75)' limit/attempts.jsonl > /dev/null
complete slow limit
echo "time limit: well"
