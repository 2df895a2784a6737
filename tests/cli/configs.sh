# Every config of the tree runs. Its first line may name its job ("# job: build-cache"); without one it is a caption job.
. "$source/tests/cli/lib.sh"
mkdir images
cp "$demo"/pictures/scene_0[0-5].jpg images # six of the demo's images stand for all, and some of its entries
head -200 "$demo/cache.txt" > entries.txt
for config in "$source"/configs/*.yaml; do
  name=$(basename "$config" .yaml) job=$(head -1 "$config" | sed -n 's/^# job: \([a-z-]*\)$/\1/p')
  if grep -q '^# test: none' "$config"; then
    echo "$name: run by a test of its own"
    continue
  fi
  fewer=()
  ! grep -q 'path: ../models/demo/pictures' "$config" || fewer=(--set input.path=images)
  ! grep -q 'path: ../models/demo/cache.txt' "$config" || fewer+=(--set cache.path=entries.txt)
  ! grep -q 'num_return_sequences: 1000' "$config" || fewer+=(--set generation.num_return_sequences=30)
  run 0 "${job:-caption}" "$config" --run "$name" "${fewer[@]}"
  [ -s "$name/summary.json" ] || [ -s "$name/manifest.json" ]
done

# what makes the reference's sampler: beam search with three candidates an image, best score first, and the table not cut
[ "$(jq -c '.candidates | length' reference/captions.jsonl | sort -u)" = 3 ]
[ "$(jq -c '[.candidates[].score] | . == (sort | reverse)' reference/captions.jsonl | sort -u)" = true ]
[ "$(wc -l < reference/captions.jsonl)" -eq 6 ]
grep -q 'max_tokens: none' reference/config.yaml

# its notebook: samples, all of them in captions.jsonl, the caption is the best of them by CLIP, and the report has five
[ "$(jq -c '.candidates | length' reference-samples/captions.jsonl | sort -u)" = 30 ]
[ "$(jq -c '.caption as $c | [.candidates[] | select(.text == $c) | .clip_score][0] == ([.candidates[].clip_score] | max)' reference-samples/captions.jsonl | sort -u)" = true ]
shown() { grep -o '\["[^"]*",-\?[0-9.]*,"[^"]*"\]' "$1/report.html" | wc -l; }
[ "$(shown reference-samples)" -eq 30 ] # five of each of six images

# help is useful: what must be given, an example, the exit codes
for job in caption tag train embed-images build-cache; do
  "$antarctic" $job --help > help.txt
  for line in '^  clip.model ' "mpirun --bind-to none -n 8 antarctic $job my.yaml" '^  75  stopped'; do
    grep -q "$line" help.txt || { echo "$job --help lacks $line"; exit 1; }
  done
done
grep -q '^    path: /data/phrases.txt' help.txt # build-cache reads a text
for job in dedupe story; do
  "$antarctic" $job --help > help.txt
  grep -q '^    path: runs/caption-my' help.txt # these read a run
done
"$antarctic" help | grep '^   3  more rejected items'

# without a config file: every key from --set, in runs/JOB
run 0 embed-images --set input.path=images --set clip.model="$demo/clip"
[ -e runs/embed-images/DONE ]
says 'runs/embed-images'
