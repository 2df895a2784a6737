# Wrong words: configs, options, names. Each is refused before anything is made, with the nearest right word.
. "$source/tests/cli/lib.sh"
mkdir images hollow
cp "$demo"/pictures/scene_00.jpg images
small_job job.yaml images

run 1 caption job.yaml --run x --set retrieval.topkk=3
says 'unknown key "retrieval.topkk".*"retrieval.topk"'
sed 's/model:/modle:/' job.yaml > typo.yaml
run 1 caption typo.yaml --run x
says 'typo.yaml:4: unknown key "clip.modle".*"clip.model"'
run_on 3 1 caption typo.yaml --run x
[ "$(grep -c 'unknown key' said.txt)" -eq 1 ] # said once, not by every rank
# a config that one rank alone cannot read (it lies on another node's own disk)
code=0
timeout 60 mpirun --oversubscribe -n 2 bash -c 'configs=(job.yaml elsewhere.yaml)
  exec "$0" caption ${configs[${OMPI_COMM_WORLD_RANK:-$PMI_RANK}]} --run x' "$antarctic" > said.txt 2>&1 || code=$?
[ $code -eq 1 ] || { echo "exit $code where one of two ranks has no config"; cat said.txt; exit 1; }
says 'rank 1: elsewhere.yaml: the config cannot be opened'
# the launcher of another MPI: each rank would take itself for the only one
case $(mpirun --version) in *'Open MPI'*) other=PMI_SIZE ;; *) other=OMPI_COMM_WORLD_SIZE ;; esac
export $other=2
run 1 caption job.yaml --run x
says 'started 2 ranks, but each is alone.*mpirun'
unset $other
[ ! -e x ]
run 1 caption job.yaml --run x --set retrieval.topk=many
says 'retrieval.topk: "many" is not a whole number'
run 1 caption job.yaml --run x --set retrieval.topk=0
says 'from 1 to'
run 1 caption job.yaml --run x --set output.compression=lz4
says 'one of zstd gzip none'
run 1 caption job.yaml --run x --set limits.max_bad_items=2.5
says 'a count (25) or a share (10 %)'
run 1 caption job.yaml --run x --set retrieval.topk
says 'key.path=value'
printf 'input:\n  path: [a, b]\n' > list.yaml
run 1 caption list.yaml --run x
says 'list.yaml:2: input.path: needs one value'
printf 'seed: 1\nretrieval:\n  topk: 5\nretrieval:\n  max_tokens: 20\n  topk: 6\n' > twice.yaml
run 1 caption twice.yaml --print-config
says 'twice.yaml:6: retrieval.topk is given a second time; the first is in line 3'
printf 'input.path: images\ninput: {path: hollow}\n' > twice.yaml
run 1 caption twice.yaml --print-config
says 'twice.yaml:2: input.path is given a second time; the first is in line 1'
printf 'input:\n\tpath: images\n' > tab.yaml
run 1 caption tab.yaml --run x
says 'tab.yaml:2: .*not by tabs'
printf 'input:\n  path: ~/images\n' > home.yaml
run 1 caption home.yaml --print-config
says 'home.yaml:2: input.path: "~/images": ~ does not stand for a home folder'
run 1 caption job.yaml --run x --set 'cache.path=[~/a, b]'
says 'cache.path: "~/a": ~ does not stand'
printf 'input: images\n' > section.yaml
run 1 caption section.yaml --run x
says 'section.yaml:1: input is a section'
printf 'input:\n  path: "unclosed\n' > broken.yaml
run 1 caption broken.yaml --run x
says 'broken.yaml:'
run 1 caption nowhere.yaml --run x
says 'nowhere.yaml: the config cannot be opened'
run 1 caption hollow --run x
says 'hollow: the config cannot be opened: a folder, not a file (a job takes a config file'
run 1 caption images/scene_00.jpg --run x
says 'scene_00.jpg:.*(a job takes a config file, NAME.yaml, in which input.path'
run 1 caption images/scene_00.jpg hollow --run x
says 'caption takes one config file'
printf 'input:\n  path: images\nclip:\n  model: m\nbart:\n  model: m\n' > lacking.yaml
run 1 caption lacking.yaml --run x
says 'caption needs cache.path'
run 1 caption # without a config file every key comes from --set
says 'caption needs input.path .*; antarctic caption --help shows an example'
run 1 caption job.yaml --run x --set generation.num_beams=2 --set generation.num_return_sequences=3
says 'num_return_sequences is 3, but may be at most num_beams, which is 2'
rm -rf x
run 1 caption job.yaml another.yaml
says 'another.yaml" is a second one'
run 1 caption job.yaml --runn x
says 'did you mean --run'
run 1 caption job.yaml --run= # not the root of the file system
says '--run needs the name of a folder'
[ ! -e /journal ]
run 1 captoin job.yaml
says 'did you mean caption'
run 1 help captoin
[ ! -e x ]
# what the words name and is not there is a failure, not a wrong word
run_on 3 2 caption job.yaml --run x --set input.path=none_such
says 'input.path: .*none_such: No such file'
run_on 3 2 caption job.yaml --run x --set input.path=hollow
says 'holds no image'
run_on 3 2 caption job.yaml --run x --set cache.path=none_such
says 'cache.path: .*none_such: there is no such cache'
[ "$(ls x | tr '\n' ' ')" = "attempts.jsonl journal log.txt " ] # what was tried and why it ended, for `status`; nothing else

# every config in the tree can be printed, and the print reads back to the same
for config in "$source"/configs/*.yaml; do
  job=$(head -1 "$config" | sed -n 's/^# job: \([a-z-]*\)$/\1/p')
  "$antarctic" "${job:-caption}" --print-config "$config" > one.yaml
  "$antarctic" "${job:-caption}" --print-config one.yaml > two.yaml
  [ -s one.yaml ]
  cmp one.yaml two.yaml
  if grep -v '^#' one.yaml | grep ': ' | grep -v '#' | grep .; then exit 1; fi # every value has its comment
done
