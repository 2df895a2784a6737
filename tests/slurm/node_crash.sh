# On a real Slurm: a node that dies with all its processes. Slurm notices, starts the job again when the node is back, and the run ends
# with the complete output, equal to the byte. Then a node that an administrator sets down.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_up
slurm_demo
"$antarctic" build-cache cache.yaml --set compute.threads=1 --run cache 2> said.txt
slow_for 20 60 # the run must not end before its node
"$antarctic" caption slow.yaml --set compute.threads=1 --run slow 2> said.txt

submit caption slow.yaml --run crash --nodes 2 --ranks-per-node 1 --time 10 --set limits.stall_minutes=1
job=$(submitted)
job_shards crash shards 90
slurm_crash_node n2
until=$((SECONDS + 90))
until timeout 5 sinfo -h -n n2 -o %T | grep down || [ "$(job_field "$job" Restarts)" -ge 1 ]; do [ $SECONDS -lt $until ]; sleep 0.5; done
slurm_start_node n2
job_ends "$job" 240 COMPLETED
[ "$(job_field "$job" Restarts)" -ge 1 ]
complete slow crash
echo "node crash: well"

# A node that an administrator takes away, while its processes live on for a moment.
submit caption slow.yaml --run down --nodes 2 --ranks-per-node 1 --time 30
job=$(submitted)
job_shards down shards 180
scontrol update nodename=n2 state=down reason=test
until=$((SECONDS + 240))
until [ "$(job_field "$job" Restarts)" -ge 1 ]; do [ $SECONDS -lt $until ]; sleep 0.5; done
scontrol update nodename=n2 state=resume || true # Slurm 24 may have taken it back by itself (ReturnToService=2)
job_ends "$job" 400 COMPLETED
complete slow down
echo "a node that is down: well"
