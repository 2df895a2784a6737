# The demo's results have the same bytes on every system and kind of CPU, whatever the versions of the libraries: those that are stored
# here (tests/data/demo_sha256.txt). captions.jsonl holds the tables too. What zstd compresses (tables/, the cache) depends on its version
# and is left out. Who changes results on purpose writes the file anew:
#   cd RUN && sha256sum captions.jsonl preds.txt keys.txt ref?.txt bad_items.jsonl captions.h5 shards/*.h5
. "$source/tests/cli/lib.sh"
run_on 2 0 caption "$source/configs/demo.yaml" --run run
cd run
sha256sum --check --quiet "$data/demo_sha256.txt"
[ "$(wc -l < "$data/demo_sha256.txt")" -eq "$(ls captions.jsonl preds.txt keys.txt ref?.txt bad_items.jsonl captions.h5 shards/*.h5 | wc -l)" ]
