"""Pillow: decode and resize as CLIP does, and resize alone; as many processes as threads. decode.py THREADS ROUNDS FILE…
decode.py --make FOLDER writes the test images."""

import io
import json
import multiprocessing
import os
import random
import sys
import time

import PIL
from PIL import Image

SIZE = 224


def make(folder):
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(1)
    for i, (w, h) in enumerate([(640, 480), (480, 640), (500, 375), (1024, 768)] * 8):
        small = Image.frombytes("RGB", (w // 16, h // 16), rng.randbytes(w // 16 * (h // 16) * 3))
        small.resize((w, h), Image.Resampling.BICUBIC).save(os.path.join(folder, f"{i:02d}.jpg"), quality=90)


def resize(image):
    w, h = image.size
    size = (SIZE, int(SIZE * h / w)) if w <= h else (int(SIZE * w / h), SIZE)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - SIZE) / 2.0), round((size[1] - SIZE) / 2.0)
    return image.crop((left, top, left + SIZE, top + SIZE)).convert("RGB")


def whole(job):
    data, rounds = job
    start = time.monotonic()
    for _ in range(rounds):
        for d in data:
            resize(Image.open(io.BytesIO(d)))
    mid = time.monotonic()
    images = [Image.open(io.BytesIO(d)) for d in data]
    for image in images:
        image.load()
    begin = time.monotonic()
    for _ in range(rounds):
        for image in images:
            resize(image)
    return mid - start, time.monotonic() - begin


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(sys.argv[2])
        sys.exit()
    threads, rounds, files = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    data = [open(f, "rb").read() for f in files]
    with multiprocessing.Pool(threads) as pool:
        parts = [(data[i::threads], rounds) for i in range(threads)]
        times = pool.map(whole, parts, 1)
    n = rounds * len(files)
    print(json.dumps({"rate": n / max(t[0] for t in times), "resize_rate": n / max(t[1] for t in times), "pillow": PIL.__version__}))
