# The forms in which embeddings come: .npz, several .npy by name, pattern and list, clip-grams' folders with args.txt.
. "$source/tests/cli/lib.sh"
printf 'red car\nzebra\nan ice cream cone\na boat\n' > entries.txt
run 0 build-cache --run cache --set input.path=entries.txt --set clip.model="$demo/clip"
run 0 export cache --out out
same() { # same CACHE: the embeddings and entries of the first
  rm -rf again
  run 0 export "$1" --out again
  cmp out/postcache.npy again/postcache.npy
  cmp out/postcache.txt again/postcache.txt
}
into() { # into CACHE options…: imported
  local cache=$1
  shift
  run 0 import --text entries.txt --model "$demo/clip" --out "$cache" "$@"
  same "$cache"
}
# archives as NumPy writes them: arrays that are stored or deflated
python3 - << 'END'
import struct, zipfile
whole = open("out/postcache.npy", "rb").read()
at = 10 + struct.unpack("<H", whole[8:10])[0]
data, rows = whole[at:], 4
width = len(data) // rows

def npy(first, count, descr="<f4", shape=None, data=data):
    shape = shape or (count, width // 4)
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (descr, shape)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data[first * width:(first + count) * width]

def npz(name, method, **arrays):
    with zipfile.ZipFile(name, "w", method) as z:
        for array, content in arrays.items():
            with z.open(array + ".npy", "w", force_zip64=True) as f:
                f.write(content)

ids = npy(0, 0, "<i8", (0,))
npz("stored.npz", zipfile.ZIP_STORED, arr_0=npy(0, 4))
npz("deflated.npz", zipfile.ZIP_DEFLATED, arr_0=npy(0, 4), ids=ids)
npz("named.npz", zipfile.ZIP_DEFLATED, images=npy(1, 3), embeddings=npy(0, 4))
npz("several.npz", zipfile.ZIP_STORED, a=npy(1, 3), b=npy(0, 4))
npz("none.npz", zipfile.ZIP_STORED, ids=ids)
npz("packed.npz", zipfile.ZIP_BZIP2, arr_0=npy(0, 4))
bad = bytearray(open("deflated.npz", "rb").read())
bad[300] ^= 0xff
open("bad.npz", "wb").write(bad)
import os
os.mkdir("numbered")
for i, name in enumerate(("part_1", "part_2", "part_10", "part_11")):
    open("numbered/%s.npy" % name, "wb").write(npy(i, 1))
open("numbered/list.txt", "wb").write(b"\xef\xbb\xbfpart_1.npy\r\npart_2.npy\r\n\r\npart_10.npy\r\npart_11.npy")
os.mkdir("grams")
open("grams/emb00000.npy", "wb").write(npy(0, 3))
open("grams/emb00001.npy", "wb").write(npy(3, 1))
END
for form in stored deflated named; do into $form --embeddings $form.npz; done
into chosen --embeddings several.npz --array b
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings several.npz
says 'several.npz: has several matrices.*it holds: a, b.*--array NAME'
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings several.npz --array c
says 'no array of that name.*a, b'
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings none.npz
says 'no matrix of floats'
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings packed.npz --array arr_0
says 'compressed by another method'
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings bad.npz
says 'bad.npz: array "arr_0.npy" is damaged'

# several files: in the order of their numbers by a pattern, in the order given by name and in a list
into pattern --embeddings 'numbered/part_*.npy'
into list --embeddings numbered/list.txt
into names --embeddings numbered/part_1.npy numbered/part_2.npy numbered/part_10.npy numbered/part_11.npy
run 0 import --text entries.txt --model "$demo/clip" --out shuffled --embeddings numbered/part_1.npy numbered/part_10.npy numbered/part_11.npy numbered/part_2.npy
says 'in the order given, numbered/part_11.npy before numbered/part_2.npy'
run 2 import --text entries.txt --model "$demo/clip" --out x --embeddings 'numbered/none*.npy'
says 'none\*.npy: no such file, and no file matches it'

# clip-grams: without entries.txt the remedy is told; args.txt tells the prefix, an option beats it
run 2 import --model "$demo/clip" --out x --embeddings grams
says 'grams/entries.txt: there is no such file.*--save_entries True.*--text'
cp entries.txt grams
run 0 import --model "$demo/clip" --out bare --embeddings grams
same bare
printf '{\n  "text_dir": "x",\n  "prefix": "a photo of \\u00e9 "\n}' > grams/args.txt
run 0 import --model "$demo/clip" --out prefixed --embeddings grams
says 'prefix "a photo of é " is taken over from args.txt'
same prefixed
jq -e '.cache.prefix == "a photo of é "' prefixed/manifest.json
cp grams/args.txt args.json
printf "Namespace(prefix='a photo of ')\n" > grams/args.txt # of another program: refused, unless --prefix says it
run 2 import --model "$demo/clip" --out foreign --embeddings grams
says 'grams/args.txt:1: not JSON.*--prefix TEXT'
run 0 import --model "$demo/clip" --out foreign --embeddings grams --prefix ''
says 'grams/args.txt:1: not JSON.*--prefix "" counts'
jq -e '.cache.prefix == ""' foreign/manifest.json
mv args.json grams/args.txt
run 0 import --model "$demo/clip" --out given --embeddings grams --prefix 'the '
says 'args.txt tells the prefix'
jq -e '.cache.prefix == "the "' given/manifest.json
