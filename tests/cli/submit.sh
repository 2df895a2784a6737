# submit without a Slurm: the script it writes, the numbers it prints, and what it refuses.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo/pictures/scene_00.jpg" images
small_job job.yaml images

# numbers_of RANKS: "needed mapped packed batch program" in MB
numbers_of() {
  run 0 submit caption job.yaml --dry-run --run sized --ranks-per-node "$1" --set limits.memory=100GB
  sed -n 's/^  memory per node  *\([0-9]*\) MB = models. files \([0-9]*\) + packed weights \([0-9]*\) + ranks [0-9]* x (batch \([0-9]*\) + program \([0-9]*\)).*/\1 \2 \3 \4 \5/p' said.txt
}
cores=$(nproc)
read -r one mapped packed batch program <<< "$(numbers_of 1)"
for number in "$mapped" "$packed" "$batch" "$program"; do [ "$number" -gt 0 ]; done
[ $((one - mapped - packed - batch - program)) -le 4 ] # rounding, and a cache of three entries
if [ "$cores" -ge 2 ]; then # packed weights are held once a node, however many ranks
  read -r two _ <<< "$(numbers_of 2)"
  between=$((two - one - batch - program))
  [ "${between#-}" -le 2 ]
fi

bash -n sized/job.sbatch
grep -q "^#SBATCH --ntasks-per-node=" sized/job.sbatch
if grep -q '@[A-Z]*@' sized/job.sbatch; then echo "a word of the template is left"; exit 1; fi

# what cannot fit is refused before anything is written
run 2 submit caption job.yaml --dry-run --run small --set limits.memory=100MB
says 'not submitted: a node would need .* MB and has 95'
[ ! -e small/job.sbatch ]

run 1 submit caption job.yaml --dry-run --run x --ranks-per-node $((cores + 1)) --set limits.memory=100GB
says "but a node has $cores cores"
# what the job would miss is told now and not after hours in the queue; what another run makes may be missing until then
for key in input.path bart.layer_norms cache.path; do
  run 2 submit caption job.yaml --dry-run --run x --set $key=nothing
  says "$key: .*/nothing: No such file"
done
mkdir made
printf '{"event": "submit", "slurm_job": 123}\n' > made/jobs.jsonl
run 0 submit caption job.yaml --dry-run --run later --set cache.path=nothing --after made
grep -q '^#SBATCH --dependency=afterok:123$' later/job.sbatch
run 2 submit caption job.yaml --dry-run --run x --set input.path=nothing --after made
says 'input.path'

# a script that was edited is kept; the ranks start what --program names
echo '# mine' >> sized/job.sbatch
run 0 submit caption job.yaml --dry-run --run sized --ranks-per-node 1 --set limits.memory=100GB --program in_container.sh
says 'saved  .*sized/job.sbatch.before'
tail -n 1 sized/job.sbatch.before | grep '^# mine$'
grep -q "^antarctic=$PWD/in_container.sh$" sized/job.sbatch

run 1 submit dance job.yaml --dry-run
says '"dance" is no job'
run 1 submit caption job.yaml --dry-run --run x --array 3
says 'cache.path .*/cache.txt is a text file'
run 1 submit train job.yaml --dry-run --run x --array 3 --set input.train=images --set input.validation=images
says 'not done in parts'
run 1 submit caption job.yaml --dry-run --run x --after nowhere
says 'nowhere: that run is not done, and was not submitted'
sed -i "s#model: .*/clip#model: nowhere#" job.yaml
run 2 submit caption job.yaml --dry-run --run x
says 'nowhere'
[ ! -e x/job.sbatch ]
