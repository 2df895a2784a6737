"""One query after another: `search --watch` side by side with faiss and numpy. Called by bench/search.sh."""
import argparse
import json
import subprocess
import time

import faiss
import numpy as np
import vectors

K = 20


class Ours:
    name = "this program, `search --watch`"

    def __init__(self, args, x):
        cache = vectors.import_cache(args, x)
        command = [args.program, "search", cache, "--watch", "-k", str(K), "--threads", str(args.threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def prepare(self, q):
        return json.dumps({"embedding": [float(v) for v in q]}) + "\n"

    def ask(self, line):
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return [int(r["key"]) for r in json.loads(self.process.stdout.readline())["results"]]


class Flat:
    name = "faiss `IndexFlatIP`"

    def __init__(self, args, x):
        self.index = faiss.IndexFlatIP(x.shape[1])
        self.index.add(x)

    def prepare(self, q):
        return q[None]

    def ask(self, q):
        return list(self.index.search(q, K)[1][0])


class Ivf(Flat):
    name = "faiss `IndexIVFFlat`, 1,024 lists, 16 probed"

    def __init__(self, args, x):
        self.quantizer = faiss.IndexFlatIP(x.shape[1])
        self.index = faiss.IndexIVFFlat(self.quantizer, x.shape[1], 1024, faiss.METRIC_INNER_PRODUCT)
        self.index.cp.niter = 4
        self.index.train(x[:: max(1, len(x) // 40000)])
        self.index.add(x)
        self.index.nprobe = 16


class ClipRetrieval:
    """What clip-retrieval's service does per query (KnnService.knn_search of clip_back.py at 055e24e), in numpy around a faiss
    index: the best K with their vectors, these normalized, and near duplicates among them left out. Its index here is the exact one; what
    autofaiss would make of a million vectors is the row of IVF."""

    name = "clip-retrieval's `knn_search`, on `IndexFlatIP`"

    def __init__(self, args, x):
        self.index = faiss.IndexFlatIP(x.shape[1])
        self.index.add(x)

    def prepare(self, q):
        return q[None]

    def ask(self, q):
        _, ids, vectors_found = self.index.search_and_reconstruct(q, K)
        found = ids[0][ids[0] >= 0]
        near = vectors_found[0][: len(found)]
        length = np.linalg.norm(near, axis=1, keepdims=True)
        near = np.ascontiguousarray(near / np.where(length == 0, 1, length))
        own = faiss.IndexFlatIP(near.shape[1])
        own.add(near)
        limits, _, alike = own.range_search(near, 0.94)
        left, kept = set(range(len(found))), []
        while left:  # connected components: the first of each stays
            group, todo = set(), {min(left)}
            kept.append(min(left))
            while todo:
                i = todo.pop()
                group.add(i)
                todo |= {int(j) for j in alike[limits[i] : limits[i + 1]]} - group
            left -= group
        return [found[i] for i in kept]


class Numpy:
    name = "numpy (`X @ q`, argpartition)"

    def __init__(self, args, x):
        self.x = x

    def prepare(self, q):
        return q

    def ask(self, q):
        scores = self.x @ q
        best = np.argpartition(-scores, K)[:K]
        return list(best[np.argsort(-scores[best])])


class Reading:
    """What reading as many bytes as the quantized keys have takes, in as many threads as are given to numpy: a sum of 8-byte words by
    OpenBLAS's dot product, which reads and nothing else that counts."""

    name = "reading as many bytes as the int8 keys have"

    def __init__(self, args, x):
        self.bytes = np.ones(x.size // 8, np.float64)  # zeros would be one page, read again and again

    def prepare(self, q):
        return None

    def ask(self, q):
        np.dot(self.bytes, self.bytes)
        return None


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder", "model"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("threads", "entries", "queries"):
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    x = vectors.make(args.entries, vectors.width_of(args.model), 0)
    rng = np.random.default_rng(8)  # near the data, as a user's are
    noise = rng.standard_normal((args.queries, x.shape[1]), dtype=np.float32)
    queries = vectors.unit(x[rng.integers(0, len(x), args.queries)] + 0.7 / x.shape[1] ** 0.5 * noise)
    vectors.head(args, x)
    peers = [kind(args, x) for kind in (Ours, Flat, Ivf, ClipRetrieval, Numpy, Reading)]
    seconds, found = {p.name: [] for p in peers}, {p.name: [] for p in peers}
    for number, q in enumerate(queries):
        for p in peers:
            asked = p.prepare(q)
            start = time.perf_counter()
            answer = p.ask(asked)
            if number:  # the first warms up
                seconds[p.name].append(time.perf_counter() - start)
            found[p.name].append(answer)
    exact = found[Numpy.name]
    print("| program | ms per query, median | least | over ours | of the exact 20 |\n|---|---|---|---|---|")
    ours = np.median(seconds[Ours.name])
    for p in peers:
        t = seconds[p.name]
        share = "" if found[p.name][0] is None else f"{np.mean([len(set(a) & set(b)) / K for a, b in zip(found[p.name], exact)]):.3f}"
        print(f"| {p.name} | {1e3 * np.median(t):.1f} | {1e3 * min(t):.1f} | {np.median(t) / ours:.2f} | {share} |")
    peers[0].process.stdin.close()
    peers[0].process.wait()


main()
