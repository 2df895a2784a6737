# What people have in place of a file: a Git LFS pointer, an HTML page, a tar, another encoding, a byte-order mark.
. "$source/tests/cli/lib.sh"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 605157884\n' 7 > pointer
printf '<!DOCTYPE html>\n<html><body>Please sign in</body></html>\n' > page
mkdir images
cp "$demo"/pictures/scene_0[0-2].jpg images
small_job job.yaml images

# a pointer as each file of a model, a cache, a config, and what else a job is given
refused() { # refused FILE arguments…: the message names the file and what it is
  local file=$1 code=0
  shift
  timeout 120 "$antarctic" "$@" > said.txt 2>&1 < /dev/null || code=$?
  [ "$code" -eq 1 ] || [ "$code" -eq 2 ] || { echo "exit $code: $*"; cat said.txt; exit 1; }
  says "$file.*Git LFS pointer"
}
for file in config.json model.safetensors vocab.json merges.txt; do
  for model in clip bart; do
    rm -rf "$model"
    cp -r "$demo/$model" "$model"
    [ -e "$model/$file" ]
    cp pointer "$model/$file"
    refused "$model/$file" caption job.yaml --run m --set "$model.model=$model"
  done
done
rm -rf clip
cp -r "$demo/clip" clip
cp pointer clip/vocab.json
echo '{"text": "a"}' | refused clip/vocab.json tokenize --model clip
cp "$demo/clip/vocab.json" clip
cp pointer clip/config.json
refused clip/config.json tokenize --model clip
cp pointer pytorch_model.bin
refused pytorch_model.bin embed --model pytorch_model.bin --out x.npy --texts
cp pointer bpe_simple_vocab_16e6.txt.gz
refused bpe_simple tokenize --model "$demo/clip" --vocabulary bpe_simple_vocab_16e6.txt.gz
cp pointer lfs.yaml
refused lfs.yaml caption lfs.yaml
cp pointer clip.bin
refused clip.bin verify clip.bin
cp pointer list.txt
refused list.txt caption job.yaml --run l --set input.path=list.txt
refused list.txt caption job.yaml --run l --set cache.path=list.txt
refused list.txt build-cache --run l --set input.path=list.txt --set clip.model="$demo/clip"
refused list.txt build-cache --run l --set input.path=list.txt --set clip.model="$demo/clip" --set ngrams.unigrams=true
mkdir texts
cp pointer texts/a.txt
refused texts/a.txt build-cache --run l --set input.path=texts --set clip.model="$demo/clip"
cp pointer norms.safetensors
refused norms.safetensors caption job.yaml --run l --set bart.layer_norms=norms.safetensors
cp pointer x.ckpt
refused x.ckpt import --checkpoint x.ckpt --out y.safetensors
cp pointer x.npy
refused x.npy import --text cache.txt --embeddings x.npy --model "$demo/clip" --out imported
refused x.npy topk --cache x.npy --queries x.npy --out-ids i.npy --out-scores s.npy
refused list.txt inspect list.txt
tar cf texts.tar texts/a.txt
refused 'texts.tar: texts/a.txt' build-cache --run l --set input.path=texts.tar --set clip.model="$demo/clip"
cp pointer model.gguf
refused model.gguf story cache.txt --model model.gguf --run l
refused model.gguf caption job.yaml --run l --set bart.model=model.gguf
run 0 build-cache --run built --set input.path=cache.txt --set clip.model="$demo/clip"
cp built/manifest.json good.json
cp pointer built/manifest.json
refused built/manifest.json caption job.yaml --run l --set cache.path=built
cp good.json built/manifest.json
cp pointer built/shards/00000.h5
refused built/shards/00000.h5 inspect built/shards/00000.h5
# as an image it is a rejected item
cp pointer images/lfs.jpg
cp page images/page.png
run 0 embed-images job.yaml --run one
jq -r 'select(.key == "lfs").detail' one/bad_items.jsonl | grep 'Git LFS pointer'
jq -r 'select(.key == "page").detail' one/bad_items.jsonl | grep 'HTML page'

# a page where text is expected, a tar where a list is
cp page list.txt
for set in "caption job.yaml --set input.path" "caption job.yaml --set cache.path" "build-cache --set clip.model=$demo/clip --set input.path"; do
  run 2 $set=list.txt --run l
  says 'list.txt: an HTML page'
done
cp page page.tar
run 2 build-cache --run l --set input.path=page.tar --set clip.model="$demo/clip"
says 'page.tar: an HTML page'
printf 'some text\n' > words.tar
run 2 build-cache --run l --set input.path=words.tar --set clip.model="$demo/clip"
says 'words.tar: not a tar'
cp page clip/config.json
run 2 tokenize --model clip
says 'clip/config.json: an HTML page'
tar cf list.txt cache.txt
run 2 caption job.yaml --run l --set input.path=list.txt
says 'list.txt: a tar'
run 2 caption job.yaml --run l --set cache.path=list.txt
says 'list.txt: a tar'
gzip -c list.txt > list.tar.gz
run 2 caption job.yaml --run l --set cache.path=list.tar.gz
says 'list.tar.gz: a tar'
run 2 import --text list.txt --embeddings x.npy --model "$demo/clip" --out imported
run 0 build-cache --run tarred --set input.path=list.txt --set clip.model="$demo/clip" # a tar of texts stays a source
run 0 export tarred --out tarred_out
cmp cache.txt tarred_out/postcache.txt
tar cf old.tar --format=v7 cache.txt
run 0 build-cache --run old --set input.path=old.tar --set clip.model="$demo/clip"
run 0 export old --out old_out
cmp cache.txt old_out/postcache.txt

# UTF-16 is refused by its name, and the remedy told; a byte-order mark of UTF-8 belongs to no text
iconv -f UTF-8 -t UTF-16 cache.txt > wide.txt
run 2 caption job.yaml --run l --set cache.path=wide.txt
says 'wide.txt: text in UTF-16.*iconv'
iconv -f UTF-8 -t UTF-16LE cache.txt > wide.txt
run 2 build-cache --run l --set input.path=wide.txt --set clip.model="$demo/clip"
says 'wide.txt: text in UTF-16.*iconv'
run 2 caption job.yaml --run l --set input.path=wide.txt
says 'wide.txt: text in UTF-16'
rm images/lfs.jpg images/page.png
printf 'plain caption\n' > images/scene_00.txt
cp images/scene_00.txt images/scene_01.txt
cp images/scene_00.txt images/scene_02.txt
run 0 caption job.yaml --run plain
mark() { { printf '\357\273\277'; cat "$1"; } > marked && mv marked "$1"; }
for file in images/scene_00.txt cache.txt job.yaml; do mark $file; done
rm -rf clip
cp -r "$demo/clip" clip
for file in config.json vocab.json merges.txt; do mark clip/$file; done
run 0 caption job.yaml --run marked --set clip.model=clip
for file in captions.jsonl ref0.txt; do cmp plain/$file marked/$file; done
printf '\357\273\277{"text": "a"}\r\n{"text": "a"}\n' | "$antarctic" tokenize --model "$demo/clip" > ids.jsonl
[ "$(uniq ids.jsonl | wc -l)" -eq 1 ]

# a plain list with ngrams.unique: what it is without, less later duplicates; the case and empty lines stay
printf 'Red Lamp\nred lamp\n\nRed Lamp\nblue boat\nBlue boat\nblue boat\n' > twice.txt
printf 'Red Lamp\nred lamp\n\nblue boat\nBlue boat\n' > once.txt
run 0 build-cache --run unique --set input.path=twice.txt --set clip.model="$demo/clip" --set ngrams.unique=true
says '2 entries occurred before'
run 0 export unique --out unique_out
cmp once.txt unique_out/postcache.txt
