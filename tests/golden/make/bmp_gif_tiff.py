"""BMP, GIF and TIFF files written byte by byte, for what Pillow does not write: masks, run lengths, odd frames, planes, tiles, BigTIFF."""

import struct
import zlib

import numpy as np

# ---- BMP ----------------------------------------------------------------------------------------------------------

RED, GREEN, BLUE, TOP = 0xFF0000, 0xFF00, 0xFF, 0xFF000000  # of a 32-bit word


def dib(size, w, h, bits, compression=0, data_bytes=0, colours=0, masks=()):
    """The header of `size` bytes: 12 and 64 are OS/2's, 40 is Windows 3's (its masks follow it), 52 to 124 are versions 2 to 5."""
    if size == 12:
        return struct.pack("<IHHHH", 12, w, h, 1, bits)
    out = struct.pack("<IiiHHIIiiII", size, w, h, 1, bits, compression, data_bytes, 2835, 2835, colours, 0)
    four = struct.pack("<IIII", *(tuple(masks) + (0, 0, 0, 0))[:4])
    if size == 40:
        return out + (four[:12] if compression == 3 else b"")
    if size == 64:
        return out.ljust(64, b"\0")
    out += four[: size - 40]
    return (out + b"BGRs").ljust(size, b"\0") if size > 56 else out


def bmp(header, rows, palette=b"", gap=b""):
    pixels, start = b"".join(rows), 14 + len(header) + len(palette) + len(gap)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + gap + pixels


def line(samples):
    """A row's bytes, filled up to a multiple of four."""
    data = samples if isinstance(samples, bytes) else samples.tobytes()
    return data + b"\0" * (-len(data) % 4)


def table(palette, each=4):
    """A palette's bytes: blue, green, red, and a fourth one but in OS/2 1."""
    return b"".join(bytes((b, g, r, 0))[:each] for r, g, b in np.asarray(palette).tolist())


def words(rgb, masks, alpha=None, bits=32):
    """Pixels as little-endian numbers, each channel's high bits where its mask lies."""
    out = np.zeros(rgb.shape[:2], np.uint32)
    for n, mask in enumerate(masks):
        if mask and (n < 3 or alpha is not None):
            channel = (rgb[..., n] if n < 3 else alpha).astype(np.uint32)
            out |= channel >> (8 - mask.bit_count()) << ((mask & -mask).bit_length() - 1)
    return out.astype(f"<u{bits // 8}")


def nibbles(row):
    """Two 4-bit samples per byte, the first one high."""
    pairs = np.append(row, np.zeros(len(row) % 2, np.uint8)).astype(np.uint8).reshape(-1, 2)
    return (pairs[:, 0] << 4 | pairs[:, 1]).tobytes()


def same_from(row, at, most):
    """How many samples from `at` on are alike, at most `most`."""
    n = 1
    while n < most and at + n < len(row) and row[at + n] == row[at]:
        n += 1
    return n


def literal_end(row, at, most):
    """Where three alike begin, or `most` samples after `at`."""
    end = at + 1
    while end < len(row) and end - at < most and same_from(row, end, 3) < 3:
        end += 1
    return end


def run_lengths(indices, four=False, literals=False, jump=None):
    """RLE8 or RLE4. literals: runs of unlike pixels where they pay. jump: (row from below, pixels) passed over at that row's begin."""
    out = bytearray()
    for y, row in enumerate(indices[::-1].tolist()):
        x = 0
        if jump and jump[0] == y:
            x = jump[1]
            out += bytes((0, 2, x, 0))
        while x < len(row):
            n = same_from(row, x, 255)
            end = literal_end(row, x, 254) if literals and n < 3 and len(row) - x >= 4 else x
            if end - x >= 3:
                part = np.array(row[x:end], np.uint8)
                data = nibbles(part) if four else part.tobytes()
                out += bytes((0, end - x)) + data + b"\0" * (len(data) % 2)
                x = end
            else:
                out += bytes((n, row[x] * (17 if four else 1)))
                x += n
        out += b"\0\0"
    return bytes(out + b"\0\1")


# ---- LZW, of GIF and of TIFF ----------------------------------------------------------------------------------------


def lzw(data, gif_bits=None):
    """GIF: codes begin at the lowest bit, literals have gif_bits bits. TIFF: highest bit first, and codes widen one code earlier."""
    literal, early = gif_bits or 8, 0 if gif_bits else 1
    clear, fields, known = 1 << literal, [], {}
    count, width = clear + 2, literal + 1

    def emit(code):
        digits = format(code, f"0{width}b")
        fields.append(digits[::-1] if gif_bits else digits)

    def widened():
        return width + (count + early > 1 << width and width < 12)

    emit(clear)
    held = None
    for byte in data:
        if held is None:
            held = byte
        elif (held, byte) in known:
            held = known[held, byte]
        else:
            emit(held)
            if count < 4094:
                known[held, byte] = count
                count += 1
                width = widened()
            else:
                emit(clear)
                known, count, width = {}, clear + 2, literal + 1
            held = byte
    if held is not None:
        emit(held)
        count += 1
        width = widened()
    emit(clear + 1)
    bits = np.frombuffer("".join(fields).encode(), np.uint8) - ord("0")
    return np.packbits(bits, bitorder="little" if gif_bits else "big").tobytes()


# ---- GIF ------------------------------------------------------------------------------------------------------------


def colour_table(palette):
    """(the size's exponent, the bytes)"""
    exponent = max(1, (len(palette) - 1).bit_length())
    return exponent, np.asarray(palette, np.uint8).tobytes().ljust(3 << exponent, b"\0")


def sub_blocks(data):
    return b"".join(bytes((len(part),)) + part for part in (data[at : at + 255] for at in range(0, len(data), 255))) + b"\0"


def image_descriptor(x, y, w, h, flags=0):
    return b"," + struct.pack("<HHHHB", x, y, w, h, flags)


def frame(indices, x=0, y=0, palette=None, clear=None, interlaced=False, disposal=0, delay=None, code_size=None):
    """An image block, and the control block before it where one is needed. clear: the transparent index."""
    h, w = indices.shape
    out, flags, colours = b"", 64 * interlaced, b""
    if clear is not None or delay is not None or disposal:
        out = b"!\xf9\x04" + struct.pack("<BHBB", disposal << 2 | (clear is not None), delay or 0, clear or 0, 0)
    if palette is not None:
        exponent, colours = colour_table(palette)
        flags |= 128 | exponent - 1
    if interlaced:
        indices = np.concatenate([indices[first::step] for first, step in ((0, 8), (4, 8), (2, 4), (1, 2))])
    bits = code_size or max(2, int(indices.max()).bit_length())
    return out + image_descriptor(x, y, w, h, flags) + colours + bytes((bits,)) + sub_blocks(lzw(indices.tobytes(), bits))


def gif(w, h, blocks, palette=None, version=b"89a", background=0, loop=False, end=b";"):
    exponent, colours = colour_table(palette) if palette is not None else (0, b"")
    flags = 128 | exponent - 1 if colours else 0
    repeat = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" if loop else b""
    return b"GIF" + version + struct.pack("<HHBBB", w, h, flags, background, 0) + colours + repeat + b"".join(blocks) + end


# ---- TIFF -----------------------------------------------------------------------------------------------------------

SHORT, LONG, LONG8 = 3, 4, 16
LETTERS = {SHORT: "H", LONG: "I", LONG8: "Q"}
NONE, LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 5, 8, 32946, 32773
TAGS = dict(subfile=254, width=256, height=257, bits=258, compression=259, photometric=262, strips=273, orientation=274, samples=277, rows=278,
            strip_bytes=279, planar=284, predictor=317, colours=320, tile_width=322, tile_height=323, tiles=324, tile_bytes=325, extra=338,
            sample_format=339)


def packed_bits(row):
    out, at = b"", 0
    while at < len(row):
        n = same_from(row, at, 128)
        if n >= 3 or at + n == len(row):
            out += bytes((257 - n if n > 1 else 0, row[at]))
            at += n
        else:
            end = literal_end(row, at, 128)
            out += bytes((end - at - 1,)) + row[at:end]
            at = end
    return out


def compressed(rows, compression):
    if compression == PACKBITS:
        return b"".join(map(packed_bits, rows))
    data = b"".join(rows)
    return lzw(data) if compression == LZW else zlib.compress(data, 9) if compression in (DEFLATE, OLD_DEFLATE) else data


def rows_of(samples, bits, order, predictor=1):
    """Integers (floats, where their type is one) [h, w, channels] -> each row's bytes; predictor 2: differences from the left neighbour."""
    if predictor == 2:
        samples = np.diff(samples.astype(np.int64), axis=1, prepend=0) % (1 << bits)
    flat = samples.reshape(len(samples), -1)
    if bits < 8:
        return [np.packbits((row.astype(int)[:, None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)).tobytes() for row in flat]
    kind = "f" if samples.dtype.kind == "f" else "u"
    return [row.astype(f"{order}{kind}{bits // 8}").tobytes() for row in flat]


class Tiff:
    """add() writes a page's pixels, then its directory, and links it to the page before; `data` is the file so far."""

    def __init__(self, order="<", big=False):
        self.order, self.big, self.directories = order, big, []
        self.number = "Q" if big else "I"
        self.data = bytearray(b"II" if order == "<" else b"MM") + (self.bytes_of("HHHQ", 43, 8, 0, 0) if big else self.bytes_of("HI", 42, 0))
        self.link = len(self.data) - struct.calcsize(order + self.number)

    def bytes_of(self, layout, *values):
        return struct.pack(self.order + layout, *values)

    def append(self, data):
        """-> where it lies: at an even place"""
        self.data += b"\0" * (len(self.data) % 2)
        self.data += data
        return len(self.data) - len(data)

    def pieces(self, samples, bits, compression, rows, tile, predictor):
        """The strips or tiles of one plane, compressed."""
        h, w, _ = samples.shape
        if not tile:
            whole = rows_of(samples, bits, self.order, predictor)
            return [compressed(whole[y : y + rows], compression) for y in range(0, h, rows)]
        across, down = tile
        full = np.pad(samples, ((0, -h % down), (0, -w % across), (0, 0)))
        return [compressed(rows_of(full[y : y + down, x : x + across], bits, self.order, predictor), compression)
                for y in range(0, h, down) for x in range(0, w, across)]

    def add(self, samples, bits=8, photometric=2, compression=NONE, rows=0, tile=None, planar=1, predictor=1, **more):
        """samples [h, w, channels]; tile: (width, height); more: tags by name, each a number or a list of 16-bit numbers."""
        h, w, channels = samples.shape
        rows = rows or h
        planes = [samples] if planar == 1 else np.split(samples, channels, 2)
        pieces = [piece for plane in planes for piece in self.pieces(plane, bits, compression, rows, tile, predictor)]
        places, sizes = [self.append(piece) for piece in pieces], [len(piece) for piece in pieces]
        where = LONG8 if self.big else LONG
        tags = {"width": (LONG, w), "height": (LONG, h), "bits": (SHORT, [bits] * channels), "compression": (SHORT, compression),
                "photometric": (SHORT, photometric), "samples": (SHORT, channels)}
        if tile:
            tags |= {"tile_width": (LONG, tile[0]), "tile_height": (LONG, tile[1]), "tiles": (where, places), "tile_bytes": (where, sizes)}
        else:
            tags |= {"strips": (where, places), "rows": (LONG, rows), "strip_bytes": (where, sizes)}
        if planar != 1:
            tags["planar"] = (SHORT, planar)
        if predictor != 1:
            tags["predictor"] = (SHORT, predictor)
        if samples.dtype.kind == "f":
            tags["sample_format"] = (SHORT, [3] * channels)
        self.directory(tags | {name: (LONG if name == "subfile" else SHORT, value) for name, value in more.items()})
        return self

    def directory(self, tags):
        """tags: name -> (type, number or numbers)"""
        room, entries = struct.calcsize(self.number), b""
        for name, (kind, values) in sorted(tags.items(), key=lambda item: TAGS[item[0]]):
            values = values if isinstance(values, list) else [values]
            value = self.bytes_of(LETTERS[kind] * len(values), *values)
            if len(value) > room:
                value = self.bytes_of(self.number, self.append(value))
            entries += self.bytes_of("HH" + self.number, TAGS[name], kind, len(values)) + value.ljust(room, b"\0")
        count = self.bytes_of("Q" if self.big else "H", len(tags))
        at = self.append(count + entries + b"\0" * room)
        self.point_to(at)
        self.directories.append(at)
        self.link = len(self.data) - room

    def point_to(self, at):
        """The last directory's link."""
        struct.pack_into(self.order + self.number, self.data, self.link, at)


def tiff(samples, order="<", big=False, **options):
    return bytes(Tiff(order, big).add(samples, **options).data)
