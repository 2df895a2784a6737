# The job story by submit, in parts, with status and verify.
. "$source/tests/cli/lib.sh"
model=$data/golden/gguf/malformed/model_good.gguf # whole, tiny, with a tokenizer
for i in $(seq 8); do echo "a fox and $i owls"; done > captions.txt
printf 'input: { path: captions.txt }\nstory: { model: %s, max_new_tokens: 9, stories: 2 }\noutput: { shard_items: 2 }\n' "$model" > tales.yaml

run 0 submit story tales.yaml --dry-run --run sized --set limits.memory=100GB
says '^  memory per node  .* MB = models. files'
bash -n sized/job.sbatch
grep -q '"\$antarctic" story .*tales.yaml --run .*sized' sized/job.sbatch
run 2 submit story tales.yaml --dry-run --run x --set story.model=nothing
says 'story.model: .*nothing'
run 2 submit story tales.yaml --dry-run --run x --set input.path=nothing
says 'input.path: .*nothing'

# parts, as `submit --array` starts them: together they are the whole run
run 0 story tales.yaml --run whole
run 0 submit story tales.yaml --dry-run --run parts --array 2 --set limits.memory=100GB
run 0 story tales.yaml --run parts --set compute.part=0 --set compute.parts=2
says 'part 0 of 2 is done'
[ ! -e parts/DONE ]
run 0 status parts
says 'story, 4 of 8 (50.0 %)'
run 0 status parts --json
jq -e '.job == "story"' said.txt > /dev/null
run 0 story tales.yaml --run parts --set compute.part=1 --set compute.parts=2
run 0 story tales.yaml --run parts
cmp whole/stories.jsonl parts/stories.jsonl
run 0 status parts
says 'story'
run 0 verify parts

# verify finds a story that is damaged, and a resume makes it again
printf '\1' | dd of=parts/shards/00002.h5 bs=1 seek=900 conv=notrunc status=none
run 2 verify parts
says '00002.h5'
rm parts/DONE
run 0 story tales.yaml --run parts
cmp whole/stories.jsonl parts/stories.jsonl
cmp whole/shards/00002.h5 parts/shards/00002.h5
run 0 verify parts
