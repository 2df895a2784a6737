"""Pillow: decode and resize as CLIP does, or resize alone; as many processes as threads. decode.py decode|resize THREADS TIMES FILE…
decode.py --make FOLDER [COUNT] writes test images."""

import io
import json
import multiprocessing
import os
import random
import sys
import time

import PIL
from PIL import Image
from rounds import serve

SIZE = 224


def make(folder, count):
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(1)
    for i, (w, h) in enumerate([(640, 480), (480, 640), (500, 375), (1024, 768)] * (count // 4)):
        small = Image.frombytes("RGB", (w // 16, h // 16), rng.randbytes(w // 16 * (h // 16) * 3))
        small.resize((w, h), Image.Resampling.BICUBIC).save(os.path.join(folder, f"{i:03d}.jpg"), quality=90)


def resize(image):
    w, h = image.size
    size = (SIZE, int(SIZE * h / w)) if w <= h else (int(SIZE * w / h), SIZE)
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - SIZE) / 2.0), round((size[1] - SIZE) / 2.0)
    return image.crop((left, top, left + SIZE, top + SIZE)).convert("RGB")


def begin(files, parts):
    """A process's own share of the files, and for `resize` decoded."""
    global share
    share = [io.BytesIO(open(f, "rb").read()) for f in files[parts.get() :: threads]]
    if topic == "resize":
        share = [Image.open(data) for data in share]
        for image in share:
            image.load()


def work(times):
    start = time.process_time()
    for _ in range(times):
        for x in share:
            resize(Image.open(x) if topic == "decode" else x)
    barrier.wait()  # no process takes another's part too
    return time.process_time() - start


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 32)
        sys.exit()
    topic, threads, times, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    context = multiprocessing.get_context("fork")
    barrier, parts = context.Barrier(threads), context.Queue()
    for t in range(threads):
        parts.put(t)
    used = 0
    with context.Pool(threads, begin, (files, parts)) as pool:

        def round_of_all():
            global used
            used += sum(pool.map(work, [times] * threads, 1))
            return times * len(files)

        serve({"name": f"Pillow {PIL.__version__}, {threads} processes"}, round_of_all, lambda: used)
