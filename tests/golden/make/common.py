"""What the scripts that make golden data share: random numbers by name, saving, versions.

A tensor's random numbers come from PCG64 seeded by (seed, CRC-32 of the tensor's name), so they do not depend on the order in which
tensors are made: a model that gains a layer keeps the numbers of the others.
"""

import argparse
import json
import os
import zlib

import numpy as np

IGNORE = -100  # PyTorch's label for "no target here"


def arguments(description):
    """The options of every script. Parsed by the caller, who may add some."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder to write, made if missing")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def with_sizes(parser):
    """Adds --sizes, for scripts whose models and batches can have other dimensions."""
    parser.add_argument("--sizes", help="JSON file whose keys replace those of the script's SIZES; objects are merged")
    return parser


def sizes_of(args, sizes):
    sizes = json.loads(json.dumps(sizes))
    if args.sizes:
        with open(args.sizes) as f:
            merge(sizes, json.load(f))
    return sizes


def merge(below, above):
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            merge(below[key], value)
        else:
            below[key] = value


def generator(seed, name):
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def normal(seed, name, shape, deviation=1.0, mean=0.0):
    """float32 torch tensor of normally distributed numbers."""
    import torch

    return torch.from_numpy((mean + deviation * generator(seed, name).standard_normal(shape)).astype(np.float32))


def one_thread():
    """Sums in one order on every machine with the same CPU features."""
    import torch

    torch.set_num_threads(1)


def versions():
    import safetensors
    import torch
    import transformers

    return {"torch": torch.__version__, "transformers": transformers.__version__, "safetensors": safetensors.__version__, "numpy": np.__version__}


def save_tensors(path, tensors):
    from safetensors.torch import save_file

    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, path)


def save_json(path, value, indent=1):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f, indent=indent, allow_nan=False)
        f.write("\n")


def save_rows(path, head, rows):
    """A JSON object whose list `rows` has one line per row, for people and for diff."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f:
        f.write("{\n")
        for key, value in head.items():
            f.write(f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n")
        f.write(' "rows": [\n')
        f.write(",\n".join("  " + json.dumps(row, allow_nan=False) for row in rows))
        f.write("\n ]\n}\n")


def save_lines(path, rows):
    """JSON lines, ASCII only: unusual characters as \\u escapes."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as f:
        f.writelines(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n" for row in rows)


def difference(a, b):
    """The largest absolute difference of two tensors."""
    return float((a.double() - b.double()).abs().max()) if a.numel() else 0.0


def truncated(ids, limit):
    """The tokenizers' truncation: at most `limit` ids, the last one stays the end token."""
    return ids if len(ids) <= limit else ids[: limit - 1] + [ids[-1]]


def until_end(sequence, end=2):
    """A generated sequence without the padding after its end token (the start token may be the same id)."""
    return sequence[: sequence.index(end, 1) + 1] if end in sequence[1:] else sequence


class Recorder:
    """Outputs of modules during a forward pass, under the names given."""

    def __init__(self):
        self.seen, self.handles = {}, []

    def watch(self, module, name):
        def hook(_module, _arguments, output):
            self.seen[name] = (output[0] if isinstance(output, tuple) else output).detach().clone()

        self.handles.append(module.register_forward_hook(hook))

    def stop(self):
        for handle in self.handles:
            handle.remove()
        return self.seen
