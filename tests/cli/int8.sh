# compute.precision int8: the same bytes for any number of ranks and threads; a run begun with another precision, training, other backends
# and weights that are not finite are refused by name; the generic kernels say that they are slow.
. "$source/tests/cli/lib.sh"
source "$source/tests/cli/lib_train.sh"

mkdir images
cp "$demo"/pictures/scene_0[0-4].jpg images
small_job caption.yaml images
sed -i 's/path: cache.txt/path: cache/' caption.yaml # of lib_train.sh
printf 'output:\n  shard_items: 2\n' >> caption.yaml

run 0 caption caption.yaml --run one --set compute.precision=int8
[ "$(jq -r .precision one/summary.json)" = int8 ]
[ "$(jq -r .precision one/manifest.json)" = int8 ]
jq -e '.equal_bytes' one/manifest.json > /dev/null
run_on 2 0 caption caption.yaml --run two --set compute.precision=int8 --set compute.threads=2 --set compute.batch=1
for f in $(cd one && find embeddings tables shards captions.jsonl -type f | sort); do
  cmp "one/$f" "two/$f"
done
[ "$(find one/shards -type f | wc -l)" -eq 3 ]

# the precision is part of a run
run 0 caption caption.yaml --run half --set compute.part=0 --set compute.parts=2
run 1 caption caption.yaml --run half --set compute.precision=int8
says 'compute.precision'
run 0 caption caption.yaml --run half
run 1 caption caption.yaml --run one --set compute.precision=bf16
says 'compute.precision'

# and so is how int8 rounds: a run of a version that rounds otherwise does not go on
run 0 caption caption.yaml --run older --set compute.part=0 --set compute.parts=2 --set compute.precision=int8
sed -i 's/"config_fingerprint": "[0-9a-f]*"/"config_fingerprint": "00000000000000000000000000000000"/' older/manifest.json
[ "$(jq -r .config_fingerprint older/manifest.json)" = 00000000000000000000000000000000 ]
run 1 caption caption.yaml --run older --set compute.precision=int8
says 'whose compute.precision: int8 rounds otherwise'

# near fp32: every embedding's cosine
run 0 embed --model "$demo/clip" --out exact.npy --images images/*.jpg
run 0 embed --model "$demo/clip" --out near.npy --precision int8 --images images/*.jpg
python3 - << 'EOF'
import struct
def rows(name):
    b = open(name, "rb").read()
    at = 10 + struct.unpack("<H", b[8:10])[0]
    x = struct.unpack("<%df" % ((len(b) - at) // 4), b[at:])
    return [x[i:i + len(x) // 5] for i in range(0, len(x), len(x) // 5)]
cosines = [sum(a * b for a, b in zip(p, q)) for p, q in zip(rows("exact.npy"), rows("near.npy"))]
assert len(cosines) == 5 and min(cosines) > 0.999 and any(p != q for p, q in zip(rows("exact.npy"), rows("near.npy"))), cosines
EOF

expect 1 train 1 refused --set compute.precision=int8 --set train.max_steps=1
says 'compute.precision: int8 is not for train'
[ ! -e refused/manifest.json ]
run 1 caption caption.yaml --run blas --set compute.precision=int8 --set compute.backend=openblas
says 'compute.precision: int8 is not one of compute.backend: openblas'
run 1 embed --model "$demo/clip" --out none.npy --precision int4 --images images/*.jpg
says 'none of fp32, bf16, int8'

# not finite: refused by name, with the row; fp32 takes the model as before
cp -rL "$demo/clip" broken
chmod -R u+w broken
file=$(ls broken/*.safetensors)
size=$(od -An -t u8 -N 8 "$file" | tr -d ' ')
name=vision_model.encoder.layers.1.mlp.fc1.weight
dd if="$file" bs=1 skip=8 count="$size" of=header.json 2> /dev/null
at=$(jq --arg n "$name" '.[$n].data_offsets[0]' header.json) row=$(jq --arg n "$name" '.[$n].shape[1]' header.json)
[ "$(jq -r --arg n "$name" '.[$n].dtype' header.json)" = F16 ]
printf '\0\176' | dd of="$file" bs=1 seek=$((8 + size + at + 2 * (3 * row + 5))) conv=notrunc 2> /dev/null # row 3: NaN
run 2 embed --model broken --out none.npy --precision int8 --images images/*.jpg
says "$name: row 3 has a number that is not finite"
run 0 caption caption.yaml --run slow --set compute.kernels=generic --set compute.precision=int8
says 'kernels generic: products run many times slower'
cmp one/captions.jsonl slow/captions.jsonl
if grep 'many times slower' one/log.txt two/log.txt && [ "$(jq -r .kernels one/summary.json)" != generic ]; then exit 1; fi
