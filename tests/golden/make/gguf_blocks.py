"""Golden data of GGUF's block formats: files of random valid blocks, and their numbers.

    python gguf_blocks.py --out MADE/gguf [--seed 1]

Writes blocks/: TYPE.gguf, TYPE.safetensors, report.json. The numbers are those of the gguf package, and, written out here again in double
precision and rounded once, the same to the bit.
"""

import os
from importlib.metadata import version

import gguf
import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from common import arguments, generator, save_json, save_tensors

# Where a block's scales lie: halves.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208], "IQ4_NL": [0]}
FLOATS = {"F32": ("<u4", 0x7F800000), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}  # type of the bits, mask of the exponent
TYPES = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL")
IQ4_LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113])
# Zeros, the smallest and largest subnormal, the smallest normal, the largest of both signs, one.
EDGES = {"F32": [0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x3F800000],
         "F16": [0, 0x8000, 1, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00],
         "BF16": [0, 0x8000, 1, 0x807F, 0x0080, 0x7F7F, 0xFF7F, 0x3F80]}


# ---- blocks -------------------------------------------------------------------------------------------------------------


def random_blocks(rng, kind, count, size):
    """Any bits, but for scales (or floats) that are finite. Six scales in ten are made small: below 2."""
    raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
    if kind in FLOATS:
        bits, exponent = raw.view(FLOATS[kind][0]), FLOATS[kind][1]
        bits[bits & exponent == exponent] ^= exponent
        return raw
    for at in SCALES[kind]:
        scale = rng.integers(0, 65536, count).astype("<u2")
        scale[scale & 0x7C00 == 0x7C00] ^= 0x4000
        scale[rng.random(count) < 0.6] &= 0xBFFF
        raw[:, at : at + 2] = scale.view(np.uint8).reshape(-1, 2)
    return raw


def edge_blocks(rng, kind, size):
    """Each edge as the scale of three blocks: all bits 0, all bits 1, any."""
    if kind in FLOATS:
        return np.array(EDGES[kind], FLOATS[kind][0]).view(np.uint8).reshape(-1, size)
    blocks = []
    for scale in EDGES["F16"]:
        for fill in (np.zeros(size, np.uint8), np.full(size, 255, np.uint8), rng.integers(0, 256, size, dtype=np.uint8)):
            for at in SCALES[kind]:
                fill[at : at + 2] = scale & 255, scale >> 8
            blocks.append(fill)
    return np.stack(blocks)


# ---- their numbers, in double precision ------------------------------------------------------------------------------------


def fields(packed, group, bits):
    """[n, bytes] -> [n, numbers]: of each `group` bytes first all lowest fields of `bits` bits, then all next ones, …"""
    shifts = np.arange(0, 8, bits)[:, None]
    return (packed.reshape(len(packed), -1, 1, group) >> shifts & (1 << bits) - 1).reshape(len(packed), -1).astype(int)


def scales_of_6_bits(packed):
    """The 12 bytes of Q4_K and Q5_K -> eight scales, eight minima"""
    p = packed.astype(int)
    first, second, third = p[:, :4], p[:, 4:8], p[:, 8:]
    return (np.hstack([first & 63, third & 15 | first >> 6 << 4]), np.hstack([second & 63, third >> 4 | second >> 6 << 4]))


def numbers(kind, raw):
    """[n, bytes of a block] -> float32 [n, numbers of a block]"""

    def half(at):
        return raw[:, at : at + 2].copy().view("<f2").astype(np.float64)

    def spread(scales, by):
        return np.repeat(scales, by, 1)

    if kind == "F32":
        return raw.copy().view("<f4")
    if kind == "F16":
        return raw.copy().view("<f2").astype(np.float32)
    if kind == "BF16":
        return (raw.copy().view("<u2").astype(np.uint32) << 16).view(np.float32)
    d, minimum = half(SCALES[kind][0]), half(SCALES[kind][-1])
    if kind == "Q8_0":
        out = d * raw[:, 2:].view(np.int8)
    elif kind in ("Q4_0", "IQ4_NL"):
        q = fields(raw[:, 2:], 16, 4)
        out = d * (q - 8 if kind == "Q4_0" else IQ4_LEVELS[q])
    elif kind == "Q4_1":
        out = d * fields(raw[:, 4:], 16, 4) + minimum
    elif kind in ("Q5_0", "Q5_1"):
        at = 2 * len(SCALES[kind])
        q = fields(raw[:, at + 4 :], 16, 4) | np.unpackbits(raw[:, at : at + 4], axis=1, bitorder="little").astype(int) << 4
        out = d * (q - 16) if kind == "Q5_0" else d * q + minimum
    elif kind == "Q2_K":
        out = d * spread(raw[:, :16] & 15, 16) * fields(raw[:, 16:80], 32, 2) - minimum * spread(raw[:, :16] >> 4, 16)
    elif kind == "Q3_K":
        q = fields(raw[:, 32:96], 32, 2) + 4 * fields(raw[:, :32], 32, 1) - 4
        scales = fields(raw[:, 96:104], 8, 4) | fields(raw[:, 104:108], 4, 2) << 4
        out = d * spread(scales - 32, 16) * q
    elif kind in ("Q4_K", "Q5_K"):
        scales, minima = scales_of_6_bits(raw[:, 4:16])
        q = fields(raw[:, -128:], 32, 4)
        if kind == "Q5_K":
            q |= fields(raw[:, 16:48], 32, 1) << 4
        out = d * spread(scales, 32) * q - minimum * spread(minima, 32)
    else:  # Q6_K
        q = fields(raw[:, :128], 64, 4) | fields(raw[:, 128:192], 32, 2) << 4
        out = d * spread(raw[:, 192:208].view(np.int8), 16) * (q - 32)
    return out.astype(np.float32)


# ---- files ------------------------------------------------------------------------------------------------------------------


def tensors_of(rng, kind, per, size):
    """name -> (shape, blocks); the edges are drawn first"""
    edges = edge_blocks(rng, kind, size)
    wide, long = {1: (37, 129), 32: (4, 3), 256: (2, 3)}[per]
    shapes = {"matrix": (5, wide * per), "vector": (long * per,), "cube": (2, 3, per)}
    drawn = {name: (shape, random_blocks(rng, kind, int(np.prod(shape)) // per, size)) for name, shape in shapes.items()}
    drawn["edges"] = ((len(edges), per) if per > 1 else (len(edges),), edges)
    if per == 1:
        drawn["many"] = ((48, 64), random_blocks(rng, kind, 48 * 64, size))
    return drawn


def write_file(path, kind, tensors, per, size):
    writer = gguf.GGUFWriter(path, "test")
    writer.add_name(f"blocks of {kind}")
    for name, (shape, raw) in tensors.items():
        if kind in ("F32", "F16"):
            writer.add_tensor(name, raw.view({"F32": "<f4", "F16": "<f2"}[kind]).reshape(shape))
        else:
            writer.add_tensor(name, raw.reshape(*shape[:-1], shape[-1] // per * size), raw_dtype=GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    args = arguments(__doc__).parse_args()
    np.seterr(all="ignore")
    folder, report = os.path.join(args.out, "blocks"), {}
    os.makedirs(folder, exist_ok=True)
    for kind in TYPES:
        per, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
        tensors = tensors_of(generator(args.seed, f"gguf.blocks.{kind}"), kind, per, size)
        path = os.path.join(folder, kind.lower() + ".gguf")
        write_file(path, kind, tensors, per, size)
        expected = {}
        for tensor in gguf.GGUFReader(path).tensors:
            shape, raw = tensors[tensor.name]
            found = quants.dequantize(np.array(tensor.data), tensor.tensor_type).reshape(shape).astype(np.float32)
            again = numbers(kind, raw).reshape(shape)
            assert np.isfinite(found).all() and np.array_equal(found.view(np.uint32), again.view(np.uint32)), (kind, tensor.name)
            expected[tensor.name] = torch.from_numpy(found)
        save_tensors(os.path.join(folder, kind.lower() + ".safetensors"), expected)
        report[kind] = {"id": int(GGMLQuantizationType[kind]), "elements_a_block": per, "bytes_a_block": size,
                        "numbers": sum(x.numel() for x in expected.values()), "largest": max(float(x.abs().max()) for x in expected.values())}
    save_json(os.path.join(folder, "report.json"), {"gguf": version("gguf"), "types": report})
    print(sum(row["numbers"] for row in report.values()), "numbers, equal to the bit in both ways")


if __name__ == "__main__":
    main()
