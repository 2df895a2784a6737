# Archives that are damaged, hostile, replaced or no archives at all: rejected items and messages, and nothing outside is read or written.
. "$source/tests/cli/lib.sh"
command -v python3 > /dev/null || { echo "skipped: no python3"; exit 77; }
cp "$demo/pictures/scene_00.jpg" good.jpg
printf 'secret' > outside.jpg
python3 - <<'END'
import io, json, tarfile

image = open("good.jpg", "rb").read()

def tar(name, members):
    with tarfile.open(name, "w", format=tarfile.PAX_FORMAT) as out:
        for member, data, fields in members:
            info = tarfile.TarInfo(member)
            info.size = len(data) if data else 0
            for field, value in fields.items():
                setattr(info, field, value)
            out.addfile(info, io.BytesIO(data) if data else None)

def plain(name, data=image):
    return name, data, {}

tar("inner.tar", [plain("inside.jpg")])
tar("nested.tar", [plain("a.jpg"), plain("b.tar", open("inner.tar", "rb").read()), plain("c.jpg")])
tar("empty_member.tar", [plain("a.jpg"), plain("b.jpg", b""), plain("c.jpg"), plain("c.txt", b""), plain("c.json", b"")])
tar("one_key.tar", [plain("a.jpg")] + [plain(f"same.x{i}", b"x") for i in range(100000)] + [plain("same.jpg"), plain("z.jpg")])
tar("one_name.tar", [plain("a.jpg")] + [plain("same.jpg")] * 300 + [plain("z.jpg")])
special = [("fifo.jpg", tarfile.FIFOTYPE), ("char.jpg", tarfile.CHRTYPE), ("block.jpg", tarfile.BLKTYPE), ("folder.jpg", tarfile.DIRTYPE)]
links = [("soft.jpg", tarfile.SYMTYPE, "../outside.jpg"), ("hard.jpg", tarfile.LNKTYPE, "a.jpg"), ("far.jpg", tarfile.SYMTYPE, "/etc/passwd")]
tar("special.tar", [plain("a.jpg")] + [(n, None, {"type": t}) for n, t in special] +
    [(n, None, {"type": t, "linkname": to}) for n, t, to in links] + [plain("z.jpg")])
tar("escape.tar", [plain("a.jpg"), plain("../up.jpg"), plain("/absolute.jpg"), plain("x/../../y.jpg"), plain("z.jpg")])
tar("no_image.tar", [plain("notes.txt", b"no image"), plain("data.json", b"{}")])
keys = ["../../evil", "/absolute/evil", "a/../../evil", "..", "./dots", "a//b", "new\nline", "x" * 300]
tar("true_keys.tar", [m for i, key in enumerate(keys) for m in
                      (plain(f"{i}.jpg"), plain(f"{i}.json", json.dumps({"antarctic_key": key}).encode()))])
for name, member in (("5gb_image.tar", "b.jpg"), ("5gb_text.tar", "b.txt"), ("5gb_json.tar", "b.json")):
    tar(name, [plain("a.jpg"), plain(member)] if member != "b.jpg" else [plain("a.jpg"), plain("b.jpg")])
    data = bytearray(open(name, "rb").read())
    at = data.index(member.encode() + b"\0")
    data[at + 124:at + 136] = b"%011o\0" % (5 << 30)
    data[at + 148:at + 156] = b" " * 8
    data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])
    open(name, "wb").write(data[:at + 512 + 1024])
END

items() { # items NAME: keys of the rows of the dataset made of NAME.tar, and its rejected items
  run "${2:-0}" ingest $1.tar --out $1.set --set limits.max_bad_items=1000
  run 0 embed-images --run $1.run --set input.path=$1.set --set clip.model="$demo/clip" --set output.thumbnails=false
  rows=$(paste -sd ' ' $1.run/keys.txt)
  bad=$(jq -r '.key + " " + .reason' $1.set/bad_items.jsonl | paste -sd '|')
}
items nested
[ "$rows" = 'a c' ]
[ -z "$bad" ]
run 0 embed-images --run nested.tar.run --set input.path=nested.tar --set clip.model="$demo/clip"
says '1 members passed over that are neither.*nested.tar#b.tar'
items empty_member
[ "$rows|$bad" = 'a c|b empty' ]
items one_key
[ "$rows" = 'a same z' ]
items one_name # a name that comes again is a second image of the key
[ "$rows" = 'a same z' ]
[ "$(jq -r .reason one_name.set/bad_items.jsonl | sort | uniq -c | sed 's/^ *//')" = '299 duplicate_key' ]
run 0 embed-images --run one_name.tar.run --set input.path=one_name.tar --set clip.model="$demo/clip" --set limits.max_bad_items=1000
says '299 keys that come again later in their tar.*one_name.tar#same'
items special
[ "$rows|$bad" = 'a z|' ]
items escape
[ "$rows|$bad" = 'a z|' ]
for name in 5gb_image 5gb_text 5gb_json; do # no more memory than there is data
  (ulimit -v 4000000; OMP_NUM_THREADS=1 timeout 120 "$antarctic" ingest $name.tar --out $name.set --set limits.max_bad_items=5 > said.txt 2>&1)
  [ "$(jq -r .reason $name.set/bad_items.jsonl)" = truncated ]
  run 0 embed-images --run $name.run --set input.path=$name.set --set clip.model="$demo/clip"
  [ "$(cat $name.run/keys.txt)" = a ]
done

# keys that lead out of a folder stay keys; no export writes outside
items true_keys
[ "$(wc -l < true_keys.run/keys.txt)" -ge 1 ]
mkdir -p deep/er
before=$(find . -path ./deep -prune -o -type f -print | sort | cksum)
run 1 export true_keys.set --format folder --out deep/er/folder
says 'this key leads out of deep/er/folder'
run 0 export true_keys.set --format webdataset --out deep/er/webdataset
[ "$before" = "$(find . -path ./deep -prune -o -type f -print | sort | cksum)" ]
[ -z "$(find deep -name '*evil*' -not -path 'deep/er/folder/*' -not -path 'deep/er/webdataset/*')" ]
[ ! -e /absolute ]
tar tPf deep/er/webdataset/00000.tar > names.txt
grep -qx '%2E%2E/%2E%2E/evil.jpg' names.txt
if grep -E '^/|(^|/)\.\.(/|$)' names.txt; then exit 1; fi
run 0 ingest deep/er/webdataset --out again.set # and back: the keys are what they were
run 0 embed-images --run again.run --set input.path=again.set --set clip.model="$demo/clip"
cmp true_keys.run/keys.txt again.run/keys.txt

# no image at all
: > nothing.txt
printf '\n\n' > blank.txt
mkdir folder.none
for source_ in no_image.tar nothing.txt blank.txt folder.none; do
  run 2 ingest $source_ --out x
  says "$source_"
  [ ! -e x/DONE ]
  rm -rf x
done

# into the source itself: its images would be gone from sight behind the dataset
mkdir self
cp good.jpg self/a.jpg
run 1 ingest self --out self
says 'is the source itself'
run_on 2 1 ingest self/ --out ./self
says 'is the source itself'
run 0 ingest self --out self/inside
run 0 ingest self --out self/inside # what is there is no image of the source
says 'nothing to do'

# a dataset or a run is no text for a cache: what lies in its folder is a log
run 1 build-cache --run cache --set input.path=self/inside --set clip.model="$demo/clip"
says 'is an image dataset; its captions become texts with'
run_on 2 1 build-cache --run cache --set input.path=nested.run --set clip.model="$demo/clip"
says 'is the folder of a run of embed-images, not of texts'
run 0 export self/inside --format folder --out self.texts
run 2 build-cache --run cache --set input.path=self.texts --set clip.model="$demo/clip" # it had no captions
says 'no text in this folder'

# a dataset whose shard is another program's HDF5 file, or its manifest another dataset's
mkdir three
for n in 1 2 3; do cp good.jpg three/i$n.jpg; done
run 0 ingest three --out three.set --set output.shard_items=1
cp -r three.set foreign
cp nested.run/embeddings/00000.h5 foreign/shards/00001.h5
run 2 embed-images --run y --set input.path=foreign --set clip.model="$demo/clip"
says 'foreign/shards/00001.h5'
run 2 verify foreign
says '00001.h5'
run 0 ingest three --out foreign --set output.shard_items=1
cmp three.set/shards/00001.h5 foreign/shards/00001.h5
# and of the right kind, but another dataset's, or another place's
mkdir other
for n in 4 5 6; do cp "$demo/pictures/scene_0$n.jpg" other/i$n.jpg; done
run 0 ingest other --out other.set --set output.shard_items=1
for from in other.set three.set; do
  rm -rf mixed
  cp -r three.set mixed
  cp $from/shards/00002.h5 mixed/shards/00001.h5
  run_on 2 2 embed-images --run y --set input.path=mixed --set clip.model="$demo/clip"
  says 'mixed/shards/00001.h5: holds other images than were ingested there'
  run 2 verify mixed
  run 0 ingest three --out mixed --set output.shard_items=1
  cmp three.set/shards/00001.h5 mixed/shards/00001.h5
done
rm three.set/contents.txt # of a version that did not write it
run 0 embed-images --run before --set input.path=three.set --set clip.model="$demo/clip"
printf '{"job": "ingest"' > foreign/manifest.json
run 2 embed-images --run y --set input.path=foreign --set clip.model="$demo/clip"
says 'foreign'

# no room: a message that names the file, nothing half, and the same command goes on. First for the shards, then for tars made plain
# MPI has files of its own in shared memory, which OMPI_MCA_btl=self leaves out.
gzip -k true_keys.tar
for from in three true_keys.tar.gz; do
  for kilobytes in 4 16; do
    rm -rf full
    code=0
    OMPI_MCA_btl=self timeout 120 bash -c "ulimit -f $kilobytes; exec '$antarctic' ingest $from --out full --set limits.max_bad_items=100" > said.txt 2>&1 || code=$?
    [ $code -eq 2 ] || { echo "exit $code, $from, files limited to $kilobytes kB"; cat said.txt; exit 1; }
    says 'full/.*\(File too large\|No space left\|cannot be written\)'
    no_half_files full
    [ ! -e full/DONE ]
  done
  run 0 ingest $from --out full --set limits.max_bad_items=100
  run 0 ingest $from --out roomy --set limits.max_bad_items=100
  for shard in roomy/shards/*.h5; do cmp "$shard" "full/shards/$(basename "$shard")"; done
  run 0 verify full
  rm -rf roomy
done

# two ingests into one folder at the same time: one works, the other is told, and what is there is one's work
mkdir many
for i in $(seq 100 399); do cp good.jpg many/i$i.jpg; done
run 0 ingest many --out expected --set output.shard_items=4
codes=
for round in 1 2 3; do
  rm -rf twice
  for which in 1 2; do
    (code=0; timeout 120 "$antarctic" ingest many --out twice --set output.shard_items=4 > said.$which 2>&1 || code=$?; echo $code > code.$which) &
  done
  wait
  codes="$codes $(sort -n code.1 code.2 | paste -sd ,)"
  diff -r expected/shards twice/shards
  [ -e twice/DONE ]
done
for pair in $codes; do [ "$pair" = 0,1 ] || [ "$pair" = 0,0 ] || { echo "codes $codes"; exit 1; }; done # 0,0: one after the other
