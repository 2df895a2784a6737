# search: answers equal brute force to the bit; runs, caches, ranks, formats, watching; what is refused.
. "$source/tests/cli/lib.sh"
pictures=$demo/pictures
vectors="$source/tests/cli/vectors.py"

# search over a cache of vectors of any kind: entries, scores and their bits are brute force's
for kind in random crowded long equal; do
  python3 "$vectors" make $kind 120 256 x.npy entries.txt
  run 0 import --text entries.txt --embeddings x.npy --model "$demo/clip" --out cache_$kind
  python3 "$vectors" queries x.npy queries.jsonl
  for i in 1 2 3; do printf '{"key": "%s"}\n' "$(sed -n "$((i * 30))p" entries.txt)"; done >> queries.jsonl
  python3 "$vectors" search entries.txt x.npy queries.jsonl 9 wanted.txt
  run 0 search cache_$kind --queries queries.jsonl -k 9 --out found_$kind.jsonl
  python3 "$vectors" answers found_$kind.jsonl found.txt
  [ "$(wc -l < found.txt)" = 10 ]
  cmp wanted.txt found.txt
  run_on 3 0 search cache_$kind --queries queries.jsonl -k 9 --out ranks.jsonl
  cmp found_$kind.jsonl ranks.jsonl
  run 0 search cache_$kind --queries queries.jsonl -k 500 --kernels generic --out all.jsonl
  python3 "$vectors" search entries.txt x.npy queries.jsonl 500 wanted.txt
  python3 "$vectors" answers all.jsonl found.txt
  cmp wanted.txt found.txt
done

# one entry alone
python3 "$vectors" make random 1 256 x.npy one.txt
run 0 import --text one.txt --embeddings x.npy --model "$demo/clip" --out cache_one
run_on 2 0 search cache_one --key entry_0 --out one.jsonl # it is not found, and one rank has no row
[ "$(jq -c .results one.jsonl)" = "[]" ]
run 0 search cache_one --key entry_0 --format html --out one.html
grep -q 'nothing else is in it' one.html
run 1 search cache_one --key nothing
says 'the cache has no entry "nothing"'

# two runs whose keys are the same: told apart by their source
run 0 embed-images --set "input.path=$pictures" --set "clip.model=$demo/clip" --set output.shard_items=7 --run a
mkdir some
cp "$pictures"/scene_0[0-4].jpg some
cat > caption.yaml <<END
input: {path: some}
clip: {model: $demo/clip}
bart: {model: $demo/bart}
cache: {path: cache.txt}
retrieval: {topk: 3}
generation: {num_beams: 2, max_length: 8}
END
printf 'red car\nzebra\nan ice cream cone\n' > cache.txt
run 0 caption caption.yaml --run b
run 0 search a b --key scene_03 -k 2 --out twice.jsonl
says 'is in 2 sources'
[ "$(jq -c '.results[0] | [.key, .source, .score > 0.9999]' twice.jsonl)" = '["scene_03","b",true]' ]
[ "$(jq -r '.results[0].caption' twice.jsonl)" = "$(jq -r 'select(.key == "scene_03").caption' b/captions.jsonl)" ]
[ "$(jq -c '.results[1].caption' twice.jsonl)" = null ]
printf '{"key": "scene_03", "source": "b/", "id": 7}\n' > q.jsonl
run 0 search a b/ --queries q.jsonl -k 1 --out other.jsonl
[ "$(jq -c '[.query.id, .results[0].source]' other.jsonl)" = '[7,"a"]' ]

# by text and image; ranks; the page and the paths
run 0 search a --text "a zebra" --text "a red car" --image "$pictures/scene_07.jpg" -k 5 --out found.jsonl
[ "$(wc -l < found.jsonl)" = 3 ]
[ "$(jq -c 'select(.query.image).results[0] | [.key, .score > 0.9999]' found.jsonl)" = '["scene_07",true]' ]
[ "$(jq -c '[.results[].score] | . == (sort | reverse)' found.jsonl | sort -u)" = true ]
for ranks in 2 4; do
  run_on $ranks 0 search a --text "a zebra" --text "a red car" --image "$pictures/scene_07.jpg" -k 5 --out ranks.jsonl
  cmp found.jsonl ranks.jsonl
done
run 0 search a --text "a zebra" -k 5 --format paths --out paths.txt
[ "$(wc -l < paths.txt)" = 5 ]
while read -r path; do [ -f "$path" ]; done < paths.txt
run 0 embed-images --set input.path=paths.txt --set "clip.model=$demo/clip" --run again # a list is an input
run 0 search a b --text "a <b>zebra</b>" --key scene_01 -k 4 --format html --out page.html
[ "$(grep -c '<article class="image">' page.html)" = 8 ]
[ "$(grep -c '<article class="image asked">' page.html)" = 1 ] # the image of the key
grep -q 'a &lt;b&gt;zebra&lt;/b&gt;' page.html
[ "$(grep -o 'src="[a-z]*:' page.html | sort -u)" = 'src="data:' ]
[ "$(grep -c 'https\?://' page.html)" = 0 ]
run 0 search a --text "a zebra" --min-score 2 --out none.jsonl
[ "$(jq -c .results none.jsonl)" = "[]" ]

# lines of standard input, answered one by one
printf 'a zebra\n{"key": "scene_01"}\n{"key": "no such"}\n{"embedding": [1, 2]}\n{"text": " "}\n{oops\na red car\n' > lines
code=0
"$antarctic" search a --watch -k 3 < lines > watched.jsonl 2> said.txt || code=$?
[ $code = 2 ]
[ "$(wc -l < watched.jsonl)" = 7 ]
[ "$(jq -c '.results | length' watched.jsonl | tr '\n' ' ')" = "3 3 0 0 0 0 3 " ]
[ "$(jq -r 'select(.error).error' watched.jsonl | grep -c 'no such\|embedding of 2\|query of nothing\|not a JSON object')" = 4 ]
[ "$(sed -n 1p watched.jsonl)" = "$("$antarctic" search a --text "a zebra" -k 3 2> /dev/null)" ]

# lines that wait are answered together: the bytes are those of lines that come one at a time, bad ones among them
# one_by_one LINES ANSWERS program…: a line is written when the line before it is answered
one_by_one() {
  local lines=$1 answers=$2 line answer pid code=0
  shift 2
  : > "$answers"
  coproc asked { exec timeout 120 "$@" 2> alone.txt; }
  pid=$asked_PID
  exec {to}>&"${asked[1]}" {from}<&"${asked[0]}" {asked[1]}>&-
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line" >&"$to"
    [ -n "${line%$'\r'}" ] || continue
    IFS= read -r answer <&"$from"
    printf '%s\n' "$answer" >> "$answers"
  done < "$lines"
  exec {to}>&-
  wait "$pid" || code=$?
  exec {from}<&-
  [ "$code" = 2 ] || { echo "exit $code, expected 2"; cat alone.txt; exit 1; }
}
python3 "$vectors" make random 3 256 x.npy three.txt
python3 "$vectors" queries x.npy three.jsonl
{
  printf '\357\273\277{"key": "scene_02"}\nzebra\n' # a byte-order mark; the model is opened while lines wait
  for i in $(seq -w 0 24); do printf 'a photo of %s red cars on a street\r\n{"key": "scene_%s"}\n' "$i" "$i"; done
  printf '{"image": "%s"}\n{"image": "no/such.jpg"}\n\n{oops\n' "$pictures/scene_07.jpg"
  cat three.jsonl
  for i in 1 2 3; do printf '{"text": "a boat", "id": %d}\n{"key": "no such"}\n{"embedding": [1, 2]}\n{"image": "%s"}\n\r\n' "$i" "$pictures/scene_0$i.jpg"; done
  printf '{"text": " "}\n{"text": "a", "key": "b"}\nthe last line has no end'
} > lines
one_by_one lines alone.jsonl "$antarctic" search a --watch -k 4
[ "$(wc -l < alone.jsonl)" = "$(grep -c '[^[:space:]]' lines)" ]
[ "$(grep -c '"error"' alone.jsonl)" = 10 ]
scans_of() { sed -n 's/.*(.*, \([0-9]*\) scans*).*/\1/p' "$1"; }
[ "$(scans_of alone.txt)" = "$(wc -l < alone.jsonl)" ]
for ranks in 0 1 3; do
  code=0
  if [ $ranks = 0 ]; then
    timeout 120 "$antarctic" search a --watch -k 4 < lines > together.jsonl 2> said.txt || code=$?
  else
    cat lines | timeout 120 mpirun --oversubscribe -n $ranks "$antarctic" search a --watch -k 4 > together.jsonl 2> said.txt || code=$?
  fi
  [ $code = 2 ] || { echo "exit $code"; cat said.txt; exit 1; }
  cmp alone.jsonl together.jsonl
  [ "$(scans_of said.txt)" -lt "$(wc -l < alone.jsonl)" ]
done
one_by_one lines ranks.jsonl mpirun --oversubscribe -n 2 "$antarctic" search a --watch -k 4
cmp alone.jsonl ranks.jsonl
# with OpenBLAS a text's bits depend on the texts beside it, so that it has none
one_by_one lines blas.jsonl "$antarctic" search a --watch -k 4 --backend openblas
code=0
"$antarctic" search a --watch -k 4 --backend openblas < lines > together.jsonl 2> said.txt || code=$?
[ $code = 2 ]
cmp blas.jsonl together.jsonl
[ "$(scans_of said.txt)" = "$(wc -l < blas.jsonl)" ]
# what comes before a line whose model cannot be opened is answered
printf '{"key": "scene_01"}\n{"key": "scene_02"}\na zebra\n{"key": "scene_03"}\n' > lines
code=0
"$antarctic" search a --watch -k 2 --model nowhere < lines > before.jsonl 2> said.txt || code=$?
[ $code != 0 ]
says nowhere
[ "$(jq -c .query.key before.jsonl | tr '\n' ' ')" = '"scene_01" "scene_02" ' ]
# a file of queries as other systems leave it: a byte-order mark, blank lines, carriage returns, null members, no line feed at the end
printf '\357\273\277\r\n  \t\r\n{"text": "a zebra", "image": null}\r\n\n{"key": "scene_01", "text": null, "n": 2}' > odd.jsonl
run 0 search a --queries odd.jsonl -k 3 --out odd_found.jsonl
[ "$(jq -c '[.query.n, (.results | length)]' odd_found.jsonl | tr '\n' ' ')" = '[null,3] [2,3] ' ]
run 0 search a --queries <(cat odd.jsonl) -k 3 --out piped.jsonl
cmp odd_found.jsonl piped.jsonl
printf '{"text": null}\n{"text": "\302\240\343\200\200"}\n{"text": 7}\n[1]\n{"text": "\377"}\n' > bad.jsonl
run 2 search a --queries bad.jsonl --out bad_found.jsonl
[ "$(jq -r .error bad_found.jsonl | grep -c 'a query has one of\|a query of nothing\|is a text\|line [45] is not a JSON object')" = 5 ]
printf '{"text": "a zebra"}\n' | iconv -f UTF-8 -t UTF-16 > utf16.jsonl
run 2 search a --queries utf16.jsonl
says 'utf16.jsonl: text in UTF-16'

# names that are no UTF-8: asked for by their bytes, or as results tell them
mkdir latin
cp "$pictures/scene_02.jpg" "latin/$(printf 'caf\351').jpg"
cp "$pictures/scene_03.jpg" "latin/$(printf 'th\350').jpg"
cp "$pictures/scene_04.jpg" "latin/$(printf 'th\351').jpg"
run 0 embed-images --set input.path=latin --set "clip.model=$demo/clip" --run l
run 0 search l --key "$(printf 'caf\351')" --out latin.jsonl
[ "$(jq -c '[.query.key, (.results | length)]' latin.jsonl)" = "$(printf '["caf\357\277\275",2]')" ]
run 0 search l --image "latin/$(printf 'caf\351').jpg" -k 1 --out latin_image.jsonl
[ "$(jq -c '.results[0] | [.key, .score > 0.9999]' latin_image.jsonl)" = "$(printf '["caf\357\277\275",true]')" ]
jq -c '{key: .query.key}' latin.jsonl > told.jsonl
run 0 search l --queries told.jsonl --out told_found.jsonl
cmp <(jq -c .results latin.jsonl) <(jq -c .results told_found.jsonl)
run 1 search l --key "$(printf 'th\357\277\275')" # two are told so
run 1 search l --text "$(printf 'caf\351')"
says 'is not UTF-8'

# an entry that a cache has twice is no key of several sources
python3 "$vectors" make random 2 256 x.npy entries.txt
printf 'twice\ntwice\n' > entries.txt
run 0 import --text entries.txt --embeddings x.npy --model "$demo/clip" --out cache_twice
run 0 search cache_twice --key twice --out twice.jsonl
[ "$(grep -c 'sources' said.txt)" = 0 ]
[ "$(jq -c '[.results[].key]' twice.jsonl)" = '["twice"]' ]

# many queries
run 0 search cache_crowded --key entry_0 -k 3 --out one.jsonl
awk 'BEGIN { for (i = 0; i < 100000; i++) print "{\"key\": \"entry_0\"}" }' > many.jsonl
run 0 search cache_crowded --queries many.jsonl -k 3 --out many_found.jsonl
[ "$(wc -l < many_found.jsonl)" = 100000 ]
[ "$(sort -u many_found.jsonl)" = "$(cat one.jsonl)" ]

# refused, by name
run 1 search a
run 1 search --text zebra
run 1 search a --text ""
says 'query of nothing'
run 1 search a --key nobody
says 'nobody'
run 1 search a --text x --queries q.jsonl
run 1 search a --text x --format html
run 1 search a a --text x
says 'twice'
run 1 search a ./a --text x
says 'twice'
ln -s a linked
run 1 search a linked --text x
says 'twice'
run 1 search a --queries q.jsonl --queries q.jsonl
says '--queries is given 2 times'
run 2 search a --image nowhere.jpg
says 'nowhere.jpg'
run 2 search a --image q.jsonl
says 'q.jsonl'
run 1 search a cache_long --text x
: > empty.jsonl
run 1 search a --queries empty.jsonl
says 'query of nothing'
run 2 search a --queries nowhere.jsonl
run 2 search nowhere --text x
run 0 ingest some --out dataset
run 1 search dataset --text x
says 'without embeddings'
mkdir rejected # nothing in it that was embedded
echo x > rejected/x.jpg
run 3 embed-images --set input.path=rejected --set "clip.model=$demo/clip" --run hollow_run
run 2 search hollow_run --text x
says 'hollow_run: nothing in it was embedded'
run_on 2 2 search hollow_run --key x
run 2 dedupe hollow_run --out hollow_dedupe
run 0 search hollow_run a --text x -k 1 --out q.out
cp -r a hollow
rm hollow/embeddings/00001.h5
run 2 search hollow --text x
says '00001.h5'
cp -r "$demo/clip" other # another model: a run that it embedded, and a query by it
jq '.vision_config.layer_norm_eps = 1e-6' other/config.json > config.json
mv config.json other/config.json
run 0 embed-images --set input.path=some --set clip.model=other --run c
run 1 search a c --text x
says 'not the model that embedded c'
run 1 search a --text x --model other
says 'not the model that embedded a'
run_on 2 1 search a --text x --model other
says 'not the model that embedded a'
run 0 search a --key scene_01 --model nowhere --out q.out # no model is needed
run 0 search --help
says 'query per line'
no_half_files .
