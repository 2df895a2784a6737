# What img2dataset writes is read as it is: its own library downloads from a server on the loopback, into tars and into files, with one
# address that is gone and one image that is cut; then ingest, caption, and back to tars with the metadata it wrote.
# AC_IMG2DATASET: a Python that has img2dataset (default: python3). Skipped where there is none.
. "$source/tests/cli/lib.sh"
python=${AC_IMG2DATASET:-python3}
(cd / && "$python" -c 'import img2dataset') 2> /dev/null || { echo 'skipped: img2dataset (pip install img2dataset) is not installed; AC_IMG2DATASET names a Python that has it'; exit 77; }

mkdir www
for i in 0 1 2 3 4 5; do cp "$demo/pictures/scene_0$i.jpg" www; done
head -c 500 "$demo/pictures/scene_06.jpg" > www/scene_06.jpg
cat > download.py <<'END'
import functools, http.server, sys, threading

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass

if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory="www"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open("urls.tsv", "w") as f:
        f.write("url\tcaption\tn\n")
        for i in range(7):
            with open(f"{sys.argv[1]}/pictures/scene_{i:02d}.txt") as g:
                f.write(f"http://127.0.0.1:{server.server_port}/scene_{i:02d}.jpg\t{g.readline().strip()}\t{i}\n")
        f.write(f"http://127.0.0.1:{server.server_port}/gone.jpg\tnothing\t7\n")
    from img2dataset import download
    for form in ("webdataset", "files"):
        download(url_list="urls.tsv", input_format="tsv", url_col="url", caption_col="caption", save_additional_columns=["n"],
                 output_format=form, output_folder=form, resize_mode="no", processes_count=1, thread_count=2, number_sample_per_shard=3)
END
timeout 300 "$python" download.py "$demo" > download.txt 2>&1 || { cat download.txt; exit 1; }
[ "$(echo webdataset/*.tar)" = 'webdataset/00000.tar webdataset/00001.tar webdataset/00002.tar' ]

# the six that came; what failed is img2dataset's own, and no item; the last tar has none
run 0 ingest webdataset --out tars.dataset
says '6 items: 6 ingested, 0 rejected'
says '00000.tar: 3 images, 3 by its _stats.json'
[ "$(wc -l < tars.dataset/keys.txt)" -eq 6 ]
run 0 ingest files --out files.dataset
says '6 items: 6 ingested, 0 rejected'
cmp <(sed 's#.*/##' files.dataset/keys.txt) tars.dataset/keys.txt
# what is passed over of its files are its statistics, not what belongs to an image
[ "$(jq -c '.passed_over.extensions' files.dataset/summary.json)" = '{"json":3,"parquet":3}' ]
run 0 verify tars.dataset files.dataset

# captions from the tars and from the dataset are the same; img2dataset's fields go along, and its texts are the references
small_job job.yaml webdataset
printf 'output:\n  metadata: [url, n, sha256]\n' >> job.yaml
run 0 caption job.yaml --run direct
run_on 2 0 caption job.yaml --run dataset --set input.path=tars.dataset
for file in captions.jsonl keys.txt preds.txt ref0.txt; do cmp "direct/$file" "dataset/$file"; done
run 0 caption job.yaml --run files.run --set input.path=files
cmp direct/preds.txt files.run/preds.txt
head -6 <(for i in 0 1 2 3 4 5; do head -1 "$demo/pictures/scene_0$i.txt"; done) | sort | cmp - <(sort direct/ref0.txt)
jq -r .url direct/captions.jsonl | sed 's#.*/##' | sort | tr '\n' ' ' | cmp - <(printf 'scene_0%d.jpg ' 0 1 2 3 4 5)
[ "$(jq -s 'map(.n | tonumber) | sort' -c direct/captions.jsonl)" = '[0,1,2,3,4,5]' ]

# captions from the json in place of the txt; and tars of images, captions and the old metadata
run 0 ingest webdataset --out json.dataset --set input.captions=json:caption
for file in tars.dataset/shards/*.h5; do cmp "$file" "json.dataset/${file#*/}"; done
run 0 export direct --format webdataset --out tars
mkdir samples
tar -xf tars/00000.tar -C samples
tar -xOf webdataset/00000.tar 000000.jpg | cmp - samples/000000.jpg
[ "$(tar -xOf webdataset/00000.tar 000000.json | jq -c '[.sha256, .url, .width]')" = "$(jq -c '[.sha256, .url, .width]' samples/000000.json)" ]
[ "$(jq -r .caption samples/000000.json)" = "$(head -1 direct/preds.txt)" ]

# a further download into the same folder: --update captions what is new
cp "$demo/pictures/scene_10.jpg" www
sed -i 's/range(7)/[10]/; s/"webdataset", "files"/"webdataset",/; s/number_sample_per_shard=3/number_sample_per_shard=3, incremental_mode="extend"/' download.py
timeout 300 "$python" download.py "$demo" > download.txt 2>&1 || { cat download.txt; exit 1; }
run 0 caption job.yaml --run direct --update --dry-run
says '^1 new, 0 changed, 0 removed, 6 unchanged$'
run 0 caption job.yaml --run direct --update
run_on 2 0 caption job.yaml --run fresh
for file in captions.jsonl keys.txt preds.txt ref0.txt bad_items.jsonl; do cmp "fresh/$file" "direct/$file"; done
[ "$(wc -l < direct/preds.txt)" -eq 7 ]
