# Names of all kinds, of images, folders, configs and runs: everything that is written can be read by what reads such files.
. "$source/tests/cli/lib.sh"
d=$'im "a\\b\' %s\n#x: \xe9'
mkdir "$d"
i=0
for name in 'two  blanks ' ' lead' $'tab\t' $'new\nline' $'cr\rx' $'crlf\r\n' 'quo"te' "it's" 'back\slash' '-dash' '--set' '50%s%n' \
  $'esc\033[31mred\a' $'\x7f\x01' $'latin\xe9' $'latin\xe8' $'M\xc3\xbcller' $'\xe2\x80\xa8sep' $'\xc2\x85nel' '=1+1' '<b>&amp;<script>' \
  ',comma' '#hash' '"q, ' "$(printf 'n%.0s' {1..251})" "$(printf '\xc3\xa4%.0s' {1..125})"; do
  cp "$demo/pictures/scene_0$((i % 8)).jpg" "$d/$name.jpg"
  i=$((i + 1))
done
[ "$i" -eq 26 ]
printf 'no\n' > "$d/"$'bad\n\033[2J\xe9.jpg'
small_job job.yaml x
sed -i '1,2d' job.yaml
cp job.yaml "$d.yaml"
R=./$d.run
run 0 caption "./$d.yaml" --set "input.path=$d" --run "$R" --set output.knn=true --set output.shard_items=10
no_half_files .

# what is printed and logged: a line each, nothing that a terminal obeys, UTF-8
log_is_clean() { python3 -c 'import sys; t = open(sys.argv[1], newline="").read(); sys.exit(any(c < " " and c != "\n" or "\x7f" <= c < "\xa0" for c in t))' "$1"; }
log_is_clean "$R/log.txt"
log_is_clean said.txt
says 'results: ./im "a\\b. %s\\n#x: \\xe9.run/captions.jsonl'
grep -q '26 done, 1 rejected' said.txt
for command in verify status inspect; do
  run 0 $command "$R"
  log_is_clean said.txt
done
run 0 status "$R" --json
python3 -c 'import json; assert json.load(open("said.txt"))["run"] == "./im \"a\\b\x27 %s\n#x: \ufffd.run"'
run 0 verify "$R" --json
run 2 caption "./$d.yaml" --set "input.path=$d/none" --run x
log_is_clean said.txt
run 2 inspect "$d/none"
log_is_clean said.txt

# the files: keys.txt has the bytes, with blanks for line breaks; the others are UTF-8 in which U+FFFD stands for other bytes
python3 - "$R" "$d" <<'END'
import csv, json, os, re, sys
run, images = map(os.fsencode, sys.argv[1:])
names = sorted(n[:-4] for n in os.listdir(images) if n.endswith(b".jpg") and not n.startswith(b"bad"))
text = [n.decode("utf-8", "replace") for n in names]
keys = open(run + b"/keys.txt", "rb").read().split(b"\n")
assert keys == [n.replace(b"\n", b" ").replace(b"\r", b" ") for n in names] + [b""]
lines = open(run + b"/captions.jsonl", encoding="utf-8", newline="").read().split("\n")
records = [json.loads(line) for line in lines[:-1]]
assert [r["key"] for r in records] == text
assert open(run + b"/preds.txt", encoding="utf-8").read().split("\n") == [r["caption"] for r in records] + [""]
(bad,) = open(run + b"/bad_items.jsonl", encoding="utf-8")
assert json.loads(bad)["key"] == "bad\n\x1b[2J\ufffd"
page = open(run + b"/report.html", encoding="utf-8", newline="").read()
shown = re.findall(r'id="pictures-0">(.*?)</script>', page, re.S)
assert [r[0] for r in json.loads(shown[0])] == text
for attempt in open(run + b"/attempts.jsonl", encoding="utf-8"):
    json.loads(attempt)
for n in names:
    assert os.path.exists(images + b"/" + n + b".knn")
END
run 0 export "$R" --format csv --out out.csv
python3 - "$R" <<'END'
import csv, json, os, sys
rows = list(csv.reader(open("out.csv", encoding="utf-8", newline="")))
keys = [json.loads(line)["key"] for line in open(os.fsencode(sys.argv[1]) + b"/captions.jsonl", encoding="utf-8")]
assert [r[0] for r in rows] == ["key"] + keys
END

# the config that is kept says the same again
run 0 caption "$R/config.yaml" --run again
cmp "$R/captions.jsonl" again/captions.jsonl
cmp "$R/config.yaml" again/config.yaml
"$antarctic" caption --print-config "$R/config.yaml" > printed.yaml
"$antarctic" caption --print-config printed.yaml > printed_again.yaml
cmp printed.yaml printed_again.yaml
printf 'input:\n  path: !!binary "=="\n' > wrong.yaml
run 1 caption wrong.yaml --run x
says 'wrong.yaml:2: input.path: this !!binary is no text in base64'

# the run folder is called after the config, where there is room for that
longest=$(printf 'c%.0s' {1..247})
cp job.yaml "$longest.yaml"
run 0 tag "$longest.yaml" --set "input.path=$d"
[ -s "runs/tag-$longest/keys.txt" ]
cp job.yaml "${longest}ccc.yaml"
run 1 caption "${longest}ccc.yaml" --set "input.path=$d"
says 'give --run DIR'
# words that begin with a dash
cp job.yaml ./-x.yaml
run 0 tag --run=-r --set "input.path=$d" -- -x.yaml
run 0 verify -- -r

# a list of them, and a cache whose source has such a name
cp -r "$d" plain
find plain -name '*.jpg' ! -name $'*[\n\r]*' > "$d.txt"
run 0 tag "./$d.yaml" --set "input.path=./$d.txt" --run list
[ "$(wc -l < list/keys.txt)" -eq 23 ] # a list cannot name a file whose name has a line break
cp -r "$demo/clip" "clip $d"
cp cache.txt "text $d"
run 0 build-cache --set "input.path=text $d" --set "clip.model=clip $d" --run "cache $d"
run 0 verify "cache $d"
run 0 tag "./$d.yaml" --set "input.path=$d" --set "cache.path=cache $d" --set "clip.model=clip $d" --run with_cache
[ "$(wc -l < with_cache/tags.jsonl)" -eq 26 ]
