"""A cache of made vectors for bench/search.sh and bench/dedupe.sh, and what machine this is."""
import json
import os
import subprocess

import numpy as np

BLOCK = 65536


def width_of(model):
    with open(os.path.join(model, "config.json"), encoding="utf-8") as f:
        return json.load(f)["projection_dim"]


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def make(n, d, planted, seed=7):
    """Unit vectors around one direction, as a model's are; `planted` of them near another one."""
    rng = np.random.default_rng(seed)
    x = np.empty((n, d), np.float32)
    common = rng.standard_normal(d, dtype=np.float32)
    for i in range(0, n, BLOCK):
        x[i : i + BLOCK] = unit(common + rng.standard_normal((min(BLOCK, n - i), d), dtype=np.float32))
    places = rng.permutation(n)[: 2 * planted].reshape(2, planted)
    x[places[0]] = unit(x[places[1]] + 0.15 / d**0.5 * rng.standard_normal((planted, d), dtype=np.float32))
    return x


def import_cache(args, x):
    """The vectors as a cache of this program."""
    text, npy, out = (f"{args.folder}/{name}" for name in ("entries.txt", "x.npy", "cache"))
    with open(text, "w", encoding="utf-8") as f:
        f.writelines(f"{i:08d}\n" for i in range(len(x)))
    np.save(npy, x)
    subprocess.run([args.program, "import", "--text", text, "--embeddings", npy, "--model", args.model, "--out", out], check=True, stderr=subprocess.DEVNULL)
    os.remove(npy)
    return out


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "?")


def head(args, x):
    load = os.getloadavg()[0]
    print(f"{len(x):,} x {x.shape[1]}, {args.threads} threads, {cpu()}, load {load:.1f} at the beginning\n", flush=True)
