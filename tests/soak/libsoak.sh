# The jobs of the soak, and what disturbs them. Read by soak.sh, after tests/fault/libfault.sh.

# soak_jobs: one small config per job, and what they read. A job's words are in $SOAK_WORDS[JOB]; `grown` and `run` are made per round.
soak_jobs() {
  local i model=$source/tests/data/golden/gguf/malformed/model_good.gguf
  small_jobs 'scene_0' 2
  head -c 3000 "$demo/pictures/scene_00.jpg" > images/broken.jpg
  (cd images && tar cf ../images.tar $(ls))
  head -120 cache.txt > small.txt
  sed -n 100,220p cache.txt > more.txt
  sed 's/path: cache }/path: small.txt }/' job.yaml > caption.yaml
  sed 's/path: images }/path: images.tar }/' job.yaml > tars.yaml
  sed -e 's/cache.txt/small.txt/' -e 's/shard_items: 64/shard_items: 16/' cache.yaml > build-cache.yaml
  sed -e 's/cache.txt/more.txt/' -e 's/shard_items: 64/shard_items: 16/' -e '$a cache: { path: grown }' cache.yaml > extend-cache.yaml
  sed -e 's/shard_items: 64/shard_items: 16/' \
    -e '$a ngrams: { lines: false, unigrams: true, bigrams: true, trigrams: true, topk_ngrams: 40 }' cache.yaml > mine.yaml
  printf 'input: { path: images }\nclip: { model: %s }\noutput: { shard_items: 2 }\ncompute: { threads: 1 }\n' "$demo/clip" > embed-images.yaml
  sed '$a cache: { path: cache }' embed-images.yaml > tag.yaml
  printf 'input: { path: images }\ningest: { check: decode }\noutput: { shard_items: 1 }\ncompute: { threads: 1 }\n' > ingest.yaml
  cat > train.yaml <<END
input: { train: images, validation: images }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart }
train: { replicas: 2, batch: 3, max_steps: 6, validate_every: 2, save_top_k: 2, learning_rate: 1e-3, crops_per_image: 0 }
output: { shard_items: 2 }
compute: { threads: 1 }
END
  for i in $(seq 24); do echo "a cat and $i dogs on a mat"; done > captions.txt
  cat > story.yaml <<END
input: { path: captions.txt }
story: { model: $model, max_new_tokens: 80, stories: 3 }
output: { shard_items: 2 }
compute: { threads: 1 }
END
  cp -r images others
  cp "$demo"/pictures/scene_1[0-2]* others
  rm others/scene_05.*
}

soak_names='caption tars tag embed-images build-cache mine extend-cache ingest train story evaluate dedupe update'
declare -A SOAK_WORDS=(
  [caption]='caption caption.yaml' [tars]='caption tars.yaml' [tag]='tag tag.yaml' [embed-images]='embed-images embed-images.yaml'
  [build-cache]='build-cache build-cache.yaml' [mine]='build-cache mine.yaml' [extend-cache]='extend-cache extend-cache.yaml'
  [ingest]='ingest ingest.yaml' [train]='train train.yaml' [story]='story story.yaml'
  [evaluate]="evaluate --predictions base --references images --images images --model $demo/clip --set output.shard_items=2 --set compute.threads=1"
  [dedupe]='dedupe cache --threshold 0.5 --set output.shard_items=50 --set compute.threads=1'
  [update]='caption job.yaml --update --set input.path=others')

# prepare JOB PLACE: what a run of the job needs before its first start; PLACE becomes its run folder.
prepare() {
  case $1 in
    extend-cache)
      rm -rf grown
      cp -r cache grown
      ;;
    update) cp -a base/. "$2" ;;
  esac
}

# results FOLDER: checksums of what a job leaves, but what tells of the run itself (times, attempts, who worked where).
results() {
  (cd "$1" && find . -type f ! -name log.txt ! -name summary.json ! -name progress.json ! -name manifest.json ! -name report.html \
    ! -name config.yaml ! -name 'lock*' ! -name DONE ! -name attempts.jsonl ! -name metrics.jsonl ! -path '*/journal/*' -print0 | sort -z | xargs -0 -r sha256sum)
}

# outcome JOB RUN: all that must be equal. An update's shards may be made again in another generation; its files of text may not differ.
outcome() {
  case $1 in
    update) (cd "$2" && sha256sum captions.jsonl preds.txt keys.txt bad_items.jsonl ref0.txt) ;;
    *) results "$2" ;;
  esac
  case $1 in
    extend-cache) results grown ;;
    train) jq -c 'del(.seconds, .time, .steps_per_second, .items_per_second)' "$2/metrics.jsonl" ;;
  esac
}

# roots_of RUN: its ranks, without the children in which a crash probe reads an item: who kills such a child makes that item suspect.
roots_of() {
  local pid all
  all=" $(ranks_of "$1" | tr '\n' ' ')"
  for pid in $all; do
    case $all in *" $(ps -o ppid= -p "$pid" 2> /dev/null | tr -d ' ') "*) ;; *) echo "$pid" ;; esac
  done
}

# launch RANKS WORDS…: in the background, so that $! is mpirun; with FAULT_RANK set, that rank has the fault of FAULT_KIND and FAULT_NTH.
launch() {
  local ranks=$1 words=("$antarctic" "${@:2}" --run run/run)
  if [ -z "${FAULT_RANK:-}" ]; then
    mpirun --oversubscribe -n "$ranks" "${words[@]}" > said.txt 2>&1 &
    return
  fi
  local faults=(env LD_PRELOAD="$fault/failing_calls.so" FAULT_KIND="$FAULT_KIND" FAULT_NTH="$FAULT_NTH" FAULT_COUNT=fired "${words[@]}") parts=()
  if [ "$FAULT_RANK" -gt 0 ]; then parts+=(-n "$FAULT_RANK" "${words[@]}" :); fi
  parts+=(-n 1 "${faults[@]}")
  if [ $((ranks - FAULT_RANK)) -gt 1 ]; then parts+=(: -n $((ranks - FAULT_RANK - 1)) "${words[@]}"); fi
  mpirun --oversubscribe "${parts[@]}" > said.txt 2>&1 &
}

# ended_within SECONDS LAUNCHER: waits for it; its exit code is in $ended.
ended_within() {
  local until=$((SECONDS + $1))
  ended=0
  while kill -0 "$2" 2> /dev/null; do
    if [ $SECONDS -ge $until ]; then
      kill -KILL $(ranks_of run/run) "$2" 2> /dev/null || true
      wait "$2" || true
      ended=hang
      return
    fi
    sleep 0.1
  done
  wait "$2" || ended=$?
}
