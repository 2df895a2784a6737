"""Images beside those of the topic pictures_more: every combination that Pillow reads of TIFF's samples, byte orders and layouts, BMP's headers
and palettes, GIF's frames and palettes, JPEG 2000's colour boxes. All are drawn, and small.

    python image_neighbours.py --out MADE/image_neighbours [--seed 1]

Writes images/ and expected.jsonl with the fields of ../pictures_more that a comparison of bytes needs. What Pillow refuses, or misreads (see
docs/FORMATS.md), is not made.
"""

import io
import itertools
import json
import os
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

from common import arguments, generator
from preprocess import clip_pixels, digest

SIZES = (224, 96)
SHORT, LONG = 3, 4


def drawing(rng, w, h):
    y, x = np.mgrid[0:h, 0:w]
    planes = [128 + 127 * np.sin(x * a + y * b + c) for a, b, c in rng.uniform(0, 0.5, (3, 3)) * (1, 1, 12)]
    out = np.stack(planes, -1) + rng.normal(0, 5, (h, w, 1))
    out[(x // 7 + y // 5) % 5 == 0] = rng.integers(0, 256, 3)
    return np.clip(out, 0, 255).astype(np.uint8)


# ---- TIFF ---------------------------------------------------------------------------------------------------------


def packed_rows(samples, bits, order):
    """[h, w, c] -> rows of bytes."""
    if samples.dtype.kind == "f":
        return [row.astype(order + "f4").tobytes() for row in samples.reshape(len(samples), -1)]
    if bits >= 8:
        return [row.astype(f"{order}u{bits // 8}").tobytes() for row in samples.reshape(len(samples), -1)]
    return [np.packbits((row[:, None].astype(int) >> np.arange(bits - 1, -1, -1)) & 1).tobytes() for row in samples.reshape(len(samples), -1)]


def tiff(samples, order, bits=8, photometric=2, compression=1, tiled=False, apart=False, tags=()):
    """One page. tags: (tag, values), all SHORT, beside those that follow from the rest."""
    h, w, c = samples.shape
    planes = [samples[:, :, i:i + 1] for i in range(c)] if apart else [samples]
    pieces = []
    for plane in planes:
        if tiled:
            padded = np.zeros((-(-h // 16) * 16, -(-w // 32) * 32, plane.shape[2]), plane.dtype)
            padded[:h, :w] = plane
            pieces += [padded[y:y + 16, x:x + 32] for y in range(0, h, 16) for x in range(0, w, 32)]
        else:
            pieces += [plane[y:y + 7] for y in range(0, h, 7)]
    data = [b"".join(packed_rows(p, bits, order)) for p in pieces]
    data = [zlib.compress(d) for d in data] if compression in (8, 32946) else data
    offsets = [8 + sum(len(d) + len(d) % 2 for d in data[:i]) for i in range(len(data))]
    body = b"".join(d + b"\0" * (len(d) % 2) for d in data)
    entries = [(256, LONG, [w]), (257, LONG, [h]), (258, SHORT, [bits] * c), (259, SHORT, [compression]), (262, SHORT, [photometric]), (277, SHORT, [c])]
    entries += [(322, SHORT, [32]), (323, SHORT, [16]), (324, LONG, offsets), (325, LONG, [len(d) for d in data])] if tiled else \
        [(273, LONG, offsets), (278, LONG, [7]), (279, LONG, [len(d) for d in data])]
    entries += [(284, SHORT, [2])] if apart else []
    entries += [(339, SHORT, [3] * c)] if samples.dtype.kind == "f" else []
    entries += [(tag, SHORT, values) for tag, values in tags]
    directory, at = b"", 8 + len(body)
    for tag, kind, values in sorted(entries):
        value = struct.pack(order + ("H" if kind == SHORT else "I") * len(values), *values)
        if len(value) > 4:
            value, body = struct.pack(order + "I", at), body + value + b"\0" * (len(value) % 2)
            at = 8 + len(body)
        directory += struct.pack(order + "HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    count = len(entries)
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, at) + body + struct.pack(order + "H", count) + directory + b"\0" * 4


def premultiplied(rgba):
    x = rgba.astype(int)
    x[:, :, :-1] = x[:, :, :-1] * x[:, :, -1:] // 255
    return x.astype(np.uint8)


def tiffs(rng):
    for order, (compression, tiled, apart) in itertools.product("<>", ((1, False, False), (8, True, False), (32946, False, True))):
        w, h = (int(v) for v in rng.integers(20, 50, 2))
        rgb = drawing(rng, w, h)
        rgba = np.concatenate([rgb, drawing(rng, w, h)[:, :, :1]], 2)
        grey, wide = rgb[:, :, :1], rgb[:, :, :1].astype(np.int64) * 3 - 100
        layout = dict(compression=compression, tiled=tiled, apart=apart)
        name = f"{'little' if order == '<' else 'big'}_{compression}"
        make = lambda samples, **options: tiff(samples, order, **{**layout, **options})
        yield f"tiff_rgb_{name}.tif", make(rgb)
        yield f"tiff_rgb16_{name}.tif", make(rgb.astype(np.uint16) * 257 ^ 0x35, bits=16)
        yield f"tiff_cmyk_{name}.tif", make(rgba, photometric=5)
        if not apart:  # planes apart with alpha: Pillow takes another plane for it
            for extra in (0, 1, 2, 999):
                samples = premultiplied(rgba) if extra == 1 else rgba
                yield f"tiff_rgba_{extra}_{name}.tif", make(samples, tags=[(338, [extra])])
            for extra in (0, 1, 2):
                yield f"tiff_rgba16_{extra}_{name}.tif", make((premultiplied(rgba) if extra == 1 else rgba).astype(np.uint16) * 257, bits=16, tags=[(338, [extra])])
            yield f"tiff_rgba_no_tag_{name}.tif", make(rgba)
            yield f"tiff_la_{name}.tif", make(rgba[:, :, 2:], photometric=1, tags=[(338, [2])])
            yield f"tiff_lx_{name}.tif", make(rgba[:, :, 2:], photometric=1, tags=[(338, [0])])
            yield f"tiff_five_{name}.tif", make(np.concatenate([rgba, grey], 2), tags=[(338, [2, 0])])
            yield f"tiff_cmyk16_{name}.tif", make(rgba.astype(np.uint16) * 257, photometric=5, bits=16)
            yield f"tiff_cmykx_{name}.tif", make(np.concatenate([rgba, grey], 2), photometric=5, tags=[(338, [0])])
            for bits, photometric in itertools.product((1, 2, 4, 8), (0, 1)):
                yield f"tiff_grey{bits}_{photometric}_{name}.tif", make(grey >> (8 - bits), bits=bits, photometric=photometric)
            for bits in (1, 2, 4, 8):
                colours = (rng.integers(0, 256, (3, 1 << bits)) * 257).reshape(-1).tolist()
                yield f"tiff_palette{bits}_{name}.tif", make(grey >> (8 - bits), bits=bits, photometric=3, tags=[(320, colours)])
            yield f"tiff_grey16_{name}.tif", make(wide + 100, bits=16, photometric=1)
            yield f"tiff_grey16_signed_{name}.tif", make(wide % 65536, bits=16, photometric=1, tags=[(339, [2])])
            yield f"tiff_grey32_signed_{name}.tif", make(wide % 2**32, bits=32, photometric=1, tags=[(339, [2])])
            yield f"tiff_float_{name}.tif", make((wide * 0.9).astype(np.float32), bits=32, photometric=1)
            yield f"tiff_ycbcr_{name}.tif", make(rgb, photometric=6, tags=[(530, [1, 1])])
        for orientation in (4, 5, 7) if order == "<" else (2, 8):
            yield f"tiff_orientation{orientation}_{name}.tif", make(rgb, tags=[(274, [orientation])])
    image = Image.fromarray(drawing(rng, 37, 29))
    for kind in ("lzma", "zstd", "jpeg", "tiff_lzw", "packbits"):
        yield f"tiff_{kind}.tif", saved(image, "TIFF", compression=kind)
        yield f"tiff_cmyk_{kind}.tif", saved(image.convert("CMYK"), "TIFF", compression=kind)


# ---- BMP, GIF, JPEG 2000 ------------------------------------------------------------------------------------------


def saved(image, kind, **options):
    f = io.BytesIO()
    image.save(f, kind, **options)
    return f.getvalue()


def bmps(rng):
    for size, bits, grey in itertools.product((12, 40, 52, 56, 64, 108, 124), (1, 4, 8), (False, True)):
        colours = 1 << bits if size == 12 else int(rng.integers(2, (1 << bits) + 1))
        if grey and (bits != 8 or colours == 2):
            continue  # Pillow reads such rows by another number of bits
        w, h = (int(v) for v in rng.integers(1, 40, 2))
        indices = rng.integers(0, colours, (h, w)).astype(np.uint8)
        palette = np.repeat(np.arange(colours)[:, None], 3, 1) if grey else rng.integers(0, 256, (colours, 3))
        rows = [np.packbits((r[:, None] >> np.arange(bits - 1, -1, -1)) & 1).tobytes() for r in indices[::-1]]
        data = b"".join(r + b"\0" * (-len(r) % 4) for r in rows)
        header = struct.pack("<IHHHH", 12, w, h, 1, bits) if size == 12 else \
            (struct.pack("<IiiHHIIiiII", size, w, h, 1, bits, 0, len(data), 0, 0, colours, 0)).ljust(size, b"\0")
        table = b"".join(bytes(c[::-1].astype(np.uint8)) + b"\0" * (size != 12) for c in palette)
        at = 14 + len(header) + len(table)
        yield f"bmp_{size}_{bits}{'_grey' if grey else ''}.bmp", b"BM" + struct.pack("<IHHI", at + len(data), 0, 0, at) + header + table + data


def literal_codes(indices):
    """LZW of 8 bits that only says its pixels: a clear code before the table can grow past 9 bits."""
    codes = []
    for i, v in enumerate(indices.reshape(-1).tolist()):
        codes += ([256] if i % 200 == 0 else []) + [v]
    acc = sum(c << (9 * i) for i, c in enumerate(codes + [257]))
    data = acc.to_bytes((9 * (len(codes) + 1) + 7) // 8, "little")
    return b"\x08" + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gifs(rng):
    for n in range(24):
        w, h, x, y = (int(v) for v in (*rng.integers(1, 50, 2), *rng.integers(0, 9, 2)))
        bits, local, shared = int(rng.integers(1, 9)), n % 3 == 0, n % 4 != 3
        indices = rng.integers(0, min(256, (1 << bits) + (n % 5 == 0)), (h, w)).astype(np.uint8)
        table = rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()
        other = bytes(i for i in range(1 << bits) for _ in range(3)) if n % 2 else rng.integers(0, 256, 3 << bits, dtype=np.uint8).tobytes()
        rows = np.concatenate([indices[0::8], indices[4::8], indices[2::4], indices[1::2]]) if n % 2 else indices
        control = b"!\xf9\x04" + bytes([1 | int(rng.integers(0, 4)) << 2, 0, 0, int(rng.integers(0, 1 << bits))]) + b"\0" if n % 3 else b""
        frame = b"," + struct.pack("<HHHHB", x, y, w, h, 64 * (n % 2) | (128 | bits - 1) * local) + (other if local else b"")
        screen = struct.pack("<HHBBB", w + int(rng.integers(0, 12)), h + int(rng.integers(0, 12)), (128 | bits - 1) * shared, 1, 0)
        yield f"gif_{n}.gif", b"GIF8" + b"79"[n % 2:n % 2 + 1] + b"a" + screen + (table if shared else b"") + control + frame + literal_codes(rows) + b";"


def with_colour_space(jp2, space):
    at = jp2.index(b"colr") + 7
    return jp2[:at] + struct.pack(">I", space) + jp2[at + 4:]


def with_palette(jp2, colours):
    at = jp2.index(b"jp2h") - 4
    length = struct.unpack(">I", jp2[at:at + 4])[0]
    body = struct.pack(">HB", len(colours), 3) + b"\7\7\7" + colours.tobytes()
    maps = b"".join(struct.pack(">HBB", 0, 1, i) for i in range(3))
    inside = with_colour_space(jp2[at + 8:at + length], 16) + struct.pack(">I", 8 + len(body)) + b"pclr" + body + struct.pack(">I", 20) + b"cmap" + maps
    return jp2[:at] + struct.pack(">I", 8 + len(inside)) + b"jp2h" + inside + jp2[at + length:]


def jpeg2000s(rng):
    rgb = Image.fromarray(drawing(rng, 43, 31))
    rgba = rgb.copy()
    rgba.putalpha(rgb.convert("L").rotate(180))
    for space in (0, 15, 16, 17, 18):
        yield f"jp2_rgb_{space}.jp2", with_colour_space(saved(rgb, "JPEG2000"), space)
    for space in (12, 16):
        yield f"jp2_four_{space}.jp2", with_colour_space(saved(rgba, "JPEG2000"), space)
    for n in (16, 40, 256):
        indices = Image.fromarray((np.asarray(rgb)[:, :, 0].astype(int) * n // 256).astype(np.uint8))
        yield f"jp2_palette{n}.jp2", with_palette(saved(indices, "JPEG2000"), rng.integers(0, 256, (n, 3), dtype=np.uint8))
    for name, image in (("l", rgb.convert("L")), ("la", rgba.convert("LA")), ("i16", Image.fromarray(np.asarray(rgb)[:, :, 0].astype(np.uint16) * 5))):
        yield f"jp2_{name}.jp2", saved(image, "JPEG2000")
        yield f"jp2_{name}.j2k", saved(image, "JPEG2000", no_jp2=True)


def describe(name, data):
    image = Image.open(io.BytesIO(data))
    image.load()
    decoded, rgb = np.asarray(image), np.asarray(image.convert("RGB"))
    line = {"file": "images/" + name, "format": image.format, "mode": image.mode, "width": image.width, "height": image.height, "exact": True}
    if image.mode != "1":
        line["decoded_sha256"] = digest(decoded)
    line["decoded_rgb_sha256"] = digest(rgb)
    return {**line, **{f"sha256_{size}": digest(clip_pixels(image, size)) for size in SIZES}}


def main():
    args = arguments(__doc__).parse_args()
    warnings.simplefilter("ignore")
    os.makedirs(os.path.join(args.out, "images"), exist_ok=True)
    with open(os.path.join(args.out, "expected.jsonl"), "w") as lines:
        for make in (tiffs, bmps, gifs, jpeg2000s):
            for name, data in make(generator(args.seed, make.__name__)):
                try:
                    lines.write(json.dumps(describe(name, data)) + "\n")
                except (OSError, ValueError) as error:
                    print(f"{name} is left out, Pillow says: {error}")
                    continue
                with open(os.path.join(args.out, "images", name), "wb") as f:
                    f.write(data)


if __name__ == "__main__":
    main()
