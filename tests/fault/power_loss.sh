# Power loss: small runs are recorded (power_record.c), and for prefixes of what they did the folder is made as it may be on disk when power
# fails there (power_replay.c): without what was not synced, with names but without data, in any order. The same command must then end well
# and give the right bytes. And what a run promises is looked at in the record itself: a file is synced before it gets its name, and nothing of a
# run that has ended is lost.
# POWER_STATES: states of each run that are tried [14]; all: every one (docs/RELIABILITY.md). POWER_RUNS: which runs. POWER_SEED: where to begin.
. "$source/tests/fault/libfault.sh"
runs=${POWER_RUNS:-caption ranks text ingest cache extend train update again}
export OMP_NUM_THREADS=1

# words NAME: the command, a word per line
words() {
  case $1 in
    ingest) printf '%s\n' ingest ingest.yaml ;;
    cache) printf '%s\n' build-cache build-cache.yaml ;;
    extend) printf '%s\n' extend-cache build-cache.yaml --set input.path=more.txt --set cache.path=world/cache ;;
    train) printf '%s\n' train train.yaml ;;
    text) printf '%s\n' caption caption.yaml --set cache.path=cache.txt ;;
    update) printf '%s\n' caption caption.yaml --update ;;
    *) printf '%s\n' caption caption.yaml ;;
  esac
  printf '%s\n' --run world/run
}

# recorded RANKS words…
recorded() {
  local ranks=$1 launcher=()
  shift
  [ "$ranks" = 1 ] || launcher=(mpirun --oversubscribe -n "$ranks")
  rm -f log log.lock
  "${launcher[@]}" env LD_PRELOAD="$fault/power_record.so" POWER_ROOT="$PWD/world" POWER_LOG="$PWD/log" "$antarctic" "$@" > said.txt 2>&1 || { cat said.txt; return 1; }
}

# files FOLDER: their names; what is no result may be there or not
files() { (cd "$1" && find . -type f | grep -v '/journal/\|/summary.json$' | sort); }

# right: the run in `world` is the one in `whole`
right() {
  local folder
  for folder in run cache; do
    [ -d "whole/$folder" ] || continue
    same "whole/$folder" "world/$folder" && no_leftovers "world/$folder" || return 1
    "$antarctic" verify "world/$folder" > verified.txt 2>&1 || { cat verified.txt; return 1; }
  done
  diff <(files whole) <(files world)
}

# try PREFIX VARIANT words…: a power loss there, and the command again
try() {
  local prefix=$1 variant=$2
  shift 2
  rm -rf world
  "$fault/power_replay" make log before "$prefix" "$variant" world
  timeout 600 "$antarctic" "$@" > said.txt 2>&1 || { echo "exit $?"; cat said.txt; return 1; }
  right
}

# chosen: of the states that are listed, so many, evenly; those after a mere write less often
chosen() {
  if [ "${POWER_STATES:-14}" = all ]; then cat states; return; fi
  awk '!/: (write|resize) / || NR % 8 == 0' states | awk -v n="${POWER_STATES:-14}" -v seed="${POWER_SEED:-3}" \
    '{ line[NR] = $0 } END { for (i = 0; i < n && i < NR; i++) print line[1 + int((i + seed % 10 / 10) * NR / n)] }' | uniq
}

# one NAME: that run; adds "NAME: TRIED of STATES states tried, BAD bad" to results
one() {
  local name=$1 ranks=1 bad=0 tried=0 prefix variant what command
  mkdir "$name"
  cd "$name"
  cp -r ../base/* .
  mkdir world
  mapfile -t command < <(words "$name")
  case $name in
    ranks) ranks=2 ;;
    extend) cp -r cache world/cache ;;
    update)
      "$antarctic" caption caption.yaml --run world/run > said.txt 2>&1
      cp "$demo/pictures/scene_02.jpg" "$demo/pictures/scene_02.txt" images
      cp "$demo/pictures/scene_03.jpg" images/scene_00.jpg
      rm images/scene_01.*
      ;;
    again) # it begins where another lost power
      cp -r world before
      recorded 1 "${command[@]}"
      rm -rf world
      "$fault/power_replay" list log before | awk '/ D0:1 .*: rename /' > states
      read -r prefix variant what < <(sed -n "$(($(wc -l < states) / 2 + 1))p" states)
      "$fault/power_replay" make log before "$prefix" "$variant" world
      rm -r before
      ;;
  esac
  cp -r world before
  recorded $ranks "${command[@]}"
  "$fault/power_replay" check log before world > promises.txt || { echo "$name: what was promised is not kept:"; cat promises.txt; bad=1; }
  mv world whole
  "$fault/power_replay" list log before > states
  chosen > turns
  while read -r prefix variant what; do
    tried=$((tried + 1))
    try "$prefix" "$variant" "${command[@]}" > off.txt 2>&1 < /dev/null || { bad=$((bad + 1)); echo "$name $prefix $variant: power fails after: $what"; cat off.txt; }
  done < turns
  cd ..
  echo "$name: $tried of $(wc -l < "$name/states") states tried, $bad bad" | tee -a results
}

mkdir base
(cd base && tiny_jobs 3)
printf 'a red bus\ntwo zebras\nan umbrella\n' > base/more.txt
touch -d '1 hour ago' base/images/* # before the runs, whose files power_replay makes ten minutes old
(cd base && "$antarctic" build-cache build-cache.yaml --run cache > said.txt 2>&1)

export -f words recorded files right try chosen one same no_leftovers
export fault demo antarctic
printf '%s\n' $runs | xargs -P 2 -n 1 bash -eu -o pipefail -c 'one "$0"'
[ "$(wc -l < results)" -eq "$(wc -w <<< "$runs")" ]
if grep -v ' 0 bad$' results; then exit 1; fi
