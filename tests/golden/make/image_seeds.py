"""Seeds for the fuzzer of images: the smallest files that reach each decoder and each of its branches.

    python image_seeds.py --out ../../fuzz/corpus/image

Writes GIF, BMP, TIFF, JPEG 2000, AVIF, HEIC and JPEG XL beside the seeds that are there. Needs Pillow, pillow-heif, pillow-jxl-plugin. The
files depend on the encoders' versions; they are stored, and need not be made again.
"""

import argparse
import io
import os
import struct

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  (registers JPEG XL)
from PIL import Image

W, H = 13, 9


def drawing():
    y, x = np.mgrid[0:H, 0:W]
    return np.stack([x * 19, y * 28, (x * y * 3) % 256], -1).astype(np.uint8)


def saved(image, kind, **options):
    f = io.BytesIO()
    image.save(f, kind, **options)
    return f.getvalue()


def with_orientation(tiff, value):
    """A TIFF of Pillow's with one more entry: its directory is written again at the end."""
    at = struct.unpack("<I", tiff[4:8])[0]
    count = struct.unpack("<H", tiff[at:at + 2])[0]
    entries = [tiff[at + 2 + 12 * i:at + 14 + 12 * i] for i in range(count)] + [struct.pack("<HHII", 274, 3, 1, value)]
    entries.sort(key=lambda e: struct.unpack("<H", e[:2])[0])
    return tiff[:4] + struct.pack("<I", len(tiff)) + tiff[8:] + struct.pack("<H", count + 1) + b"".join(entries) + b"\0\0\0\0"


def bmp(bits, compression, data, masks=b"", palette=b"", colours=0):
    header = struct.pack("<IiiHHIIiiII", 40, W, H, 1, bits, compression, len(data), 0, 0, colours, 0) + masks + palette
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(data), 0, 0, 14 + len(header)) + header + data


def seeds():
    rgb = Image.fromarray(drawing())
    grey, palette, one = rgb.convert("L"), rgb.quantize(7), rgb.convert("1")
    rgba = rgb.copy()
    rgba.putalpha(grey)
    cmyk = rgb.convert("CMYK")
    wide = Image.fromarray(drawing()[:, :, 0].astype(np.uint16) * 3)
    real = Image.fromarray(drawing()[:, :, 0].astype(np.float32))
    yield "p.gif", saved(palette, "GIF")
    yield "interlaced.gif", saved(palette, "GIF", interlace=True, transparency=2)
    yield "animated.gif", saved(palette, "GIF", save_all=True, append_images=[palette.transpose(Image.Transpose.ROTATE_180)])
    for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd"):
        yield f"rgb_{kind}.tif", saved(rgb, "TIFF", compression=kind)
    for kind in ("group3", "group4", "tiff_ccitt", "raw"):
        yield f"1_{kind}.tif", saved(one, "TIFF", compression=kind)
    for name, image in (("l", grey), ("p", palette), ("rgba", rgba), ("cmyk", cmyk), ("i16", wide), ("f", real), ("ycbcr", rgb.convert("YCbCr"))):
        yield f"{name}.tif", saved(image, "TIFF")
    yield "turned.tif", with_orientation(saved(rgb, "TIFF"), 6)
    yield "pages.tif", saved(grey, "TIFF", save_all=True, append_images=[rgb, one])
    yield "big.tif", saved(rgb, "TIFF", big_tiff=True)
    for name, image in (("l", grey), ("rgb", rgb), ("rgba", rgba), ("la", rgba.convert("LA")), ("i16", wide)):
        yield f"{name}.jp2", saved(image, "JPEG2000")
    yield "lossy.j2k", saved(rgb, "JPEG2000", no_jp2=True, irreversible=True, quality_layers=[8], tile_size=(8, 8), num_resolutions=2)
    for name, image in (("rgb", rgb), ("rgba", rgba), ("l", grey)):
        yield f"{name}.avif", saved(image, "AVIF", quality=40)
    for name, image in (("rgb", rgb.resize((64, 64))), ("rgba", rgba.resize((64, 64))), ("l", grey.resize((64, 64)))):
        yield f"{name}.heic", saved(image, "HEIF", quality=10)
    for name, image, options in (("rgb", rgb, {"lossless": True}), ("rgba", rgba, {"quality": 50}), ("l", grey, {"quality": 50}), ("i16", wide, {"lossless": True}),
                                 ("container", rgb, {"quality": 40, "use_container": True})):
        yield f"{name}.jxl", saved(image, "JXL", **options)
    jpeg = io.BytesIO(saved(rgb, "JPEG", quality=50))
    jpeg.name = "seed.jpg"
    with open("/tmp/seed.jpg", "wb") as f:
        f.write(jpeg.getvalue())
    yield "jpeg.jxl", saved(Image.open("/tmp/seed.jpg"), "JXL", lossless_jpeg=True)
    os.remove("/tmp/seed.jpg")
    words = drawing()
    five = ((words[:, :, 0] >> 3).astype(np.uint16) << 10 | (words[:, :, 1] >> 3).astype(np.uint16) << 5 | words[:, :, 2] >> 3)
    rows = b"".join(r.astype("<u2").tobytes() + b"\0" * (-2 * W % 4) for r in five)
    yield "555.bmp", bmp(16, 0, rows)
    yield "565.bmp", bmp(16, 3, rows, struct.pack("<III", 0xF800, 0x7E0, 0x1F))
    yield "masks.bmp", bmp(32, 3, np.concatenate([words, words[:, :, :1]], 2).tobytes(), struct.pack("<III", 0xFF0000, 0xFF00, 0xFF))
    colours = bytes(range(64))
    yield "rle8.bmp", bmp(8, 1, b"\x05\x01\0\x04\1\2\3\4\4\0\0\0" * 4 + b"\0\2\3\2\5\7\0\0\0\1", b"", colours, 16)
    yield "rle4.bmp", bmp(4, 2, b"\x05\x12\0\x05\x12\x34\x50\0\0\0" * 4 + b"\0\2\3\2\5\x71\0\0\0\1", b"", colours, 16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    out = parser.parse_args().out
    pillow_heif.register_heif_opener()
    for name, data in seeds():
        with open(os.path.join(out, name), "wb") as f:
            f.write(data)


if __name__ == "__main__":
    main()
