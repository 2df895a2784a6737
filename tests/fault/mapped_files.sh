# A mapped file (weights, an index, JSON) that loses its end while it is read: the program ends with a message that names the file, and by its exit
# code: 2 where the file is shorter than it was, 74 where it cannot be read for another reason; not by a signal. The same command then gives the right
# bytes. A signal that has nothing to do with files stays one.
. "$source/tests/fault/libfault.sh"
. "$source/tests/cli/lib.sh"
export OMP_NUM_THREADS=1
export OMPI_MCA_memory=^patcher UCX_MEM_EVENTS=no # MPI's libraries would have their own mmap in place of the test's
small_jobs scene_0[01] 1
cp -r "$demo/clip" clip
cp -r "$demo/bart" bart
sed -i "s|$demo/clip|clip|; s|$demo/bart, |bart, |" job.yaml cache.yaml
run 0 build-cache cache.yaml --run cache
run 0 caption job.yaml --run whole

# spoiled EXPECTED RANKS KIND FILE arguments…: of two ranks the second one meets it
spoiled() {
  local expected=$1 ranks=$2 kind=$3 file=$4 code=0 launcher=()
  shift 4
  [ "$ranks" = 1 ] || launcher=(mpirun --oversubscribe -n "$ranks")
  [ ! -e "$file" ] || cp "$file" kept
  MAPPED_KIND=$kind MAPPED_MATCH=/$file timeout 300 "${launcher[@]}" bash -c \
    '[ '"$ranks"' = 1 ] || [ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 1 ] || exec "$@"; LD_PRELOAD=$fault/mapped_short.so exec "$@"' rank "$antarctic" "$@" > said.txt 2>&1 || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected, $ranks ranks, $file $kind: $*"; cat said.txt; exit 1; }
  says "antarctic: .*$file: .* while it was in use; "
  [ ! -e kept ] || mv kept "$file"
}

for ranks in 1 2; do
  rm -rf run
  spoiled 2 $ranks short clip/model.safetensors caption job.yaml --run run
  spoiled 74 $ranks replaced bart/model.safetensors caption job.yaml --run run
  run 0 caption job.yaml --run run
  same whole run
  no_leftovers run
done

# an index that the run itself has made, of tars
mkdir tars
tar cf tars/a.tar -C images .
spoiled 2 1 short tars/input.path.index embed-images --set input.path=tars --set clip.model=clip --run run_tars
run 0 embed-images --set input.path=tars --set clip.model=clip --run run_tars
cmp whole/embeddings/00000.h5 run/embeddings/00000.h5
run 0 verify run_tars

# tools, without MPI: weights, JSON, arrays
spoiled 2 1 short clip/model.safetensors inspect clip/model.safetensors
echo '{"text": "a cat"}' > words
spoiled 74 1 replaced clip/model.safetensors embed --model clip --texts --out x.npy < words
spoiled 2 1 short clip/config.json embed --model clip --texts --out x.npy < words
run 0 embed --model clip --texts --out x.npy < words
spoiled 2 1 short x.npy topk --cache cache -k 1 --queries x.npy --out-ids i.npy --out-scores s.npy

# sent by somebody
mkfifo wait
exec 9<> wait
"$antarctic" tokenize --model clip < wait > said.txt 2>&1 &
sleep 0.5
kill -BUS $!
code=0
wait $! || code=$?
[ $code -eq $((128 + $(kill -l BUS))) ]
