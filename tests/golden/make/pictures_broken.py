"""Broken and strange images for pictures_more.py: (name, bytes, verdict where Pillow's is not the measure, pixels that alone are right)."""

import struct

import numpy as np

import bmp_gif_tiff as make
from bmp_gif_tiff import (BLUE, DEFLATE, GREEN, LONG, LZW, NONE, PACKBITS, RED, SHORT, Tiff, bmp, dib, frame, gif, line, nibbles, table, tiff,
                          words)
from image_files import encoded

CUTS = (30, 60, 95)  # percent of a file that are left


def cut(data, percent):
    return data[: len(data) * percent // 100]


def broken_bmps(d, good):
    rgb = d.rgb()
    h, w, _ = rgb.shape
    swapped = list(words(rgb, (BLUE, GREEN, RED))[::-1])
    # masks that Pillow refuses: to read them right is as good
    yield "swapped_masks", bmp(dib(40, w, h, 32, 3, masks=(BLUE, GREEN, RED)), swapped), "either", rgb
    yield "swapped_masks_v4", bmp(dib(108, w, h, 32, 3, masks=(BLUE, GREEN, RED)), swapped), "either", rgb
    wide = rgb.astype(np.uint32) << np.array([22, 12, 2], np.uint32)
    ten_bits = np.bitwise_or.reduce(wide, 2).astype("<u4")
    yield "10_bit_masks", bmp(dib(40, w, h, 32, 3, masks=(0x3FF00000, 0xFFC00, 0x3FF)), list(ten_bits[::-1])), "either", rgb
    fours = [line(row) for row in words(rgb, (0xF00, 0xF0, 0xF), None, 16)[::-1]]
    yield "444_masks", bmp(dib(40, w, h, 16, 3, masks=(0xF00, 0xF0, 0xF)), fours), "either"
    dark = table([[i] * 3 for i in range(16)])
    yield "4_topdown_grey_palette", bmp(dib(40, 40, -31, 4), [line(nibbles(row)) for row in d.indices(40, 31, 16)], dark), "either"
    yield "overlapping_masks", bmp(dib(40, w, h, 32, 3, masks=(RED, RED | GREEN, BLUE)), swapped)
    for percent in CUTS:
        yield f"truncated_{percent}", cut(good["bmp_bitfields_v5_alpha.bmp"], percent)
    yield "header_only", good["bmp_bitfields_v4_alpha.bmp"][:60]
    yield "masks_cut", good["bmp_565.bmp"][:58]
    yield "bomb", bmp(dib(40, 100000, 100000, 24), [bytes(100)])
    yield "bomb_rle8", bmp(dib(40, 100000, 100000, 8, 1, 4, 2), [b"\0\1\0\0"], table([[0] * 3, [255] * 3]))
    yield "zero_width", bmp(dib(40, 0, 10, 24), [bytes(40)])
    yield "zero_height", bmp(dib(40, 10, 0, 24), [bytes(40)])
    yield "negative_width", bmp(dib(40, -20, 10, 24), [bytes(600)])
    yield "jpeg_inside", bmp(dib(40, 20, 10, 0, 4), [encoded(d.image(20, 11), "JPEG")])
    yield "png_inside", bmp(dib(40, 20, 10, 0, 5), [encoded(d.image(20, 11), "PNG")])
    yield "header_size_99", bmp(struct.pack("<I", 99) + dib(40, 20, 10, 24)[4:], [bytes(600)]), "either"
    yield "3_bits", bmp(dib(40, 20, 10, 3), [bytes(200)])
    yield "palette_2_billion", bmp(dib(40, 20, 10, 8, colours=2000000000), [bytes(200)])
    yield "offset_past_end", b"BM" + struct.pack("<IHHI", 500, 0, 0, 90000) + dib(40, 20, 10, 24) + bytes(600)
    yield "rle8_truncated", cut(good["bmp_rle8_absolute.bmp"], 60)
    for name, bits, codes, verdict in (("rle8_past_row", 8, b"\xff\x01" * 16 + b"\0\1", "either"),
                                       ("rle8_ends_early", 8, b"\x14\x01\0\0" * 3 + b"\0\1", "either"),
                                       ("rle8_delta_far", 8, b"\0\2\xff\xff" * 4 + b"\0\1", "either"),
                                       ("rle4_absolute_past_end", 4, b"\0\xff" + b"\x12" * 200, "reject")):
        yield name, bmp(dib(40, 20, 16, bits, 1 if bits == 8 else 2, len(codes), 4), [codes], table(d.palette(4))), verdict


def broken_gifs(d, good):
    noise, plain = good["gif_noise_full_table.gif"], good["gif_89a.gif"]
    for percent in CUTS:
        yield f"truncated_{percent}", cut(noise, percent)
    yield "header_only", plain[:13]
    yield "cut_in_palette", plain[:40]
    yield "cut_in_frame_header", gif(30, 20, [b",\0\0\0\0\x1e"], d.palette(4), end=b"")
    yield "no_image", gif(30, 20, [], d.palette(4))
    yield "only_extensions", gif(30, 20, [b"!\xfe\x05drawn\0", b"!\xf9\x04\0\0\0\0\0"], d.palette(4))

    def small(w, h, **options):
        return gif(w, h, [frame(d.indices(20, 13, 4))], d.palette(4), **options)

    yield "zero_screen", small(0, 0), "ok"  # the frame's size counts
    yield "zero_frame", gif(20, 13, [make.image_descriptor(0, 0, 0, 0) + b"\2\1\x2c\0"], d.palette(4))
    yield "bomb", small(65535, 65535)
    for bits in (0, 13):
        yield f"code_size_{bits}", gif(20, 13, [make.image_descriptor(0, 0, 20, 13) + bytes((bits,)) + b"\4\x44\x55\x66\x77\0"], d.palette(4))
    yield "corrupt_codes", d.damaged(noise, len(noise) // 2, len(noise) - 50, 20), "either"
    yield "version_90z", small(20, 13, version=b"90z")


def with_tag(data, name, value, layout="<I"):
    """A little-endian TIFF with another value of a tag of its first page."""
    data = bytearray(data)
    at = struct.unpack_from("<I", data, 4)[0] + 2
    while struct.unpack_from("<H", data, at)[0] != make.TAGS[name]:
        at += 12
    struct.pack_into(layout, data, at + 8, value)
    return bytes(data)


def cut_pixels(d, compression, percent):
    """The directory lies before the pixels, so only they are cut."""
    rgb, pages = d.rgb(), Tiff()
    h, w, _ = rgb.shape
    pixels = make.compressed(make.rows_of(rgb, 8, "<"), compression)
    pages.directory({"width": (LONG, w), "height": (LONG, h), "bits": (SHORT, [8, 8, 8]), "compression": (SHORT, compression),
                     "photometric": (SHORT, 2), "strips": (LONG, 300), "samples": (SHORT, 3), "rows": (LONG, h), "strip_bytes": (LONG, len(pixels))})
    return bytes(pages.data).ljust(300, b"\0") + cut(pixels, percent)


def looped(d, pages, back_to):
    """The last page's directory names an earlier one as the next."""
    t = Tiff()
    for _ in range(pages):
        t.add(d.rgb(40, 33), compression=DEFLATE)
    t.point_to(t.directories[back_to])
    return bytes(t.data)


def broken_tiffs(d, good):
    for name, source in (("lzw", "rgb_lzw"), ("deflate", "rgb_deflate"), ("none", "rgb_none"), ("jpeg", "jpeg_rgb")):
        for percent in CUTS[:2]:  # the directory is at the end, and lost
            yield f"{name}_truncated_{percent}", cut(good[f"tiff_{source}.tif"], percent)
    for name, compression in (("none", NONE), ("lzw", LZW), ("deflate", DEFLATE), ("packbits", PACKBITS)):
        for percent in (40, 98):
            yield f"{name}_pixels_cut_{percent}", cut_pixels(d, compression, percent)
    yield "header_only", good["tiff_rgb_none.tif"][:8]
    yield "ifd_past_end", b"II*\0" + struct.pack("<I", 5000) + bytes(100)
    yield "ifd_at_0", b"II*\0" + struct.pack("<I", 0) + bytes(100)
    yield "ifd_odd_entries_65535", b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(200)
    # the first page is good: only who counts the pages has to stop
    yield "ifd_loop_self", looped(d, 1, 0), "ok"
    yield "ifd_loop_back", looped(d, 3, 1), "ok"
    grey = d.indices(20, 13, 200)[:, :, None]
    plain, deflated = tiff(grey, photometric=1), tiff(grey, photometric=1, compression=DEFLATE)
    yield "bomb", with_tag(with_tag(plain, "width", 100000), "height", 100000)
    yield "bomb_deflate", with_tag(with_tag(deflated, "width", 100000), "height", 100000)
    yield "zero_width", with_tag(plain, "width", 0)
    yield "zero_height", with_tag(plain, "height", 0)
    yield "compression_9999", with_tag(plain, "compression", 9999, "<H")
    yield "bits_7", with_tag(plain, "bits", 7, "<H")
    yield "photometric_77", with_tag(plain, "photometric", 77, "<H")
    yield "strip_past_end", with_tag(plain, "strips", 1000000)
    yield "strip_count_huge", with_tag(deflated, "strip_bytes", 0xFFFFFFF0), "either", np.repeat(grey, 3, 2)
    yield "tile_width_0", with_tag(tiff(d.rgb(40, 33), tile=(16, 16)), "tile_width", 0)
    for name, compression in (("deflate", DEFLATE), ("lzw", LZW)):
        data = tiff(d.rgb(), compression=compression)
        yield f"{name}_garbage", data[:40] + d.rng.integers(0, 256, 60, dtype=np.uint8).tobytes() + data[100:]
    rgb = d.rgb()
    yield "bigtiff_big_endian", tiff(rgb, ">", True, compression=DEFLATE), "either", rgb
    yield "grey_alpha_associated", tiff(np.dstack([grey, grey]), photometric=1, extra=1), "either"
    yield "float64", with_tag(tiff(grey.astype(np.float32), bits=32, photometric=1), "bits", 64), "reject"


def in_box(data, kind, skip, value):
    """Overwrites bytes of the first box of a kind, `skip` behind its name."""
    at = data.index(kind) + 4 + skip
    return data[:at] + value + data[at + len(value) :]


def broken_codecs(d, good):
    """JPEG 2000, AVIF, HEIC, JPEG XL and files that are something else; names with their ending."""
    for source, kind in (("jp2_rgb_lossless.jp2", "jp2"), ("j2k_rgb_lossy.j2k", "j2k")):
        for percent in CUTS:
            yield f"{kind}_truncated_{percent}.{kind}", cut(good[source], percent)
    jp2 = good["jp2_rgb_lossless.jp2"]
    start = jp2.index(b"\xff\x4f\xff\x51")  # the code stream, and its size 8 bytes on
    for name, side in (("bomb", 100000), ("zero_size", 0)):
        size = struct.pack(">II", side, side)
        yield f"jp2_{name}.jp2", in_box(jp2[: start + 8] + size + jp2[start + 16 :], b"ihdr", 0, size)
    yield "jp2_header_only.jp2", jp2[:start]
    yield "jp2_corrupt.jp2", d.damaged(jp2, start + 204, len(jp2) - 20, 30), "either"
    for source, kind in (("avif_444.avif", "avif"), ("heic_420.heic", "heic")):
        data = good[source]
        for percent in CUTS:
            yield f"{kind}_truncated_{percent}.{kind}", cut(data, percent)
        for name, side in (("bomb", 100000), ("zero_size", 0)):
            yield f"{kind}_{name}.{kind}", in_box(data, b"ispe", 4, struct.pack(">II", side, side))
        yield f"{kind}_no_meta.{kind}", data[: struct.unpack(">I", data[:4])[0]]
    for percent in CUTS:
        yield f"jxl_truncated_{percent}.jxl", cut(good["jxl_lossy.jxl"], percent)
    yield "jxl_signature_only.jxl", b"\xff\x0a"
    yield "mp4_named_avif.avif", struct.pack(">I", 24) + b"ftypisom\0\0\2\0isommp42" + b"\0\0\0\x08mdat"
    yield "empty.tif", b""
    yield "text.gif", b"GIF is what this text is called.\n" * 4


def broken_files(d, good):
    for kind, ending, cases in (("bmp_", ".bmp", broken_bmps), ("gif_", ".gif", broken_gifs), ("tiff_", ".tif", broken_tiffs), ("", "", broken_codecs)):
        for name, data, *judged in cases(d, good):
            verdict, pixels = (judged + [None, None])[:2]
            yield kind + name + ending, data, verdict, pixels
