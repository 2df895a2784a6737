"""One query at a time: `search --watch` side by side with faiss and numpy. Called by bench/search.sh.

Programs take turns. A turn begins with a pause, in which the threads of the program before it fall asleep: OpenBLAS's run on for a tenth of
a second after each product, on the cores of whoever is next. The query after the pause finds memory and cores as others left them, and is
counted apart from those that follow it at once."""
import argparse
import json
import os
import subprocess
import time

import faiss
import numpy as np
import vectors

K = 20
PAUSE = 0.3
FOLLOWING = 4  # queries that follow at once


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
    """What reading so many bytes takes, in as many threads as are given to numpy: a sum of 8-byte words by OpenBLAS's dot product, which
    reads and nothing else that counts."""

    def __init__(self, args, x, bits):
        self.name = f"reading as many bytes as the keys have in {bits} bits"
        self.words = np.ones(x.size * bits // 64, np.float64)  # zeros would be one page, read again and again

    def prepare(self, q):
        return None

    def ask(self, q):
        np.dot(self.words, self.words)
        return None


class Asked(Ours):
    """The same process, asked in another way."""

    def __init__(self, ours, name, records):
        self.process, self.name, self.records, self.at = ours.process, name, records, 0

    def prepare(self, q):
        self.at += 1
        return json.dumps(self.records[self.at % len(self.records)]) + "\n"

    def ask(self, line):
        super().ask(line)
        return None


class Together(Asked):
    """Several lines are there at once; time per line."""

    together = 8

    def prepare(self, q):
        return "".join(super(Together, self).prepare(q) for _ in range(self.together))

    def ask(self, lines):
        self.process.stdin.write(lines)
        self.process.stdin.flush()
        for _ in range(self.together):
            self.process.stdout.readline()
        return None


WORDS = "red bus house dogs beach old harbour boats dusk woman hat snow mountains lake street at night".split()


def by_model(args, ours, x):
    """Queries that the model has to embed, where it has a vocabulary: texts, and an image."""
    keys = [{"key": f"{i:08d}"} for i in range(0, len(x), len(x) // 16 + 1)]
    yield Asked(ours, "the same, an entry's key", keys)
    yield Together(ours, "the same, eight keys written together, per key", keys)
    if not any(os.path.exists(f"{args.model}/{f}") for f in ("tokenizer.json", "vocab.json", "bpe_simple_vocab_16e6.txt.gz")):
        return
    texts = [{"text": " ".join(WORDS[i : i + 6])} for i in range(10)]
    yield Asked(ours, "the same, a text of six words", texts)
    yield Together(ours, "the same, eight such texts written together, per text", texts)
    yield Asked(ours, "the same, an image", [{"image": args.image}])


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder", "model", "image"):
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
    ours = Ours(args, x)
    peers = [ours, *by_model(args, ours, x), *(kind(args, x) for kind in (Flat, Ivf, ClipRetrieval, Numpy)), Reading(args, x, 8), Reading(args, x, 6)]
    after, at_once, found = ({p.name: [] for p in peers} for _ in range(3))
    for number in range(0, len(queries), 1 + FOLLOWING):
        for p in peers:
            for place, q in enumerate(queries[number : number + 1 + FOLLOWING]):
                if place == 0:
                    time.sleep(PAUSE)
                asked = p.prepare(q)
                start = time.perf_counter()
                answer = p.ask(asked)
                if number:  # the first turn warms up
                    took = 1e3 * (time.perf_counter() - start) / getattr(p, "together", 1)
                    (at_once if place else after)[p.name].append(took)
                found[p.name].append(answer)
    exact = found[f"{Numpy.name}"]
    print("| program | ms per query after a pause, median | least | at once after another, median | least | over ours | of the exact 20 |\n|---|---|---|---|---|---|---|")
    for p in peers:
        a, o = after[p.name], at_once[p.name]
        share = "" if found[p.name][0] is None else f"{np.mean([len(set(f) & set(e)) / K for f, e in zip(found[p.name], exact)]):.3f}"
        print(
            f"| {p.name} | {np.median(a):.1f} | {min(a):.1f} | {np.median(o):.1f} | {min(o):.1f} "
            f"| {np.median(a) / np.median(after[ours.name]):.2f}, {np.median(o) / np.median(at_once[ours.name]):.2f} | {share} |"
        )
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")
    peers[0].process.stdin.close()
    peers[0].process.wait()


main()
