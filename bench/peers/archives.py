"""Ingest of a folder of JPEGs: this program, a plain h5py script, and cp. See bench/archives.sh."""

import argparse
import glob
import io
import os
import random
import shutil
import struct
import subprocess
import sys
import time

import h5py
import numpy
import xxhash
from PIL import Image


def make_images(folder, count):
    """JPEGs of about 100 kB, all different: a comment in each."""
    random.seed(1)
    noise = numpy.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=numpy.uint8)
    grain = numpy.random.default_rng(2).integers(-24, 25, (480, 640, 3))
    image = numpy.asarray(Image.fromarray(noise).resize((640, 480), Image.BICUBIC)).astype(int) + grain
    data = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(numpy.uint8)).save(data, "JPEG", quality=75)
    jpeg = data.getvalue()
    os.makedirs(folder)
    for i in range(count):
        text = b"%016x" % random.getrandbits(64)
        with open(f"{folder}/{i:06d}.jpg", "wb") as f:
            f.write(jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:])
    return len(jpeg)


def with_h5py(source, out):
    """What such a script does: read, look at the header, hash, write in chunks with Fletcher-32, sync."""
    os.makedirs(out)
    names = sorted(glob.glob(source + "/*.jpg"))
    path = out + "/images.h5"
    with h5py.File(path, "w") as f:
        images = f.create_dataset("images", (0,), "u1", maxshape=(None,), chunks=(1 << 20,), fletcher32=True)
        offsets, hashes, sizes = [0], [], []
        for name in names:
            with open(name, "rb") as g:
                data = g.read()
            sizes.append(Image.open(io.BytesIO(data)).size)
            hashes.append(xxhash.xxh3_128_hexdigest(data))
            offsets.append(offsets[-1] + len(data))
            images.resize((offsets[-1],))
            images[offsets[-2] :] = numpy.frombuffer(data, "u1")
        f["offsets"] = offsets
        f["sizes"] = sizes
        f["content_hash"] = numpy.array(hashes, "S32")
        f["keys"] = numpy.array([os.path.basename(n)[:-4] for n in names], "S")
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    digest = xxhash.xxh3_128()
    with open(path, "rb") as f:
        while block := f.read(1 << 24):
            digest.update(block)
    with open(out + "/checksum", "w") as f:
        f.write(digest.hexdigest())


def with_cp(source, out):
    subprocess.run(["cp", "-r", source, out], check=True)
    subprocess.run(["sync", "-f", out], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--images", type=int, required=True)
    a = parser.parse_args()
    source, out = a.folder + "/source", a.folder + "/out"
    size = make_images(source, a.images)
    subprocess.run(["sync", "-f", source], check=True)

    def ingest(source, out):
        subprocess.run([a.program, "ingest", source, "--out", out], check=True, stderr=subprocess.DEVNULL)

    ways = {"antarctic ingest": ingest, "h5py, xxhash, Pillow": with_h5py, "cp -r, sync": with_cp}
    best = {}
    for turn in range(3):
        for name, way in ways.items():
            begun = time.monotonic()
            way(source, out)
            seconds = time.monotonic() - begun
            shutil.rmtree(out)
            best[name] = min(best.get(name, seconds), seconds)
            print(f"turn {turn + 1}: {name}: {seconds:.2f} s", file=sys.stderr)
    ours = best["antarctic ingest"]
    print(f"| {a.images} JPEGs of {size / 1000:.0f} kB | seconds | images/s | against ingest |")
    print("|---|---|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds:.2f} | {a.images / seconds:.0f} | {seconds / ours:.2f} |")


main()
