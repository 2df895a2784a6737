"""Compares what the scripts of this folder made with tests/data/golden.

    python compare.py MADE [--topics clip bart …] [--golden tests/data/golden] [--tolerance 1e-5]

Says of each file "same bytes", "same values" (JSON and tensors within the tolerance, absolute and relative: another CPU or another version
of torch sums in another order), "only here", "differs"; exit 1 if any differs. Files that say of which versions they are made are passed
over, hostile checkpoints are never opened.
"""

import argparse
import collections
import json
import math
import os
import subprocess
import sys

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "golden")


def stored_bytes(golden, name):
    """Of a file that may be compressed (pack.py); None where there is none."""
    path = os.path.join(golden, name)
    if os.path.exists(path):
        with open(path, "rb") as f:
            return f.read()
    if not os.path.exists(path + ".zst"):
        return None
    command, base = ["zstd", "-d", "-q", "-c", path + ".zst"], None
    if os.path.exists(path + ".zst.base"):
        with open(path + ".zst.base") as f:
            base = f.read().strip()
        with open(f"/tmp/compare-base-{os.getpid()}", "wb") as f:
            f.write(stored_bytes(golden, base))
        command.insert(2, "--patch-from=" + f.name)
    data = subprocess.run(command, check=True, capture_output=True).stdout
    if base:
        os.remove(f.name)
    return data


def near(a, b, tolerance):
    """Nested JSON; numbers within the tolerance."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(near(a[k], b[k], tolerance) for k in a if "version" not in k)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(near(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, float) or isinstance(b, float):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return a == b


def near_tensors(a, b, tolerance):
    import torch

    return a.keys() == b.keys() and all(
        torch.equal(a[k], b[k]) or (a[k].shape == b[k].shape and a[k].dtype == b[k].dtype and a[k].is_floating_point()
                                    and torch.allclose(a[k].double(), b[k].double(), rtol=tolerance, atol=tolerance)) for k in a)


def load_tensors(name, data):
    import io

    import torch
    from safetensors.torch import load

    if name.endswith(".safetensors"):
        return load(data)
    if "torchscript" in name:
        return dict(torch.jit.load(io.BytesIO(data), map_location="cpu").state_dict())
    return dict(torch.load(io.BytesIO(data), weights_only=True))


def same_values(name, a, b, tolerance):
    if name.endswith(".json"):
        return near(json.loads(a), json.loads(b), tolerance)
    if name.endswith(".jsonl"):
        return near(*([json.loads(line) for line in data.decode().split("\n") if line] for data in (a, b)), tolerance)
    if name.endswith((".safetensors", ".pt", ".bin")):
        return near_tensors(load_tensors(name, a), load_tensors(name, b), tolerance)
    return False


def verdict(made, golden, name, tolerance):
    if os.path.basename(name) == "versions.json":
        return "passed over"
    with open(os.path.join(made, name), "rb") as f:
        new = f.read()
    old = stored_bytes(golden, name)
    if old is None:
        return "only here"
    if new == old:
        return "same bytes"
    if os.path.basename(name).startswith("hostile"):
        return "passed over"
    return "same values" if same_values(name, new, old, tolerance) else "differs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("made")
    parser.add_argument("--topics", nargs="+")
    parser.add_argument("--golden", default=GOLDEN)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    args = parser.parse_args()
    failed = False
    for topic in args.topics or sorted(os.listdir(args.made)):
        found = collections.defaultdict(list)
        for folder, _, files in os.walk(os.path.join(args.made, topic)):
            for file in files:
                name = os.path.relpath(os.path.join(folder, file), args.made)
                found[verdict(args.made, args.golden, name, args.tolerance)].append(name)
        failed = failed or "differs" in found
        print(f"{topic}: " + ", ".join(f"{len(names)} {kind}" for kind, names in sorted(found.items())))
        for kind in ("differs", "only here", "same values", "passed over"):
            for name in sorted(found[kind]) if kind in found else []:
                print(f"    {kind}: {name}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
