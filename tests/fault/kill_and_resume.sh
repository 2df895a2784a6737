# SIGKILL of a random rank at random instants of caption, build-cache, train, ingest and story, every other time a second one during recovery; each resumed
# on another number of ranks: byte-identical every time, the others of the job gone within 30 s, and a nonzero exit, unless DONE says that
# the run was over. A kill is one of a rank that lived; runs that were over before count for nothing.
# FAULT_KILLS (5): kills in each job. FAULT_SEED (1). FAULT_JOBS_LIST: which jobs.
. "$source/tests/fault/libfault.sh"
kills=${FAULT_KILLS:-5}
RANDOM=${FAULT_SEED:-1}
echo "seed ${FAULT_SEED:-1}"

small_jobs 'scene_0 scene_1' 2
head -c 3000 "$demo/pictures/scene_00.jpg" > images/broken.jpg
sed 's/path: cache }/path: cache.txt }/' job.yaml > caption.yaml
mv cache.yaml build-cache.yaml
head -100 cache.txt > small.txt
cat > train.yaml <<END
input: { train: images, validation: images }
clip: { model: $demo/clip }
cache: { path: small.txt }
bart: { model: $demo/bart }
train: { replicas: 2, batch: 3, max_steps: 12, validate_every: 3, save_top_k: 2, learning_rate: 1e-3, crops_per_image: 0 }
output: { shard_items: 8 }
compute: { threads: 1 }
END

for i in $(seq 40); do echo "a cat and $i dogs on a mat"; done > captions.txt
cat > story.yaml <<END
input: { path: captions.txt }
story: { model: $source/tests/data/golden/gguf/malformed/model_good.gguf, max_new_tokens: 200, stories: 4 }
output: { shard_items: 2 }
compute: { threads: 1 }
END

printf 'input: { path: images }\ningest: { check: decode }\noutput: { shard_items: 1 }\ncompute: { threads: 2 }\n' > ingest.yaml

start() { # start JOB RUN RANKS: in the background, so that $! is mpirun
  mpirun --oversubscribe -n "$3" "$antarctic" "$1" "$1.yaml" --run "$2" > "$2.said" 2>&1 &
}

seconds_since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.3f", b - a }'; }

# kill_one RUN SECONDS: after a random part of SECONDS, SIGKILL to a random rank of the run. false: the run was over.
kill_one() {
  local ranks
  sleep "$(awk -v r=$RANDOM -v s="$2" 'BEGIN { printf "%.3f", s * r / 32768 }')"
  mapfile -t ranks < <(ranks_of "$1")
  [ ${#ranks[@]} -gt 0 ] && kill -KILL "${ranks[RANDOM % ${#ranks[@]}]}" 2> /dev/null
}

# ended LAUNCHER: after a kill, all ranks are gone within 30 s, and what the launcher says fits what is there.
ended() {
  local code=0
  gone_within 30 run || { echo "ranks are left 30 s after a kill"; exit 1; }
  launcher_ended "$1" || code=$?
  [ $code -ne 0 ] || [ -e run/DONE ] || { echo "exit 0 after a kill, without DONE"; exit 1; }
}

for job in ${FAULT_JOBS_LIST:-caption build-cache train ingest story}; do
  begun=$(date +%s.%N)
  start $job whole.$job 2
  wait $!
  seconds=$(seconds_since "$begun")
  tried=0 second=0 misses=0
  while [ $tried -lt "$kills" ]; do
    rm -rf run run.said
    start $job run $((1 + RANDOM % 4))
    launcher=$!
    if ! kill_one run "$seconds"; then
      wait $launcher || true
      misses=$((misses + 1))
      [ $misses -lt $((20 + 3 * kills)) ] || { echo "the kills do not meet the run"; exit 1; }
      continue
    fi
    tried=$((tried + 1))
    ended $launcher
    if [ $((tried % 2)) -eq 0 ]; then
      start $job run $((1 + RANDOM % 4))
      launcher=$!
      kill_one run "$seconds" && second=$((second + 1))
      ended $launcher
    fi
    start $job run $((1 + RANDOM % 4))
    code=0
    wait $! || code=$?
    [ $code -eq 0 ] || { echo "kill $tried of $job: the resumed run ended with $code"; cat run.said; exit 1; }
    same whole.$job run && no_leftovers run || { echo "kill $tried of $job: wrong output"; exit 1; }
    "$antarctic" verify run > said.txt || { cat said.txt; exit 1; }
  done
  echo "$job: $tried kills, $second of them followed by a second one during recovery, all survived; outputs identical; $misses runs were over before the kill"
done
