# On a real Slurm that is set up as some clusters are: small arrays, memory that counts, another job's variables, no variables at all.
# Every run has the bytes of a run without Slurm.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_settings='MaxArraySize=4
SchedulerParameters=max_array_tasks=3'
slurm_select=CR_Core_Memory
slurm_up
slurm_demo
"$antarctic" build-cache cache.yaml --set compute.threads=1 --run cache 2> said.txt
"$antarctic" embed-images job.yaml --set compute.threads=1 --run whole 2> said.txt
failed() { cat "$@"; exit 1; }

# Arrays: refused with the number, before anything is written.
"$antarctic" submit caption job.yaml --run x --array 4 > said.txt 2>&1 && failed said.txt
grep -- '--array 4, but this Slurm allows 3 tasks (max_array_tasks)' said.txt
[ ! -e x ]
submit embed-images job.yaml --run array --ranks-per-node 1 --array 3 --time 10
array=$(sed -n 's/.*then job \([0-9]*\),.*/\1/p' submitted.txt)

# How memory is asked for.
for kind in node per-cpu none; do
  submit embed-images job.yaml --run "memory-$kind" --ranks-per-node 1 --time 10 --set slurm.memory=$kind --set limits.memory=2000MiB
  job=$(submitted)
  case $kind in
  node) [ "$(job_field "$job" MinMemoryNode)" = 2000M ] && grep 'asked for  *1 CPUs and 2000 MB per node: limits.memory' submitted.txt ;;
  per-cpu) [ "$(job_field "$job" MinMemoryCPU)" = 2000M ] ;;
  none) [ "$(grep -c -- '--mem' memory-none/job.sbatch)" -eq 0 ] && grep 'slurm.memory: none' submitted.txt ;;
  esac || { scontrol show job "$job"; failed submitted.txt; }
  eval "memory_${kind%-*}=$job"
done
"$antarctic" submit embed-images job.yaml --run x --set limits.memory=9000MiB > said.txt 2>&1 && failed said.txt
grep 'limits.memory is 9000 MB, but a node has 8000 MB' said.txt
job_ends "$array" 300 COMPLETED
complete whole array
for job in $memory_node $memory_per $memory_none; do job_ends "$job" 200 COMPLETED; done
for kind in node per-cpu none; do complete whole "memory-$kind"; done
grep 'this node: 2000 MB of memory (SLURM_MEM_PER_NODE)' memory-node/log.txt
grep 'this node: 2000 MB of memory (SLURM_MEM_PER_CPU' memory-per-cpu/log.txt
echo "memory: well"

# From within a job, and a rank of it: its variables, and others that would hinder the ranks, are not taken for the new job's.
cat > within.sh << END
export SLURM_GRES=gpu:1 SLURM_HINT=compute_bound SLURM_RESTART_COUNT=7 SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_ID=5 SRUN_CPUS_PER_TASK=9
export SLURM_TRES_PER_TASK=cpu:9 SLURM_MEM_PER_GPU=5 SLURM_TIMELIMIT=1 SLURM_STDOUTMODE=/dev/null SLURM_RESERVATION=none SLURM_CPU_BIND=mask_cpu:0x80
export SBATCH_MEM_PER_CPU=7000 SBATCH_NO_REQUEUE=1 SBATCH_ARRAY_INX=0-2 SBATCH_JOB_NAME=other SBATCH_WAIT=1 SBATCH_SIGNAL=KILL@5 SBATCH_TIMELIMIT=1
exec "$antarctic" submit embed-images job.yaml --run within --nodes 2 --ranks-per-node 1 --time 10
END
timeout 120 salloc -Q -n 1 --mem-per-cpu=100 srun --mpi=pmix bash within.sh > submitted.txt 2> said.txt || failed submitted.txt said.txt
within=$(submitted)
# The program itself in a step without PMI, as of an interactive job, and a sample that a rank computes in a process of its own.
timeout 120 srun -n 1 --mem=100 --mpi=none "$antarctic" embed-images job.yaml --run step > said.txt 2>&1 || failed said.txt
"$antarctic" verify step
for kind in none pmix; do
  timeout 120 srun -n 1 --mem=100 --mpi=$kind "$antarctic" submit embed-images job.yaml --run sampled --dry-run --sample 2 > said.txt 2>&1 || failed said.txt
  grep '^  estimate  *less than' said.txt || failed said.txt
done
# Nothing of the submitter's environment.
SBATCH_EXPORT=NONE submit embed-images job.yaml --run bare --ranks-per-node 1 --time 10 --set 'slurm.setup=export AC_SEEN=yes'
bare=$(submitted)
job_ends "$within" 200 COMPLETED
complete whole within
jq -se 'map(select(.event == "start")) | all(.ranks == 2)' within/attempts.jsonl > /dev/null
[ "$(job_field "$within" Requeue)" = 1 ] && [ "$(job_field "$within" TimeLimit)" = 00:10:00 ] && grep 'start 1,' within/slurm-"$within".out
job_ends "$bare" 200 COMPLETED
complete whole bare
echo "environment: well"
