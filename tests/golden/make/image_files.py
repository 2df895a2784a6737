"""PNG and BMP files written by hand, for what Pillow does not write; small images cut at random from photos."""

import glob
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, steps right, down


class Pieces:
    """Random pieces of the photos of a folder, resized to the size asked for: another seed or folder gives other images."""

    def __init__(self, folder, rng):
        self.paths = sorted(p for kind in ("png", "jpg") for p in glob.glob(os.path.join(folder, "*." + kind)))
        self.rng, self.photos = rng, {}

    def cut(self, w, h):
        path = self.paths[self.rng.integers(len(self.paths))]
        if path not in self.photos:
            self.photos[path] = Image.open(path).convert("RGB")
        photo = self.photos[path]
        scale = min(photo.width / w, photo.height / h) * self.rng.uniform(0.6, 1.0)
        width, height = max(1, int(w * scale)), max(1, int(h * scale))
        x, y = self.rng.integers(photo.width - width + 1), self.rng.integers(photo.height - height + 1)
        return photo.crop((x, y, x + width, y + height)).resize((w, h), Image.LANCZOS)

    def pixels(self, w, h):
        return np.asarray(self.cut(w, h))

    def few_colours(self, w, h, n):
        return self.cut(w, h).quantize(n, dither=Image.Dither.NONE)


def alpha_plane(rng, w, h):
    """Opaque, clear and half-clear parts with soft edges between them."""
    wave = np.linspace(-1, 1, w)[None, :] * rng.uniform(0.7, 1.5) + np.linspace(-1, 1, h)[:, None] * rng.uniform(0.7, 1.5)
    return Image.fromarray(np.clip(128 + 180 * np.sin(4 * wave), 0, 255).astype(np.uint8))


def encoded(image, kind, **options):
    f = io.BytesIO()
    image.save(f, kind, **options)
    return f.getvalue()


def png(width, height, bits, colour_type, rows, palette=None, transparency=None, interlaced=False):
    """rows: scanlines, each with its filter's byte in front."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, interlaced))
    if palette is not None:
        out += chunk(b"PLTE", palette)
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def scanlines(samples, bits):
    """[h, width · channels] samples -> scanlines without filter, `bits` per sample."""
    out = []
    for line in samples:
        if bits == 16:
            data = line.astype(">u2").tobytes()
        elif bits == 8:
            data = line.astype(np.uint8).tobytes()
        else:
            data = np.packbits(((line[:, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)).tobytes()
        out.append(b"\0" + data)
    return b"".join(out)


def interlaced_scanlines(samples, channels, bits):
    """The seven passes of an interlaced PNG, one after the other."""
    pixels, out = samples.reshape(len(samples), -1, channels), b""
    for x, y, right, down in ADAM7:
        part = pixels[y::down, x::right]
        if part.size:
            out += scanlines(part.reshape(part.shape[0], -1), bits)
    return out


def bmp_headers(w, h, bits, compression, data_bytes, per_metre, palette):
    table = b"".join(bytes([b, g, r, 0]) for r, g, b in palette)
    at = 54 + len(table)
    return (b"BM" + struct.pack("<IHHI", at + data_bytes, 0, 0, at)
            + struct.pack("<IiiHHIIiiII", 40, w, h, 1, bits, compression, data_bytes, per_metre, per_metre, len(palette), 0) + table)


def bmp(rgb, bits, top_down=False):
    """24 or 32 bits; the fourth byte is 77, and means nothing."""
    h, w, _ = rgb.shape
    body = b""
    for row in rgb if top_down else rgb[::-1]:
        line = np.concatenate([row[:, ::-1], np.full((w, 1), 77, np.uint8)], 1) if bits == 32 else row[:, ::-1]
        body += line.tobytes() + b"\0" * (-line.size % 4)
    return bmp_headers(w, -h if top_down else h, bits, 0, len(body), 2835, []) + body


def bmp_rle8(indices, palette):
    """8 bits, run-length encoded, with runs alone."""
    h, w = indices.shape
    body = b""
    for row in indices[::-1]:
        x = 0
        while x < w:
            run = 1
            while x + run < w and run < 255 and row[x + run] == row[x]:
                run += 1
            body += bytes([run, int(row[x])])
            x += run
        body += b"\0\0"
    body += b"\0\1"
    return bmp_headers(w, h, 8, 1, len(body), 0, palette) + body
