# What the fault tests share. $antarctic, $source, $demo, $fault (the folder of the LD_PRELOAD libraries) are set.

# same RUN_A RUN_B: every result that must be equal to the byte is there in both and equal; says which is not.
same() {
  local f relative
  for f in "$1"/captions.jsonl "$1"/stories.jsonl "$1"/tags.jsonl "$1"/preds.txt "$1"/keys.txt "$1"/bad_items.jsonl "$1"/ref?.txt "$1"/layer_norms.safetensors "$1"/metrics.jsonl \
           "$1"/embeddings/*.h5 "$1"/tables/*.h5 "$1"/shards/*.h5 "$1"/cache/shards/*.h5 "$1"/checkpoints/*; do
    [ -e "$f" ] || continue
    relative=${f#"$1"/}
    cmp -s "$f" "$2/$relative" || { echo "$2/$relative differs from $f"; return 1; }
  done
}

# no_leftovers RUN: no half-written file under a temporary name.
no_leftovers() { ! find "$1" -name '*.tmp*' | grep .; }

# ranks_of RUN: the process ids of the ranks that work in the run folder RUN.
ranks_of() {
  local pid
  for pid in $(pgrep -f -- "--run $1"); do
    [ "$(readlink "/proc/$pid/exe")" = "$antarctic" ] || continue # mpirun has the same words
    [ "$(readlink "/proc/$pid/cwd")" = "$PWD" ] || continue # another test's, which runs at the same time
    [ -z "$(tr '\0' '\n' < "/proc/$pid/cmdline" 2> /dev/null | grep -Fx -- "$1")" ] || echo "$pid"
  done
  true
}

# gone_within SECONDS RUN: true as soon as no rank of the run is left.
gone_within() {
  local until=$((SECONDS + $1))
  while [ -n "$(ranks_of "$2")" ]; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.1
  done
}

# tiny_jobs STEPS: here, two images, a text of 40 entries, and configs for one thread: build-cache.yaml, caption.yaml (with the cache folder
# `cache`), train.yaml (so many steps), ingest.yaml.
tiny_jobs() {
  mkdir images
  cp "$demo"/pictures/scene_0[01].jpg "$demo"/pictures/scene_0[01].txt images
  head -40 "$demo/cache.txt" > cache.txt
  printf 'input: { path: cache.txt }\nclip: { model: %s }\ncompute: { threads: 1 }\noutput: { shard_items: 20 }\n' "$demo/clip" > build-cache.yaml
  cat > caption.yaml <<END
input: { path: images }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart, layer_norms: $demo/layer_norms.safetensors }
generation: { num_beams: 1, num_return_sequences: 1, max_length: 4 }
compute: { threads: 1 }
output: { shard_items: 1 }
END
  cat > train.yaml <<END
input: { train: images, validation: images }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart }
train: { batch: 2, max_steps: $1, validate_every: 1, save_top_k: 1, crops_per_image: 0 }
compute: { threads: 1 }
END
  printf 'input: { path: images }\ningest: { check: decode }\noutput: { shard_items: 1 }\ncompute: { threads: 1 }\n' > ingest.yaml
}

# small_jobs IMAGES SHARD: IMAGES (names in the demo's folder), a text of 600 entries, and the configs job.yaml (caption, with the cache
# folder `cache`) and cache.yaml (build-cache of the text); SHARD items per shard of images, 64 of entries.
small_jobs() {
  local name
  mkdir images
  for name in $1; do cp "$demo"/pictures/$name* images; done
  head -600 "$demo/cache.txt" > cache.txt
  cat > job.yaml <<END
input: { path: images }
clip: { model: $demo/clip }
cache: { path: cache }
bart: { model: $demo/bart, layer_norms: $demo/layer_norms.safetensors }
generation: { num_beams: 3, num_return_sequences: 3, max_length: 16 }
output: { shard_items: $2 }
compute: { threads: 1 }
END
  cat > cache.yaml <<END
input: { path: cache.txt }
clip: { model: $demo/clip }
output: { shard_items: 64 }
compute: { threads: 1 }
END
}

# launcher_ended PID: waits for mpirun, whose ranks are gone, and returns its code. mpirun itself can hang where a rank is killed as it starts
# (seen with Open MPI 4.1.4: the ranks are zombies, and its threads wait for each other): then it is killed after 30 s, and said.
launcher_ended() {
  local until=$((SECONDS + 30))
  while kill -0 "$1" 2> /dev/null; do
    if [ $SECONDS -ge $until ]; then
      echo "mpirun hangs although its ranks are gone: killed"
      kill -KILL "$1"
      break
    fi
    sleep 0.1
  done
  wait "$1"
}
