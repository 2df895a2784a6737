"""Golden data of the readers of files: npy, safetensors, PyTorch's checkpoints, tars, COCO's JSON; good files and damaged ones.

    python formats.py --out MADE/formats [--seed 1]

Each folder has expected.json: file -> verdict ("ok", "reject", "either") and the content of a good one. Nothing here opens the hostile
checkpoints in a way that could run them.
"""

import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import warnings

import numpy as np
import torch
from safetensors.numpy import load as load_safetensors
from safetensors.torch import save as save_safetensors

from common import arguments, one_thread


def describe(array, dtype=None):
    """dtype in numpy's letters ("bf16" apart), shape, SHA-256 of the values as little-endian bytes in C order, the first values."""
    if isinstance(array, torch.Tensor):
        t = array.detach().contiguous()
        if t.dtype == torch.bfloat16:
            return describe(t.view(torch.int16).numpy().view("<u2"), "bf16") | {"first": t.float().flatten()[:8].tolist()}
        array = t.numpy()
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).reshape(array.shape)
    first = [float(v) if little.dtype.kind == "f" else int(v) for v in little.ravel()[:8]]
    return {"dtype": dtype or little.dtype.str.lstrip("<|"), "shape": list(array.shape), "sha256": hashlib.sha256(little.tobytes()).hexdigest(), "first": first}


def describe_all(tensors):
    return {name: describe(t) for name, t in tensors.items() if isinstance(t, torch.Tensor)}


def what_happens(function, short=lambda e: f"{type(e).__name__}: {e}"[:120]):
    """What a library does with a file: "loads", or its error. For information."""
    try:
        function()
        return "loads"
    except Exception as e:
        return short(e)


class Folder:
    """Writes files and what is expected of them."""

    def __init__(self, out, name):
        self.path, self.expected = os.path.join(out, name), {}
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)

    def put(self, name, data, verdict="ok", **expected):
        with open(os.path.join(self.path, name), "wb") as f:
            f.write(data)
        self.expected[name] = {"verdict": verdict, **expected}

    def close(self):
        with open(os.path.join(self.path, "expected.json"), "w") as f:
            json.dump(self.expected, f, indent=1)


# ---- npy --------------------------------------------------------------------------------------------------------


def npy(array, version=(1, 0)):
    f = io.BytesIO()
    np.lib.format.write_array(f, array, version=version)
    return f.getvalue()


def npy_by_hand(header, body=b"", version=1, padded=True, length=None):
    text, size = header.encode("latin-1"), 2 if version == 1 else 4
    if padded:
        text += b" " * (-(8 + size + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + (len(text) if length is None else length).to_bytes(size, "little") + text + body


def put_good_npy(folder, rng):
    put = lambda name, a: folder.put(name + ".npy", npy(a), **describe(a))
    x = rng.standard_normal((3, 5))
    for kind in ("f2", "f4", "f8"):
        put(kind, x.astype(kind))
    for kind in ("i1", "i4", "i8", "u1", "u2", "u4", "u8"):
        put(kind, rng.integers(0, 120, (4, 3)).astype(kind))
    put("bool", rng.integers(0, 2, (3, 4)).astype(bool))
    a = x.astype("f4")
    for version in (2, 3):
        folder.put(f"version{version}.npy", npy(a, (version, 0)), **describe(a))
    for kind in (">f4", ">f8", ">i4", ">f2"):
        put(f"big_endian_{kind[1:]}", (x * 10).astype(kind))
    fortran = np.asfortranarray(rng.standard_normal((4, 3, 2)).astype("f4"))
    folder.put("fortran.npy", npy(fortran), fortran_order=True, **describe(fortran))
    put("fortran_1d", np.asfortranarray(a[0]))
    for name, array in (("zero_dim", np.array(2.5, "f4")), ("empty_0", np.zeros(0, "f4")), ("empty_3x0", np.zeros((3, 0), "f4")),
                        ("empty_0x512", np.zeros((0, 512), "f2")), ("one", np.array([7], "i8")),
                        ("rank8", np.arange(4, dtype="f4").reshape(1, 1, 2, 1, 1, 2, 1, 1))):
        put(name, array)
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 65504, 6e-8, 1e-5, 1], "f2")
    folder.put("f2_special.npy", npy(special), dtype="f2", shape=[8], bits=[int(v) for v in special.view("u2")],
               sha256=hashlib.sha256(special.tobytes()).hexdigest())
    body = a.tobytes()
    for name, data in (("other_order", npy_by_hand('{"shape": (3, 5), "fortran_order": False, "descr": "<f4"}', body)),
                       ("no_padding", npy_by_hand("{'descr':'<f4','fortran_order':False,'shape':(3,5)}", body, padded=False)),
                       ("big_padding", npy_by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }" + " " * 3000, body))):
        folder.put(f"header_{name}.npy", data, **describe(a))
    folder.put("trailing_bytes.npy", npy(a) + b"xyz", "either",
               why="np.load reads the array and leaves the rest; a reader that maps the file may refuse", **describe(a))
    return a


def bad_npy(a):
    body = a.tobytes()
    header = lambda descr="'descr': '<f4', ", shape="'shape': (3, 5), ": npy_by_hand("{" + descr + "'fortran_order': False, " + shape + "}", body)
    return {
        "truncated_data": (npy(a)[:-7], "data shorter than the shape says"),
        "truncated_header": (npy(a)[:40], "header cut"),
        "truncated_magic": (b"\x93NUM", "file shorter than the magic"),
        "empty_file": (b"", "no bytes"),
        "bad_magic": (b"\x93NUMPX" + npy(a)[6:], "magic"),
        "version9": (b"\x93NUMPY\x09\x00" + npy(a)[8:], "unknown version"),
        "huge_header": (npy_by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }", body, version=2, length=4000000000),
                        "header length past the end of the file"),
        "object_dtype": (npy_by_hand("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1])), "object arrays hold a pickle"),
        "structured_dtype": (npy(np.zeros(2, [("a", "f4"), ("b", "i4")])), "structured dtype: not supported"),
        "string_dtype": (npy(np.array(["ab", "c"])), "text dtype: not supported"),
        "complex_dtype": (npy(np.zeros(2, "c8")), "complex: not supported"),
        "negative_shape": (header(shape="'shape': (-3, -5), "), "negative size"),
        "overflow_shape": (header(shape="'shape': (4294967296, 4294967296, 4294967296), "), "product overflows 64 bits"),
        "overflow_bytes": (header(shape="'shape': (4611686018427387904,), "), "times item size overflows to 0"),
        "missing_descr": (header(descr=""), "no descr"),
        "missing_shape": (header(shape=""), "no shape"),
        "bad_dtype": (header(descr="'descr': '<f5', "), "unknown dtype"),
        "shape_not_tuple": (header(shape="'shape': 15, "), "shape is not a tuple"),
        "not_a_dict": (npy_by_hand("__import__('os').system('true')", body), "header is not a literal dictionary: never evaluate it"),
        "text": (b"just some text\n" * 9, "magic"),
    }


def make_npy(folder, rng):
    a = put_good_npy(folder, rng)
    for name, (data, why) in bad_npy(a).items():
        says = what_happens(lambda: np.load(io.BytesIO(data), allow_pickle=False), short=lambda e: type(e).__name__)
        folder.put(name + ".npy", data, "reject", why=why, numpy=says)


# ---- safetensors ------------------------------------------------------------------------------------------------


def safetensors_by_hand(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(shape, first, last, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def put_good_safetensors(folder, rng):
    t = lambda *shape, dtype=torch.float32: torch.from_numpy(rng.standard_normal(shape)).to(dtype)
    tensors = {"f32": t(3, 4), "f16": t(2, 5, dtype=torch.float16), "bf16": t(7, dtype=torch.bfloat16), "f64": t(2, dtype=torch.float64),
               "i64": torch.arange(-3, 3), "i32": torch.arange(5, dtype=torch.int32), "u8": torch.arange(9, dtype=torch.uint8),
               "bool": torch.tensor([True, False, True]), "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 4), "name with spaces/é\"\\": t(1)}
    for name, part, metadata in (("all", tensors, {"format": "pt", "note": "a \"quoted\" é value"}), ("no_metadata", {"x": tensors["f32"]}, None),
                                 ("only_empty", {"empty": tensors["empty"]}, None), ("no_tensors", {}, {"format": "pt"})):
        folder.put(name + ".safetensors", save_safetensors(part, metadata), metadata=metadata or {}, tensors=describe_all(part))
    x = rng.standard_normal((2, 3)).astype("<f4")
    body, plain = x.tobytes(), entry([2, 3], 0, 24)
    good = {"metadata": {}, "tensors": {"x": describe(x)}}
    head = json.dumps({"x": plain}).encode()
    folder.put("plain.safetensors", safetensors_by_hand({"x": plain}, body), **good)
    folder.put("padded_header.safetensors", safetensors_by_hand(head + b" " * 37, body), **good)
    folder.put("unaligned_header.safetensors", safetensors_by_hand(head + b" " * (1 + -len(head) % 8), body), **good,
               note="data starts at an odd address: read without aligned loads")
    folder.put("escaped_name.safetensors", safetensors_by_hand(b'{"\\u0078":' + json.dumps(plain).encode() + b"}", body), **good)
    folder.put("order.safetensors", safetensors_by_hand({"b": entry([2], 16, 24), "a": entry([4], 0, 16)}, body), metadata={},
               tensors={"b": describe(x.ravel()[4:]), "a": describe(x.ravel()[:4])})
    return body


def bad_safetensors(body):
    plain = entry([2, 3], 0, 24)
    head = json.dumps({"x": plain}).encode()
    x = lambda **changes: safetensors_by_hand({"x": {**plain, **changes}}, body)
    without = lambda key: safetensors_by_hand({"x": {k: v for k, v in plain.items() if k != key}}, body)
    return {
        "header_longer_than_file": (safetensors_by_hand(head, body, length=len(head) + 1000), "header length past the end"),
        "header_length_huge": (safetensors_by_hand(head, body, length=1 << 62), "header length"),
        "header_length_over_limit": (safetensors_by_hand(head, body, length=100_000_001), "more than 100,000,000"),
        "header_length_zero": (safetensors_by_hand(b"", body), "no header"),
        "shorter_than_8": (b"\x10\0\0", "file shorter than the length field"),
        "empty_file": (b"", "no bytes"),
        "not_json": (safetensors_by_hand(b"{this is not json}", body), "header is not JSON"),
        "json_cut": (safetensors_by_hand(head[:-3], body), "header is not JSON"),
        "json_array": (safetensors_by_hand(b"[1, 2]", body), "header is not an object"),
        "not_utf8": (safetensors_by_hand(head.replace(b'"x"', b'"\xff"'), body), "header is not UTF-8"),
        "starts_with_space": (safetensors_by_hand(b" " + head, body), "the format says the header must begin with {; the library does not check"),
        "overlap": (safetensors_by_hand({"x": entry([4], 0, 16), "y": entry([4], 8, 24)}, body), "offsets overlap"),
        "hole": (safetensors_by_hand({"x": entry([2], 0, 8), "y": entry([2], 16, 24)}, body), "bytes 8..16 belong to no tensor"),
        "first_not_at_zero": (safetensors_by_hand({"x": entry([2], 16, 24)}, body), "bytes 0..16 belong to no tensor"),
        "duplicate_key": (safetensors_by_hand(b'{"x":' + json.dumps(plain).encode() + b',"x":' + json.dumps(plain).encode() + b"}", body), "same name twice"),
        "bad_dtype": (x(dtype="F31"), "unknown dtype"),
        "shape_mismatch": (x(shape=[2, 4]), "shape times item size is not the length"),
        "shape_negative": (x(shape=[-2, -3]), "negative size"),
        "shape_float": (safetensors_by_hand(b'{"x":{"dtype":"F32","shape":[2.0,3],"data_offsets":[0,24]}}', body), "size is not an integer"),
        "shape_overflow": (x(shape=[1 << 32, 1 << 32, 6]), "product overflows"),
        "offsets_backwards": (x(data_offsets=[24, 0]), "begin past end"),
        "offsets_past_end": (safetensors_by_hand({"x": entry([2, 4], 0, 32)}, body), "end past the file"),
        "offsets_one_number": (x(data_offsets=[24]), "needs two offsets"),
        "missing_offsets": (without("data_offsets"), "no data_offsets"),
        "missing_shape": (without("shape"), "no shape"),
        "trailing_bytes": (safetensors_by_hand({"x": plain}, body + b"12345678"), "bytes behind the last tensor"),
        "truncated_data": (safetensors_by_hand({"x": plain}, body[:-4]), "data cut"),
        "metadata_not_strings": (safetensors_by_hand({"__metadata__": {"a": 1}, "x": plain}, body), "metadata values must be strings"),
        "deep_json": (safetensors_by_hand(b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}", body), "nesting: must not exhaust the stack"),
    }


def make_safetensors(folder, rng):
    body = put_good_safetensors(folder, rng)
    for name, (data, why) in bad_safetensors(body).items():
        verdict = "either" if name == "starts_with_space" else "reject"
        folder.put(name + ".safetensors", data, verdict, why=why, library=what_happens(lambda: load_safetensors(data)))


# ---- COCO -------------------------------------------------------------------------------------------------------


def make_coco(folder):
    images = [{"id": i, "file_name": f"COCO_val2014_{i:012d}.jpg", "height": 480, "width": 640, "license": 3} for i in (42, 73, 74, 133)]
    captions = {42: ["One.", "Two ", "three", "four", "five", "six"], 73: ["A café's \"sign\".", "b", "c", "d", "e"], 74: ["only one"], 133: []}
    notes, number = [], 100
    for k in range(6):
        for i in (73, 42, 74):
            if k < len(captions[i]):
                number += 7
                notes.append({"image_id": i, "id": number, "caption": captions[i][k]})
    first_five = {str(i): texts[:5] for i, texts in captions.items()}
    text = json.dumps({"info": {"year": 2014}, "licenses": [], "images": images, "annotations": notes}).encode()
    put = lambda name, data, verdict, **expected: folder.put(name, data if isinstance(data, bytes) else json.dumps(data).encode(), verdict, **expected)
    put("captions_tiny.json", text, "ok", first_five=first_five, images=[i["file_name"] for i in images])
    put("captions_bom.json", b"\xef\xbb\xbf" + text, "either", why="a byte-order mark is not JSON", first_five=first_five)
    put("unknown_image.json", {"images": images[:1], "annotations": [{"image_id": 9, "id": 1, "caption": "x"}]}, "either",
        why="a caption of an image that is not listed: counted and named")
    put("no_annotations.json", {"images": images}, "reject", why="no annotations")
    put("wrong_type.json", {"images": images, "annotations": [{"image_id": "42", "id": 1, "caption": 5}]}, "reject",
        why="image_id and caption of the wrong type")
    put("cut.json", text[:300], "reject", why="not JSON")
    results = [{"image_id": 42, "caption": "a é \"b\""}, {"image_id": 73, "caption": "c"}]
    put("results.json", results, "ok", results=results)


def main():
    import safetensors

    from formats_tar import make_tar
    from formats_torch import make_torch

    args = arguments(__doc__).parse_args()
    one_thread()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(args.seed)
    for name, make in (("npy", make_npy), ("safetensors", make_safetensors), ("torch", make_torch), ("tar", make_tar), ("coco", lambda folder, _rng: make_coco(folder))):
        folder = Folder(args.out, name)
        make(folder, rng)
        folder.close()
        print(name, len(folder.expected), "files")
    with open(os.path.join(args.out, "versions.json"), "w") as f:
        json.dump({"numpy": np.__version__, "torch": torch.__version__, "safetensors": safetensors.__version__}, f)


if __name__ == "__main__":
    main()
