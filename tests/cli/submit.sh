# submit without a Slurm: the script it writes, the numbers it prints, and what it refuses.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo/pictures/scene_00.jpg" images
small_job job.yaml images

# numbers_of RANKS: "needed mapped packed batch program" in MB
numbers_of() {
  run 0 submit caption job.yaml --dry-run --sample 0 --run sized --ranks-per-node "$1" --set limits.memory=100GB
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
run 2 submit caption job.yaml --dry-run --sample 0 --run small --set limits.memory=100MB
says 'not submitted: a node would need .* MB and has 95'
[ ! -e small/job.sbatch ]

run 1 submit caption job.yaml --dry-run --sample 0 --run x --ranks-per-node $((cores + 1)) --set limits.memory=100GB
says "but a node has $cores cores"
# what the job would miss is told now and not after hours in the queue; what another run makes may be missing until then
for key in input.path bart.layer_norms cache.path; do
  run 2 submit caption job.yaml --dry-run --sample 0 --run x --set $key=nothing
  says "$key: .*/nothing: No such file"
done
mkdir made
printf '{"event": "submit", "slurm_job": 123}\n' > made/jobs.jsonl
run 0 submit caption job.yaml --dry-run --sample 0 --run later --set cache.path=nothing --after made
grep -q '^#SBATCH --dependency=afterok:123$' later/job.sbatch
run 2 submit caption job.yaml --dry-run --sample 0 --run x --set input.path=nothing --after made
says 'input.path'

# a script that was edited is kept; the ranks start what --program names
echo '# mine' >> sized/job.sbatch
run 0 submit caption job.yaml --dry-run --sample 0 --run sized --ranks-per-node 1 --set limits.memory=100GB --program in_container.sh
says 'saved  .*sized/job.sbatch.before'
tail -n 1 sized/job.sbatch.before | grep '^# mine$'
grep -q "^antarctic=$PWD/in_container.sh$" sized/job.sbatch

# --update is passed on, to runs that are done too; refused where the job itself would refuse it
run 0 submit caption job.yaml --dry-run --sample 0 --run grows --set limits.memory=100GB --update --set seed=3
grep -q -- '"\$antarctic" caption .* --run .*/grows --set limits.memory=100GB --set seed=3 --update --set compute.threads' grows/job.sbatch
run 0 submit tag job.yaml --dry-run --sample 0 --run grows.tag --set limits.memory=100GB --update=hash
grep -q -- ' --update=hash --set compute.threads' grows.tag/job.sbatch
run 1 submit train job.yaml --dry-run --sample 0 --run x --set input.train=images --set input.validation=images --update
says 'train takes no --update: a training depends on all of its images'
run 1 submit caption job.yaml --dry-run --sample 0 --run x --update=never
says 'it is --update or --update=hash'
run 1 submit caption job.yaml --dry-run --sample 0 --run x --array 3 --update
says '--update with --array 3: .*make the update as one job'
[ ! -e x ]
run 0 embed-images job.yaml --run done.run
run 0 submit embed-images job.yaml --dry-run --sample 0 --run done.run --set limits.memory=100GB
says 'this run is done, and nothing is submitted; --update computes images that are new or changed'
[ ! -e done.run/job.sbatch ]
run 0 submit embed-images job.yaml --dry-run --sample 0 --run done.run --set limits.memory=100GB --update
grep -q -- ' --update --set compute.threads' done.run/job.sbatch
run 1 submit embed-images job.yaml --dry-run --sample 0 --run done.run --set limits.memory=100GB --update --set output.compression=gzip
says 'the config differs .*compression'

run 1 submit dance job.yaml --dry-run --sample 0
says '"dance" is no job'
run 1 submit caption job.yaml --dry-run --sample 0 --run x --array 3
says 'cache.path .*/cache.txt is a text file'
run 1 submit train job.yaml --dry-run --sample 0 --run x --array 3 --set input.train=images --set input.validation=images
says 'not done in parts'
run 1 submit caption job.yaml --dry-run --sample 0 --run x --after nowhere
says 'nowhere: that run is not done, and was not submitted'
sed -i "s#model: .*/clip#model: nowhere#" job.yaml
run 2 submit caption job.yaml --dry-run --sample 0 --run x
says 'nowhere'
[ ! -e x/job.sbatch ]

# Paths of all kinds: as Slurm reads the script, the log lies in the run folder and the job works in the current one. What Slurm cannot
# be told is refused before anything is written, by its name.
mkdir bin places
printf '#!/bin/bash\nexec python3 "%s/tests/cli/sbatch.py" "$@"\n' "$source" > bin/sbatch
printf '#!/bin/bash\nexit 1\n' | tee bin/squeue > bin/sinfo
chmod +x bin/*
sed -i "s#model: nowhere#model: $demo/clip#" job.yaml
export SBATCH_SEEN=$PWD/seen.jsonl PATH=$PWD/bin:$PATH
top=$PWD
submits() { # submits NAME OPTIONS…: from a folder of that name, with config and run folder of that name in it
  local name=$1
  shift
  mkdir -p "places/$name" && cp job.yaml "places/$name/$name.yaml" && sed -i "s#path: #path: $top/#" "places/$name/$name.yaml"
  cd "places/$name"
  : > "$SBATCH_SEEN"
  run "$expected" submit caption "./$name.yaml" --run "./$name" --set limits.memory=100GB --set "rescore.prefix='$name '" "$@"
  mv said.txt "$top"
  cd "$top"
}
number=0
for name in plain 'two  blanks' "a'b" 'a"b' '"quoted"' 'h #1' '#' '$HOME `id` $(id)' 'a;b&c|d<e>f' '*?[x]' '~' '!' '-lead' '--time=1' \
  '50% j' 'job%j' '%A_%a%x%u' 'a%20y' '100%' '%%' '(1)' $'tab\there' $'esc\033[2Jx' $'M\xc3\xbcller' $'latin\xe9' \
  "$(printf 'n%.0s' {1..240})" "$(printf '\xc3\xa4%.0s' {1..120})" "$(printf '%%%.0s' {1..200})"; do
  expected=0 submits "$name"
  python3 - "$name" "$top" <<'END'
import json, os, sys
name, top = sys.argv[1:]
(seen,) = map(json.loads, open("seen.jsonl"))
place = f"{top}/places/{name}"
expected = {"run": f"{place}/./{name}", "log": "slurm-4711.out", "folder": place, "well": True, "name": seen["name"]}
sys.exit(0 if seen == expected and seen["name"].isprintable() and len(os.fsencode(seen["name"])) <= 128 else f"{seen}, expected {expected}")
END
  number=$((number + 1))
done
[ "$number" -eq 28 ]
expected=0 submits 'a "b" 50% c' --array 3 --set "cache.path=$top/made" --time '1:00:00' --partition 'a,b'
[ "$(jq -rs 'map(.log) | join(" ")' seen.jsonl)" = 'slurm-4711_0.out slurm-4711.out' ]
[ "$(jq -rs 'map(.run) | unique[]' seen.jsonl)" = "$top/places/a \"b\" 50% c/./a \"b\" 50% c" ]
[ "$(jq -rs 'map(.well) | join(" ")' seen.jsonl)" = 'true true' ]
for name in 'back\slash' 'end\' $'line\nbreak' $'return\rx'; do
  expected=1 submits "$name"
  case $name in *\\*) says 'has a backslash' ;; *) says 'has a line break' ;; esac
  [ ! -s seen.jsonl ]
  [ ! -e "places/$name/$name" ]
  # as the current folder, a backslash is no matter
  cd "places/$name"
  case $name in *\\*) run 0 submit caption "./$name.yaml" --run "$top/elsewhere-${#name}" --set limits.memory=100GB ;;
  *)
    run 1 submit caption "./$name.yaml" --run "$top/elsewhere-${#name}" --set limits.memory=100GB
    says 'the current folder'
    ;;
  esac
  cd "$top"
done
run 1 submit caption job.yaml --run parts --set limits.memory=100GB --partition $'a\n#SBATCH --exclusive'
says '--partition: a batch script cannot name it'
[ ! -e parts ]

# the script starts the ranks with exactly these words, one rank here in place of srun
printf '#!/bin/bash\nwhile [ $# -gt 0 ] && [ "$1" != "$PROGRAM" ]; do shift; done\nprintf "%%s\\0" "$@" > "$WORDS"\n' > bin/mpirun
printf '#!/bin/bash\nexit 1\n' | tee bin/scontrol > bin/srun
printf '#!/bin/bash\n' > bin/sleep # the script tries again to requeue itself
chmod +x bin/*
for name in $'tab\there' $'M\xc3\xbcller' $'latin\xe9' "a'b" $'esc\033[2Jx' '-lead' '50% j' '$HOME `id` $(id)'; do
  export PROGRAM="$top/places/$name/./pro'gram" WORDS=$top/words
  cd "places/$name"
  run 0 submit caption "./$name.yaml" --run "./$name" --dry-run --sample 0 --set limits.memory=100GB --set "rescore.prefix='$name '" --program "./pro'gram"
  cd "$top"
  SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n1 SLURM_CPUS_PER_TASK=1 SLURM_NTASKS=1 bash "places/$name/$name/job.sbatch" > started.txt 2>&1 || [ $? -eq 74 ]
  printf '%s\0' "$top/places/$name/./pro'gram" caption "$top/places/$name/./$name.yaml" --run "$top/places/$name/./$name" \
    --set limits.memory=100GB --set "rescore.prefix='$name '" --set compute.threads=1 > expected_words
  cmp expected_words words
done

# the grace time of a preemption: the partition's, or, where Slurm preempts by QOS, the QOS's; a longer one changes nothing
cat > bin/scontrol << 'END'
#!/bin/bash
case $* in
"show config") printf 'PreemptMode             = CANCEL\nPreemptType             = preempt/%s\n' "$PREEMPT" ;;
"show partition main") echo '   DisableRootJobs=NO ExclusiveUser=NO GraceTime=14 Hidden=NO' ;;
*) exit 1 ;;
esac
END
printf '#!/bin/bash\n[ "$*" = "-nP show qos low format=gracetime" ] && echo "$QOS_GRACE"\n' > bin/sacctmgr
chmod +x bin/*
export PROGRAM=$PWD/program WORDS=$PWD/words PREEMPT QOS_GRACE
run 0 submit caption job.yaml --run graced --dry-run --sample 0 --set limits.memory=100GB --program program
while read -r PREEMPT QOS_GRACE expected; do
  SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n1 SLURM_CPUS_PER_TASK=1 SLURM_NTASKS=1 SLURM_JOB_PARTITION=main SLURM_JOB_QOS=low \
    bash graced/job.sbatch < /dev/null > started.txt 2>&1 || [ $? -eq 74 ]
  said=$(tr '\0' '\n' < words | sed -n 's/^limits.grace_seconds=//p')
  [ "$said" = "${expected#none}" ] || { echo "preempt/$PREEMPT, QOS $QOS_GRACE: limits.grace_seconds is \"$said\", expected $expected"; exit 1; }
done << 'END'
partition_prio 00:00:10 7
none 00:00:10 7
qos 00:00:10 5
qos 00:00:09 4
qos 00:01:08 none
qos 1-00:00:00 none
qos 00:00:00 none
qos - none
END
rm bin/sacctmgr

# how long it will take: from a sample, or the reason why not; nothing of it stays
mkdir temporary # of its own: other tests estimate too
export TMPDIR=$PWD/temporary
before=$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'antarctic-sample-*' | wc -l)
run 0 submit embed-images job.yaml --dry-run --sample 3 --run sampled --set limits.memory=100GB
grep -q '^  estimate  *less than 0.01 node-hours for 1 image$' said.txt
grep -q '(2 images, computed here on .* core-hours per million;' said.txt
run 0 submit embed-images job.yaml --dry-run --sample 0 --run sampled --set limits.memory=100GB
[ "$(grep -c estimate said.txt)" = 0 ]
run 0 submit embed-images job.yaml --dry-run --sample 2 --run sampled --set limits.memory=100GB --set limits.max_pixels=1
grep -q '^  estimate  *none: .*all of the 1 items are rejected' said.txt
[ "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'antarctic-sample-*' | wc -l)" = "$before" ]
run 1 submit embed-images job.yaml --sample 3
says 'goes with --dry-run'

# what Slurm says of its nodes: memory that was never configured is not known; arrays have a limit; --mem-per-cpu is a CPU's share
printf '#!/bin/bash\necho "main*|4|1|2"\n' > bin/sinfo
printf '#!/bin/bash\nprintf "MaxArraySize            = 1001\\nSchedulerParameters     = bf_continue,max_array_tasks=900\\n"\n' > bin/scontrol
run 0 submit embed-images job.yaml --dry-run --sample 0 --run asked --ranks-per-node 2 --set slurm.memory=none
says '4 cores, memory not known'
says 'asked for  *4 CPUs per node, and memory as the cluster gives it'
if grep '^#SBATCH --mem' asked/job.sbatch; then exit 1; fi
run 0 submit embed-images job.yaml --dry-run --sample 0 --run asked --ranks-per-node 2 --set slurm.memory=per-cpu --set limits.memory=2001MiB
grep '^#SBATCH --mem-per-cpu=501M$' asked/job.sbatch
printf '#!/bin/bash\necho "main*|4|8000|2"\n' > bin/sinfo
run 0 submit embed-images job.yaml --dry-run --sample 0 --run asked --set 'slurm.setup=[module load "A B", "export X=1"]'
says 'asked for  *4 CPUs and 1024 MB per node: the estimate and half as much again'
grep '^#SBATCH --mem=1024M$' asked/job.sbatch
bash -n asked/job.sbatch
grep -x 'export X=1' asked/job.sbatch
run 2 submit embed-images job.yaml --dry-run --sample 0 --run x --array 901
says 'this Slurm allows 900 tasks (max_array_tasks)'
run 0 submit embed-images job.yaml --dry-run --sample 0 --run asked --array 900
run 2 submit embed-images job.yaml --dry-run --sample 0 --run x --set limits.memory=9GB
says 'limits.memory is 8583 MB, but a node has 8000 MB'
seq 4000000 > mined.txt # 31 MB: eight times as much
run 0 submit build-cache --run mined --dry-run --sample 0 job.yaml --set input.path=mined.txt --set ngrams.unigrams=true
says 'tables of n-grams'
