# Progress: one moving line on a terminal, plain lines elsewhere, all of it in log.txt.
. "$source/tests/cli/lib.sh"
command -v script > /dev/null || { echo 'skipped: there is no program "script" to make a terminal'; exit 77; }
mkdir images
cp "$demo"/pictures/scene_*.jpg images
small_job job.yaml images

run 0 caption job.yaml --run plain --set output.shard_items=4
says '^embed: [0-9]*/40 images, [0-9.e+]*/s, ETA [0-9:?]*$'
says '^embed: 40/40 images in [0-9.]* s$'
says '^generate: 40/40 images in [0-9.]* s$'
if grep -q $'\r\|\033' said.txt; then exit 1; fi # nothing for terminals
[ "$(grep -c '^embed: ' said.txt)" -ge 5 ] # at each tenth, and at the end

# more ranks than shards: some would be idle, which is said, and how to use them; not where each has one
run_on 3 0 caption job.yaml --run idle --set output.shard_items=20
says '^warning: 40 items are 2 shards of output.shard_items: 20, .*not all of 3 ranks.* output.shard_items: 14 uses them$'
run_on 3 0 caption job.yaml --run busy --set output.shard_items=14
if grep -q 'ranks have something to do' said.txt; then exit 1; fi

# within a shard too, which can take minutes: here all images are one
run 0 caption job.yaml --run whole --set compute.batch=4 --set generation.num_beams=1 --set generation.do_sample=true --set generation.num_return_sequences=200
says '^embed: 4/40 images, [0-9.e+]*/s, ETA [0-9:?]*$'
says '^embed: 20/40 images, [0-9.e+]*/s, ETA [0-9:?]*$'
says '^generate: [1-3]0/40 images, [0-9.e+]*/s, ETA [0-9:?]*$'
says '^generate: 40/40 images in [0-9.]* s$'

script -q -e -c "'$antarctic' caption job.yaml --run terminal --set output.shard_items=4" typescript > /dev/null
grep -q $'\r\033\\[Kembed: [0-9]*/40 images' typescript # drawn over and over in place
grep -q $'\033\\[Kembed: 40/40 images in' typescript
[ "$(tr -d '\r' < typescript | grep -c '^.\{0,3\}embed: [0-9]*/40 images, ')" -le 1 ] # and not a line each time
[ "$(grep -c 'Z embed: [0-9]*/40 images, ' terminal/log.txt)" -ge 4 ] # which the log has
# a narrow terminal: the line is cut, for a longer one would leave a row at each redrawing
script -q -e -c "stty cols 24; '$antarctic' caption job.yaml --run narrow --set output.shard_items=4" typescript > /dev/null
tr '\r' '\n' < typescript | grep -o $'^\033\\[Kgenerate: [0-9]*/40 im.*' | tail -n +2 > drawn
[ -s drawn ]
if grep -v 'images in' drawn | grep -E $'^\033.K.{24}'; then exit 1; fi
jq -e '.stage == "generate" and .done == 40 and .total == 40' terminal/progress.json > /dev/null

# status: the last error while the run is not done; of one that is, a start that was refused is none
run 1 caption job.yaml --run terminal --set retrieval.topk=1
run 0 status terminal
says 'done$'
if grep -q "last error" said.txt; then exit 1; fi
run 0 status terminal --json
run 0 status .
says "no run was started in this folder"
