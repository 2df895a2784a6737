"""Top-10 search: this program (topk --repeat) side by side with faiss, usearch and numpy. Called by bench/topk.sh."""
import argparse
import json
import os
import subprocess
import sys
import time

import faiss
import numpy as np

K = 10
ROUNDS = 3  # programs take turns, so that a busy machine is busy for all of them
BLOCK = 65536


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def make_random(path, n, d):
    """Random unit vectors, seed 7: nothing to exploit. Queries of the same kind."""
    rng = np.random.default_rng(7)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))
    for i in range(0, n, BLOCK):
        out[i : i + BLOCK] = unit(rng.standard_normal((min(BLOCK, n - i), d), dtype=np.float32))
    return unit(rng.standard_normal((256, d), dtype=np.float32))


def make_crowded(path, n, d):
    """As a model's text embeddings lie: around one direction, in 2,000 heaps of very different sizes, some components large."""
    rng = np.random.default_rng(8)
    scale = np.where(rng.random(d) < 0.02, 4.0, 1.0).astype(np.float32)
    common, heaps = scale * rng.standard_normal(d, dtype=np.float32), scale * rng.standard_normal((2000, d), dtype=np.float32)
    weights = 1.0 / np.arange(1, 2001)

    def draw(count):
        chosen = rng.choice(2000, count, p=weights / weights.sum())
        return unit(common + 0.7 * heaps[chosen] + 0.5 * scale * rng.standard_normal((count, d), dtype=np.float32))

    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, d))
    for i in range(0, n, BLOCK):
        out[i : i + BLOCK] = draw(min(BLOCK, n - i))
    return draw(256)


class Ours:
    name, slow = "this program", False

    def __init__(self, args, path, x):
        self.args, self.path = args, path
        self.facts = {}

    def search(self, q, repeat):
        """The tool's own clock: starting the process, reading the file and packing are not in it."""
        folder = self.args.folder
        np.save(f"{folder}/q.npy", q)
        line = subprocess.run(
            [self.args.program, "topk", "--cache", self.path, "-k", str(K), "--queries", f"{folder}/q.npy", "--out-ids", f"{folder}/i.npy",
             "--out-scores", f"{folder}/s.npy", "--threads", str(self.args.threads), "--repeat", str(repeat)],
            stdout=subprocess.PIPE, check=True).stdout
        self.facts = json.loads(line)
        return self.facts["median_seconds"], self.facts["cpu_seconds"], np.load(f"{folder}/i.npy")

    def memory(self):
        return f"{self.facts['index_bytes'] / 1e6:.0f} MB beside the vectors ({self.facts['scan']})"


class Peer:
    slow = False

    def search(self, q, repeat):
        seconds, cpu = [], []
        for _ in range(repeat):
            wall, used = time.perf_counter(), time.process_time()
            ids = self.run(q)
            seconds.append(time.perf_counter() - wall)
            cpu.append(time.process_time() - used)
        return float(np.median(seconds)), float(np.median(cpu)), ids


class Faiss(Peer):
    name = "faiss"

    def __init__(self, args, path, x):
        faiss.omp_set_num_threads(args.threads)
        self.index = faiss.IndexFlatIP(x.shape[1])
        for i in range(0, len(x), BLOCK):
            self.index.add(np.ascontiguousarray(x[i : i + BLOCK]))

    def run(self, q):
        return self.index.search(q, K)[1]

    def memory(self):
        return "a copy of the vectors"


class Usearch(Peer):
    name, slow = "usearch", True

    def __init__(self, args, path, x):
        self.x, self.threads = x, args.threads

    def run(self, q):
        from usearch.index import MetricKind, search as usearch_search

        return np.asarray(usearch_search(self.x, q, K, MetricKind.IP, exact=True, threads=self.threads).keys).reshape(len(q), K).astype(np.int64)

    def memory(self):
        return "the vectors"


class Numpy(Peer):
    name = "numpy"

    def __init__(self, args, path, x):
        self.x = x

    def run(self, q):
        ids, scores = [], []
        for i in range(0, len(self.x), BLOCK):
            s = q @ self.x[i : i + BLOCK].T
            best = np.argpartition(-s, min(K, s.shape[1] - 1), axis=1)[:, :K]
            ids.append(best + i)
            scores.append(np.take_along_axis(s, best, axis=1))
        ids, scores = np.concatenate(ids, axis=1), np.concatenate(scores, axis=1)
        return np.take_along_axis(ids, np.lexsort((ids, -scores), axis=1)[:, :K], axis=1)

    def memory(self):
        return "the vectors and a block of scores"


def compare_ids(x, q, ours, theirs):
    """The same, or how many places differ, and by how much the scores there differ in double precision."""
    rows, places = np.nonzero(ours != theirs)
    if len(rows) == 0:
        return "the same"
    a = np.einsum("ij,ij->i", q[rows].astype(np.float64), x[ours[rows, places]].astype(np.float64))
    b = np.einsum("ij,ij->i", q[rows].astype(np.float64), x[theirs[rows, places]].astype(np.float64))
    return f"{len(rows)} of {ours.size} places differ, by {np.abs(a - b).max():.1g} in score"


def measure(args, kind, path, queries):
    # resident and contiguous for the peers; this program maps the file
    x = np.load(path)
    programs = [p(args, path, x) for p in (Ours, Faiss, Usearch, Numpy) if p is Ours or p.name in args.peers.split()]
    for count in (1, len(queries)):
        q = np.ascontiguousarray(queries[:count])
        best = {}
        for turn in range(ROUNDS if count == 1 else 2):
            for p in programs:
                if turn and p.slow and count > 1:
                    continue
                wall, cpu, ids = p.search(q, 7 if count == 1 else 1)
                if p.name not in best or wall < best[p.name][0]:
                    best[p.name] = (wall, cpu, ids)
                print(f"{kind}, {count} queries, turn {turn}, {p.name}: {wall:.4f} s (CPU {cpu:.4f} s)", file=sys.stderr, flush=True)
        ours = best["this program"]
        for p in programs:
            wall, cpu, ids = best[p.name]
            ratio = "" if p is programs[0] else f"{wall / ours[0]:.2f} ({cpu / ours[1]:.2f})"
            same = "" if p is programs[0] else compare_ids(x, q, ours[2], ids)
            print(f"| {kind} | {count} | {p.name} | {wall * 1e3:.1f} | {cpu * 1e3:.1f} | {ratio} | {same} | {p.memory()} |", flush=True)
    print(f"{kind}: {programs[0].facts['scored_per_query']:.1f} exact scores a query, index built in {programs[0].facts['build_seconds']:.2f} s",
          file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder", "vectors", "queries", "peers"):
        parser.add_argument(f"--{name}")
    for name in ("threads", "entries", "dimension"):
        parser.add_argument(f"--{name}", type=int)
    args = parser.parse_args()
    print(f"Top-{K}, {args.threads} threads. Ratios: their wall time over ours (their CPU time over ours).\n", flush=True)
    print("| vectors | queries | program | ms | CPU ms | ratio | ids | memory |\n|---|---|---|---|---|---|---|---|", flush=True)
    if args.vectors:
        shape = np.load(args.vectors, mmap_mode="r").shape
        measure(args, f"{os.path.basename(args.vectors)} {shape[0]:,} × {shape[1]}", args.vectors, np.load(args.queries)[:256])
        return
    for kind, make in (("random", make_random), ("crowded", make_crowded)):
        path = os.path.join(args.folder, "x.npy")
        queries = make(path, args.entries, args.dimension)
        measure(args, f"{kind} {args.entries:,} × {args.dimension}", path, queries)
        os.remove(path)


main()
