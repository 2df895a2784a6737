# A new job by three places alone (tests/toy_job): it runs on any ranks, is killed and resumed, and every command knows it.
. "$source/tests/cli/lib.sh"
antarctic=$(dirname "$antarctic")/tests/toy_job/antarctic_toy
[ -x "$antarctic" ]
mkdir images
for i in $(seq 1000 1799); do printf '%*s' $((i % 97 + 1)) '' > images/i$i.jpg; done
for f in images/*.jpg; do printf '%s %d\n' "$(basename "$f" .jpg)" "$(stat -c %s "$f")"; done > expected.txt
[ "$(wc -l < expected.txt)" -eq 800 ]
ln -s nowhere images/i1800.jpg # a rejected item
printf 'input:\n  path: images\noutput:\n  shard_items: 8\n' > job.yaml

run 0 help
says '^  count-bytes  *images -> the bytes of each file'
run 0 count-bytes --help
says 'input.path'
run 1 count-byte job.yaml
says 'did you mean count-bytes'
run 1 count-bytes job.yaml --set retrieval.topk=3x
run 0 count-bytes --print-config job.yaml
says 'shard_items: 8 '
if grep -q topk said.txt; then exit 1; fi # not a key of this job

# on one and on three ranks: the same bytes
run 0 count-bytes job.yaml --run one
cmp expected.txt one/counts.txt
run_on 3 0 count-bytes job.yaml --run three
cmp expected.txt three/counts.txt
for f in one/counts/*.h5; do cmp "$f" "three/counts/$(basename "$f")"; done
[ "$(ls one/counts/*.h5 | wc -l)" -eq 101 ]

# killed, and resumed on other ranks; a finished run does nothing
for moment in 5 60; do
  rm -rf killed
  "$antarctic" count-bytes job.yaml --run killed > /dev/null 2>&1 &
  pid=$!
  while [ "$(ls killed/counts 2> /dev/null | grep -c '\.h5$' || true)" -lt $moment ] && kill -0 $pid 2> /dev/null; do sleep 0.01; done
  kill -KILL $pid 2> /dev/null || true
  wait $pid 2> /dev/null || true
  run 0 status killed --json
  jq -e '.job == "count-bytes"' said.txt > /dev/null
  run_on 3 0 count-bytes job.yaml --run killed
  cmp expected.txt killed/counts.txt
  no_half_files killed
  for f in one/counts/*.h5; do cmp "$f" "killed/counts/$(basename "$f")"; done
done
before=$(stat -c %Y.%i killed/counts.txt)
run 0 count-bytes job.yaml --run killed
[ "$(stat -c %Y.%i killed/counts.txt)" = "$before" ]

# the commands
run 0 status one
says 'count-bytes'
run 0 verify one
printf x | dd of=one/counts/00003.h5 bs=1 seek=100 conv=notrunc 2> /dev/null
run 2 verify one
says 'counts/00003.h5'
run 0 submit count-bytes job.yaml --run submitted --dry-run --sample 0
says 'count-bytes'
grep -q 'count-bytes' submitted/job.sbatch
run 1 submit count-bytes job.yaml --run submitted --dry-run --sample 0 --array 4
says 'count-bytes is not done in parts'
