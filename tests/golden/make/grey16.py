"""16-bit grey images as Pillow resizes them: a list of recipes and digests, no files.

    python grey16.py --out MADE/pictures_more [--seed 1]

Writes grey16.jsonl. An image follows from its line in integers alone (`pixels`; tests/golden/test_pictures_more.c has the same), and each
line's digest is of Pillow's result.
"""

import json
import os

import numpy as np
from PIL import Image

from common import arguments
from preprocess import clip_pixels, digest

COUNT = 300
KINDS = ("low_noise", "low_ramp", "smooth", "edges", "noise")
SIZES = (16, 31, 48, 64, 77, 96, 100, 128, 150, 160, 192, 224)


def draws(seed, n):
    """The 16 high bits of splitmix64's numbers 0 to n - 1."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return ((z ^ z >> np.uint64(31)) >> np.uint64(48)).astype(np.int64)


def pixels(kind, w, h, seed):
    r = draws(seed, w * h).reshape(h, w)
    y, x = np.mgrid[0:h, 0:w]
    return {"noise": lambda: r,
            "low_noise": lambda: r % 420,
            "low_ramp": lambda: x * 190 // w + y * 130 // h + r % 3,
            "smooth": lambda: x * (w - 1 - x) * 600 // (w * w) + y * (h - 1 - y) * 400 // (h * h) + r % 2,
            "edges": lambda: r[y // 5 * 5, x // 7 * 7] % 300}[kind]().astype(np.uint16)


def main():
    args = arguments(__doc__).parse_args()
    rng = np.random.default_rng([args.seed, 16])
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "grey16.jsonl"), "w") as lines:
        for n in range(COUNT):
            kind = KINDS[n % len(KINDS)]
            w, h = (int(v) for v in rng.integers(17, 230, 2))
            if n == 1:
                w, h = 160, 140
            if n % 29 == 3:
                h = int(2.6 * w)  # the passes change places
            size = 128 if n == 1 else int(rng.choice(SIZES))
            seed = int(rng.integers(1, 1 << 53))
            image = Image.fromarray(pixels(kind, w, h, seed))
            lines.write(json.dumps({"n": n, "kind": kind, "width": w, "height": h, "seed": seed, "size": size, "sha256": digest(clip_pixels(image, size))}) + "\n")


if __name__ == "__main__":
    main()
