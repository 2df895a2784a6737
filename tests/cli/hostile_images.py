"""Images that cost more than they show, for cli.surroundings.

    python3 hostile_images.py scans OUT.jpg WIDTH HEIGHT SCANS    a progressive JPEG: one DC scan, then empty AC scans
    python3 hostile_images.py sizes FOLDER                        headers that claim 100,000 x 100,000 pixels, per format
    python3 hostile_images.py texts OUT.png                       compressed texts beside 32 x 32 pixels
"""
import struct
import sys
import zlib


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def stuffed(bits):
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data.replace(b"\xff", b"\xff\x00")


def end_of_band_runs(blocks):
    """Huffman code 0: a run of 2^14 + n blocks, n in 14 bits; code 10: one block."""
    runs = []
    while blocks > 0x4000:
        n = min(blocks, 0x7FFF)
        runs.append("0" + format(n - 0x4000, "014b"))
        blocks -= n
    return "".join(runs) + "10" * blocks


def scans(path, width, height, count):
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    out = b"\xff\xd8" + segment(0xDB, bytes([0]) + bytes([1]) * 64)
    out += segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    out += segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00")  # DC: code 0 is "no difference"
    out += segment(0xC4, b"\x10" + bytes([1, 1] + [0] * 14) + b"\xe0\x00")  # AC: the two runs
    out += segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + stuffed("0" * blocks)
    out += (segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + stuffed(end_of_band_runs(blocks))) * (count - 1)
    with open(path, "wb") as f:
        f.write(out + b"\xff\xd9")


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def sizes(folder):
    n = 100000
    entries = [(256, 4, n), (257, 4, n), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, n), (279, 4, 16)]
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries))
    tiff += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4)
    files = {
        "png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", n, n, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b""),
        "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6) + b"\x2c" + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00\x3b",
        "bmp": b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, n, n, 1, 24, 0, 0, 0, 0, 0, 0),
        "tif": tiff + bytes(64),
        "webp": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + struct.pack("<I", n - 1)[:3] + struct.pack("<I", n - 1)[:3] + b"VP8 " + struct.pack("<I", 0),
        "jpg": b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 65500, 65500, 1) + b"\x01\x11\x00") + b"\xff\xd9",
    }
    for name, data in files.items():
        with open(f"{folder}/{name}_size.{name}", "wb") as f:
            f.write(data)


def texts(path):
    """999 texts of 8 MB each in 8 kB each: what libpng keeps by default."""
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(7900000), 9))
    rows = zlib.compress(b"".join(b"\0" + bytes(3 * 32) for _ in range(32)))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)) + text * 999 + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def behind(path, megabytes):
    """32 x 32 pixels, and zeros of so many MB behind them in the same stream."""
    rows = (b"\0" + bytes(96)) * 32
    header = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    stream = zlib.compressobj(9)
    data = stream.compress(rows)
    for _ in range(megabytes):
        data += stream.compress(bytes(1 << 20))
    data += stream.flush()
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


if sys.argv[1] == "scans":
    scans(sys.argv[2], *map(int, sys.argv[3:6]))
elif sys.argv[1] == "behind":
    behind(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "texts":
    texts(sys.argv[2])
else:
    sizes(sys.argv[2])
