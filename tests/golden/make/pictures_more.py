"""Golden data of the image formats beyond JPEG, PNG and WebP: BMP, GIF, TIFF, JPEG 2000, AVIF, HEIC, JPEG XL.

    python pictures_more.py --out MADE/pictures_more [--seed 1]

Writes images/ and broken/, all drawn at random, and what Pillow with pillow-heif and pillow-jxl-plugin makes of them: expected.jsonl,
expected_rgb.safetensors, broken.jsonl, versions.json. Ten files are written by the programs avifenc and opj_compress (Debian: libavif-bin,
libopenjp2-tools). The fields `note`, `why` and `debian` of the stored rows, which no test reads, and measured.json are not made here.
"""

import io
import os
import subprocess
import tempfile
import warnings

import numpy as np
import PIL
import pillow_heif
import pillow_jxl  # noqa: F401  (Pillow reads and writes JPEG XL with it)
from PIL import Image, features
from safetensors.numpy import save_file

import bmp_gif_tiff as make
from bmp_gif_tiff import (BLUE, DEFLATE, GREEN, LZW, NONE, OLD_DEFLATE, PACKBITS, RED, TOP, Tiff, bmp, dib, frame, gif, line, nibbles, table,
                          tiff, words)
from common import arguments, save_json
from image_files import encoded
from pictures_broken import broken_files
from preprocess import clip_pixels, digest, write_files, write_rows

# What another version of a lossy decoder may differ by: (max, mean) of the bytes.
TOLERANCES = {"AVIF": (2, 0.1), "AVIF deep": (8, 1.5), "HEIF": (6, 0.3), "HEIF deep": (8, 1.2), "JXL": (6, 0.6), "JXL from JPEG": (24, 1.6),
              "JPEG2000": (2, 0.05)}
PIXELS_KEPT = ("bmp_bitfields_v5_alpha.bmp", "bmp_bitfields_rgbx.bmp", "bmp_rle4.bmp", "gif_partial_first.gif", "gif_transparent.gif",
               "tiff_rgba_associated.tif", "tiff_cmyk.tif", "tiff_float32.tif", "tiff_grey16_low.tif", "tiff_orientation_6.tif",
               "jp2_rgba_lossless.jp2")  # beside all lossy images


class Draw:
    """Random drawings. The order of the calls decides what comes out: a new file goes to the end of its format."""

    def __init__(self, seed):
        self.rng = np.random.default_rng([seed, 77])

    def size(self, low=44, high=96):
        """Never square, so that exchanged rows and columns show."""
        w, h = self.rng.integers(low, high, 2).tolist()
        return w, h + 3 * (w == h)

    def rgb(self, w=None, h=None):
        """Slopes of colour with some discs, boxes and stripes on them, and sometimes grain: uint8 [h, w, 3]."""
        if w is None:
            w, h = self.size()
        rng, uniform = self.rng, self.rng.uniform
        y, x = np.mgrid[0:h, 0:w].astype(float)
        x, y = x / max(w - 1, 1), y / max(h - 1, 1)
        out = np.empty((h, w, 3))
        for channel in range(3):
            out[..., channel] = 255 * np.clip(uniform(0, 1) + uniform(-1, 1) * x + uniform(-1, 1) * y, 0, 1)
        for _ in range(rng.integers(4, 9)):
            colour, shape = rng.integers(0, 256, 3), rng.integers(3)
            left, top = x - uniform(0, 1), y - uniform(0, 1)
            wide, high = uniform(0.05, 0.35), uniform(0.05, 0.35)
            if shape == 0:
                where = (left / wide) ** 2 + (top / high) ** 2 < 1
            elif shape == 1:
                where = (np.abs(left) < wide) & (np.abs(top) < high)
            else:
                where = (np.abs(left) < wide) & (np.sin(uniform(20, 70) * (x * uniform(-1, 1) + y)) > 0)
            out[where] = colour
        return np.clip(out + rng.normal(0, rng.choice([0, 2, 6]), (h, w, 1)), 0, 255).astype(np.uint8)

    def image(self, *size):
        return Image.fromarray(self.rgb(*size))

    def grey(self):
        """uint8 [h, w, 1]"""
        return self.rgb()[:, :, :1]

    def alpha(self, w, h):
        y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
        return np.clip(128 + 190 * np.sin(4 * (x * self.rng.uniform(0.6, 1.5) + y * self.rng.uniform(0.6, 1.5))), 0, 255).astype(np.uint8)

    def rgba(self):
        rgb = self.rgb()
        return np.dstack([rgb, self.alpha(rgb.shape[1], rgb.shape[0])])

    def palette(self, n):
        return self.rng.integers(0, 256, (n, 3)).astype(np.uint8)

    def indices(self, w, h, n):
        return (self.rgb(w, h).astype(int).sum(-1) * n // 766).astype(np.uint8)

    def blocks16(self):
        """16-bit grey made of blocks of 3 x 3, values to 510."""
        return np.kron(self.rgb(24, 20)[:, :, 0].astype(np.uint16), np.ones((3, 3), np.uint16)) * 2

    def wide(self, top):
        """16-bit grey with noise, values to about `top`: [60, 72, 1]."""
        grey = np.kron(self.rgb(24, 20)[:, :, :1].astype(float), np.ones((3, 3, 1)))
        return np.clip(grey / 255 * top + self.rng.normal(0, 3, (60, 72, 1)), 0, 65535).astype(np.uint16)

    def damaged(self, data, first, last, count):
        data = bytearray(data)
        for at in self.rng.integers(first, last, count):
            data[at] ^= int(self.rng.integers(1, 256))
        return bytes(data)


def run_tool(tool, options, data, kind_in, kind_out):
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "in" + kind_in), os.path.join(folder, "out" + kind_out)
        with open(source, "wb") as f:
            f.write(data)
        order = ["-i", source, "-o", target] if tool == "opj_compress" else []
        subprocess.run([tool, *order, *options, *([] if order else [source, target])], check=True, capture_output=True)
        with open(target, "rb") as f:
            return f.read()


# ---- good images ----------------------------------------------------------------------------------------------------


def masked(d, header, masks, bits=32, alpha=False, top_down=False, gap=0):
    rgb = d.rgb()
    h, w, _ = rgb.shape
    plane = d.alpha(w, h) if alpha else np.full((h, w), 77, np.uint8) if len(masks) == 4 else None
    rows = [line(row) for row in (rgb[:, :, ::-1] if bits == 24 else words(rgb, masks, plane, bits))]
    return bmp(dib(header, w, -h if top_down else h, bits, 3, masks=masks), rows if top_down else rows[::-1], gap=b"\0" * gap)


def bmps(d):
    argb = (RED, GREEN, BLUE, TOP)
    for name, header, masks, options in (
        ("bitfields_v3", 40, argb[:3], {}),
        ("bitfields_v2_52", 52, argb[:3], {}),
        ("bitfields_v3_56_alpha", 56, argb, {"alpha": True}),
        ("bitfields_v4_alpha", 108, argb, {"alpha": True}),
        ("bitfields_v5_alpha", 124, argb, {"alpha": True}),
        ("bitfields_v5_alpha_topdown", 124, argb, {"alpha": True, "top_down": True}),
        ("bitfields_v4_no_alpha", 108, (RED, GREEN, BLUE, 0), {}),
        ("bitfields_rgbx", 40, (TOP, RED, GREEN), {}),
        ("bitfields_abgr", 124, (TOP, RED, GREEN, BLUE), {"alpha": True}),
        ("bitfields_rgba", 124, (BLUE, GREEN, RED, TOP), {"alpha": True}),
        ("bitfields_bgar", 108, (TOP, GREEN, BLUE, RED), {"alpha": True}),
        ("bitfields_bgxr", 108, (TOP, GREEN, BLUE, 0), {}),
        ("bitfields_24", 40, argb[:3], {"bits": 24}),
        ("565", 40, (0xF800, 0x7E0, 0x1F), {"bits": 16}),
        ("565_v4_topdown", 108, (0xF800, 0x7E0, 0x1F, 0), {"bits": 16, "top_down": True}),
        ("555_bitfields", 40, (0x7C00, 0x3E0, 0x1F), {"bits": 16}),
        ("565_gap", 40, (0xF800, 0x7E0, 0x1F), {"bits": 16, "gap": 2}),
    ):
        yield f"bmp_{name}.bmp", masked(d, header, masks, **options)
    rgb = d.rgb()
    h, w, _ = rgb.shape
    yield "bmp_555.bmp", bmp(dib(40, w, h, 16), [line(row) for row in words(rgb, (0x7C00, 0x3E0, 0x1F), None, 16)[::-1]])
    rgb = d.rgb()
    h, w, _ = rgb.shape
    # without BI_BITFIELDS a header's masks, and the fourth byte, mean nothing
    yield "bmp_32_v5_no_bitfields.bmp", bmp(dib(124, w, h, 32, masks=argb), list(words(rgb, argb, d.alpha(w, h))[::-1]))
    d.rgb()
    yield "bmp_masks_all_zero.bmp", bmp(dib(108, w, h, 32, 3), list(words(rgb, argb, d.alpha(w, h))[::-1]))

    for bits, colours in ((8, 40), (4, 13)):
        w, h = d.size()
        indices, palette = d.indices(w, h, colours), d.palette(colours)
        jumped = indices.copy()
        jumped[h - 6, :9] = 0
        for suffix, options in (("", {}), ("_absolute", {"literals": True}), ("_delta", {"jump": (5, 9)})):
            data = make.run_lengths(jumped if suffix == "_delta" else indices, bits == 4, **options)
            yield f"bmp_rle{bits}{suffix}.bmp", bmp(dib(40, w, h, bits, 1 if bits == 8 else 2, len(data), colours), [data], table(palette))
    w, h = d.size()
    indices, palette = d.indices(w, h, 16), d.palette(16)
    yield "bmp_4.bmp", bmp(dib(40, w, h, 4, colours=16), [line(nibbles(row)) for row in indices[::-1]], table(palette))
    yield "bmp_8_topdown.bmp", bmp(dib(40, w, -h, 8, colours=16), list(map(line, indices)), table(palette))
    rows = [line(np.packbits(row > 7)) for row in indices[::-1]]
    yield "bmp_1_coloured.bmp", bmp(dib(40, w, h, 1, colours=2), rows, table(palette[:2]))
    yield "bmp_1_inverted.bmp", bmp(dib(40, w, h, 1, colours=2), rows, table([[255] * 3, [0] * 3]))
    rgb = d.rgb()
    h, w, _ = rgb.shape
    rows = [line(row) for row in rgb[::-1, :, ::-1]]
    yield "bmp_os2_24.bmp", bmp(dib(12, w, h, 24), rows)
    yield "bmp_os2_v2_24.bmp", bmp(dib(64, w, h, 24), rows)
    w, h = d.size()
    indices, palette = d.indices(w, h, 256), d.palette(256)
    yield "bmp_os2_8.bmp", bmp(dib(12, w, h, 8), [line(row) for row in indices[::-1]], table(palette, 3))
    yield "bmp_os2_4.bmp", bmp(dib(12, w, h, 4), [line(nibbles(row)) for row in indices[::-1] >> 4], table(palette[:16], 3))


def gifs(d):
    w, h = d.size()
    indices, palette, greys = d.indices(w, h, 64), d.palette(64), [[i] * 3 for i in range(256)]
    yield "gif_87a.gif", gif(w, h, [frame(indices)], palette, b"87a")
    yield "gif_89a.gif", gif(w, h, [frame(indices)], palette)
    yield "gif_interlaced.gif", gif(w, h, [frame(indices, interlaced=True)], palette)
    yield "gif_transparent.gif", gif(w, h, [frame(indices, clear=3)], palette)
    yield "gif_local_palette.gif", gif(w, h, [frame(indices, palette=d.palette(64))], palette)
    yield "gif_local_palette_only.gif", gif(w, h, [frame(indices, palette=palette)])
    yield "gif_grey.gif", gif(w, h, [frame(indices)], greys)
    yield "gif_grey_transparent.gif", gif(w, h, [frame(indices, clear=5)], greys)
    yield "gif_no_palette.gif", gif(w, h, [frame(indices)])
    yield "gif_animated.gif", gif(w, h, [frame(d.indices(w, h, 64), delay=10, disposal=1) for _ in range(3)], palette, loop=True)
    part = indices[7:-5, 10:-8]
    yield "gif_partial_first.gif", gif(w, h, [frame(part, 10, 7, delay=5), frame(indices, delay=5)], palette, background=9)
    yield "gif_partial_first_transparent.gif", gif(w, h, [frame(part, 10, 7, clear=11, delay=5)], palette, background=9)
    yield "gif_partial_first_local.gif", gif(w, h, [frame(part, 10, 7, palette=d.palette(64), interlaced=True)], palette)
    yield "gif_frame_past_screen.gif", gif(w - 12, h - 9, [frame(indices, 4, 2)], palette)
    yield "gif_2_colours.gif", gif(w, h, [frame((indices > 32).astype(np.uint8))], palette[:2])
    yield "gif_code_size_8.gif", gif(w, h, [frame(indices % 4, code_size=8)], palette[:4])
    noise = d.rng.integers(0, 256, (61, 80), dtype=np.uint8)
    yield "gif_noise_full_table.gif", gif(80, 61, [frame(noise)], d.palette(256))
    yield "gif_comment_first.gif", gif(w, h, [b"!\xfe\x05drawn\0", frame(indices)], palette)
    yield "gif_no_trailer.gif", gif(w, h, [frame(indices)], palette, end=b"")
    yield "gif_index_past_palette.gif", gif(w, h, [frame(indices % 20, code_size=8)], palette[:16])
    yield "gif_pillow_rgb.gif", encoded(d.image(), "GIF")


def colour_tiffs(d):
    for name, compression in (("none", NONE), ("lzw", LZW), ("deflate", DEFLATE), ("deflate_old", OLD_DEFLATE), ("packbits", PACKBITS)):
        yield f"tiff_rgb_{name}.tif", tiff(d.rgb(), compression=compression, rows=16)
    yield "tiff_rgb_big_endian.tif", tiff(d.rgb(), ">", compression=LZW, rows=20)
    yield "tiff_rgb_lzw_predictor.tif", tiff(d.rgb(), compression=LZW, predictor=2, rows=11)
    yield "tiff_rgb_deflate_predictor.tif", tiff(d.rgb(), ">", compression=DEFLATE, predictor=2)
    yield "tiff_rgb_tiled.tif", tiff(d.rgb(), tile=(32, 16))
    yield "tiff_rgb_tiled_deflate.tif", tiff(d.rgb(), compression=DEFLATE, predictor=2, tile=(16, 48))
    yield "tiff_rgb_planar.tif", tiff(d.rgb(), planar=2, rows=10)
    yield "tiff_rgb_planar_lzw.tif", tiff(d.rgb(), planar=2, rows=8, compression=LZW)
    yield "tiff_rgb_planar_tiled.tif", tiff(d.rgb(), planar=2, tile=(32, 32), compression=DEFLATE)
    yield "tiff_bigtiff.tif", tiff(d.rgb(), "<", True, compression=DEFLATE, rows=13)
    yield "tiff_bigtiff_none.tif", tiff(d.rgb(), "<", True, rows=13)
    yield "tiff_rgba_unassociated.tif", tiff(d.rgba(), compression=DEFLATE, extra=2)
    pixels = d.rgba().astype(int)
    pixels[:, :, :3] = (pixels[:, :, :3] * pixels[:, :, 3:] + 127) // 255
    yield "tiff_rgba_associated.tif", tiff(pixels.astype(np.uint8), compression=DEFLATE, extra=1)
    yield "tiff_rgba_unspecified.tif", tiff(d.rgba(), compression=LZW, extra=0)
    yield "tiff_rgba_no_extra_tag.tif", tiff(d.rgba(), compression=LZW)
    yield "tiff_grey_alpha.tif", tiff(d.rgba()[:, :, 2:], photometric=1, extra=2, compression=DEFLATE)
    yield "tiff_cmyk.tif", tiff(d.rgba(), photometric=5, compression=LZW)


def tiffs(d):
    yield from colour_tiffs(d)
    yield "tiff_grey8.tif", tiff(d.grey(), photometric=1)
    yield "tiff_grey8_white_is_zero.tif", tiff(d.grey(), photometric=0, compression=LZW)
    yield "tiff_grey4.tif", tiff(d.grey() >> 4, bits=4, photometric=1)
    yield "tiff_grey2_white_is_zero.tif", tiff(d.grey() >> 6, bits=2, photometric=0, compression=DEFLATE)
    for photometric in (0, 1):
        yield f"tiff_1bit_photometric_{photometric}.tif", tiff(d.grey() >> 7, bits=1, photometric=photometric)
    yield "tiff_grey16.tif", tiff(d.wide(60000), bits=16, photometric=1, compression=LZW)
    yield "tiff_grey16_low.tif", tiff(d.wide(300), bits=16, photometric=1, compression=DEFLATE, predictor=2)
    yield "tiff_grey16_low_big_endian.tif", tiff(d.wide(280), ">", bits=16, photometric=1)
    yield "tiff_rgb16.tif", tiff(d.rgb().astype(np.uint16) * 257 ^ 0x35, bits=16, compression=DEFLATE)
    # its name promises planes; its samples lie together
    yield "tiff_rgb16_big_endian_planar.tif", tiff(d.rgb().astype(np.uint16) * 256 + 9, ">", bits=16, compression=LZW, predictor=2)
    yield "tiff_float32.tif", tiff(d.wide(300).astype(np.float32) - 20, bits=32, photometric=1)
    yield "tiff_float32_unit.tif", tiff(d.wide(1000) / np.float32(1000), ">", bits=32, photometric=1, compression=DEFLATE)
    w, h = d.size()
    for bits, colours in ((8, 100), (4, 16), (1, 2)):
        indices, palette = d.indices(w, h, colours), d.palette(1 << bits)
        yield f"tiff_palette_{bits}.tif", tiff(indices[:, :, None], bits=bits, photometric=3, compression=LZW,
                                               colours=(palette.astype(int) * 257).T.reshape(-1).tolist())
    pages = Tiff().add(d.rgb(), compression=DEFLATE).add(d.rgb(40, 31), compression=LZW).add(d.grey(), photometric=1)
    yield "tiff_multi_page.tif", bytes(pages.data)
    pages = Tiff().add(d.rgb(30, 22), compression=DEFLATE, subfile=1).add(d.rgb(), compression=DEFLATE)
    yield "tiff_thumbnail_first.tif", bytes(pages.data)
    for orientation in (2, 3, 6, 8):
        yield f"tiff_orientation_{orientation}.tif", tiff(d.rgb(), compression=DEFLATE, orientation=orientation)
    yield "tiff_sub_byte_width.tif", tiff(d.grey()[:, :37] >> 7, bits=1, photometric=1, rows=5)
    black_and_white = d.image().convert("1", dither=Image.Dither.NONE)
    for kind in ("group3", "group4", "tiff_ccitt"):
        yield f"tiff_{kind.removeprefix('tiff_')}.tif", encoded(black_and_white, "TIFF", compression=kind)
    for name, mode, quality in (("rgb", "RGB", 85), ("ycbcr", "YCbCr", 80), ("grey", "L", 75)):
        yield f"tiff_jpeg_{name}.tif", encoded(d.image().convert(mode), "TIFF", compression="jpeg", quality=quality)


def jpeg2000s(d):
    lossy = {"irreversible": True, "quality_mode": "dB", "quality_layers": [34]}
    for name, mode, options in (
        ("jp2_rgb_lossless", "RGB", {}),
        ("jp2_grey_lossless", "L", {}),
        ("jp2_rgba_lossless", "RGBA", {}),
        ("jp2_grey_alpha_lossless", "LA", {}),
        ("j2k_rgb_lossless", "RGB", {}),
        ("j2k_grey_lossless", "L", {"progression": "RPCL"}),
        ("jp2_rgb_lossless_mct", "RGB", {"mct": 1, "num_resolutions": 3}),
        ("jp2_rgb_tiled", "RGB", {"tile_size": (32, 32), "num_resolutions": 3}),
        ("jp2_grey16", "I;16", {}),
        ("jp2_rgb_lossy", "RGB", {"mct": 1, **lossy}),
        ("jp2_grey_lossy", "L", lossy),
        ("jp2_rgba_lossy", "RGBA", {**lossy, "quality_layers": [40]}),
        ("j2k_rgb_lossy", "RGB", {"mct": 1, **lossy}),
        ("j2k_rgb_layers", "RGB", {"mct": 1, "irreversible": True, "quality_mode": "rates", "quality_layers": [40, 20, 8]}),
    ):
        image = Image.fromarray(d.blocks16() if mode == "I;16" else d.rgba() if mode in ("RGBA", "LA") else d.rgb())
        raw = name.startswith("j2k")
        data = encoded(image if mode == "I;16" else image.convert(mode), "JPEG2000", no_jp2=raw, **options)
        yield f"{name}.{'j2k' if raw else 'jp2'}", data
    # values above 65407 are left out: Pillow's rounding makes them 0
    deep = (d.rgb().astype(int) * 256 + 77).clip(0, 65407).astype(">u2")
    yield "jp2_rgb16.jp2", run_tool("opj_compress", [], b"P6\n%d %d\n65535\n" % deep.shape[1::-1] + deep.tobytes(), ".ppm", ".jp2")
    rgb = d.rgb()
    yield "j2k_rgb_offset.j2k", run_tool("opj_compress", ["-d", "3,5"], b"P6\n%d %d\n255\n" % rgb.shape[1::-1] + rgb.tobytes(), ".ppm", ".j2k")


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def avifs(d):
    def image():
        return d.image(*d.size(60, 120))

    def avif(picture, **options):
        return encoded(picture, "AVIF", **{"quality": 70, "speed": 6, "max_threads": 1, **options})

    yield "avif_420.avif", avif(image())
    yield "avif_420_odd.avif", avif(d.image(75, 61))
    yield "avif_422.avif", avif(image(), subsampling="4:2:2")
    yield "avif_444.avif", avif(image(), subsampling="4:4:4")
    yield "avif_444_best.avif", avif(image(), subsampling="4:4:4", quality=100)
    yield "avif_grey.avif", avif(image().convert("L"))
    yield "avif_limited_range.avif", avif(image(), range="limited")
    yield "avif_alpha.avif", avif(Image.fromarray(d.rgba()))
    first, *others = (image().resize((80, 64)) for _ in range(3))
    yield "avif_animated.avif", avif(first, save_all=True, append_images=others, duration=100)
    yield "avif_exif_orientation.avif", avif(image(), exif=turned(6))
    for name, options in (("10bit_420", "-d 10 -y 420"), ("10bit_444", "-d 10 -y 444"), ("12bit", "-d 12 -y 444"), ("irot", "-y 420 --irot 1"),
                          ("imir", "-y 444 --imir 1"), ("bt601_limited", "-y 420 -r limited --cicp 1/13/6"), ("bt709", "-y 420 --cicp 1/13/1"),
                          ("identity", "-y 444 --cicp 1/13/0")):
        usual = ["-j", "1", "-s", "6", "--min", "20", "--max", "24"]
        yield f"avif_{name}.avif", run_tool("avifenc", usual + options.split(), encoded(image(), "PNG"), ".png", ".avif")


def heics(d):
    def image():
        return d.image(*d.size(66, 120))

    def heic(picture, **options):
        return encoded(picture, "HEIF", quality=75, **options)

    def saved(pictures, **options):
        f = io.BytesIO()
        pictures.save(f, quality=75, **options)
        return f.getvalue()

    yield "heic_420.heic", heic(image(), chroma=420)
    yield "heic_420_odd.heic", heic(d.image(97, 75), chroma=420)
    yield "heic_444.heic", heic(image(), chroma=444)
    yield "heic_grey.heic", heic(image().convert("L"))
    yield "heic_alpha.heic", heic(Image.fromarray(d.rgba()), chroma=420)
    for chroma in (420, 444):
        rgb = np.asarray(image())
        deep = pillow_heif.from_bytes(mode="RGB;16", size=rgb.shape[1::-1], data=(rgb.astype(np.uint16) * 257).tobytes())
        yield f"heic_10bit_{chroma}.heic", saved(deep, chroma=chroma)
    for letter, orientation in (("a", 6), ("b", 3)):
        yield f"heic_orientation_{letter}.heic", heic(image(), exif=turned(orientation), chroma=420)
    several = pillow_heif.from_pillow(image())
    for _ in range(2):
        several.add_from_pillow(image())
    yield "heic_primary_not_first.heic", saved(several, primary_index=1, chroma=420)


def jxls(d):
    def jxl(picture, **options):
        return encoded(picture, "JXL", num_threads=0, **options)

    yield "jxl_lossless.jxl", jxl(d.image(), lossless=True)
    yield "jxl_grey_lossless.jxl", jxl(d.image().convert("L"), lossless=True)
    yield "jxl_alpha_lossless.jxl", jxl(Image.fromarray(d.rgba()), lossless=True)
    yield "jxl_lossy.jxl", jxl(d.image(), quality=80)
    yield "jxl_lossy_container.jxl", jxl(d.image(), quality=85, use_container=True)
    yield "jxl_lossy_alpha.jxl", jxl(Image.fromarray(d.rgba()), quality=85)
    yield "jxl_grey16_lossless.jxl", jxl(Image.fromarray(d.blocks16()), lossless=True)
    with tempfile.NamedTemporaryFile(suffix=".jpg") as f:
        d.image().save(f.name, quality=85)
        yield "jxl_from_jpeg.jxl", jxl(Image.open(f.name), lossless_jpeg=True)


ALIASES = {"gif_named.jpg": "gif_animated.gif", "tiff_named.jpg": "tiff_rgb_lzw.tif", "jp2_named.jpg": "jp2_rgb_lossless.jp2",
           "avif_named.jpg": "avif_444.avif", "heic_named.jpg": "heic_420.heic", "jxl_named.jpg": "jxl_lossless.jxl",
           "bmp_named.jpeg": "bmp_rle8.bmp", "UPPER.GIF": "gif_89a.gif", "UPPER.TIF": "tiff_rgb_deflate.tif", "long.tiff": "tiff_grey8.tif",
           "UPPER.AVIF": "avif_grey.avif", "UPPER.HEIC": "heic_grey.heic", "other.heif": "heic_444.heic", "other.j2c": "j2k_rgb_lossless.j2k",
           "other.jpx": "jp2_grey_lossless.jp2", "other.dib": "bmp_565.bmp"}


def good_files(d):
    files = {}
    for kind in (bmps, gifs, tiffs, jpeg2000s, avifs, heics, jxls):
        files.update(kind(d))
    for name in ("jpeg.jfif", "jpeg.jpe", "jpeg.JFIF"):
        files[name] = encoded(d.image(), "JPEG", quality=88)
    files.update({name: files[source] for name, source in ALIASES.items()})
    files["jpeg_named.heic"] = encoded(d.image(), "JPEG", quality=88)
    files["png_named.gif"] = encoded(d.image(), "PNG")
    return files


# ---- what is expected -------------------------------------------------------------------------------------------------


def tolerance(name, kind, mode):
    """None: the bytes must be equal. With alpha the mean alone decides, for colour under a thin alpha is multiplied up."""
    own_name = name not in ALIASES
    if kind in ("AVIF", "HEIF"):
        deep = own_name and ("10bit" in name or "12bit" in name)
        key = kind + " deep" * deep
    elif kind == "JXL" and own_name and "lossless" not in name:
        key = "JXL from JPEG" if "from_jpeg" in name else "JXL"
    elif kind == "JPEG2000" and own_name and ("lossy" in name or "layers" in name):
        key = "JPEG2000"
    else:
        return None
    most, mean = TOLERANCES[key]
    return {"max": 255 if mode in ("RGBA", "LA") else most, "mean": mean}


def describe(name, data):
    """-> (row, RGB bytes at 96)"""
    image = Image.open(io.BytesIO(data))
    kind, declared = image.format, image.size
    image.load()
    raw, at_96 = np.asarray(image), np.ascontiguousarray(clip_pixels(image, 96))
    allowed = tolerance(name, kind, image.mode)
    row = {"file": "images/" + name, "format": kind, "mode": image.mode, "width": image.width, "height": image.height,
           "decoded_shape": list(raw.shape), "decoded_dtype": raw.dtype.kind + str(raw.dtype.itemsize), "decoded_sha256": digest(raw),
           "decoded_rgb_sha256": digest(np.asarray(image.convert("RGB"))), "exact": allowed is None}
    if allowed:
        row["tolerance"] = allowed
    if declared != image.size:
        row["size_before_load"] = list(declared)
    if name in ALIASES:
        row["same_as"] = ALIASES[name]
    return row | {"sha256_224": digest(clip_pixels(image, 224)), "sha256_96": digest(at_96)}, at_96


def describe_broken(name, data, verdict, pixels):
    row = {"file": "broken/" + name, "bytes": len(data)}
    try:
        image = Image.open(io.BytesIO(data))
        row["format"] = image.format
        found = digest(clip_pixels(image, 96))
        row |= {"mode": image.mode, "width": image.width, "height": image.height, "verdict": verdict, "sha256_96": found}
        assert verdict, f"Pillow reads {name}: is that right?"
    except Exception as error:
        if isinstance(error, AssertionError):
            raise
        words_of_it = f"{type(error).__name__}: {error}".split(" <_io")[0].split()
        row |= {"verdict": verdict or "reject", "pillow_says": " ".join(words_of_it)[:120]}
    if pixels is not None:
        row["sha256_96"] = digest(clip_pixels(Image.fromarray(np.ascontiguousarray(pixels)), 96))
    return row


def main():
    args = arguments(__doc__).parse_args()
    pillow_heif.register_heif_opener()
    warnings.simplefilter("ignore")
    d = Draw(args.seed)
    good = good_files(d)
    broken = list(broken_files(d, good))
    os.makedirs(args.out, exist_ok=True)
    write_files(os.path.join(args.out, "images"), good)
    write_files(os.path.join(args.out, "broken"), {name: data for name, data, *_ in broken})
    rows, pixels = [], {}
    for name, data in good.items():
        row, at_96 = describe(name, data)
        rows.append(row)
        if name in PIXELS_KEPT or not row["exact"] and name not in ALIASES:
            pixels[name + "/96"] = at_96
    write_rows(os.path.join(args.out, "expected.jsonl"), rows)
    write_rows(os.path.join(args.out, "broken.jsonl"), [describe_broken(*case) for case in broken])
    save_file(pixels, os.path.join(args.out, "expected_rgb.safetensors"))
    libraries = {name: features.version(name) for name in ("libjpeg_turbo", "libtiff", "jpg_2000", "avif", "zlib")}
    save_json(os.path.join(args.out, "versions.json"), {"pillow": PIL.__version__, "pillow_heif": pillow_heif.__version__,
              "libheif": pillow_heif.libheif_info()["libheif"], "numpy": np.__version__, **libraries})


if __name__ == "__main__":
    main()
