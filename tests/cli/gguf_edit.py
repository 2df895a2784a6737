"""For story.sh: a GGUF file with more keys and tensors.

  gguf_edit.py FROM TO [TYPE:KEY=VALUE …] [tensor:NAME=COUNT[:VALUE] …]   TYPE: u16, u32, f32, str; a tensor of so many F32, all VALUE (0)

Nothing but the standard library.
"""
import struct
import sys

KINDS = {"u16": (2, "<H", int), "u32": (4, "<I", int), "f32": (6, "<f", float)}
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY, STEP = 8, 9, 32


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def skip(data, at, kind):
    if kind == STRING:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind != ARRAY:
        return at + SIZES[kind]
    element, count = struct.unpack_from("<IQ", data, at)
    at += 12
    for _ in range(count):
        at = skip(data, at, element)
    return at


def main(source, to, *edits):
    data = open(source, "rb").read()
    version, tensors, pairs = struct.unpack_from("<IQQ", data, 4)
    at = 24
    for _ in range(pairs):
        at = skip(data, at, STRING)
        at = skip(data, at + 4, struct.unpack_from("<I", data, at)[0])
    end_of_pairs = at
    for _ in range(tensors):
        at = skip(data, at, STRING)
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 12
    body = data[-(-at // STEP) * STEP:]
    body += bytes(-len(body) % STEP)
    more_pairs = more_tensors = b""
    for edit in edits:
        (kind, key), value = edit.split("=")[0].split(":", 1), edit.split("=", 1)[1]
        if kind == "tensor":
            count, fill = (value.split(":") + ["0"])[:2]
            tensors += 1
            more_tensors += text(key) + struct.pack("<IQIQ", 1, int(count), 0, len(body))
            body += struct.pack("<f", float(fill)) * int(count)
            body += bytes(-len(body) % STEP)
            continue
        pairs += 1
        more_pairs += text(key)
        more_pairs += struct.pack("<I", STRING) + text(value) if kind == "str" else struct.pack("<I", KINDS[kind][0]) + struct.pack(KINDS[kind][1], KINDS[kind][2](value))
    head = data[:4] + struct.pack("<IQQ", version, tensors, pairs) + data[24:end_of_pairs] + more_pairs + data[end_of_pairs:at] + more_tensors
    open(to, "wb").write(head + bytes(-len(head) % STEP) + body)


if __name__ == "__main__":
    main(*sys.argv[1:])
