# Other people's files and folders: what is closed, endless, hollow, hostile, or written by programs with other habits.
. "$source/tests/cli/lib.sh"

# rejected RUN KEY REASON
rejected() {
  grep -F "{\"key\": \"$2\", \"reason\": \"$3\"" "$1/bad_items.jsonl" > /dev/null || { echo "$1: $2 is not $3"; cat "$1/bad_items.jsonl"; exit 1; }
}
# not_waiting EXPECTED_CODE arguments…: a file that never ends, or that nobody writes, is refused at once; 124 is a hang.
not_waiting() {
  local expected=$1 code=0
  shift
  timeout 60 "$antarctic" "$@" > said.txt 2>&1 < /dev/null || code=$?
  [ "$code" -eq "$expected" ] || { echo "exit $code, expected $expected: $*"; cat said.txt; exit 1; }
}

mkdir images
cp "$demo/pictures/scene_11.jpg" images/a.jpg
cp "$demo/pictures/scene_22.jpg" images/b.jpg
small_job job.yaml images

# ---- a folder that is closed to us ----
mkdir -p closed/lost+found closed/sub/private texts/lost+found
cp images/a.jpg closed/a.jpg
cp images/b.jpg closed/sub/b.jpg
cp images/a.jpg closed/lost+found/c.jpg
printf 'red car\nzebra\n' > texts/a.txt
chmod 000 closed/lost+found closed/sub/private texts/lost+found
if [ "$(id -u)" -eq 0 ]; then
  if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$antarctic"; then echo "the program is not readable for others: not tried"; exit 77; fi
  as_other() { setpriv --reuid=65534 --regid=65534 --clear-groups timeout 120 "$@"; }
  chmod 755 .
  mkdir other
  chmod 777 other
else
  as_other() { timeout 120 "$@"; }
  mkdir other
fi
as_other "$antarctic" embed-images job.yaml --run other/run --set input.path=closed > said.txt 2>&1 || { cat said.txt; exit 1; }
says 'closed/lost+found: Permission denied'
says 'closed/sub/private: Permission denied'
says 'embed: 2/2 images'
grep 'lost+found' other/run/log.txt > /dev/null
as_other "$antarctic" build-cache --run other/cache --set input.path=texts --set "clip.model=$demo/clip" > said.txt 2>&1 || { cat said.txt; exit 1; }
says 'texts/lost+found: Permission denied'
says '2 entries'
chmod 755 closed/lost+found closed/sub/private texts/lost+found

# ---- scans and sizes ----
mkdir bombs
cp images/a.jpg bombs
python3 "$source/tests/cli/hostile_images.py" scans bombs/many.jpg 4000 4000 20000
python3 "$source/tests/cli/hostile_images.py" scans bombs/below_500.jpg 16000 8000 490
python3 "$source/tests/cli/hostile_images.py" scans bombs/real.jpg 640 480 60
python3 "$source/tests/cli/hostile_images.py" sizes bombs
run 0 embed-images job.yaml --run bombs_run --set input.path=bombs
rejected bombs_run many too_large
rejected bombs_run below_500 too_large
for format in png gif tif; do rejected bombs_run ${format}_size too_large; done
[ "$(wc -l < bombs_run/bad_items.jsonl)" -eq 8 ]
tar cf bombs.tar -C bombs a.jpg many.jpg
run 0 embed-images job.yaml --run bombs_tar --set input.path=bombs.tar
rejected bombs_tar many too_large
run 0 ingest bombs.tar --out bombs_set --set ingest.check=header
run 0 embed-images job.yaml --run bombs_from_set --set input.path=bombs_set
rejected bombs_from_set many too_large
run 3 preprocess --size 32 --out x.npy bombs/many.jpg bombs/real.jpg
says '"bombs/real.jpg", "ok": true'

# texts that are unpacked only by who asks for them: 12 s of CPU time before
python3 "$source/tests/cli/hostile_images.py" texts texts.png
(
  ulimit -t 5
  run 0 preprocess --size 32 --out x.npy texts.png
)
# what lies behind the pixels is not unpacked to be thrown away; a little of it does no harm
python3 "$source/tests/cli/hostile_images.py" behind behind.png 400
run 3 preprocess --size 32 --out x.npy behind.png
says '"reason": "too_large"'
python3 "$source/tests/cli/hostile_images.py" behind little.png 1
run 0 preprocess --size 32 --out x.npy little.png
# a header of many empty lists
python3 -c 'import struct; h = b"{\"a\":[" + b"[]," * 5000000 + b"[]]}"; open("lists.safetensors", "wb").write(struct.pack("<Q", len(h)) + h)'
run 2 inspect lists.safetensors
says 'more than 4000000 values'

# ---- files that are mostly holes ----
mkdir hollow
cp images/a.jpg hollow
truncate -s 64G hollow/zeros.jpg
head -c 300 images/a.jpg > hollow/head.jpg
truncate -s 3G hollow/head.jpg
head -c 300 images/b.jpg > hollow/large.jpg
truncate -s 40G hollow/large.jpg
(
  ulimit -v 6000000
  run 0 embed-images job.yaml --run hollow_run --set input.path=hollow
  rejected hollow_run zeros too_large
  rejected hollow_run large too_large
  rejected hollow_run head truncated
  says 'embed: 4/4 images'
  tar cSf hollow.tar -C hollow a.jpg
  truncate -s 64G big
  for end in json jsonl txt yaml txt.gz txt.zst safetensors gguf npy h5 pt tar; do ln -s big "big.$end"; done
  for key in input.path=big.txt cache.path=big.txt cache.path=big.txt.gz bart.layer_norms=big.safetensors clip.model=big.pt 'input.path={annotations: big.json, images: images}'; do
    sed '/^input:/,+1d' job.yaml > rest.yaml
    case $key in input*) config=rest.yaml ;; *) config=job.yaml ;; esac
    not_waiting 2 caption $config --run hollow_x --set "$key"
    says 'big'
  done
  not_waiting 1 caption big.yaml --run hollow_x
  not_waiting 2 story --run hollow_x --set input.path=big.txt --set story.model="$demo/bart"
  not_waiting 2 build-cache --run hollow_x --set input.path=big.txt --set "clip.model=$demo/clip"
  not_waiting 2 ngrams big.txt
  not_waiting 2 evaluate --run hollow_x --set evaluate.predictions=big.json --set evaluate.references=big.json
  not_waiting 2 evaluate --run hollow_x --set evaluate.predictions=big.txt --set evaluate.references=big.txt
  for end in json jsonl txt yaml txt.gz safetensors gguf npy h5 pt tar; do not_waiting 2 inspect "big.$end"; done
)
# a caption that is a hole, and a tar's member
mkdir holes
cp images/a.jpg holes
truncate -s 64G holes/a.txt
(
  ulimit -v 6000000
  run 0 ingest holes --out holes_set
)
python3 - << 'END'
import io, tarfile
data = open("images/a.jpg", "rb").read()
with open("member.tar", "wb") as f:
    for name, size in (("a.jpg", len(data)), ("b.jpg", 8 << 30), ("c.jpg", len(data))):
        info = tarfile.TarInfo(name)
        info.size = size
        f.write(info.tobuf(tarfile.GNU_FORMAT))
        f.write(data[:size])
        f.seek((size - len(data)) + (-size % 512), 1)
    f.write(bytes(1024))
END
(
  ulimit -v 6000000
  run 0 embed-images job.yaml --run member_run --set input.path=member.tar
)
[ "$(wc -l < member_run/bad_items.jsonl)" -eq 1 ]
rejected member_run b too_large

# ---- pipes, sockets, devices ----
mkdir odd
cp images/a.jpg odd
mkfifo odd/x.jpg odd/a.txt
ln -s /dev/zero odd/zz.jpg
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("odd/s.jpg")'
not_waiting 0 embed-images job.yaml --run odd_run --set input.path=odd
for key in x zz s; do rejected odd_run $key unreadable; done
not_waiting 0 ingest odd --out odd_set
for end in txt json jsonl yaml tar safetensors gguf npy h5 pt; do mkfifo "pipe.$end"; done
for key in input.path=pipe.txt input.path=pipe.tar cache.path=pipe.txt cache.path=/dev/zero cache.path=/dev/urandom bart.layer_norms=pipe.safetensors \
  bart.layer_norms=/dev/zero clip.model=pipe.pt clip.model=/dev/zero bart.model=pipe.gguf; do
  not_waiting 2 caption job.yaml --run odd_x --set "$key"
done
not_waiting 2 caption rest.yaml --run odd_x --set 'input.path={annotations: pipe.json, images: images}'
not_waiting 1 caption pipe.yaml --run odd_x
not_waiting 1 caption /dev/zero --run odd_x
not_waiting 2 build-cache --run odd_x --set input.path=pipe.txt --set "clip.model=$demo/clip"
not_waiting 2 story --run odd_x --set input.path=pipe.jsonl --set "story.model=$demo/bart"
not_waiting 2 story --run odd_x --set input.path=cache.txt --set story.model=pipe.gguf
not_waiting 2 evaluate --run odd_x --set evaluate.predictions=pipe.json --set evaluate.references=pipe.txt
not_waiting 2 import --text pipe.txt --embeddings pipe.npy --model "$demo/clip" --out odd_c
not_waiting 2 search odd_run --text car --vocabulary pipe.txt
not_waiting 2 import --checkpoint pipe.pt --out x.safetensors
not_waiting 2 ngrams pipe.txt
not_waiting 2 topk --cache pipe.npy --queries pipe.npy --out-ids i.npy --out-scores s.npy
for end in txt json jsonl yaml tar safetensors gguf npy h5 pt; do
  not_waiting 2 inspect "pipe.$end"
  not_waiting 2 verify "pipe.$end"
done
for model in bart clip; do
  cp -r "$demo/$model" "odd_$model"
  for file in "odd_$model"/*; do
    mv "$file" kept
    mkfifo "$file"
    code=0
    timeout 60 "$antarctic" caption job.yaml --run odd_x --set "$model.model=odd_$model" > said.txt 2>&1 || code=$?
    [ $code -ne 124 ] || { echo "waits for $file"; exit 1; }
    rm "$file"
    mv kept "$file"
  done
done
# what the shell has opened is read: a program writes into it
run 0 ngrams <(printf 'a b c\na b c\na b c\n')

# ---- control characters ----
# plain: what was printed has none, and is a line per message
plain() {
  if LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$1"; then
    echo "$1 holds control characters"
    exit 1
  fi
}
folder=$(printf 'im\033[2Jages')
mkdir "$folder"
cp images/a.jpg "$folder/$(printf 'a\033]0;title\ab\rc\nd\xe2\x80\xa8e.jpg')"
echo broken > "$folder/$(printf 'x\033[2J.jpg')"
dir=$(printf 'r\033[2Jun')
run 0 caption job.yaml --run "$dir" --set "input.path=$folder"
plain said.txt
plain "$dir/log.txt"
for words in status verify report inspect; do
  run 0 $words "$dir"
  plain said.txt
done
run 0 submit caption job.yaml --run "$dir" --set "input.path=$folder"
plain said.txt
tar cf "$(printf 't\033[1m.tar')" -C "$folder" .
run 0 ingest "$(printf 't\033[1m.tar')" --out "$(printf 'd\033[2J')"
plain said.txt
for wrong in "$(printf 'ca\033[2Jption')" "caption --set in$(printf '\033')put=1" "help $(printf '\033c')" "inspect $(printf -- '--\033c')" "caption $(printf 'n\033[2J.yaml')"; do
  code=0
  "$antarctic" $wrong > said.txt 2>&1 || code=$?
  [ "$code" -eq 1 ]
  plain said.txt
done

# the same in entries, keys, queries and files of others: JSON for a terminal reads back the same
evil=$(printf 'e\033[2J\xc2\x9b31m\xe2\x80\xaer\xe2\x81\xa6\x7f')
mkdir evil
cp images/a.jpg evil
cp images/b.jpg "evil/$evil.jpg"
printf 'red car\n%s zebra\nan ice cream cone\n' "$evil" > evil.txt
run 0 build-cache --run evil_cache --set input.path=evil.txt --set "clip.model=$demo/clip"
run 0 caption job.yaml --run evil_run --set input.path=evil --set cache.path=evil.txt
plain evil_run/report.html
# shows arguments…: what is printed is plain, and the name is there (its "31m" is to be seen)
shows() {
  code=0
  timeout 120 "$antarctic" "$@" > said.txt 2>&1 < /dev/null || code=$?
  [ "$code" -lt 4 ] || { echo "exit $code: $*"; cat said.txt; exit 1; }
  plain said.txt
  says 31m
}
shows inspect evil.txt
shows inspect --json evil.txt
shows inspect evil_cache/shards/00000.h5
shows inspect --json evil_cache/shards/00000.h5
shows recaption evil_run "$evil"
shows search evil_run --text "$evil"
shows search evil_run --key "$evil"
run 0 search evil_run --key "$evil" --format html --out found.html
grep 31m found.html > /dev/null
plain found.html
shows topk --cache evil_cache --model "$demo/clip" --text "red car" --k 3
shows caption job.yaml --print-config --set "input.path=$evil"
shows preprocess --size 32 --out x.npy "$evil"
cp images/a.jpg "evil/new$evil.jpg"
shows caption job.yaml --run evil_run --set input.path=evil --set cache.path=evil.txt --update --dry-run
printf 'a %s b\na %s b\na %s b\n' "$evil" "$evil" "$evil" > evil_lines.txt
shows ngrams --use-line true evil_lines.txt
for model in bart clip; do
  cp -r "$demo/$model" "evil_$model"
  printf '{"model_type": "\\u009b31m\\u001b\\u202e", "\\u009b\\u001b\\u202e": 3}' > "evil_$model/config.json"
  shows inspect "evil_$model"
  shows inspect --json "evil_$model"
done
printf '{"\\u009b31m\\u001b\\u202e": [{"name": "\\u009b"}, {"\\u202e": "\302\233"}]}' > evil.json
shows inspect evil.json
shows inspect --json evil.json
for words in status 'status --json' verify 'verify --json' report inspect 'inspect --json'; do
  rm -rf evil_other
  cp -r evil_run evil_other
  sed -i 's/"job": "caption"/"job": "caption\\u001b[2J\\u009b31m\\u202e"/' evil_other/manifest.json
  code=0
  "$antarctic" $words evil_other > said.txt 2>&1 || code=$?
  [ "$code" -le 2 ]
  plain said.txt
done
"$antarctic" search evil_run --key "$evil" | python3 -c 'import json, sys; assert json.load(sys.stdin)["query"]["key"] == "e\x1b[2J\x9b31m\u202er\u2066\x7f"'

# ---- words that end up in a batch script ----
no_line_of_ours() { # no_line_of_ours WHAT
  find . -name '*.sbatch' -exec cat {} + > scripts.txt
  python3 -c '
import sys
for line in open("scripts.txt", encoding="utf-8", errors="surrogateescape", newline="").read().splitlines():
    assert not line.startswith(("evil", "#SBATCH --evil")), "a line of the script is from " + sys.argv[1]' "$1"
}
mkdir -p work
# what ends a line, for Slurm or for any other reader
for end in '\n' '\r' '\v' '\f' '\x1c' '\x1e' '\xc2\x85' '\xe2\x80\xa8' '\xe2\x80\xa9'; do
  text=$(printf "x${end}#SBATCH --evil${end}evil")
  cp job.yaml "work/$text.yaml"
  for words in "--run|$text" "--partition|$text" "--time|$text" "--set|bart.layer_norms=$text" "--program|$text" "--after|$text"; do
    rm -rf script_run "$text" runs
    "$antarctic" submit caption job.yaml --dry-run --run script_run "${words%%|*}" "${words#*|}" > said.txt 2>&1 || :
    plain said.txt
    no_line_of_ours "${words%%|*}"
  done
  "$antarctic" submit caption "work/$text.yaml" --dry-run --run script_run --set "input.path=$PWD/images" --set "cache.path=$PWD/cache.txt" > said.txt 2>&1 || :
  no_line_of_ours "the config's name"
  PATH="$PATH:/$text" LD_LIBRARY_PATH="/$text" "$antarctic" submit caption job.yaml --dry-run --run script_run > said.txt 2>&1
  no_line_of_ours PATH
done

# ---- zstd windows, Python's JSON, line ends, standard output ----
python3 - << 'END'
import struct
# a frame with a window of 2 GiB (as zstd --long=31) and one of 4 MiB, a raw block, no checksum
for name, window in (("long", 21), ("wide", 17), ("usual", 12)):
    text = b"red car\nzebra\nan ice cream cone\n"
    with open(name + ".txt.zst", "wb") as f:
        f.write(b"\x28\xb5\x2f\xfd\x00" + bytes([window << 3]) + struct.pack("<I", len(text) << 3 | 1)[:3] + text)
END
for name in long usual; do
  run 0 build-cache --run "cache_$name" --set "input.path=$name.txt.zst" --set "clip.model=$demo/clip"
done
cmp cache_long/shards/00000.h5 cache_usual/shards/00000.h5
# a frame to be skipped in front, as of pzstd, and several frames; zeros behind gzip data
printf '\x50\x2a\x4d\x18\x04\x00\x00\x00abcd' | cat - usual.txt.zst > parallel.txt.zst
gzip -c cache.txt | cat - <(head -c 1000 /dev/zero) > padded.txt.gz
for name in parallel.txt.zst padded.txt.gz; do
  run 0 build-cache --run "cache_$name" --set "input.path=$name" --set "clip.model=$demo/clip"
  cmp "cache_$name/shards/00000.h5" cache_usual/shards/00000.h5
done
# a line without an end is named by the file that it is in, packed or not
head -c 600000000 /dev/zero | tr '\0' a | gzip -1c > endless.txt.gz
run 2 build-cache --run cache_endless --set input.path=endless.txt.gz --set "clip.model=$demo/clip"
says 'endless.txt.gz: a line of more than'
# a window is held against limits.memory: read within it, or refused by its name; those of 8 MiB and less always are read
window() { # window CODE FILE MEMORY
  rm -rf cache_window
  run "$1" build-cache --run cache_window --set "input.path=$2" --set "clip.model=$demo/clip" --set "limits.memory=$3"
  if [ "$1" -eq 0 ]; then cmp cache_window/shards/00000.h5 cache_usual/shards/00000.h5; else says "$2: its zstd window .* limits.memory"; fi
}
window 2 long.txt.zst 1GiB
window 0 long.txt.zst 2GiB
window 2 wide.txt.zst 100MB
window 0 wide.txt.zst 200MB
window 0 usual.txt.zst 1MB
code=0
"$antarctic" ngrams --use-line true --memory 1000 long.txt.zst > said.txt 2>&1 || code=$?
[ $code -eq 2 ]
says 'its zstd window'
mkdir tarred
tar cf tarred/a.tar -C images .
python3 - << 'END'
import struct
data = open("tarred/a.tar", "rb").read()
with open("tarred/long.tar.zst", "wb") as f:
    f.write(b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]))
    blocks = [data[i : i + 100000] for i in range(0, len(data), 100000)]
    for i, block in enumerate(blocks):
        f.write(struct.pack("<I", len(block) << 3 | (i == len(blocks) - 1))[:3] + block)
END
run 2 ingest tarred/long.tar.zst --out set_window --set limits.memory=1GiB
says 'long.tar.zst: its zstd window .* limits.memory'
run 0 ingest tarred/long.tar.zst --out set_window --set limits.memory=2GiB

cat > coco.json << 'END'
{"info": {"x": NaN, "y": [Infinity, -Infinity], "z": 123456789012345678901234567890, "e": 1e999},
 "images": [{"id": 1, "file_name": "a.jpg", "score": NaN}, {"id": 2, "file_name": "b.jpg"}],
 "annotations": [{"id": 1, "image_id": 1, "caption": "NaN \" a\u2028b\u0085c\u000bd\u000ce\u001cf\u001dg\u001eh\u2029i", "area": Infinity},
                 {"id": 2, "image_id": 2, "caption": "x\r\ny", "area": -Infinity}]}
END
run 0 caption rest.yaml --run coco --set 'input.path={annotations: coco.json, images: images}'
python3 - << 'END'
for name in ("ref0", "preds", "keys"):
    text = open(f"coco/{name}.txt", encoding="utf-8", newline="").read()
    assert len(text.splitlines()) == text.count("\n") == 2, (name, text)
assert open("coco/ref0.txt").readline() == 'NaN " a b c d e f g h i\n'
END
printf '{"a": "a cat", "b": "a dog", "weight": NaN}' > /dev/null
printf '{"images": [{"id": 1, "file_name": "a.jpg", "x": NaN}], "annotations": [{"image_id": 1, "id": 1, "caption": "a cat", "area": NaN}]}' > references.json
printf '[{"image_id": 1, "caption": "a cat", "score": Infinity}]' > predictions.json
run 0 evaluate --run scores --set evaluate.predictions=predictions.json --set evaluate.references=references.json
mkdir notes
cp images/a.jpg notes
printf '{"caption": "a cat", "nsfw": NaN, "width": Infinity}' > notes/a.json
run 0 ingest notes --out notes_set --set input.captions=json:caption
tar cf notes.tar -C notes a.jpg a.json
run 0 embed-images job.yaml --run notes_tar --set input.path=notes.tar --set 'output.metadata=[nsfw]'
for model in bart clip; do
  cp -r "$demo/$model" "nan_$model"
  sed -i '0,/{/s//{"not_asked_for": NaN, "nor_this": -Infinity,/' "nan_$model/config.json"
done
run 0 caption job.yaml --run nan_run --set bart.model=nan_bart --set clip.model=nan_clip
run 0 inspect nan_bart
says 'model (bart)'
run 0 inspect nan_clip
says 'model (clip)'
printf '{"text": "a red car", "weight": NaN}\n' > nan.jsonl
run 0 search nan_run --queries nan.jsonl
printf '{"key": "a", "caption": "a red car", "score": Infinity}\n' > nan_captions.jsonl
run 2 story --run nan_story --set input.path=nan_captions.jsonl --set "story.model=$demo/bart"
says 'model_type' # the captions are read before

if [ -w /dev/full ]; then
  for words in --help help "help caption" "caption --help" --version "caption --print-config" "inspect coco" "status coco" "status coco --json" "verify coco" "verify coco --json" \
    "report coco" "inspect --help" "status --help" "verify --help" "export --help" "submit --help" "measure --help" "evaluate --help" "train --help" "tokenize --help" \
    "ngrams cache.txt" "preprocess --size 32 --out x.npy images/a.jpg" "submit caption job.yaml --run sized --dry-run" "recaption coco a"; do
    code=0
    "$antarctic" $words > /dev/full 2> said.txt || code=$?
    [ "$code" -eq 2 ] || { echo "exit $code with standard output on /dev/full: $words"; exit 1; }
    says 'standard output cannot be written'
  done
fi

# closed, it is not: no file that the program opens takes its place. Nor that of standard error
code=0
"$antarctic" preprocess --size 32 --out x.npy images/a.jpg >&- 2> said.txt || code=$?
[ "$code" -eq 2 ]
says 'standard output cannot be written'
python3 - "$antarctic" << 'END'
import os, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "tokenize", "--model", os.environ["demo"] + "/clip"], stdin=subprocess.PIPE, preexec_fn=lambda: (os.close(1), os.close(2)))
for _ in range(1000):
    held = {}
    for n in "12":
        try:
            held[n] = os.readlink(f"/proc/{p.pid}/fd/{n}")
        except FileNotFoundError:
            pass
    if held == {"1": "/dev/null", "2": "/dev/null"}:
        break
    time.sleep(0.01)
p.stdin.close()
assert p.wait() == 0
assert held == {"1": "/dev/null", "2": "/dev/null"}, held
END
run 0 caption job.yaml --run open_run
"$antarctic" caption job.yaml --run closed_run <&- >&- 2>&-
cmp open_run/captions.jsonl closed_run/captions.jsonl

# ---- a job submitted from within another: the ranks have neither its memory limits nor its binding ----
run 0 submit caption job.yaml --run inner --dry-run --set limits.memory=100GB
mkdir fake
cat > fake/srun << 'END'
#!/bin/bash
case $* in *--mpi=list*) echo pmix ;; *) env > "$ENV_SEEN" ;; esac
END
chmod +x fake/srun
ENV_SEEN=$PWD/env.txt PATH=$PWD/fake:$PATH SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n SLURM_CPUS_PER_TASK=1 SLURM_NTASKS=1 SLURM_MEM_PER_NODE=1024 SLURM_MEM_PER_CPU=100 \
  SLURM_CPU_BIND=quiet,mask_cpu:0x1 SLURM_EXPORT_ENV=NONE bash inner/job.sbatch > started.txt 2>&1 || [ $? -eq 74 ]
grep '^SLURM_EXPORT_ENV=ALL$' env.txt > /dev/null
grep '^SLURM_MEM_PER_NODE=1024$' env.txt > /dev/null
if grep -E '^SLURM_(MEM_PER_CPU|CPU_BIND)=' env.txt; then echo 'inherited from the outer job'; exit 1; fi

# ---- a soft limit of open files is raised ----
python3 - "$antarctic" << 'END'
import resource, subprocess, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
p = subprocess.Popen([sys.argv[1], "tokenize", "--model", "%s" % __import__("os").environ["demo"] + "/clip"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
p.stdin.write(b'{"text": "a"}\n')
p.stdin.flush()
for _ in range(1000):
    soft = next(line for line in open(f"/proc/{p.pid}/limits") if line.startswith("Max open files")).split()[3]
    if soft != "64":
        break
    time.sleep(0.05)
p.communicate()
assert int(soft) == min(hard, 65536), soft
END
