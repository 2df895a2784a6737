"""GGUF files that are wrong, odd, or both: bytes that are no GGUF, and well-formed files that are no usable model or tokenizer.

    python gguf_malformed.py --out MADE/gguf [--seed 1] [--model tests/data/golden/gguf/malformed/model_good.gguf]

Writes malformed/ with expected.json: each file's verdict (ok, error; either: to read it rightly or to refuse it) and level (container: the
bytes; model: metadata and tensors; tokenizer: only when text becomes ids). MODEL is a tiny Llama whose parts are replaced one at a time. The
fields of the stored expected.json that no test reads (kind, why, what other readers say) are not made here.
"""

import math
import os
import struct

import gguf
import numpy as np

from common import arguments, generator, save_json
from gguf_blocks import random_blocks

VALUES = {"u8": (0, "<B"), "i8": (1, "<b"), "u16": (2, "<H"), "i16": (3, "<h"), "u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"),
          "str": (8, None), "u64": (10, "<Q"), "i64": (11, "<q"), "f64": (12, "<d")}
TYPE_NAMES = {code: name for name, (code, _) in VALUES.items()}
ARRAY = 9
F32, F16, Q4_0, Q5_1, Q8_0, Q4_K, Q6_K, I32, F64, IQ1_M = 0, 1, 2, 7, 8, 12, 14, 26, 28, 29
GOOD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "golden", "gguf", "malformed", "model_good.gguf")


# ---- writing ------------------------------------------------------------------------------------------------------------


def text(s):
    data = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(data)) + data


def plain(kind, v):
    return text(v) if kind == "str" else struct.pack(VALUES[kind][1], v)


def pair(key, kind, v):
    """kind: a name of VALUES, in brackets for an array."""
    if kind.startswith("["):
        inner = kind[1:-1]
        return text(key) + struct.pack("<IIQ", ARRAY, VALUES[inner][0], len(v)) + b"".join(plain(inner, x) for x in v)
    return text(key) + struct.pack("<I", VALUES[kind][0]) + plain(kind, v)


def raw_pair(key, layout, *numbers):
    return text(key) + struct.pack("<" + layout, *numbers)


def info(name, dims, kind, offset, claimed=None):
    """claimed: the number of dimensions that is written"""
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims) if claimed is None else claimed, *dims, kind, offset)


def padded(data, to=32):
    return data + bytes(-len(data) % to)


def header(pairs, infos, version=3, tensors=None, keys=None):
    counts = struct.pack("<IQQ", version, len(infos) if tensors is None else tensors, len(pairs) if keys is None else keys)
    return b"GGUF" + counts + b"".join(pairs) + b"".join(infos)


def container(pairs, infos, data, alignment=32, **claims):
    return padded(header(pairs, infos, **claims), alignment) + data


def laid_out(tensors, alignment=32):
    """[(name, dims, type, bytes)] -> infos, data"""
    infos, data = [], b""
    for name, dims, kind, raw in tensors:
        infos.append(info(name, dims, kind, len(data)))
        data = padded(data + raw, alignment)
    return infos, data


def with_number(data, at, number):
    return data[:at] + struct.pack("<Q", number) + data[at + 8 :]


# ---- containers: (verdict, name, bytes) ---------------------------------------------------------------------------------------


class Parts:
    """A good file and what it is made of: three tensors a, b, c of 96, 72 and 32 bytes at 0, 96 and 192."""

    def __init__(self, rng):
        self.f32 = rng.standard_normal(24).astype("<f4").tobytes()
        self.q4 = random_blocks(rng, "Q4_0", 4, 18).tobytes()
        self.f16 = rng.standard_normal(16).astype("<f2").tobytes()
        self.pairs = [pair("general.architecture", "str", "test"), pair("test.count", "u32", 7), pair("test.list", "[i32]", [3, 1, 2]),
                      pair("test.words", "[str]", ["one", "", "drei é"]), pair("test.scale", "f32", 0.5)]
        self.tensors = [("a", [8, 3], F32, self.f32), ("b", [64, 2], Q4_0, self.q4), ("c", [16], F16, self.f16)]
        self.infos, self.data = laid_out(self.tensors)
        self.whole = container(self.pairs, self.infos, self.data)

    def file(self, pairs=(), infos=None, data=None, **claims):
        """pairs: added; infos and data: in place of the good ones"""
        return container(self.pairs + list(pairs), self.infos if infos is None else infos, self.data if data is None else data, **claims)

    def one(self, name, dims, kind, data=None, offset=0, claimed=None):
        """One tensor alone."""
        return self.file(infos=[info(name, dims, kind, offset, claimed)], data=data)


def taken(p):
    """Files that must be read."""
    yield "good", p.whole
    yield "no_pairs", container([], p.infos, p.data)
    yield "no_tensors", p.file(infos=[], data=b"")
    yield "nothing", header([], [])
    numbers = {"u8": 255, "i8": -128, "u16": 65535, "i16": -(2**15), "u32": 2**32 - 1, "i32": -(2**31), "u64": 2**64 - 1, "i64": -(2**63),
               "f32": -1.5, "f64": 1e300, "bool": True, "str": 'é\n"'}
    lists = {"u8": [1, 2, 3], "bool": [True, False], "f64": [0.1], "u64": [], "str": []}
    yield "all_value_types", p.file([pair("v." + k, k, v) for k, v in numbers.items()] + [pair("l." + k, f"[{k}]", v) for k, v in lists.items()])
    for alignment in (8, 64, 4096):
        infos, data = laid_out(p.tensors, alignment)
        yield f"alignment_{alignment}", p.file([pair("general.alignment", "u32", alignment)], infos, data, alignment=alignment)
    yield "trailing_bytes", p.whole + b"xyz" * 9
    yield "last_tensor_not_padded", p.file(data=padded(p.f32) + padded(p.q4) + p.f16)
    yield "long_key", p.file([pair("k" * 300, "u32", 1)])
    yield "one_dimension_of_one", p.one("a", [1], F32, p.f32)
    yield "four_dimensions", p.one("a", [2, 3, 2, 2], F32, p.f32)
    yield "name_63_bytes", p.one("n" * 63, [24], F32, p.f32)


def odd(p):
    """Files that may be read or refused."""
    yield "version_2", p.file(version=2)
    yield "unsorted_offsets", p.file(infos=[info("c", [16], F16, 224), info("b", [64, 2], Q4_0, 96), info("a", [8, 3], F32, 0)],
                                     data=padded(p.f32) + padded(p.q4, 128) + p.f16)
    yield "gap_between_tensors", p.file(infos=[info("a", [8, 3], F32, 0), info("c", [16], F16, 256)], data=p.f32.ljust(256, b"\0") + p.f16)
    inner = b"".join(struct.pack("<IQ", 0, len(part)) + bytes(part) for part in ([1, 2], [3]))
    yield "nested_array", p.file([raw_pair("test.nested", "IIQ", ARRAY, ARRAY, 2) + inner])
    yield "bool_two", p.file([raw_pair("test.flag", "IB", 7, 2)])
    yield "zero_dimension", p.one("a", [8, 0], F32, b"")
    yield "no_dimensions", p.one("a", [], F32, p.f32)
    yield "tensor_of_unused_type", p.one("a", [256], IQ1_M, bytes(64))
    yield "key_not_utf8", container([pair(b"bad\xff\xfe", "u32", 1)], [], b"")
    yield "tensor_name_empty", p.one("", [8, 3], F32)
    yield "tensor_name_not_utf8", p.one(b"\xff\xfea", [8, 3], F32)


def wrong_beginnings(p):
    yield "empty_file", b""
    yield "three_bytes", b"GGU"
    yield "only_magic", b"GGUF"
    for name, magic in (("magic_wrong", b"GGUX"), ("magic_big_endian", b"FUGG"), ("magic_ggjt", b"tjgg"), ("zip_file", b"PK\x03\x04")):
        yield name, magic + p.whole[4:]
    yield "text_file", b"version https://example.org/lfs\noid sha256:0\nsize 5\n"
    for version in (0, 1, 4, 99, 2**32 - 1):
        yield f"version_{version}", p.file(version=version)
    yield "version_big_endian", p.file(version=3 << 24)
    before = len(header(p.pairs, []))
    tensors = before + len(b"".join(p.infos))
    for name, length in (("version", 6), ("counts", 18), ("first_key_length", 28), ("first_key", 36), ("first_value", 60),
                         ("array", p.whole.index(b"test.list") + 30), ("pairs", before - 2), ("before_tensors", before), ("tensor_name", before + 8),
                         ("tensor_dims", before + 24), ("tensor_offset", tensors - 4), ("before_data", tensors)):
        yield f"truncated_{name}", p.whole[:length]
    yield "truncated_data", p.file(data=p.data[: len(padded(p.f32)) + len(padded(p.q4)) + 5])


def wrong_counts(p):
    """No memory may be taken before a count is compared with the file's size."""
    for name, count in (("2_to_the_63", 2**63), ("all_ones", 2**64 - 1), ("2_to_the_40", 2**40)):
        yield f"tensors_{name}", p.file(tensors=count)
        yield f"key_length_{name}", with_number(p.whole, 24, count)
        if name != "all_ones":
            yield f"pairs_{name}", p.file(keys=count)
    yield "tensors_one_too_many", p.file(data=p.data + bytes(200), tensors=len(p.infos) + 1)
    yield "pairs_one_too_many", p.file(keys=len(p.pairs) + 1)
    yield "key_length_one_past_the_end", with_number(p.whole, 24, len(p.whole) - 31)
    yield "value_string_length", with_number(p.whole, p.whole.index(b"drei") - 8, 2**64 - 8)
    for name, kind, count in (("u8_2_to_the_40", 0, 2**40), ("u64_wraps", 10, 2**61 + 1), ("str_2_to_the_40", 8, 2**40), ("all_ones", 4, 2**64 - 1)):
        yield f"array_{name}", container([raw_pair("test.big", "IIQ", ARRAY, kind, count)], [], bytes(64))


def wrong_pairs(p):
    levels = struct.pack("<IQ", ARRAY, 1) * 4000
    yield "nested_array_deep", container([raw_pair("test.deep", "I", ARRAY) + levels + struct.pack("<IQ", 0, 0)], [], b"")
    yield "value_type_13", container([raw_pair("k", "IQ", 13, 0)], [], b"")
    yield "value_type_huge", container([raw_pair("k", "IQ", 2**32 - 1, 0)], [], b"")
    yield "array_type_13", container([raw_pair("k", "IIQQ", ARRAY, 13, 1, 0)], [], b"")
    yield "key_empty", container([pair("", "u32", 1)], [], b"")
    yield "key_twice", p.file([pair("test.count", "u32", 8)])
    for name, kind, value in (("zero", "u32", 0), ("3", "u32", 3), ("24", "u32", 24), ("text", "str", "32"), ("2_to_the_31", "u32", 2**31)):
        yield f"alignment_{name}", p.file([pair("general.alignment", kind, value)])


def wrong_tensors(p):
    a, b, c = p.infos
    for claimed in (5, 2**31, 2**32 - 1):
        yield f"dimensions_{claimed}", p.one("a", [8, 3, 1, 1], F32, claimed=claimed)
    for name, dims, kind in (("product_overflows", [2**32] * 3, F32), ("product_wraps_small", [2**62 + 2, 4], F32), ("bytes_overflow", [2**61 + 2], F64),
                             ("negative", [2**64 - 8, 3], F32), ("huge", [2**40], F32)):
        yield f"dims_{name}", p.one("a", dims, kind)
    for kind in (4, 5, 36, 99, 2**32 - 1):
        yield f"type_{kind}", p.one("a", [32], kind)
    for name, kind, width in (("q4_0_48", Q4_0, 48), ("q8_0_31", Q8_0, 31), ("q4_k_128", Q4_K, 128), ("q6_k_257", Q6_K, 257), ("q5_1_16", Q5_1, 16)):
        yield f"row_{name}", p.one("a", [width, 2], kind, bytes(512))
    yield "row_product_fits", p.one("a", [16, 4], Q4_0, bytes(512))
    yield "offset_past_end", p.file(infos=[a, info("b", [64, 2], Q4_0, 2**20), c])
    yield "offset_at_end", p.file(infos=[a, b, info("c", [16], F16, len(p.data))])
    yield "offset_wraps", p.one("a", [8, 3], F32, offset=2**64 - 32)
    yield "offset_not_aligned", p.file(infos=[a, info("b", [64, 2], Q4_0, 100), info("c", [16], F16, 192)])
    yield "overlap", p.file(infos=[a, info("b", [64, 2], Q4_0, 64), info("c", [16], F16, 160)])
    yield "overlap_whole", p.file(infos=[a, info("d", [8, 3], F32, 0)])
    yield "tensor_twice", p.file(infos=[a, info("a", [64, 2], Q4_0, 96), c])
    yield "tensor_name_64_bytes", p.one("n" * 64, [8, 3], F32)
    yield "tensor_name_length", p.file(infos=[with_number(a, 0, 2**62)])


# ---- models and tokenizers ----------------------------------------------------------------------------------------------------


class Model:
    """A file's pairs and tensors, in its order."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.pairs, self.tensors = {}, {}
        for key, field in reader.fields.items():
            if not key.startswith("GGUF."):
                kind = TYPE_NAMES[int(field.types[-1])]
                self.pairs[key] = (f"[{kind}]" if int(field.types[0]) == ARRAY else kind, field.contents())
        for tensor in reader.tensors:
            self.tensors[tensor.name] = ([int(n) for n in tensor.shape], int(tensor.tensor_type), np.array(tensor.data).tobytes())

    def file(self, pairs=None, tensors=None):
        """With others in their place; None takes one away."""
        keys = {key: value for key, value in {**self.pairs, **(pairs or {})}.items() if value is not None}
        infos, data = laid_out([(name, *value) for name, value in {**self.tensors, **(tensors or {})}.items() if value is not None])
        return container([pair(key, *value) for key, value in keys.items()], infos, data)


WITH_DEFAULT = ("llama.rope.freq_base", "llama.rope.dimension_count", "llama.vocab_size", "general.name", "general.file_type",
                "general.quantization_version", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.add_bos_token")
# head_count_kv has a default too, but the tensors say otherwise
NEEDED = ("general.architecture", "llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
          "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon", "llama.attention.head_count_kv")


def models(m):
    yield "ok", "good", m.file()
    for verdict, keys in (("ok", WITH_DEFAULT), ("error", NEEDED)):
        for key in keys:
            yield verdict, "without_" + key.rsplit(".", 1)[1], m.file({key: None})
    heads, epsilon = "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"
    for name, key, kind, value in (
        ("unknown_architecture", "general.architecture", "str", "mamba"), ("architecture_number", "general.architecture", "u32", 3),
        ("block_count_text", "llama.block_count", "str", "1"), ("block_count_float", "llama.block_count", "f32", 1.0),
        ("block_count_2", "llama.block_count", "u32", 2), ("block_count_huge", "llama.block_count", "u32", 2**32 - 1),
        ("block_count_0", "llama.block_count", "u32", 0), ("heads_0", heads, "u32", 0), ("heads_3", heads, "u32", 3),
        ("kv_heads_0", heads + "_kv", "u32", 0), ("kv_heads_3", heads + "_kv", "u32", 3), ("width_0", "llama.embedding_length", "u32", 0),
        ("width_64", "llama.embedding_length", "u32", 64), ("ffn_64", "llama.feed_forward_length", "u32", 64),
        ("rope_dimensions_64", "llama.rope.dimension_count", "u32", 64), ("eps_nan", epsilon, "f32", math.nan), ("eps_negative", epsilon, "f32", -1.0),
        ("rope_base_0", "llama.rope.freq_base", "f32", 0.0), ("context_0", "llama.context_length", "u32", 0),
    ):
        other = {"llama.rope.dimension_count": None} if name in ("heads_3", "width_64") else {}
        yield "error", name, m.file({key: (kind, value), **other})
    for name in ("token_embd.weight", "output_norm.weight", "blk.0.attn_k.weight", "blk.0.ffn_down.weight"):
        yield "error", "without_" + name.replace(".", "_"), m.file(tensors={name: None})
    q, norm = m.tensors["blk.0.attn_q.weight"][2], m.tensors["output_norm.weight"][2]
    for name, tensor in (("q_one_row_short", ([32, 31], Q4_0, q[: 31 * 18])), ("q_transposed_size", ([64, 16], Q4_0, q)),
                         ("scale_nan", ([32, 32], Q4_0, b"\x00\x7e" + q[2:])), ("scale_infinite", ([32, 32], Q4_0, b"\x00\x7c" + q[2:]))):
        yield "error", name, m.file(tensors={"blk.0.attn_q.weight": tensor})
    for name, tensor in (("norm_one_short", ([31], F32, norm[:124])), ("norm_integers", ([32], I32, np.arange(32, dtype="<i4").tobytes())),
                         ("norm_nan", ([32], F32, np.array([math.nan] + [1.0] * 31, "<f4").tobytes()))):
        yield "error", name, m.file(tensors={"output_norm.weight": tensor})
    yield "either", "unknown_tensor", m.file(tensors={"blk.0.mystery.weight": ([32], F32, bytes(128))})
    yield "either", "more_blocks_than_promised", m.file(tensors={"blk.1.attn_norm.weight": m.tensors["blk.0.attn_norm.weight"]})


def tokenizers(m):
    tokens, types, merges = (m.pairs["tokenizer.ggml." + key][1] for key in ("tokens", "token_type", "merges"))
    few = {"tokens": ("[str]", tokens[:-1]), "token_type": ("[i32]", types[:-1]), "merges": ("[str]", merges[:-1])}
    for verdict, name, changed in (
        ("error", "missing", {key.removeprefix("tokenizer.ggml."): None for key in m.pairs if key.startswith("tokenizer.")}),
        ("error", "no_tokens", {"tokens": None}), ("error", "no_merges", {"merges": None}), ("error", "no_model", {"model": None}),
        ("either", "no_token_type", {"token_type": None}), ("error", "unknown_model", {"model": ("str", "wordpiece9")}),
        ("error", "unknown_pre", {"pre": ("str", "nobody-knows")}), ("either", "no_pre", {"pre": None}), ("error", "tokens_one_short", few),
        ("error", "tokens_one_more", {"tokens": ("[str]", tokens + ["zzz"]), "token_type": ("[i32]", types + [1])}),
        ("error", "types_one_short", {"token_type": few["token_type"]}), ("error", "token_twice", {"tokens": ("[str]", tokens[:-1] + [tokens[-2]])}),
        ("error", "tokens_not_text", {"tokens": ("[i32]", list(range(len(tokens))))}),
        ("error", "merge_of_unknown", {"merges": ("[str]", merges + ["qq zz"])}), ("error", "merge_without_space", {"merges": ("[str]", merges + ["abc"])}),
        ("error", "merge_three_parts", {"merges": ("[str]", merges + ["a b c"])}),
        ("ok", "byte_missing", {"tokens": ("[str]", ["zz" if token == "A" else token for token in tokens])}),  # then an A is dropped from texts
        ("either", "eos_out_of_range", {"eos_token_id": ("u32", len(tokens))}), ("either", "type_out_of_range", {"token_type": ("[i32]", [77] + types[1:])}),
    ):
        yield verdict, name, m.file({"tokenizer.ggml." + key: value for key, value in changed.items()})


def main():
    parser = arguments(__doc__)
    parser.add_argument("--model", default=GOOD)
    args = parser.parse_args()
    folder, rows = os.path.join(args.out, "malformed"), {}
    os.makedirs(folder, exist_ok=True)

    def put(name, data, verdict, level):
        assert name not in rows, name
        rows[name + ".gguf"] = {"verdict": verdict, "level": level}
        with open(os.path.join(folder, name + ".gguf"), "wb") as f:
            f.write(data)

    parts, model = Parts(generator(args.seed, "gguf.malformed")), Model(args.model)
    for verdict, kinds in (("ok", [taken]), ("either", [odd]), ("error", [wrong_beginnings, wrong_counts, wrong_pairs, wrong_tensors])):
        for kind in kinds:
            for name, data in kind(parts):
                put(name, data, verdict, "container")
    for level, cases in (("model", models), ("tokenizer", tokenizers)):
        for verdict, name, data in cases(model):
            put(f"{level}_{name}", data, verdict, level)
    save_json(os.path.join(folder, "expected.json"), {"seed": args.seed, "files": rows})


if __name__ == "__main__":
    main()
