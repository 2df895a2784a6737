# --sample N: N images spread over the input, with the results of the whole run; a run of its own; what it does not go with.
. "$source/tests/cli/lib.sh"
keys=(--set "input.path=$demo/pictures" --set "clip.model=$demo/clip" --set "bart.model=$demo/bart" --set compute.threads=1
  --set output.shard_items=4)
run 0 build-cache --set "input.path=$demo/cache.txt" --set "clip.model=$demo/clip" --run cache
keys+=(--set cache.path=cache)
run 0 caption "${keys[@]}" --run whole
run 0 caption "${keys[@]}" --sample 7 --run seven
[ "$(wc -l < seven/captions.jsonl)" = 7 ]
[ "$(jq -c '[.items, .ok, .sample_of]' seven/summary.json)" = "[7,7,$(wc -l < whole/captions.jsonl)]" ]
[ "$(grep -cxFf seven/captions.jsonl whole/captions.jsonl)" = 7 ]
[ "$(jq -r .key seven/captions.jsonl)" = "$(jq -r .key whole/captions.jsonl | awk -v n=7 '{ key[NR - 1] = $0 } END { for (i = 0; i < n; i++) print key[int(i * NR / n)] }')" ]
run 0 verify seven

# any ranks; resumed
run_on 3 0 caption "${keys[@]}" --sample 7 --run ranks
cmp seven/captions.jsonl ranks/captions.jsonl
rm -r ranks/DONE ranks/generations ranks/captions.jsonl
run 0 caption "${keys[@]}" --sample 7 --run ranks
cmp seven/captions.jsonl ranks/captions.jsonl

# more than there are: all of them; a folder of its own
run 0 embed-images "${keys[@]}" --sample 1000 --run all
[ "$(jq -r '[.items, has("sample_of")] | @csv' all/summary.json)" = "$(wc -l < whole/captions.jsonl),false" ]
run 0 embed-images "${keys[@]}" --sample 2
[ -e runs/embed-images-sample/DONE ]

# a text file is embedded for the sample alone, which is said
run 0 caption "${keys[@]}" --set "cache.path=$demo/cache.txt" --sample 2 --run text
says 'cache.txt is embedded for this sample alone; antarctic build-cache'

# not the whole run's folder, nor an update, nor other jobs
run 1 caption "${keys[@]}" --sample 7 --run whole
says 'the input differs'
run 1 caption "${keys[@]}" --run seven
says 'the input differs'
run 1 caption "${keys[@]}" --sample 7 --update --run seven
says 'no --update'
run 1 build-cache --set "input.path=$demo/cache.txt" --set "clip.model=$demo/clip" --sample 3 --run x
says 'takes no --sample'
run 1 caption "${keys[@]}" --sample 0 --run x
run 1 caption "${keys[@]}" --sample many --run x
