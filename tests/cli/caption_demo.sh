# The whole path on the demo models: the reference's tables, candidates and captions; the same bytes from 1, 2, 3 and 4 ranks
# with 1 and 2 threads, and over TCP with one-sided messages that progress only inside MPI.
same() { # same RUN_A RUN_B: the files that must be equal to the byte
  for f in captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt ref1.txt ref2.txt ref3.txt ref4.txt; do
    cmp "$1/$f" "$2/$f"
  done
  for folder in embeddings tables shards cache/shards; do
    for f in "$1/$folder"/*.h5; do cmp "$f" "$2/$folder/$(basename "$f")"; done
  done
}
"$antarctic" caption "$source/configs/demo.yaml" --run one --set compute.threads=1
wc -l < one/captions.jsonl | grep -x 40

# golden/demo/README.md: of 40 captions at most one may differ, by a near-tie; scores within 2e-5
pick='{key, caption, table: [.table[] | [.entry, .id]], candidates: [.candidates[].text]}'
jq -c "$pick" one/captions.jsonl > ours.jsonl
jq -c "$pick" "$data/golden/demo/expected.jsonl" > theirs.jsonl
jq -c '{key, table}' ours.jsonl > a; jq -c '{key, table}' theirs.jsonl > b; cmp a b
different=$(diff ours.jsonl theirs.jsonl | grep -c '^<' || true)
echo "images whose captions or candidates differ from the reference: $different of 40"
[ "$different" -le 1 ]
jq -c '[.clip_score, (.table[].score), (.candidates[].clip_score)] | .[]' one/captions.jsonl > a
jq -c '[.clip_score, (.table[].score), (.candidates[].clip_score)] | .[]' "$data/golden/demo/expected.jsonl" > b
paste a b | awk '{ d = $1 - $2; if (d < 0) d = -d; if (!(d <= 2e-5)) { print "score " $1 ", expected " $2; bad = 1 } } END { exit bad }'

for ranks in 1 2 3 4; do
  for threads in 1 2; do
    mpirun --oversubscribe -n $ranks "$antarctic" caption "$source/configs/demo.yaml" --run "r$ranks.$threads" \
      --set compute.threads=$threads 2>/dev/null
    same one "r$ranks.$threads"
    rm -r "r$ranks.$threads"
  done
done
mpirun --oversubscribe $(over_tcp) -n 2 "$antarctic" caption "$source/configs/demo.yaml" --run tcp \
  --set compute.threads=1 2>/dev/null
same one tcp

# A finished run does nothing; one with another setting is refused and says what differs.
"$antarctic" caption "$source/configs/demo.yaml" --run one 2> again.txt
grep -q 'nothing to do' again.txt
code=0; "$antarctic" caption "$source/configs/demo.yaml" --run one --set retrieval.topk=5 2> refused.txt || code=$?
[ $code -eq 1 ]
grep -q 'topk: 12.*is now.*topk: 5' refused.txt
