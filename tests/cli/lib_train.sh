# What the training tests share: a small data set, a config, and words for comparing runs. Sourced.
mkdir data data/train data/validation
cp "$demo"/pictures/scene_0[0-9].* "$demo"/pictures/scene_1[0-9].* data/train
cp "$demo"/pictures/scene_2[0-5].* data/validation
head -400 "$demo/cache.txt" > cache.txt
printf 'input:\n  path: cache.txt\nclip:\n  model: %s\n' "$demo/clip" > cache.yaml
"$antarctic" build-cache cache.yaml --run cache 2> /dev/null
cat > train.yaml << END
input:
  train: data/train
  validation: data/validation
clip:
  model: $demo/clip
cache:
  path: cache
bart:
  model: $demo/bart
retrieval:
  topk: 6
train:
  replicas: 3
  batch: 2
  learning_rate: 1e-3
  max_steps: 12
  validate_every: 3
  save_top_k: 2
  clip_norm: 1
output:
  shard_items: 8
compute:
  threads: 1
END

# train RANKS RUN [options]: quietly; what it says is in said.txt
train() {
  local ranks=$1 run=$2
  shift 2
  mpirun --oversubscribe -n "$ranks" "$antarctic" train train.yaml --run "$run" "$@" > said.txt 2>&1
}

# expect CODE command…: its exit code
expect() {
  local expected=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $*"; cat said.txt; exit 1; }
}

# same RUN_A RUN_B: everything that training leaves is equal to the byte
same() {
  for f in metrics.jsonl layer_norms.safetensors samples.jsonl bad_items.jsonl; do cmp "$1/$f" "$2/$f"; done
  diff <(ls "$1/checkpoints") <(ls "$2/checkpoints")
  for f in "$1"/checkpoints/*; do cmp "$f" "$2/checkpoints/$(basename "$f")"; done
  for folder in embeddings tables; do
    for f in "$1/$folder"/*.h5; do cmp "$f" "$2/$folder/$(basename "$f")"; done
  done
}

# kill_run PID: mpirun and its ranks, at once
kill_run() {
  kill -KILL $(pgrep -P "$1") "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
}
