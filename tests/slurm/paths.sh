# On a real Slurm: run folders and current folders with names of all kinds. The log lies in the run folder, and the run ends as any other.
. "$source/tests/slurm/libslurm.sh"
. "$source/tests/fault/libfault.sh"
slurm_up
slurm_demo
sed -i "s#path: images#path: $PWD/images#" job.yaml
"$antarctic" embed-images job.yaml --set compute.threads=1 --run whole 2> said.txt

# --dry-run, and the ranks replaced by a script that says where and with what it was started: many names in little time
printf '#!/bin/bash\npwd\nprintf "%%s\\n" "$@"\nexit 2\n' > 'say words'
chmod +x 'say words'
top=$PWD
for name in 'two  blanks' "a'b\"c" 'h #1; $HOME `id`' '-lead' '50% j %j%A' 'a%20y' $'tab\there' $'esc\033[2Jx' $'M\xc3\xbcller' $'latin\xe9' \
  "$(printf 'n%.0s' {1..240})" "$(printf '%%%.0s' {1..240})"; do
  mkdir -p "places/$name" && cp job.yaml "places/$name/"
  cd "places/$name"
  "$antarctic" submit embed-images job.yaml --run "./$name" --ranks-per-node 1 --program "$top/say words" > "$top/submitted.txt" 2>&1 || { cat "$top/submitted.txt"; exit 1; }
  cd "$top"
  job=$(submitted)
  job_ends "$job" 60 FAILED
  log="places/$name/$name/slurm-$job.out"
  grep -av '^== \|^srun: \|^not requeued: ' "$log" > seen.txt
  printf '%s\n' "$top/places/$name" embed-images "$top/places/$name/job.yaml" --run "$top/places/$name/./$name" --set compute.threads=1 > expected.txt
  cmp expected.txt seen.txt || { cat "$log"; exit 1; }
done
echo "names: well"

# whole runs: one job, and an array
mkdir 'places/a "b" 50% c'
cp job.yaml 'places/a "b" 50% c'
cd 'places/a "b" 50% c'
"$antarctic" submit embed-images job.yaml --run 'r 1' --ranks-per-node 1 > "$top/submitted.txt"
job_ends "$(cd "$top" && submitted)" 90 COMPLETED
complete "$top/whole" 'r 1'
"$antarctic" submit embed-images job.yaml --run 'r 2' --ranks-per-node 1 --array 2 > "$top/submitted.txt"
first=$(cd "$top" && submitted)
job_ends "$(sed -n 's/.*then job \([0-9]*\),.*/\1/p' "$top/submitted.txt")" 120 COMPLETED
complete "$top/whole" 'r 2'
[ -s "r 2/slurm-${first}_0.out" ]
[ -s "r 2/slurm-${first}_1.out" ]
