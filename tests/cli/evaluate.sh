# evaluate: a user with two files of captions; every kind of input; ids that do not fit; bad input; any number of ranks.
. "$source/tests/cli/lib.sh"
golden=$source/tests/data/golden/metrics
zstd -dq "$golden/images.jsonl.zst" -o images.jsonl
jq -s 'map({key: (.id | tostring), value: .candidate}) | from_entries' images.jsonl > predictions.json
jq -s 'map({key: (.id | tostring), value: .references}) | from_entries' images.jsonl > references.json

# score OUT NAME: a number of metrics.json
score() { jq -r ".$2" "$1/metrics.json"; }
# near OUT NAME VALUE TOLERANCE
near() {
  jq -e --argjson want "$3" --argjson by "$4" "(.$2 - \$want) | fabs <= \$by" "$1/metrics.json" > /dev/null ||
    { echo "$2 is $(score "$1" "$2"), not $3"; exit 1; }
}

# two files of captions: pycocoevalcap's numbers
run 0 evaluate --predictions predictions.json --references references.json --out json
for n in 1 2 3 4; do near json "Bleu_$n" "$(jq .corpus.bleu$n "$golden/scores.json")" 1e-9; done
near json ROUGE_L "$(jq .corpus.rouge_l "$golden/scores.json")" 1e-9
near json CIDEr "$(jq .corpus.cider "$golden/scores.json")" 1e-7
says 'CIDEr .*\['
[ "$(score json items)" -eq 200 ]
[ "$(score json empty_captions)" -eq 1 ]
[ "$(wc -l < json/items.jsonl)" -eq 200 ]
jq -e '.intervals.CIDEr[0] < .CIDEr and .CIDEr < .intervals.CIDEr[1]' json/metrics.json > /dev/null
jq -s -e '[.[] | has("key") and has("caption") and has("references") and has("Bleu_4") and has("ROUGE_L") and has("CIDEr")] | all' json/items.jsonl > /dev/null
grep -q '<h2>Scores</h2>' json/report.html
jq -e '.not_computed.CLIPScore' json/metrics.json > /dev/null

# each item as the original has it
jq -c '{key: (.id | tostring), s: .scores}' images.jsonl > wanted.jsonl
jq -n -e --slurpfile a json/items.jsonl --slurpfile b wanted.jsonl '
  ($b | map({key, value: .s}) | from_entries) as $want |
  [$a[] | (.CIDEr - $want[.key].cider | fabs < 1e-7) and (.Bleu_4 - $want[.key].bleu4 | fabs < 1e-9) and (.ROUGE_L - $want[.key].rouge_l | fabs < 1e-9)] | all' > /dev/null

# the same from every form
jq -s 'map({image_id: .id, caption: .candidate})' images.jsonl > results.json
jq -s '{images: map({id, file_name: ("COCO_val2014_" + ("000000000000" + (.id | tostring))[-12:] + ".jpg")}),
        annotations: [.[] | .id as $id | .references[] | {image_id: $id, caption: .}]}' images.jsonl > annotations.json
jq -c '{key: ("val2014/COCO_val2014_" + ("000000000000" + (.id | tostring))[-12:]), caption: .candidate}' images.jsonl > predictions.jsonl
run 0 evaluate --predictions results.json --references annotations.json --out coco
cmp json/metrics.json coco/metrics.json
run 0 evaluate --predictions predictions.jsonl --references annotations.json --out keys
near keys CIDEr "$(score json CIDEr)" 1e-9
mkdir folder
jq -r '"\(.id)\t\(.references | join("\u0001"))"' images.jsonl | while IFS=$'\t' read -r id texts; do printf '%s\n' "$texts" | tr '\001' '\n' > "folder/$id.txt"; done
run 0 evaluate --predictions predictions.json --references folder --out folders
cmp json/metrics.json folders/metrics.json
jq -r .candidate images.jsonl > preds.txt
jq -r '.id' images.jsonl > keys.txt
for k in 0 1 2 3 4; do jq -r ".references[$k] // \"\"" images.jsonl > "ref$k.txt"; done
run 0 evaluate --predictions preds.txt --references 'ref*.txt' --out lines
says 'blank lines count for no caption'
cmp json/metrics.json lines/metrics.json
run 0 evaluate --predictions preds.txt --references ref0.txt,ref1.txt,ref2.txt,ref3.txt,ref4.txt --out listed
cmp json/metrics.json listed/metrics.json
printf 'evaluate:\n  predictions: preds.txt\n  references: ref*.txt\n' > job.yaml
run 0 evaluate job.yaml --run config
cmp json/metrics.json config/metrics.json

# any number of ranks and threads: the same bytes
jq 'with_entries(.value |= (split(" ") | .[:4] | join(" ")))' predictions.json > shorter.json
for ranks in 1 2 4; do
  run_on $ranks 0 evaluate --predictions predictions.json --references references.json --against shorter.json --out against.$ranks
  for file in metrics.json items.jsonl; do cmp against.1/$file against.$ranks/$file; done
done

# ten times the captions take a bounded multiple of the memory: they are held once, and nothing is held per pair of items
if command -v python3 > /dev/null; then
  python3 - <<'END'
import json
p, r = json.load(open("predictions.json")), json.load(open("references.json"))
json.dump({f"{k}-{i}": v for i in range(100) for k, v in p.items()}, open("many.json", "w"))
json.dump({f"{k}-{i}": v for i in range(100) for k, v in r.items()}, open("many_references.json", "w"))
END
  [ "$(jq length many.json)" -eq 20000 ]
  python3 - "$antarctic" <<'END'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "evaluate", "--predictions", "many.json", "--references", "many_references.json", "--out", "many", "--set", "compute.threads=1"],
               check=True, capture_output=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
assert peak < 600, f"{peak:.0f} MB for 20,000 captions with 5 references each"
END
fi

# with three ranks too; a finished run does nothing; the commands know it
run_on 3 0 evaluate --predictions predictions.json --references references.json --out three --set compute.threads=1
cmp json/metrics.json three/metrics.json
cmp json/items.jsonl three/items.jsonl
run 0 evaluate --predictions predictions.json --references references.json --out json
says 'nothing to do'
run 0 verify json
run 0 status json
cp json/report.html before.html
run 0 report json
cmp before.html json/report.html

# ids: missing, surplus, twice, of another kind
jq 'del(.["9002"]) | . + {"extra one": "a cat"}' predictions.json > other.json
run 2 evaluate --predictions other.json --references references.json --out bad
says '1 predictions without references: "extra one"'
[ ! -e bad/metrics.json ]
jq 'del(.["9002"])' predictions.json > fewer.json
run 2 evaluate --predictions fewer.json --references references.json --out bad
says '1 references without a prediction: "9002"'
run 2 evaluate --predictions other.json --references references.json --out bad
says '1 predictions without references: "extra one"; 1 references without a prediction: "9002"'
run 0 evaluate --predictions other.json --references references.json --set evaluate.missing=skip --out skipped
says '"extra one"'
[ "$(score skipped items)" -eq 199 ]
[ "$(score skipped predictions_without_references)" -eq 1 ]
[ "$(score skipped references_without_prediction)" -eq 1 ]
printf '[{"image_id": 1, "caption": "a dog"}, {"image_id": "1", "caption": "a cat"}]' > twice.json
run 2 evaluate --predictions twice.json --references references.json --out bad
says 'the id "1" comes twice'
printf '{"1": "a dog", "1": "a cat"}' > twice.json
run 2 evaluate --predictions twice.json --references references.json --out bad
says 'line 1: not JSON: duplicate'
printf '{"x": "a dog"}' > none.json
run 2 evaluate --predictions none.json --references references.json --set evaluate.missing=skip --out bad
says 'are the ids of the same kind'

# numbers with other zeros before them are one id where it is clear which; an id that fits as it is comes first
padded=$(jq -n '{"1": ["a red car"], "002": ["a blue boat"], "images/0003": ["a green tree"]}')
echo "$padded" > padded.json
printf '{"000001": "a red car", "2": "a blue boat", "3": "a green tree"}' > numbers.json
run 0 evaluate --predictions numbers.json --references padded.json --out numbers
near numbers ROUGE_L 1 1e-12
[ "$(score numbers items)" -eq 3 ]
jq '[{"image_id": 1, "caption": "a red car"}, {"image_id": 2, "caption": "a blue boat"}, {"image_id": 3, "caption": "a green tree"}]' -n > numbers_coco.json
run 0 evaluate --predictions numbers_coco.json --references padded.json --out numbers_coco
near numbers_coco ROUGE_L 1 1e-12
run 0 evaluate --predictions numbers.json --references padded.json --against numbers_coco.json --out numbers_against
jq -e '.comparison.ROUGE_L.difference == 0' numbers_against/metrics.json > /dev/null
# annotations count from 1, names of files from 0: each fits as it is, and no number is taken for another
jq -n '{images: [{id: 1, file_name: "000000.jpg"}, {id: 2, file_name: "000001.jpg"}], annotations: [{id: 1, image_id: 1, caption: "a red car"}, {id: 2, image_id: 2, caption: "a blue boat"}]}' > shifted.json
printf '{"1": "a red car", "2": "a blue boat"}' > by_id.json
printf '{"000000": "a red car", "000001": "a blue boat"}' > by_name.json
for by in by_id by_name; do
  run 0 evaluate --predictions $by.json --references shifted.json --out shifted_$by
  near shifted_$by ROUGE_L 1 1e-12
done
printf '{"0": "a red car", "01": "a blue boat"}' > unclear.json
run 2 evaluate --predictions unclear.json --references shifted.json --out bad
says '1 predictions without references: "01"; 1 references without a prediction: "2"'
printf '{"03": "a green tree", "003": "a tree", "1": "a red car", "2": "a blue boat"}' > unclear.json
run 2 evaluate --predictions unclear.json --references padded.json --out bad
says '2 predictions without references: "003", "03"; 1 references without a prediction: "images/0003"'
printf '{"3": "a green tree", "03": "a tree", "1": "a red car", "2": "a blue boat"}' > unclear.json
printf '{"1": ["a red car"], "002": ["a blue boat"], "3": ["a green tree"]}' > exact.json
run 2 evaluate --predictions unclear.json --references exact.json --out bad
says '1 predictions without references: "03"'

# BLEU's closest length: of two that are equally close the shorter (r = 2 below c = 3, so nothing is taken off); ROUGE-L's best precision
# and best recall may come from different references
printf '{"1": "a red car", "2": "b"}' > ties.json
printf '{"1": ["a car", "a red car here"], "2": ["b"]}' > tie_references.json
run 0 evaluate --predictions ties.json --references tie_references.json --out ties
jq -s -e '.[0].Bleu_1 | . > 0.999' ties/items.jsonl > /dev/null
printf '{"1": "a b c d", "2": "x"}' > rouge.json
printf '{"1": ["a b", "a b c d e f g h"], "2": ["x"]}' > rouge_references.json
run 0 evaluate --predictions rouge.json --references rouge_references.json --out rouge
jq -s -e '.[0].ROUGE_L == 1' rouge/items.jsonl > /dev/null # precision 4/4 from the second, recall 2/2 from the first

# captions with line separators stay one caption, and shift nothing
printf '%s' '{"1": "a red\u2028car", "2": "a red\rcar", "3": "a red\ncar"}' > separators.json
printf '%s' '{"1": ["a red car"], "2": ["a red car"], "3": ["a red car"]}' > plain.json
run 0 evaluate --predictions separators.json --references plain.json --out separators
near separators Bleu_1 1 1e-8
near separators ROUGE_L 1 1e-12

# one item alone; an empty caption; a caption of 100,000 words; no references
printf '%s' '{"1": "a red car"}' > one.json
printf '%s' '{"1": ["a red car on a road", "a car"]}' > one_reference.json
run 0 evaluate --predictions one.json --references one_reference.json --out one
says 'CIDEr is 0'
near one CIDEr 0 0
near one Bleu_1 0.999999999666667 1e-12 # pycocoevalcap 1.2: the closest length, of one item alone too
near one Bleu_4 0.03162277658719003 1e-12
printf '%s' '{"1": ""}' > empty.json
run 0 evaluate --predictions empty.json --references one_reference.json --out empty
near empty ROUGE_L 0 0
jq -e '.distinct_1 == null and .not_computed.distinct_1 != null' empty/metrics.json > /dev/null
awk 'BEGIN { printf "{\"1\": \""; for (i = 0; i < 100000; i++) printf "w%d a ", i % 977; printf "\"}" }' > long.json
run 0 evaluate --predictions long.json --references one_reference.json --out long
run 0 evaluate --predictions predictions.json --out alone
says 'no references'
jq -e '.CIDEr == null and (.not_computed.CIDEr | test("no references")) and .distinct_2 > 0' alone/metrics.json > /dev/null

# document frequencies, SPICE, scores of others
run 0 evaluate --predictions predictions.json --references references.json --write-idf df.txt --out json
says 'nothing to do'
run 0 evaluate --predictions predictions.json --references references.json --set evaluate.idf=df.txt --out idf
near idf CIDEr "$(score json CIDEr)" 1e-9
run 0 evaluate --predictions one.json --references one_reference.json --set evaluate.idf=df.txt --out one_idf
jq -e '.CIDEr > 0' one_idf/metrics.json > /dev/null
printf 'something else\n' > notdf.txt
run 2 evaluate --predictions one.json --references one_reference.json --set evaluate.idf=notdf.txt --out bad
says 'write-idf makes such a file'
run 0 evaluate --predictions one.json --references one_reference.json --export-spice spice.json --out spice
jq -e '.[0] == {"image_id": "1", "test": "a red car", "refs": ["a red car on a road", "a car"]}' spice.json > /dev/null
printf '[{"image_id": 1, "scores": {"All": {"f": 0.25}}}]' > spice_out.json
run 0 evaluate --predictions one.json --references one_reference.json --merge-scores spice_out.json --out merged
near merged SPICE 0.25 0
printf '{"1": "a", "2": "b", "3": "c"}' > abc.json
printf '{"1": NaN, "2": 0.5, "9": 1}' > nan.json
run 0 evaluate --predictions abc.json --merge-scores nan.json --out nan
says '1 items have no score, 1 have one that is no number'
near nan SPICE 0.5 0
printf '{"1":NaN,"2":0.5,"3":NaN}' > nan.json
run 0 evaluate --predictions abc.json --merge-scores nan.json --out nan_twice
says '0 items have no score, 2 have one that is no number'
near nan_twice SPICE 0.5 0
printf '{"1":-Infinity,"2":0.25,"3":Infinity,"NaN":1}' > nan.json
run 0 evaluate --predictions abc.json --merge-scores nan.json --out infinities
says '0 items have no score, 2 have one that is no number'
near infinities SPICE 0.25 0
printf '[{"image_id":1,"scores":{"All":{"f":NaN}}},{"image_id":2,"scores":{"All":{"f":NaN}}},{"image_id":"3","scores":{"All":{"f":0.75}}}]' > nan.json
run 0 evaluate --predictions abc.json --merge-scores nan.json --out nan_list
near nan_list SPICE 0.75 0
printf '{"8": 0.5}' > foreign.json
run 2 evaluate --predictions abc.json --merge-scores foreign.json --out bad
says 'none of its ids'

# comparison: paired, with itself no difference
run 0 evaluate --predictions predictions.json --references references.json --against predictions.json --out same
jq -e '.comparison.CIDEr.difference == 0 and .comparison.CIDEr.interval == [0, 0] and .comparison.changed_most == []' same/metrics.json > /dev/null
jq 'with_entries(.value |= (split(" ") | .[:4] | join(" ")))' predictions.json > shorter.json
run 0 evaluate --predictions predictions.json --references references.json --against shorter.json --out better
jq -e '.comparison.CIDEr.interval[0] > 0 and .comparison.CIDEr.higher_in_resamples > 0.99 and (.comparison.changed_most | length) == 24' better/metrics.json > /dev/null
jq -e '.against.caption and .against.CIDEr != null' <(sed -n 1p better/items.jsonl) > /dev/null
# the report shows them: as many items that changed most as metrics.json has, each with both captions
[ "$(jq '.comparison.changed_most | length' better/metrics.json)" -gt 0 ]
[ "$(sed -n '/Changed most/,/<\/table>/p' better/report.html | grep -c '^<tr><td>')" -eq "$(jq '.comparison.changed_most | length' better/metrics.json)" ]
[ "$(grep -c 'Changed most' same/report.html)" -eq 0 ]

# through Slurm's script: the same words as on the command line
printf 'evaluate: { predictions: predictions.json, references: references.json }\n' > evaluate.yaml
run 0 submit evaluate evaluate.yaml --dry-run --run submitted --set limits.memory=100GB
grep -q -- '"$antarctic" evaluate .*/evaluate.yaml --run .*/submitted --set limits.memory=100GB --set compute.threads=' submitted/job.sbatch
printf '#!/bin/bash\nwhile [ $# -gt 0 ] && [ "$1" != "%s" ]; do shift; done\nexec "$@"\n' "$antarctic" > mpirun.of.script
mkdir submitted.bin
mv mpirun.of.script submitted.bin/mpirun
printf '#!/bin/bash\nexit 1\n' | tee submitted.bin/scontrol > submitted.bin/srun
chmod +x submitted.bin/*
SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n1 SLURM_CPUS_PER_TASK=1 SLURM_NTASKS=1 PATH=$PWD/submitted.bin:$PATH bash submitted/job.sbatch > submitted.txt 2>&1 || { cat submitted.txt; exit 1; }
cmp json/metrics.json submitted/metrics.json
cmp json/items.jsonl submitted/items.jsonl
run 1 submit evaluate evaluate.yaml --dry-run --run x --array 3
says 'evaluate is not done in parts'
run 2 submit evaluate evaluate.yaml --dry-run --run x --set evaluate.references=nothing.json
says 'evaluate.references: .*nothing.json: No such file'

# what cannot be
run 1 evaluate --references references.json
says 'evaluate.predictions'
run 1 evaluate --predictions predictions.json --set evaluate.metrics=meteor --out bad
says '"meteor" is none of'
run 1 evaluate --predictions predictions.json --images folder --out bad
says 'needs clip.model'
run 1 evaluate --predictions predictions.json --against predictions.json --out bad
says 'evaluate.against without evaluate.images needs evaluate.references'
run 2 evaluate --predictions nowhere.json --out bad
says 'nowhere.json'
printf '{"1": 5}' > number.json
run 2 evaluate --predictions number.json --out bad
says '"1": a caption is a text'
printf '[{"image_id": 1.5, "caption": "a"}]' > half.json
run 2 evaluate --predictions half.json --out bad
says 'whole number'
printf 'a\nb\n' > short.txt
mkdir apart && cp short.txt apart/short.txt && printf 'a\n' > apart/ref0.txt
run 2 evaluate --predictions apart/short.txt --references apart/short.txt,ref0.txt --out bad
says 'do not belong together'
printf 'caf\xe9\n' > apart/latin.txt
run 2 evaluate --predictions apart/latin.txt --out bad
says 'line 1 is not UTF-8'
no_half_files bad

# files that a shell has listed; a list in a config; a run of evaluate as predictions
run 0 evaluate --predictions preds.txt --references ref0.txt ref1.txt ref2.txt ref3.txt ref4.txt --out shell
cmp json/metrics.json shell/metrics.json
mkdir configs
printf 'evaluate:\n  predictions: ../preds.txt\n  references: [../ref0.txt, ../ref1.txt, ../ref2.txt, ../ref3.txt, ../ref4.txt]\n' > configs/job.yaml
run 0 evaluate configs/job.yaml --run listed_config
cmp json/metrics.json listed_config/metrics.json
run 1 evaluate preds.txt --predictions preds.txt --out bad
says '"preds.txt" is none'
run 0 evaluate --predictions json --references references.json --out again
cmp json/metrics.json again/metrics.json

# other captions under the same name, as many and as long
printf '{"1": "a red cat"}' > one.json
run 1 evaluate --predictions one.json --references one_reference.json --out one
says 'the input differs from the one this run began with (by names and sizes)'
