"""For search.sh and dedupe.sh: vectors of many kinds, and what brute force finds among them.

  vectors.py make KIND N D OUT.npy ENTRIES.txt     N entries of width D
  vectors.py search ENTRIES.txt X.npy QUERIES.jsonl K OUT     a line per query: entry and score's bits, best first
  vectors.py pairs ENTRIES.txt X.npy THRESHOLD OUT            a line per pair: entries and score's bits
  vectors.py queries X.npy OUT.jsonl      some rows and some others, as queries
  vectors.py answers FILE.jsonl OUT       search's answers in the form of `search` above
  vectors.py found FILE.jsonl OUT         dedupe's pairs in the form of `pairs` above

Nothing but the standard library: a float of Python is the double that the score is summed in.
"""
import ast
import json
import random
import struct
import sys


def bits(score):
    return struct.pack("<f", score).hex()


def as_float(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def save(path, rows, width):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }" % (len(rows), width)
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        for row in rows:
            f.write(struct.pack("<%df" % width, *row))


def load(path):
    data = open(path, "rb").read()
    size = struct.unpack("<H", data[8:10])[0]
    n, width = ast.literal_eval(data[10 : 10 + size].decode())["shape"]
    flat = struct.unpack("<%df" % (n * width), data[10 + size :])
    return [flat[i * width : (i + 1) * width] for i in range(n)]


def unit(row):
    norm = sum(x * x for x in row) ** 0.5
    return [as_float(x / norm) if norm else 0.0 for x in row]


def make(kind, n, width, rng):
    base = [[rng.gauss(0, 1) for _ in range(width)] for _ in range(max(1, n // 4))]
    rows = []
    for i in range(n):
        row = [rng.gauss(0, 1) for _ in range(width)]
        if kind == "crowded":  # groups of near duplicates, some equal
            spread = (0, 1e-6, 0.05, 0.3)[i % 4]
            row = [b + spread * x for b, x in zip(base[i % len(base)], row)]
        if kind == "long":  # of any length, with zeros among them
            row = [0.0] * width if i % 7 == 3 else [x * 10 ** rng.uniform(-3, 3) for x in row]
        if kind == "equal":
            row = base[0]
        rows.append([as_float(x) for x in row] if kind == "long" else unit(row))
    return rows


def dot(a, b):
    total = 0.0
    for x, y in zip(a, b):
        total += x * y
    return as_float(total)


def names(path):
    return [line.rstrip("\n") for line in open(path, encoding="utf-8")]


def search(entries, rows, queries, k, out):
    entries, rows = names(entries), load(rows)
    with open(out, "w", encoding="utf-8") as f:
        for line in open(queries, encoding="utf-8"):
            query = json.loads(line)
            own = entries.index(query["key"]) if "key" in query else None
            vector = rows[own] if own is not None else [as_float(x) for x in query["embedding"]]
            found = [(-dot(vector, row), entry.encode(), i) for i, (entry, row) in enumerate(zip(entries, rows)) if i != own]
            found.sort()
            f.write(" ".join(entry.decode() + ":" + bits(-score) for score, entry, _ in found[: int(k)]) + "\n")


def pairs(entries, rows, threshold, out):
    entries, rows = names(entries), load(rows)
    order = sorted(range(len(entries)), key=lambda i: (entries[i].encode(), i))
    with open(out, "w", encoding="utf-8") as f:
        for p, i in enumerate(order):
            for j in order[p + 1 :]:
                score = dot(rows[i], rows[j])
                if score >= float(threshold):
                    f.write("%s %s %s\n" % (entries[i], entries[j], bits(score)))


def main():
    what, a = sys.argv[1], sys.argv[2:]
    rng = random.Random(a[0] if a else "")
    if what == "make":
        n, width = int(a[1]), int(a[2])
        save(a[3], make(a[0], n, width, rng), width)
        with open(a[4], "w") as f:
            for i in range(n):  # not in the order of their bytes
                f.write("entry_%d\n" % ((i * 7919) % 100003))
    elif what == "queries":
        rows = load(a[0])
        with open(a[1], "w") as f:
            for row in rows[:3] + [[rng.gauss(0, 1) for _ in rows[0]] for _ in range(3)] + [[0.0] * len(rows[0])]:
                f.write(json.dumps({"embedding": list(row)}) + "\n")
    elif what == "search":
        search(*a)
    elif what == "pairs":
        pairs(*a)
    elif what == "answers":
        with open(a[1], "w", encoding="utf-8") as f:
            for line in open(a[0], encoding="utf-8"):
                f.write(" ".join(r["key"] + ":" + bits(r["score"]) for r in json.loads(line)["results"]) + "\n")
    elif what == "found":
        with open(a[1], "w", encoding="utf-8") as f:
            for line in open(a[0], encoding="utf-8"):
                r = json.loads(line)
                f.write("%s %s %s\n" % (r["a"], r["b"], bits(r["score"])))


main()
