"""Golden data of CLIP's image pre-processing, made with Pillow.

    python preprocess.py --out MADE/preprocess --photos FOLDER [--seed 1] [--full]
    python preprocess.py --out MADE/preprocess --older tests/data/golden/preprocess       under an older Pillow

Writes small images in many formats (images/), damaged and strange files (broken/), digests and crops. FOLDER holds photos, PNG or JPEG;
the stored data is of six that scikit-image ships. --full also writes every result as pixels. --older writes older_pillow.json: where the
Pillow that runs gives other bytes than the golden data.
"""

import argparse
import hashlib
import io
import json
import os
import struct
import warnings

import numpy as np
import PIL
from PIL import Image, features

from image_files import Pieces, alpha_plane, bmp, bmp_rle8, encoded, interlaced_scanlines, png, scanlines

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
SIZES = (224, 128, 32)


# ---- the pre-processing: torchvision's Resize, CenterCrop, ToTensor, Normalize, written out -----------------------


def resize_short_side(image, size):
    w, h = image.size
    if min(w, h) == size:
        return image
    longer = int(size * max(w, h) / min(w, h))
    return image.resize((size, longer) if w <= h else (longer, size), Image.BICUBIC)


def centre_crop(image, size):
    """Offsets by Python's round(): halves go to the even neighbour."""
    left, top = int(round((image.width - size) / 2.0)), int(round((image.height - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def clip_pixels(image, size):
    """-> RGB, uint8 [size, size, 3]; converted only after resizing."""
    return np.asarray(centre_crop(resize_short_side(image, size), size).convert("RGB"))


def normalised(rgb):
    """-> float32 [3, S, S]"""
    return np.ascontiguousarray(((rgb.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1))


def training_crop(image, top, left, height, width, size):
    """RandomResizedCrop with its random part given: bilinear with antialiasing."""
    return np.asarray(image.convert("RGB").crop((left, top, left + width, top + height)).resize((size, size), Image.BILINEAR))


# ---- the files --------------------------------------------------------------------------------------------------


def jpeg(image, **options):
    return encoded(image, "JPEG", **{"quality": 88, **options})


def jpegs(p, rng):
    yield "jpeg_420.jpg", jpeg(p.cut(320, 240), subsampling="4:2:0")
    yield "jpeg_422.jpg", jpeg(p.cut(261, 199), subsampling="4:2:2")
    yield "jpeg_444.jpg", jpeg(p.cut(240, 320), subsampling="4:4:4")
    yield "jpeg_420_odd.jpg", jpeg(p.cut(333, 517), subsampling="4:2:0", quality=75)
    yield "jpeg_420_1px_over.jpg", jpeg(p.cut(257, 225), subsampling="4:2:0")
    yield "jpeg_progressive.jpg", jpeg(p.cut(301, 229), progressive=True, subsampling="4:2:0")
    yield "jpeg_progressive_444.jpeg", jpeg(p.cut(230, 300), progressive=True, subsampling="4:4:4")
    yield "jpeg_grey.jpg", jpeg(p.cut(300, 250).convert("L"))
    yield "jpeg_cmyk.jpg", jpeg(p.cut(280, 240).convert("CMYK"))
    yield "jpeg_restart.jpg", jpeg(p.cut(300, 240), restart_marker_rows=1)
    yield "jpeg_low_quality.jpg", jpeg(p.cut(310, 250), quality=8)
    yield "jpeg_rgb_no_transform.jpg", jpeg(p.cut(240, 240), keep_rgb=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "jpeg_exif6.jpg", jpeg(p.cut(320, 230), exif=exif)
    yield "jpeg_exif3_upper.JPG", jpeg(p.cut(229, 311), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0")
    yield "jpeg_icc.jpg", jpeg(p.cut(250, 240), icc_profile=bytes(rng.integers(0, 256, 600, dtype=np.uint8)))
    for name, w, h in (("tall", 40, 900), ("wide", 700, 31), ("small", 57, 43), ("tiny_1x1", 1, 1), ("1xN", 1, 37), ("224_exact", 224, 224),
                       ("128x224", 128, 224), ("round_half", 225, 224), ("round_half3", 227, 224)):
        yield f"jpeg_{name}.jpg", jpeg(p.cut(w, h))
    yield "jpeg_trailing_garbage.jpg", jpeg(p.cut(230, 230)) + b"garbage" * 20


def pngs(p, rng):
    yield "png_noise.png", encoded(Image.fromarray(rng.integers(0, 256, (150, 170, 3), dtype=np.uint8)), "PNG")
    yield "png_rgb.png", encoded(p.cut(190, 240), "PNG", optimize=True)
    rgba = p.cut(240, 170)
    rgba.putalpha(alpha_plane(rng, 240, 170))
    yield "png_rgba.png", encoded(rgba, "PNG", optimize=True)
    grey_alpha = p.cut(250, 170).convert("L")
    grey_alpha.putalpha(alpha_plane(rng, 250, 170))
    yield "png_grey_alpha.png", encoded(grey_alpha, "PNG", optimize=True)
    yield "png_grey.PNG", encoded(p.cut(260, 230).convert("L"), "PNG", optimize=True)
    yield "png_palette.png", encoded(p.few_colours(260, 240, 64), "PNG", optimize=True)
    yield "png_palette_transparent.png", encoded(p.few_colours(240, 250, 32), "PNG", transparency=bytes([0, 60, 130, 200]))
    yield "png_palette_one_clear.png", encoded(p.few_colours(150, 190, 16), "PNG", transparency=3)
    four = np.asarray(p.few_colours(131, 160, 4)).astype(int)
    yield "png_palette_2bit.png", png(131, 160, 2, 3, scanlines(four, 2), palette=bytes(rng.integers(0, 256, 12, dtype=np.uint8)))
    yield "png_1bit.png", encoded(p.cut(301, 250).convert("1"), "PNG")
    for bits in (2, 4):
        grey = np.asarray(p.cut(141, 150).convert("L")).astype(int) >> (8 - bits)
        yield f"png_grey_{bits}bit.png", png(141, 150, bits, 0, scanlines(grey, bits))
    smooth = np.asarray(p.cut(120, 90).convert("L").resize((160, 140), Image.BICUBIC)).astype(int)
    yield "png_grey16.png", png(160, 140, 16, 0, scanlines(smooth * 257, 16))
    yield "png_grey16_low.png", png(160, 140, 16, 0, scanlines(smooth * 2, 16))
    yield "png_rgb16.png", png(110, 140, 16, 2, scanlines((p.pixels(110, 140).astype(int) * 257).reshape(140, -1), 16))
    rgb = p.pixels(150, 133).astype(int)
    clear = struct.pack(">HHH", *map(int, rgb[0, 0]))
    yield "png_rgb_trns.png", png(150, 133, 8, 2, scanlines(rgb.reshape(133, -1), 8), transparency=clear)
    yield "png_interlaced.png", png(150, 133, 8, 2, interlaced_scanlines(rgb.reshape(133, -1), 3, 8), interlaced=True)
    index = np.asarray(p.few_colours(141, 139, 16)).astype(int)
    yield "png_palette_interlaced.png", png(141, 139, 4, 3, interlaced_scanlines(index, 1, 4),
                                            palette=bytes(rng.integers(0, 256, 48, dtype=np.uint8)), interlaced=True)


def bmps(p):
    yield "bmp_24.bmp", bmp(p.pixels(151, 130), 24)
    yield "bmp_24_topdown.bmp", bmp(p.pixels(133, 129), 24, top_down=True)
    yield "bmp_32.BMP", bmp(p.pixels(129, 140), 32)
    yield "bmp_8.bmp", encoded(p.few_colours(203, 180, 100), "BMP")
    yield "bmp_8_grey.bmp", encoded(p.cut(203, 150).convert("L"), "BMP")
    yield "bmp_1.bmp", encoded(p.cut(203, 150).convert("1"), "BMP")
    flat = p.few_colours(160, 140, 12)
    yield "bmp_rle8.bmp", bmp_rle8(np.asarray(flat), np.array(flat.getpalette()[:36]).reshape(12, 3).tolist())


def webps(p, rng):
    yield "webp_lossy.webp", encoded(p.cut(320, 240), "WEBP", quality=80)
    yield "webp_lossy_odd.webp", encoded(p.cut(235, 331), "WEBP", quality=60)
    yield "webp_lossless.webp", encoded(p.cut(180, 240), "WEBP", lossless=True)
    rgba = p.cut(260, 240)
    rgba.putalpha(alpha_plane(rng, 260, 240))
    yield "webp_lossy_alpha.webp", encoded(rgba, "WEBP", quality=80)
    yield "webp_lossless_alpha.webp", encoded(rgba.crop((20, 20, 180, 150)), "WEBP", lossless=True)
    frames = [p.cut(140, 130) for _ in range(3)]
    yield "webp_animated.webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=70)


def good_files(p, rng):
    out = {}
    for part in (jpegs(p, rng), pngs(p, rng), bmps(p), webps(p, rng)):
        out.update(part)
    out["jpeg_named_png.png"] = jpeg(p.cut(240, 230))
    out["png_named_jpg.jpg"] = encoded(p.cut(130, 140), "PNG")
    out["webp_named_jpg.jpg"] = encoded(p.cut(240, 230), "WEBP")
    return out


def changed(data, at, value):
    return data[:at] + value + data[at + len(value) :]


def flipped(data, at, mask):
    return changed(data, at, bytes([data[at] ^ mask]))


def broken_jpegs(good, rng):
    whole, progressive = good["jpeg_420.jpg"], good["jpeg_progressive.jpg"]
    for share in (25, 50, 90):
        yield f"jpeg_truncated_{share}.jpg", whole[: len(whole) * share // 100]
    yield "jpeg_no_eoi.jpg", whole[:-2]
    yield "jpeg_header_only.jpg", whole[:150]
    yield "jpeg_progressive_truncated_60.jpg", progressive[: len(progressive) * 6 // 10]
    entropy = bytearray(whole)
    for at in rng.integers(len(whole) // 2, len(whole) - 100, 8):
        entropy[at] = (entropy[at] + 1 + int(rng.integers(100))) % 255
    yield "jpeg_corrupt_entropy.jpg", bytes(entropy)
    yield "jpeg_zero_size.jpg", changed(whole, whole.find(b"\xff\xc0") + 5, b"\0\0\0\0")


def broken_pngs(p):
    whole = encoded(p.cut(64, 48), "PNG")
    idat = whole.index(b"IDAT")
    length = struct.unpack(">I", whole[idat - 4 : idat])[0]
    yield "png_bad_ihdr_crc.png", flipped(whole, 29, 0xFF)
    yield "png_bad_idat_crc.png", flipped(whole, idat + 4 + length, 0xFF)
    yield "png_corrupt_idat.png", flipped(whole, idat + 4 + length // 2, 0x55)
    yield "png_truncated_50.png", whole[: len(whole) // 2]
    yield "png_no_iend.png", whole[:-12]
    yield "png_signature_only.png", whole[:8]
    yield "png_huge_header.png", png(60000, 60000, 8, 2, b"\0" * 1000)
    yield "png_zero_width.png", png(0, 10, 8, 2, b"\0")
    yield "png_too_little_data.png", png(100, 100, 8, 2, b"\0" * 5000)
    yield "png_palette_missing.png", png(10, 10, 8, 3, b"\0" * 110)
    yield "png_palette_index_out_of_range.png", png(10, 10, 8, 3, (b"\0" + bytes(range(10))) * 10, palette=bytes(range(12)))


def broken_files(good, p, rng):
    out = dict(broken_jpegs(good, rng))
    out["empty.jpg"] = b""
    out["text.jpg"] = b"This is not a picture.\n" * 5
    out["html.png"] = b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n"
    out["zeros.jpg"] = bytes(4096)
    out.update(broken_pngs(p))
    whole = bmp(p.pixels(61, 40), 24)
    out["bmp_truncated.bmp"] = whole[: len(whole) // 2]
    out["bmp_huge_header.bmp"] = changed(whole, 18, struct.pack("<ii", 2000000000, 2000000000))
    lossy = good["webp_lossy.webp"]
    out["webp_truncated_50.webp"] = lossy[: len(lossy) // 2]
    out["webp_header_only.webp"] = lossy[:30]
    out["gif_named_jpg.jpg"] = encoded(p.cut(60, 50).quantize(32), "GIF")
    out["tiff_named_png.png"] = encoded(p.cut(60, 50), "TIFF")
    return out


# Pillow opens these; libpng, or a careful reader, refuses them: both are right.
EITHER = {
    "png_bad_idat_crc.png": "Pillow does not check the CRC of IDAT; libpng does", "png_no_iend.png": "Pillow does not need IEND; libpng does",
    "png_palette_missing.png": "no PLTE: Pillow gives black; libpng refuses",
    "png_palette_index_out_of_range.png": "index past the palette: Pillow gives black",
    "jpeg_corrupt_entropy.jpg": "libjpeg only warns; its pixels are garbage"}


# ---- what is expected -------------------------------------------------------------------------------------------


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def describe(name, data):
    image = Image.open(io.BytesIO(data))
    kind = image.format
    image.load()
    raw = np.asarray(image)
    letters = "u2" if raw.dtype.itemsize == 2 else "b1" if raw.dtype == bool else "u1"
    row = {"file": "images/" + name, "format": kind, "mode": image.mode, "width": image.width, "height": image.height,
           "decoded_shape": list(raw.shape), "decoded_dtype": letters, "decoded_sha256": digest(raw),
           "decoded_rgb_sha256": digest(np.asarray(image.convert("RGB")))}
    results = {size: clip_pixels(image, size) for size in SIZES}
    row.update({f"sha256_{size}": digest(rgb) for size, rgb in results.items()})
    return row, results


def describe_broken(name, data):
    row = {"file": "broken/" + name, "bytes": len(data)}
    try:
        image = Image.open(io.BytesIO(data))
        row["format"] = image.format
        row["sha256_128"] = digest(clip_pixels(image, 128))
        row["verdict"] = "either" if name in EITHER else "ok" if image.format in ("JPEG", "PNG", "BMP", "WEBP") else "unsupported"
        row.update(mode=image.mode, width=image.width, height=image.height)
    except Exception as e:  # whatever Pillow raises is its opinion
        row["verdict"] = "reject"
        row["pillow_says"] = f"{type(e).__name__}: {e}"[:160].split(" <_io")[0]
    if name in EITHER:
        row["why"] = EITHER[name]
    return row


def draw_crops(good, rng):
    """(row, pixels) of random boxes; the third of each image is not square."""
    for name in ("jpeg_420.jpg", "jpeg_420_odd.jpg", "png_rgba.png"):
        image = Image.open(io.BytesIO(good[name]))
        for n, (share, size) in enumerate(((1.0, 128), (0.93, 64), (0.87, 96), (0.4, 96))):
            height = width = int(min(image.size) * share)
            top, left = int(rng.integers(image.height - height + 1)), int(rng.integers(image.width - width + 1))
            width -= 5 if n == 2 else 0
            rgb = training_crop(image, top, left, height, width, size)
            yield {"file": "images/" + name, "key": f"{name}/{n}", "i": top, "j": left, "h": height, "w": width, "size": size, "sha256": digest(rgb)}, rgb


def write_rows(path, rows):
    with open(path, "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def write_files(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def make(args):
    from safetensors.numpy import save_file

    at = lambda name: os.path.join(args.out, name)
    rng = np.random.default_rng(args.seed)
    p = Pieces(args.photos, rng)
    good = good_files(p, rng)
    broken = broken_files(good, p, rng)
    warnings.simplefilter("ignore")
    write_files(at("images"), good)
    write_files(at("broken"), broken)
    rows, pixels = [], {}
    for name, data in good.items():
        row, results = describe(name, data)
        rows.append(row)
        pixels.update({f"{name}/{size}": rgb for size, rgb in results.items()})
    write_rows(at("expected.jsonl"), rows)
    write_rows(at("broken.jsonl"), (describe_broken(name, data) for name, data in broken.items()))
    save_file({f"{name}/{size}": normalised(clip_pixels(Image.open(io.BytesIO(good[name])), size))
               for name, size in (("jpeg_420.jpg", 128), ("png_rgba.png", 64))}, at("expected_float.safetensors"))
    crops = list(draw_crops(good, rng))
    write_rows(at("crops.jsonl"), (row for row, _ in crops))
    if args.full:
        save_file(pixels, at("expected_rgb.safetensors"))
        save_file({row["key"]: rgb for row, rgb in crops}, at("crops.safetensors"))
    with open(at("versions.json"), "w") as f:
        json.dump({"pillow": PIL.__version__, "numpy": np.__version__, **{k: features.version(k) for k in ("libjpeg_turbo", "zlib", "webp")}}, f, indent=1)


def compare_older(args):
    different = {}
    with open(os.path.join(args.older, "expected.jsonl")) as f:
        for golden in map(json.loads, f):
            with open(os.path.join(args.older, golden["file"]), "rb") as image:
                row, _ = describe(os.path.basename(golden["file"]), image.read())
            found = {k: row[k] for k in [f"sha256_{size}" for size in SIZES] + ["decoded_rgb_sha256"] if row[k] != golden[k]}
            if found:
                different[golden["file"]] = {"mode": row["mode"], **found}
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "older_pillow.json"), "w") as f:
        json.dump({"pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo"), "different": different}, f, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--photos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--older", metavar="GOLDEN")
    args = parser.parse_args()
    if args.older:
        compare_older(args)
    elif args.photos:
        make(args)
    else:
        parser.error("needs --photos or --older")


if __name__ == "__main__":
    main()
