# evaluate with images: CLIPScore, evidence in a run and in the report, on any ranks, killed and resumed.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo"/pictures/scene_0?.jpg "$demo"/pictures/scene_0?.txt images
small_job job.yaml images
run 0 caption job.yaml --run captions --set output.evidence=true
jq -s -e '[.[] | .evidence | has("words") and has("spans") and has("not_in_table") and has("margin")] | all' captions/captions.jsonl > /dev/null
run 0 caption job.yaml --run plain
jq -c 'del(.evidence)' captions/captions.jsonl | cmp - <(jq -c . plain/captions.jsonl)
grep -q '"not_in_table"' captions/report.html
if grep -q '"not_in_table"' plain/report.html; then exit 1; fi
# a span's words are the entry's, in order
jq -s -e '[.[] | .evidence | .words as $w | .spans[] | .from as $f | .count as $n | (" " + (.entry | ascii_downcase) + " ") | contains(" " + ($w[$f:$f + $n] | join(" ")) + " ")] | all' captions/captions.jsonl > /dev/null

words=$PWD/words.txt
printf 'a\nred\ncar\n' > "$words"
evaluate=(evaluate --predictions captions --references images --images images --model "$demo/clip" --set output.shard_items=3 --set evaluate.training_captions="$words")
run 0 "${evaluate[@]}" --out one
run_on 3 0 "${evaluate[@]}" --out three
for f in metrics.json items.jsonl clip_scores/00000.h5 embeddings/00001.h5; do cmp "one/$f" "three/$f"; done
# images in a tar, on ranks that share no index of it
(cd images && tar -cf ../images.tar *)
for ranks in 1 3; do
  run_on $ranks 0 "${evaluate[@]}" --images images.tar --out tar$ranks
  cmp one/clip_scores/00000.h5 tar$ranks/clip_scores/00000.h5
  [ "$(jq .CLIPScore one/metrics.json)" = "$(jq .CLIPScore tar$ranks/metrics.json)" ]
done
jq -e '.CLIPScore > 0 and .RefCLIPScore > 0 and .items == 10 and .cache_copied >= 0 and .cache_copied_unseen != null and .novel_unseen != null' one/metrics.json > /dev/null
jq -s -e '[.[] | has("evidence") and has("image") and .CLIPScore != null] | all' one/items.jsonl > /dev/null
# the words that no training caption has are named, and they are what the two shares count
jq -s -e '[.[] | .evidence as $e | ($e.not_in_training - $e.not_in_table | length > 0) == (.cache_copied_unseen == 1)
  and ($e.not_in_training - ($e.not_in_training - $e.not_in_table) | length > 0) == (.novel_unseen == 1)
  and ($e.not_in_training - ["a", "red", "car"] == $e.not_in_training) and ($e.not_in_training - $e.words == [])] | all' one/items.jsonl > /dev/null
jq -s -e '[.[].evidence.not_in_training[]] | length > 0' one/items.jsonl > /dev/null
grep -q '"not_in_training"' one/report.html
# CLIPScore is 2.5 times the cosine with "A photo depicts " in front
run 0 caption job.yaml --run prefixed --set 'rescore.prefix=A photo depicts ' --set generation.num_beams=1 --set generation.num_return_sequences=1
run 0 evaluate --predictions prefixed --images images --model "$demo/clip" --out scored
jq -n -e --slurpfile a scored/items.jsonl --slurpfile b prefixed/captions.jsonl '[range(10) | ($a[.].CLIPScore - 2.5 * ([$b[.].clip_score, 0] | max)) | fabs < 1e-5] | all' > /dev/null
says 'no references'
jq -s -e '[.[].evidence | has("words") and (has("not_in_training") | not)] | all' scored/items.jsonl > /dev/null

# compared with other captions: their CLIPScores too, the same on 1 to 4 ranks; as if they were scored alone
jq -s 'map({key, value: (.caption | split(" ") | .[:3] | join(" "))}) | from_entries' captions/captions.jsonl > shorter.json
run 0 evaluate --predictions shorter.json --references images --images images --model "$demo/clip" --out shorter
for ranks in 1 2 3 4; do
  run_on $ranks 0 evaluate --predictions captions --references images --images images --model "$demo/clip" --against shorter.json --out against$ranks --set output.shard_items=3
  for f in metrics.json items.jsonl clip_scores/00000.h5 clip_scores/00003.h5; do cmp against1/$f against$ranks/$f; done
done
jq -n -e --slurpfile a against1/metrics.json --slurpfile b shorter/metrics.json --slurpfile c one/metrics.json '
  ["CLIPScore", "RefCLIPScore"] | map(. as $name | $a[0].comparison[$name] | .other == $b[0][$name] and .score == $c[0][$name] and (.interval | length) == 2) | all' > /dev/null
jq -n -e --slurpfile a against1/items.jsonl --slurpfile b shorter/items.jsonl '[range(10) | $a[.].against.CLIPScore == $b[.].CLIPScore and $a[.].against.RefCLIPScore == $b[.].RefCLIPScore] | all' > /dev/null
run 0 verify against1
# without references: CLIPScore alone
run 0 evaluate --predictions captions --images images --model "$demo/clip" --against shorter.json --out against.alone
jq -e '.comparison.CLIPScore.difference != null and (.comparison | has("CIDEr") or has("RefCLIPScore") | not)' against.alone/metrics.json > /dev/null

# images whose names are numbers with other zeros before them than the ids
mkdir numbered
for i in 0 1 2; do cp "$demo/pictures/scene_0$i.jpg" "numbered/00000$i.jpg"; done
printf '{"0": "a candle", "1": "a bomb", "02": "a hot dog"}' > numbers.json
run 0 evaluate --predictions numbers.json --images numbered --model "$demo/clip" --out numbers
jq -s -e '[.[].CLIPScore != null] == [true, true, true]' numbers/items.jsonl > /dev/null
cp numbered/000001.jpg numbered/01.jpg
run 2 evaluate --predictions numbers.json --images numbered --model "$demo/clip" --out bad
says 'two images fit the prediction "1"'

# an image that cannot be read: its item has no CLIPScore; one without a caption is passed over; a caption without an image is an error
echo broken > images/scene_03.jpg
cp "$demo/pictures/scene_15.jpg" images/nobody.jpg
run 0 evaluate --predictions captions --images images --model "$demo/clip" --out broken
says '1 of 11 images have no caption'
jq -e '.rejected_images == 1 and .images_without_prediction == 1' broken/metrics.json > /dev/null
jq -s -e '[.[] | select(.CLIPScore == null) | .key] == ["scene_03"]' broken/items.jsonl > /dev/null
rm images/scene_05.jpg
run 2 evaluate --predictions captions --images images --model "$demo/clip" --out bad
says 'predictions without an image: "scene_05"'
run 0 evaluate --predictions captions --images images --model "$demo/clip" --set evaluate.missing=skip --out skipped
jq -e '.predictions_without_image == 1' skipped/metrics.json > /dev/null

# an image dataset as references, and as training captions: those of the folder that it was made of; another run is none
rm images/scene_03.jpg images/nobody.jpg
run 0 ingest images --out dataset
jq 'map(select(.key != "scene_03" and .key != "scene_05"))' <(jq -s . captions/captions.jsonl) | jq 'map({key, value: .caption}) | from_entries' > kept.json
run 0 evaluate --predictions kept.json --references dataset --out of_dataset
says 'evaluate.references: an image dataset, 8 ids, 40 captions'
mkdir texts
for key in $(jq -r 'keys[]' kept.json); do cp "images/$key.txt" texts/; done
run 0 evaluate --predictions kept.json --references texts --out of_texts
cmp of_dataset/metrics.json of_texts/metrics.json
run 0 evaluate --predictions captions --set evaluate.training_captions=dataset --out trained_on
says 'evaluate.training_captions: an image dataset, 8 ids, 40 captions'
run 2 evaluate --predictions kept.json --references of_texts --out bad

run 0 verify one
run 0 report one
grep -q evaluation-thumbnails one/report.html
