"""Every pair that reaches a threshold: the job dedupe side by side with faiss and numpy. Called by bench/dedupe.sh."""
import argparse
import json
import subprocess
import time

import faiss
import numpy as np
import vectors

THRESHOLD = 0.96
PLANTED = 1000
BLOCK = 2048


def ours(args, cache, x, round_):
    out = f"{args.folder}/run{round_}"
    command = [args.program, "dedupe", cache, "--threshold", str(THRESHOLD), "--out", out, "--set", f"compute.threads={args.threads}"]
    start = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    with open(f"{out}/summary.json", encoding="utf-8") as f:
        return seconds, json.load(f)["pairs"]


def by_range(index, x):
    start, pairs = time.perf_counter(), 0
    for i in range(0, len(x), BLOCK):
        limits, _, ids = index.range_search(x[i : i + BLOCK], THRESHOLD)
        rows = np.repeat(np.arange(i, i + len(limits) - 1), np.diff(limits.astype(np.int64)))
        pairs += int((ids > rows).sum())
    return time.perf_counter() - start, pairs


def flat(args, cache, x, round_):
    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    return by_range(index, x)


def ivf(args, cache, x, round_):
    quantizer = faiss.IndexFlatIP(x.shape[1])
    index = faiss.IndexIVFFlat(quantizer, x.shape[1], 512, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = 4
    start = time.perf_counter()
    index.train(x[:: max(1, len(x) // 20000)])
    index.add(x)
    index.nprobe = 8
    built = time.perf_counter() - start
    seconds, pairs = by_range(index, x)
    return seconds + built, pairs


def plain(args, cache, x, round_):
    start, pairs = time.perf_counter(), 0
    for i in range(0, len(x), BLOCK):
        rows, columns = np.nonzero(x[i : i + BLOCK] @ x[i:].T >= THRESHOLD)
        pairs += int((columns > rows).sum())
    return time.perf_counter() - start, pairs


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "folder", "model"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("threads", "entries", "rounds"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--ours-only", action="store_true")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    x = vectors.make(args.entries, vectors.width_of(args.model), PLANTED)
    cache = vectors.import_cache(args, x)
    vectors.head(args, x)
    peers = [("this program, the job `dedupe`", ours)]
    if not args.ours_only:
        peers += [("numpy (upper triangle, in blocks)", plain), ("faiss `IndexFlatIP`, `range_search`", flat), ("faiss `IndexIVFFlat`, 512 lists, 8 probed, with training", ivf)]
    results = {name: [] for name, _ in peers}
    for round_ in range(args.rounds):
        for name, run in peers:
            results[name].append(run(args, cache, x, round_))
    best = min(s for s, _ in results[peers[0][0]])
    print("| program | seconds, least of %d | over ours | pairs |\n|---|---|---|---|" % args.rounds)
    for name, _ in peers:
        seconds = min(s for s, _ in results[name])
        print(f"| {name} | {seconds:.1f} | {seconds / best:.1f} | {results[name][0][1]:,} |")


main()
