"""Ingest of JPEGs from a folder and from tars: this program, a plain h5py script, and cp; embeddings from four sources; an update. See bench/archives.sh."""

import argparse
import glob
import io
import os
import random
import shutil
import struct
import subprocess
import sys
import tarfile
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


def make_tars(source, folder, each):
    """webdataset's tars of the images, `each` in one."""
    os.makedirs(folder)
    names = sorted(glob.glob(source + "/*.jpg"))
    for first in range(0, len(names), each):
        with tarfile.open(f"{folder}/{first // each:05d}.tar", "w") as t:
            for name in names[first : first + each]:
                t.add(name, os.path.basename(name))


def from_folder(source):
    for name in sorted(glob.glob(source + "/*.jpg")):
        with open(name, "rb") as f:
            yield os.path.basename(name)[:-4], f.read()


def from_tars(source):
    for path in sorted(glob.glob(source + "/*.tar")):
        with tarfile.open(path) as t:
            for member in t:
                yield member.name[:-4], t.extractfile(member).read()


def with_h5py(source, out):
    """What such a script does: read, look at the header, hash, write in chunks with Fletcher-32, sync."""
    os.makedirs(out)
    path = out + "/images.h5"
    with h5py.File(path, "w") as f:
        images = f.create_dataset("images", (0,), "u1", maxshape=(None,), chunks=(1 << 20,), fletcher32=True)
        keys, offsets, hashes, sizes = [], [0], [], []
        for key, data in from_tars(source) if glob.glob(source + "/*.tar") else from_folder(source):
            keys.append(key)
            sizes.append(Image.open(io.BytesIO(data)).size)
            hashes.append(xxhash.xxh3_128_hexdigest(data))
            offsets.append(offsets[-1] + len(data))
            images.resize((offsets[-1],))
            images[offsets[-2] :] = numpy.frombuffer(data, "u1")
        f["offsets"] = offsets
        f["sizes"] = sizes
        f["content_hash"] = numpy.array(hashes, "S32")
        f["keys"] = numpy.array(keys, "S")
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


def best_of(ways, turns=3):
    """Seconds of each way, the best of its turns; {name: (run, clean)}, one after the other in each turn."""
    best = {}
    for turn in range(turns):
        for name, (run, clean) in ways.items():
            begun = time.monotonic()
            run()
            seconds = time.monotonic() - begun
            clean()
            best[name] = min(best.get(name, seconds), seconds)
            print(f"turn {turn + 1}: {name}: {seconds:.2f} s", file=sys.stderr)
    return best


def show(title, best, images, against):
    print(f"| {title} | seconds | images/s | against {against} |")
    print("|---|---|---|---|")
    for name, seconds in best.items():
        print(f"| {name} | {seconds:.2f} | {images / seconds:.0f} | {seconds / best[against]:.2f} |")
    print()


class Bench:
    def __init__(self, program, folder, images):
        self.program, self.folder, self.images = program, folder, images
        self.source, self.out, self.tars = (folder + name for name in ("/source", "/out", "/tars"))
        self.bytes = make_images(self.source, images)
        make_tars(self.source, self.tars, 1000)
        subprocess.run(["sync", "-f", folder], check=True)

    def run(self, *words):
        subprocess.run([self.program, *words], check=True, stderr=subprocess.DEVNULL)

    def clean(self):
        shutil.rmtree(self.out)

    def ingest(self, source, what):
        ways = {
            "ingest": lambda: self.run("ingest", source, "--out", self.out),
            "h5py, xxhash, Pillow": lambda: with_h5py(source, self.out),
            "cp -r, sync": lambda: with_cp(source, self.out),
        }
        title = f"{self.images} JPEGs of {self.bytes / 1000:.0f} kB, {what}"
        show(title, best_of({name: (way, self.clean) for name, way in ways.items()}), self.images, "ingest")

    def embed(self, clip):
        dataset, pixels = self.folder + "/dataset", self.folder + "/pixels"
        self.run("ingest", self.source, "--out", dataset)
        self.run("ingest", self.source, "--out", pixels, "--set", "ingest.store=pixels", "--set", f"clip.model={clip}")
        words = lambda source: ("embed-images", "--run", self.out, "--set", f"input.path={source}", "--set", f"clip.model={clip}")
        ways = {
            name: (lambda source=source: self.run(*words(source)), self.clean)
            for name, source in (("folder", self.source), ("tars", self.tars), ("dataset", dataset), ("pixels", pixels))
        }
        show("embed-images from", best_of(ways), self.images, "folder")

    def update(self, clip):
        """One in a hundred images is new: an update of the run against a fresh run of all."""
        words = ("embed-images", "--set", f"input.path={self.source}", "--set", f"clip.model={clip}", "--run")
        names = sorted(glob.glob(self.source + "/*.jpg"))[::100]
        for name in names:
            os.rename(name, self.folder + "/" + os.path.basename(name))
        before = self.folder + "/before"
        self.run(*words, before)
        for name in names:
            os.rename(self.folder + "/" + os.path.basename(name), name)
        best = {}
        for turn in range(3):
            shutil.copytree(before, self.out)
            for name, run in (("update of 1 %", [*words, self.out, "--update"]), ("nothing new", [*words, self.out, "--update"])):
                begun = time.monotonic()
                self.run(*run)
                best[name] = min(best.get(name, 1e9), time.monotonic() - begun)
            self.clean()
            begun = time.monotonic()
            self.run(*words, self.out)
            best["fresh run"] = min(best.get("fresh run", 1e9), time.monotonic() - begun)
            self.clean()
        show("embed-images from a folder", best, self.images, "fresh run")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--clip", required=True)
    a = parser.parse_args()
    bench = Bench(a.program, a.folder, a.images)
    bench.ingest(bench.source, "from a folder")
    bench.ingest(bench.tars, "from tars")
    bench.embed(a.clip)
    bench.update(a.clip)


main()
