# bench/report.py writes one topic of one kind of CPU into docs/BENCHMARKS.md and leaves every other line as it was.
command -v python3 > /dev/null || exit 77
cp "$source/docs/BENCHMARKS.md" kept.md
row() { # row RATIO
  printf '{"machine": "X", "threads": 2, "date": "2026-01-02", "commit": "abc", "load": [1, 2], "seconds": 3, "notes": ["Kernels: k."], "rows":
    [{"what": "one step", "unit": "steps/s", "ours": 4, "name": "PyTorch", "peer": 1, "ratio": %s, "least": 1, "most": 9, "cpu_ratio": 5, "goal": 4}]}' "$1" > result.json
}
row 4.5
python3 "$source/bench/report.py" kept.md train_step result.json 'CPU A, 2 cores'
python3 "$source/bench/report.py" kept.md captions result.json 'CPU A, 2 cores'
python3 "$source/bench/report.py" kept.md train_step result.json 'CPU B, 8 cores'
cp kept.md before.md
row 3.5
python3 "$source/bench/report.py" kept.md train_step result.json 'CPU A, 2 cores'
# one line is another: the verdict of that topic on that CPU
diff before.md kept.md > changed.txt || true
[ "$(grep -c '^[<>]' changed.txt)" -eq 2 ]
grep '^> .*\*\*3.50\*\*.*≥ 4, missed' changed.txt > /dev/null
[ "$(grep -c '≥ 4, reached' kept.md)" -eq 2 ]
[ "$(grep -c '^## CPU [AB], ' kept.md)" -eq 2 ]
# the sections that were there are there still, line for line
grep -v '^$' "$source/docs/BENCHMARKS.md" > old.txt
grep -v '^$' kept.md | sed '/^## CPU A/,$d' > new.txt
cmp old.txt new.txt
# topics stand in the order of the tool's list
sed -n '/^## CPU A/,/^## CPU B/p' kept.md | grep '^### ' > order.txt
[ "$(sed -n 1p order.txt)" = '### Captions, BART-large shape, 3 beams, 20 tokens' ]
[ "$(sed -n 2p order.txt)" = '### One training step, BART-large shape, batch 16' ]
