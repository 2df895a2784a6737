# Texts that end the process: an entry of a cache is rejected after one death, an image whose table or candidates do it after two,
# whatever the ranks; every other result keeps its bytes. A rank killed from outside gets nothing rejected. An image of training is rejected too.
. "$source/tests/fault/libfault.sh"
export crash=$fault/crash_on_text.so

small_jobs scene_0 4

job() { # job JOB RANKS RUN OPTIONS…
  local name=$1 ranks=$2 run=$3
  shift 3
  if [ "$ranks" -gt 1 ]; then set -- mpirun --oversubscribe -n "$ranks" "$antarctic" "$name" --run "$run" "$@"; else set -- "$antarctic" "$name" --run "$run" "$@"; fi
  "$@" > "$run.said" 2>&1
}
dies() { # dies JOB RANKS RUN OPTIONS…: with a signal's exit code
  local code=0
  job "$@" || code=$?
  [ $code -eq 139 ] || { echo "exit $code, expected 139"; cat "$3.said"; exit 1; }
}
passes() { job "$@" || { cat "$3.said"; exit 1; }; }

# An entry: the cache is that of a text without its line, and the counts tell of it.
mark='butterfly in a room'
sed "/^$mark\$/d" cache.txt > without.txt
[ "$(wc -l < without.txt)" -eq 599 ]
mkdir -p less/embeddings/00009.h5 # in the way of the last unit: nine are made, in an order that has the entry
code=0
job build-cache 1 less cache.yaml || code=$?
[ $code -eq 2 ]
[ -f less/embeddings/00008.h5 ]
rmdir less/embeddings/00009.h5
export CRASH_ON_TEXT=$mark
LD_PRELOAD=$crash dies build-cache 1 less cache.yaml
LD_PRELOAD=$crash passes build-cache 2 less cache.yaml
[ "$(jq -r '.key + " " + .reason' less/bad_items.jsonl)" = "$mark crashed" ]
[ "$(jq -c '[.items, .ok, .bad, .entries]' less/summary.json)" = "[600,599,1,599]" ]
"$antarctic" verify less > said.txt
grep -q '600 items in, 599 ok + 1 rejected' said.txt
unset CRASH_ON_TEXT
"$antarctic" build-cache cache.yaml --set input.path=without.txt --run without 2> said.txt
for run in less without; do "$antarctic" export $run --out $run.export > /dev/null; done
cmp less.export/postcache.txt without.export/postcache.txt
cmp less.export/postcache.npy without.export/postcache.npy
no_leftovers less
# and of a cache that grows; a shard may be left without entries
"$antarctic" build-cache cache.yaml --run cache 2> said.txt
cp -r cache grown
printf 'one\na marked text\nthree\n' > more.txt
sed -e 's/cache.txt/more.txt/' -e 's/shard_items: 64/shard_items: 1/' -e '$a cache: { path: grown }' cache.yaml > extend.yaml
export CRASH_ON_TEXT='a marked text'
LD_PRELOAD=$crash dies extend-cache 1 growth extend.yaml
LD_PRELOAD=$crash passes extend-cache 2 growth extend.yaml
unset CRASH_ON_TEXT
[ "$(jq -r '.key + " " + .reason' growth/bad_items.jsonl)" = "a marked text crashed" ]
"$antarctic" verify grown growth > /dev/null
"$antarctic" export grown --out grown.export > /dev/null
cat cache.txt <(printf 'one\nthree\n') | cmp - grown.export/postcache.txt

"$antarctic" caption job.yaml --run whole 2> said.txt
# The image's own shard is another one without it; all other files, and all lines, are those of the whole run.
set_aside() { # set_aside RUN KEY SHARD
  [ "$(jq -r '.key + " " + .reason' "$1/bad_items.jsonl")" = "$2 crashed" ]
  jq -c --arg key "$2" 'select(.key != $key)' whole/captions.jsonl > expected
  jq -c . "$1/captions.jsonl" | cmp - expected
  for file in embeddings tables shards; do
    for other in 00000 00001 00002; do
      if [ $other = "$3" ]; then
        if cmp -s whole/$file/$other.h5 "$1/$file/$other.h5"; then exit 1; fi
      else
        cmp whole/$file/$other.h5 "$1/$file/$other.h5"
      fi
    done
  done
  [ "$(jq -c '[.items, .ok, .bad]' "$1/summary.json")" = "[10,9,1]" ]
  no_leftovers "$1"
  "$antarctic" verify "$1" > /dev/null
}

# crashes_on MARK RANKS: MARK is a text of scene_05 alone.
crashes_on() {
  [ "$(jq -r --arg mark "$1" 'select(([.table[].entry] + [.candidates[].text]) | index($mark)).key' whole/captions.jsonl)" = scene_05 ]
  export CRASH_ON_TEXT=$1
  LD_PRELOAD=$crash dies caption "$2" crash job.yaml
  LD_PRELOAD=$crash dies caption "$2" crash job.yaml
  LD_PRELOAD=$crash passes caption $((3 - $2)) crash job.yaml
  set_aside crash scene_05 00001
  rm -r crash
  unset CRASH_ON_TEXT
}
crashes_on 'butterfly in a room' 1                            # in its table: BART's tokenizer
crashes_on 'a horse, a horse and a horse on a wooden floor' 2 # among its candidates: CLIP's

# A rank killed while it captions: at one death nothing is probed; what was in flight at two is probed, and not confirmed.
kill_in_generate() { # of 2 ranks one, as soon as it has images of the third stage in flight
  local until=$((SECONDS + 60)) rank
  job caption 2 killed job.yaml --set generation.num_return_sequences=100 --set generation.do_sample=true --set generation.num_beams=1 &
  until ls killed/tables/00002.h5 > /dev/null 2>&1; do [ $SECONDS -lt $until ]; sleep 0.01; done
  until in_flight killed; do [ $SECONDS -lt $until ]; sleep 0.01; done
  rank=$(ranks_of killed | tail -1)
  kill -STOP $(ranks_of killed) # so that what is in flight stays there until it is looked at
  in_flight killed || { kill -CONT $(ranks_of killed); kill -KILL "$rank"; wait $! || true; return 1; }
  kill -KILL $(ranks_of killed)
  wait $! || true
}
in_flight() { # in_flight RUN: some rank has items of stage 2 in flight (stage, first, count of each slot)
  od -An -v -t d8 -w24 "$1"/journal/*.hand 2> /dev/null | awk '$1 == 2 && $3 > 0 { found = 1 } END { exit !found }'
}
slow="--set generation.num_return_sequences=100 --set generation.do_sample=true --set generation.num_beams=1"
"$antarctic" caption job.yaml --run slow $slow 2> said.txt
for try in 1 2 3 4 5; do
  rm -rf killed
  if kill_in_generate; then break; fi
  [ $try -lt 5 ]
done
cp -r killed again
cat again/journal/*.hand > again/journal/once # as if it had been so before
passes caption 1 killed job.yaml $slow
if grep 'an earlier attempt died' killed.said; then exit 1; fi
passes caption 1 again job.yaml $slow
grep -q 'an earlier attempt died' again.said
for run in killed again; do
  same slow $run
  [ ! -s $run/bad_items.jsonl ]
  [ ! -e $run/journal/crashed.jsonl ]
done

# Training: an image that ends its reader, then a caption that ends BART's tokenizer.
mkdir train validation
cp "$demo"/train/train_000* train
cp "$demo"/validation/val_0000* validation
grep -lx 'a broom in a blue sky' train/*.txt | cmp - <(echo train/train_00012.txt)
cat > train.yaml <<END
input: { train: train, validation: validation }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart }
train: { replicas: 1, batch: 2, max_steps: 2, validate_every: 2, save_top_k: 1, learning_rate: 1e-3, crops_per_image: 0 }
compute: { threads: 1 }
END
export CRASH_ON_OPEN=val_00005.jpg CRASH_SIGNAL=11 CRASH_ON_TEXT='a broom in a blue sky'
crash="$fault/crash_on_open.so $crash"
LD_PRELOAD=$crash dies train 1 trained train.yaml
LD_PRELOAD=$crash dies train 1 trained train.yaml
LD_PRELOAD=$crash passes train 2 trained train.yaml
[ "$(jq -r '.key + " " + .reason' trained/bad_items.jsonl | tr '\n' ' ')" = "train/train_00012 crashed validation/val_00005 crashed " ]
"$antarctic" verify trained > /dev/null
unset CRASH_ON_OPEN CRASH_ON_TEXT
mkdir fewer
cp train/* fewer
rm fewer/train_00012.*
cp -r validation others
rm others/val_00005.*
passes train 1 without.trained train.yaml --set input.train=fewer --set input.validation=others
cmp without.trained/layer_norms.safetensors trained/layer_norms.safetensors
