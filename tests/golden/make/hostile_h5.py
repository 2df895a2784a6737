"""Writes tests/data/hostile_h5: HDF5 files made to do harm, of the kinds of HDF5's public CVE reproducers. All bytes are ours.

    python hostile_h5.py FOLDER          # needs h5py

What h5py can write is written by it (links, storage elsewhere, filters, types, shapes); the rest are damaged structures of one good file, with the
right checksums (lookup3), so that a reader comes as far as the damage. Every file is small: what it claims is not.
"""
import os
import struct
import sys
import zlib

import h5py
import numpy as np

NOWHERE = (1 << 64) - 1
SUPERBLOCK_SUM = 44


def lookup3(data, initial=0):
    """Bob Jenkins' hashlittle, HDF5's checksum of metadata"""
    mask = 0xFFFFFFFF

    def rotate(x, k):
        return ((x << k) | (x >> (32 - k))) & mask

    a = b = c = (0xDEADBEEF + len(data) + initial) & mask
    at, left = 0, len(data)
    while left > 12:
        x, y, z = struct.unpack_from("<III", data, at)
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        a = (a - c) & mask ^ rotate(c, 4); c = (c + b) & mask
        b = (b - a) & mask ^ rotate(a, 6); a = (a + c) & mask
        c = (c - b) & mask ^ rotate(b, 8); b = (b + a) & mask
        a = (a - c) & mask ^ rotate(c, 16); c = (c + b) & mask
        b = (b - a) & mask ^ rotate(a, 19); a = (a + c) & mask
        c = (c - b) & mask ^ rotate(b, 4); b = (b + a) & mask
        at, left = at + 12, left - 12
    if left == 0:
        return c
    x, y, z = struct.unpack("<III", data[at:].ljust(12, b"\0"))
    a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
    c = ((c ^ b) - rotate(b, 14)) & mask
    a = ((a ^ c) - rotate(c, 11)) & mask
    b = ((b ^ a) - rotate(a, 25)) & mask
    c = ((c ^ b) - rotate(b, 16)) & mask
    a = ((a ^ c) - rotate(c, 4)) & mask
    b = ((b ^ a) - rotate(a, 14)) & mask
    c = ((c ^ b) - rotate(b, 24)) & mask
    return c


class Bytes:
    """A file's bytes, whose structures can be changed and summed again."""

    def __init__(self, path):
        self.b = bytearray(open(path, "rb").read())
        self.root = self.number(36, 8)

    def number(self, at, n):
        return int.from_bytes(self.b[at:at + n], "little")

    def put(self, at, n, value):
        self.b[at:at + n] = (value & ((1 << 8 * n) - 1)).to_bytes(n, "little")

    def superblock(self):
        self.put(SUPERBLOCK_SUM, 4, lookup3(bytes(self.b[:SUPERBLOCK_SUM])))

    def header(self, at):
        """(first byte of the messages, their end, bytes before each message)"""
        flags = self.b[at + 5]
        first = at + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        wide = 1 << (flags & 3)
        size = self.number(first, wide)
        return first + wide, first + wide + size, 4 + (2 if flags & 4 else 0)

    def sum_header(self, at):
        _, end, _ = self.header(at)
        self.put(end, 4, lookup3(bytes(self.b[at:end])))

    def messages(self, at):
        """(type, where it begins, its first byte, its bytes)"""
        begin, end, head = self.header(at)
        while end - begin >= head:
            n = self.number(begin + 1, 2)
            yield self.b[begin], begin, begin + head, n
            begin += head + n

    def message(self, at, kind):
        return next(m for m in self.messages(at) if m[0] == kind)

    def dataset(self, name):
        """the address of its header"""
        link = bytes([len(name)]) + name.encode()
        return self.number(bytes(self.b).index(link) + len(link), 8)

    def index(self, name):
        """the address of its B-tree"""
        return self.number(self.message(self.dataset(name), 8)[2] + 3, 8)

    def end(self):
        self.put(28, 8, len(self.b))
        self.superblock()


def good(path, many=False):
    rng = np.random.default_rng(5)
    with h5py.File(path, "w", libver=("v108", "latest")) as f:
        f.attrs["schema"] = np.bytes_("embeddings")
        f.create_dataset("embeddings", data=rng.standard_normal((40, 8)).astype("f4"), chunks=(10, 8), fletcher32=True, track_times=False)
        f.create_dataset("keys_bytes", data=np.frombuffer(b"abcdefgh" * 5, "u1"), chunks=(16,), compression="gzip", track_times=False)
        f.create_dataset("keys_offsets", data=np.arange(41, dtype="i8"), chunks=(41,), track_times=False)
        f.create_dataset("few", data=np.arange(4, dtype="i4"), track_times=False)
        for i in range(20 if many else 0):
            f.create_dataset(f"dataset_of_many_{i:02}", data=np.arange(3, dtype="i4"), track_times=False)


def by_h5py():
    """name -> a function that fills an open file"""
    n = np.arange(8, dtype="i4")

    def layout(f, where):
        v = h5py.VirtualLayout((8,), "i4")
        v[:] = h5py.VirtualSource(where, "x", (8,))
        f.create_virtual_dataset("x" if where != "." else "y", v)

    def filtered(f, number, options=(), optional=False):
        p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        p.set_chunk((8,))
        if number == "optional":
            p.set_filter(32000, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
        else:
            p.set_filter(number, h5py.h5z.FLAG_OPTIONAL if optional else 0, options)
        d = h5py.h5d.create(f.id, b"x", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((8,)), p)
        h5py.Dataset(d)[...] = n

    def claimed(f, shape, chunk, kind="f4", **more):
        f.create_dataset("x", shape, kind, chunks=chunk, **more)

    def cycle(f):
        g = f.create_group("a")
        g["b"] = f["/"]
        f["a/b/c"] = g

    def deep(f):
        g = f
        for _ in range(200):
            g = g.create_group("g")

    def refer(f):
        f["x"] = n
        f.create_dataset("r", data=np.array([f["x"].ref] * 4, dtype=h5py.ref_dtype))

    return {
        "link_soft": lambda f: f.__setitem__("x", h5py.SoftLink("/elsewhere")),
        "link_soft_cycle": lambda f: (f.__setitem__("a", h5py.SoftLink("/b")), f.__setitem__("b", h5py.SoftLink("/a"))),
        "link_soft_itself": lambda f: f.__setitem__("x", h5py.SoftLink("/x")),
        "link_external": lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/x")),
        "link_external_itself": lambda f: f.__setitem__("x", h5py.ExternalLink("link_external_itself.h5", "/x")),
        "link_hard_cycle": cycle,
        "groups_deep": deep,
        "group_named_as_data": lambda f: f.create_group("embeddings"),
        "external_storage": lambda f: f.create_dataset("x", (8,), "i4", external=[("/etc/passwd", 0, 32)]),
        "external_storage_zero": lambda f: f.create_dataset("x", (1 << 40,), "u1", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)]),
        "virtual_absolute": lambda f: layout(f, "/etc/passwd"),
        "virtual_above": lambda f: layout(f, "../above.h5"),
        "virtual_itself": lambda f: layout(f, "."),
        "virtual_missing": lambda f: layout(f, "not_there.h5"),
        "filter_unknown": lambda f: filtered(f, "optional"),
        "filter_shuffle": lambda f: f.create_dataset("x", data=n, chunks=(8,), shuffle=True),
        "filter_lzf": lambda f: f.create_dataset("x", data=n, chunks=(8,), compression="lzf"),
        "filter_scale_offset": lambda f: f.create_dataset("x", data=n, chunks=(8,), scaleoffset=4),
        "type_varying": lambda f: f.create_dataset("x", data=["a", "b"], dtype=h5py.string_dtype()),
        "type_sequence": lambda f: f.create_dataset("x", (2,), dtype=h5py.vlen_dtype("i4")),
        "type_compound": lambda f: f.create_dataset("x", (4,), dtype=[("a", "i4"), ("b", "f8", (3,))]),
        "type_opaque": lambda f: f.create_dataset("x", (4,), dtype="V7"),
        "type_reference": refer,
        "type_enumeration": lambda f: f.create_dataset("x", (4,), dtype=h5py.enum_dtype({"A": 0, "B": 1}, "i4")),
        "type_committed": lambda f: (f.__setitem__("t", np.dtype("f8")), f.create_dataset("x", (4,), dtype=f["t"])),
        "shape_scalar": lambda f: f.__setitem__("x", 5),
        "shape_null": lambda f: f.create_dataset("x", data=h5py.Empty("f4")),
        "shape_huge": lambda f: claimed(f, (1 << 40, 1 << 20), (1 << 10, 1 << 10)),
        "shape_huge_small_chunks": lambda f: claimed(f, (1 << 62,), (1,), "u1"),
        "shape_unlimited": lambda f: claimed(f, (1 << 50,), (1 << 20,), "f8", maxshape=(None,)),
        "chunk_of_4_gb": lambda f: claimed(f, (1 << 31,), ((1 << 30) - 1,)),
        "rank_32": lambda f: claimed(f, (1,) * 32, (1,) * 32),
        "zeros_compressed": lambda f: f.create_dataset("embeddings", data=np.zeros(1 << 24, "u1"), chunks=(1 << 24,), compression="gzip"),
        "attributes_many": lambda f: [f.attrs.__setitem__(f"a{i:04}", i) for i in range(200)],
    }


def damages():
    """name -> a function that damages Bytes of the good file"""
    def superblock(at, n, value):
        def change(b):
            b.put(at, n, value)
            b.superblock()
        return change

    def message(kind, at, n, value, of="embeddings"):
        def change(b):
            header = b.root if of is None else b.dataset(of)
            first = b.message(header, kind)[2]
            b.put(first + at, n, value(b) if callable(value) else value)
            b.sum_header(header)
        return change

    def header(at, n, value, of="embeddings", summed=True):
        def change(b):
            where = b.root if of is None else b.dataset(of)
            begin, end, _ = b.header(where)
            b.put(where + at, n, value)
            b.put(end, 4, lookup3(bytes(b.b[where:end])))
        return change

    def tree(at, n, value):
        def change(b):
            b.put(b.index("embeddings") + at, n, value(b) if callable(value) else value)
        return change

    def continuation(to, size=64, times=1):
        """the messages of few's header become continuations"""
        def change(b):
            where = b.dataset("few")
            begin, end, head = b.header(where)
            at = begin
            for _ in range(times):
                if end - at < head + 16:
                    break
                b.b[at:at + head] = bytes([16, 16, 0, 0] + [0] * (head - 4))
                b.put(at + head, 8, to(b, where) if callable(to) else to)
                b.put(at + head + 8, 8, size)
                at += head + 16
            if end - at >= head:
                b.b[at:at + head] = bytes([0]) + (end - at - head).to_bytes(2, "little") + bytes(head - 3)
            b.sum_header(where)
        return change

    def continuation_chain(b):
        """a block that continues in itself"""
        where = b.dataset("few")
        begin, end, head = b.header(where)
        block = len(b.b)
        part = b"OCHK" + bytes([16, 16, 0, 0] + [0] * (head - 4)) + struct.pack("<QQ", block, 4 + head + 16 + 4)
        b.b += part + struct.pack("<I", lookup3(part))
        continuation(block, 4 + head + 16 + 4)(b)
        b.end()

    def tree_of_one_leaf(b):
        """levels of nodes that all name the same child: no cycle, and no end of walking"""
        where = b.dataset("embeddings")
        entry, used, child = 8 + 8 * 3 + 8, 500, b.index("embeddings")
        for level in (1, 2, 3, 4, 5):
            node = b"TREE" + bytes([1, level]) + struct.pack("<H", used) + struct.pack("<QQ", NOWHERE, NOWHERE)
            node += (bytes(entry - 8) + struct.pack("<Q", child)) * used + bytes(entry - 8)
            child = len(b.b)
            b.b += node
        b.put(b.message(where, 8)[2] + 3, 8, child)
        space = b.message(where, 1)[2]
        for i in range(2):
            b.put(space + 4 + 8 * i, 8, 1 << 31)
        for i in range(2):  # their limits
            if b.b[space + 2] & 1:
                b.put(space + 20 + 8 * i, 8, 1 << 31)
        b.sum_header(where)
        b.end()

    def links_repeated(b):
        """the root's links once more and once more: parts that continue in each other"""
        begin, end, head = b.header(b.root)
        messages = bytes(b.b[begin:end])
        first = len(b.b)
        size = 4 + len(messages) + head + 16 + 4
        for i in range(60):
            part = b"OCHK" + messages + bytes([16, 16, 0, 0] + [0] * (head - 4)) + struct.pack("<QQ", first + (i + 1) % 60 * size, size)
            b.b += part + struct.pack("<I", lookup3(part))
        kind, at, inner, n = next(m for m in b.messages(b.root) if m[3] >= 16 and m[0] in (6, 12))
        b.b[at:at + head] = bytes([16]) + n.to_bytes(2, "little") + bytes([0] * (head - 3))
        b.put(inner, 8, first)
        b.put(inner + 8, 8, size)
        b.sum_header(b.root)
        b.end()

    def chunk_data(stream, of="keys_bytes", key=8 + 16):
        """the stored bytes of a chunk are others"""
        def change(b):
            index = b.index(of)
            b.put(index + 24, 4, len(stream))
            b.put(index + 24 + key, 8, len(b.b))
            b.b += stream
            b.end()
        return change

    def truncated(part):
        def change(b):
            del b.b[int(len(b.b) * part):]
            b.end()
        return change

    return {
        "superblock_version": superblock(8, 1, 255),
        "superblock_offsets_of_0": superblock(9, 1, 0),
        "superblock_lengths_of_255": superblock(10, 1, 255),
        "superblock_base": superblock(12, 8, 1 << 40),
        "superblock_extension_itself": superblock(20, 8, 0),
        "superblock_end_huge": superblock(28, 8, 1 << 62),
        "superblock_end_zero": superblock(28, 8, 0),
        "superblock_root_itself": superblock(36, 8, 0),
        "superblock_root_nowhere": superblock(36, 8, NOWHERE),
        "superblock_root_beyond": superblock(36, 8, 1 << 60),
        "header_version": header(4, 1, 9),
        "header_flags": header(5, 1, 0xFF),
        "header_flags_of_dataset": lambda b: b.put(b.dataset("embeddings") + 5, 1, 0x37),
        "header_size_huge": lambda b: (b.put(b.header(b.root)[0] - (1 << (b.b[b.root + 5] & 3)), 1, 255), None),
        "message_longer_than_header": lambda b: (b.put(b.message(b.dataset("embeddings"), 1)[1] + 1, 2, 65535), b.sum_header(b.dataset("embeddings"))),
        "message_shared": lambda b: (b.put(b.message(b.dataset("embeddings"), 3)[1] + 3, 1, 2), b.sum_header(b.dataset("embeddings"))),
        "message_unknown": lambda b: (b.put(b.message(b.dataset("embeddings"), 5)[1], 1, 200), b.sum_header(b.dataset("embeddings"))),
        "continuation_into_header": continuation(lambda b, where: where),
        "continuation_huge": continuation(0, 1 << 60),
        "continuation_nowhere": continuation(NOWHERE),
        "continuation_empty": continuation(48, 0),
        "continuation_itself": continuation_chain,
        "continuations_repeat_links": links_repeated,
        "space_rank_255": message(1, 1, 1, 255),
        "space_rank_0": message(1, 1, 1, 0),
        "space_overflow": message(1, 4, 8, 1 << 63),
        "space_minus_one": message(1, 4, 8, NOWHERE),
        "type_size_0": message(3, 4, 4, 0),
        "type_size_huge": message(3, 4, 4, 0xFFFFFFFF),
        "type_class_15": message(3, 0, 1, 0x1F),
        "type_precision_0": message(3, 10, 2, 0),
        "fill_huge": message(5, 2, 4, 0xFFFFFFF0),
        "layout_version": message(8, 0, 1, 77),
        "layout_class": message(8, 1, 1, 9),
        "layout_rank": message(8, 2, 1, 200),
        "layout_chunk_0": message(8, 11, 4, 0),
        "layout_chunk_huge": message(8, 11, 4, 0xFFFFFFFF),
        "layout_element": message(8, 19, 4, 1),
        "layout_index_root": message(8, 3, 8, lambda b: b.root),
        "layout_index_nowhere": message(8, 3, 8, NOWHERE),
        "layout_index_beyond": message(8, 3, 8, 1 << 61),
        "layout_contiguous_beyond": message(8, 2, 8, 1 << 61, "few"),
        "layout_contiguous_huge": message(8, 10, 8, 1 << 62, "few"),
        "filters_255": message(11, 1, 1, 255, "keys_bytes"),
        "filters_name_long": message(11, 2, 2, 40000, "keys_bytes"),
        "link_name_huge": message(6, 2, 1, 255, None),
        "link_into_itself": lambda b: (b.put(b.message(b.root, 6)[2] + b.message(b.root, 6)[3] - 8, 8, b.root), b.sum_header(b.root)),
        "attribute_huge": message(12, 4, 2, 60000, None),
        "tree_signature": tree(0, 4, 0),
        "tree_level_255": tree(5, 1, 255),
        "tree_level_1": tree(5, 1, 1),
        "tree_entries_65535": tree(6, 2, 65535),
        "tree_entries_0": tree(6, 2, 0),
        "tree_child_itself": lambda b: (b.put(b.index("embeddings") + 5, 1, 1), b.put(b.index("embeddings") + 24 + 32, 8, b.index("embeddings"))),
        "tree_chunk_size_huge": tree(24, 4, 0xFFFFFFFF),
        "tree_chunk_size_0": tree(24, 4, 0),
        "tree_chunk_beyond": tree(24 + 32, 8, 1 << 62),
        "tree_filter_left_out": tree(28, 4, 1),
        "tree_offsets_wild": tree(32, 8, 1 << 50),
        "tree_of_one_leaf": tree_of_one_leaf,
        "chunk_bomb": chunk_data(zlib.compress(bytes(1 << 24), 9)),
        "chunk_short": chunk_data(zlib.compress(b"a")),
        "chunk_empty": chunk_data(zlib.compress(b"")),
        "chunk_no_stream": chunk_data(bytes(range(200))),
        "chunk_stream_cut": chunk_data(zlib.compress(bytes(16))[:-6]),
        "chunk_plain_short": chunk_data(b"12345678", "embeddings", 8 + 24),
        "chunk_plain_long": chunk_data(bytes(1000), "embeddings", 8 + 24),
        "tree_offsets_same": lambda b: b.put(b.index("embeddings") + 24 + 40 + 8, 8, 0),
        "tree_offsets_between": lambda b: b.put(b.index("embeddings") + 24 + 40 + 8, 8, 5),
        "truncated_half": truncated(0.5),
        "truncated_tenth": truncated(0.1),
        "truncated_last": truncated(0.99),
    }


def damages_of_many():
    """the same of a file whose links are in a fractal heap"""
    def find(b, signature):
        at = bytes(b.b).find(signature)
        assert at > 0, signature
        return at

    def summed(signature, size, at, n, value):
        def change(b):
            where = find(b, signature)
            b.put(where + at, n, value(b, where) if callable(value) else value)
            b.put(where + size, 4, lookup3(bytes(b.b[where:where + size])))
        return change

    return {
        "heap_whole": lambda b: None,
        "heap_width_0": summed(b"FRHP", 142, 110, 2, 0),
        "heap_width_65535": summed(b"FRHP", 142, 110, 2, 65535),
        "heap_start_0": summed(b"FRHP", 142, 112, 8, 0),
        "heap_most_huge": summed(b"FRHP", 142, 120, 8, 1 << 62),
        "heap_bits_255": summed(b"FRHP", 142, 128, 2, 255),
        "heap_root_itself": summed(b"FRHP", 142, 132, 8, lambda b, where: where),
        "heap_root_beyond": summed(b"FRHP", 142, 132, 8, 1 << 60),
        "heap_rows_65535": summed(b"FRHP", 142, 140, 2, 65535),
        "heap_filters": summed(b"FRHP", 142, 7, 2, 5000),
        "heap_id_of_0": summed(b"FRHP", 142, 5, 2, 0),
        "heap_block_signature": lambda b: b.put(find(b, b"FHDB"), 4, 0),
        "heap_block_rows": lambda b: b.put(find(b, b"FHDB") + 5, 8, NOWHERE),
        "links_tree_node_0": summed(b"BTHD", 34, 6, 4, 0),
        "links_tree_node_huge": summed(b"BTHD", 34, 6, 4, 0xFFFFFFFF),
        "links_tree_depth": summed(b"BTHD", 34, 12, 2, 65535),
        "links_tree_root_itself": summed(b"BTHD", 34, 16, 8, lambda b, where: where),
        "links_tree_count": summed(b"BTHD", 34, 24, 2, 65535),
        "links_tree_record_0": summed(b"BTHD", 34, 10, 2, 0),
        "links_leaf_wild": lambda b: b.b.__setitem__(slice(find(b, b"BTLF") + 6, find(b, b"BTLF") + 200), b"\xff" * 194),
        "truncated_heap": lambda b: (b.b.__delitem__(slice(find(b, b"FHDB") + 20, None)), b.end()),
    }


def main():
    to = sys.argv[1]
    os.makedirs(to, exist_ok=True)
    for name, fill in by_h5py().items():
        with h5py.File(os.path.join(to, name + ".h5"), "w", libver=("v108", "latest")) as f:
            fill(f)
    with h5py.File(os.path.join(to, "oldest.h5"), "w", libver="earliest") as f:
        f["x"] = np.arange(8)
    with h5py.File(os.path.join(to, "newest.h5"), "w", libver="latest") as f:
        f.create_dataset("x", data=np.arange(800), chunks=(8,), maxshape=(None,))
    with h5py.File(os.path.join(to, "user_block.h5"), "w", libver=("v108", "latest"), userblock_size=512) as f:
        f["x"] = np.arange(8)
    for many, table in ((False, damages()), (True, damages_of_many())):
        whole = os.path.join(to, "whole.h5")
        good(whole, many)
        for name, damage in table.items():
            b = Bytes(whole)
            damage(b)
            open(os.path.join(to, name + ".h5"), "wb").write(b.b)
    good(whole)


main()
