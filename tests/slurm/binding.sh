# On a real Slurm whose nodes have two CPUs, and which binds tasks: a rank of two threads has two CPUs, started by srun and by mpirun.
[ "$(nproc)" -ge 2 ] || { echo "skipped: one core"; exit 77; }
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_cpus=2 slurm_tasks=task/affinity
slurm_up
slurm_demo
# in place of the program: which CPUs does each rank have, and how many threads is it told to make?
cat > rank.sh << 'END'
#!/bin/bash
echo "rank has $(nproc), ${*: -1}"
exit 2
END
chmod +x rank.sh
look() { # look RANKS_PER_NODE EXPECTED RUN: of two nodes
  submit embed-images job.yaml --run "$3" --nodes 2 --ranks-per-node "$1" --time 10 --program "$PWD/rank.sh" --dry-run --sample 0
  [ -z "${4-}" ] || sed -i 's/--mpi=list/--mpi=none --version/' "$3/job.sbatch"
  job=$(sbatch --parsable "$3/job.sbatch")
  job_ends "$job" 120 FAILED
  [ "$(grep -c "rank has $2" "$3/slurm-$job.out")" -ge 1 ] || { cat "$3/slurm-$job.out"; return 1; }
  if grep "rank has" "$3/slurm-$job.out" | grep -v "rank has $2"; then cat "$3/slurm-$job.out"; return 1; fi
}
look 1 '2, compute.threads=2' srun
look 1 '2, compute.threads=2' mpirun by_mpirun
look 2 '1, compute.threads=1' srun_each
grep -- '--bind-to none' mpirun/job.sbatch
