"""The part of formats.py that is about PyTorch's files: state dicts, TorchScript, Lightning, damaged and hostile ones."""

import argparse
import collections
import io
import os
import pickle
import struct
import zipfile

import torch

from formats import describe, describe_all, what_happens

WITNESS = "touch hostile_pickle_was_run"  # what a hostile file would run


def saved(obj, **options):
    f = io.BytesIO()
    torch.save(obj, f, **options)
    return f.getvalue()


def rezipped(data, change=lambda name, body: body, compression=None, aligned=False):
    """The same archive with change(name, body) in place of each record; None leaves it out.

    compression: of all records (else each keeps its own). aligned: stored records begin at multiples of 64 bytes, as PyTorch writes them.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            body = change(info.filename, old.read(info.filename))
            if body is None:
                continue
            record = zipfile.ZipInfo(info.filename, (2020, 1, 1, 0, 0, 0))
            record.compress_type = info.compress_type if compression is None else compression
            if aligned:
                padding = -(out.tell() + 30 + len(info.filename) + 4) % 64
                record.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            new.writestr(record, body)
    return out.getvalue()


def with_record(data, end, change):
    """Changes the record whose name ends like this."""
    return rezipped(data, lambda name, body: change(body) if name.endswith(end) else body)


class Hostile:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Tiny(torch.nn.Module):
    """A few names as in OpenAI's CLIP archives."""

    def __init__(self, t):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.conv1 = torch.nn.Conv2d(3, 2, 2, bias=False)
        self.visual.class_embedding = torch.nn.Parameter(t(4))
        self.ln_final = torch.nn.LayerNorm(4)
        self.token_embedding = torch.nn.Embedding(5, 4)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.6593))
        self.register_buffer("input_resolution", torch.tensor(224))
        with torch.no_grad():
            for p in self.parameters():
                if p.ndim:
                    p.copy_(t(*p.shape))

    def forward(self, x):
        return self.ln_final(self.token_embedding(x)) * self.logit_scale.exp()


def put_state_dicts(folder, t):
    base = t(6, 4)
    state = collections.OrderedDict(
        weight=t(3, 4), bias=t(3), half=t(2, 2, dtype=torch.float16), bfloat=t(2, 3, dtype=torch.bfloat16), double=t(2, dtype=torch.float64),
        int64=torch.arange(4), int32=torch.arange(3, dtype=torch.int32), uint8=torch.arange(5, dtype=torch.uint8),
        boolean=torch.tensor([True, False]), scalar=torch.tensor(0.25), empty=torch.zeros(0, 3), whole=base, view_row=base[2],
        view_block=base[1:4, 1:3], transposed=base.t(), strided=base[::2], expanded=base[0:1].expand(3, 4), tied=base)
    one_storage = ["whole", "view_row", "view_block", "transposed", "strided", "expanded", "tied"]
    tensors = describe_all(state)
    folder.put("state_dict.pt", saved(state), tensors=tensors, one_storage=one_storage)
    folder.put("state_dict_legacy.pt", saved(state, _use_new_zipfile_serialization=False), tensors=tensors, one_storage=one_storage,
               note="before PyTorch 1.6: magic number, protocol, sys info, pickle, storages; not a zip")
    folder.put("state_dict_protocol4.pt", saved(dict(state), pickle_protocol=4), "either",
               why="nobody writes it; PyTorch's own safe loader knows protocol 2 alone", tensors=tensors)
    folder.put("state_dict_compressed.pt", rezipped(saved(state), compression=zipfile.ZIP_DEFLATED), "either",
               why="PyTorch itself never deflates; a reader that maps records may refuse, saying so", tensors=tensors)
    folder.put("state_dict_unaligned.pt", rezipped(saved(state)), tensors=tensors, note="records not on 64-byte boundaries")
    parameters = {"w": torch.nn.Parameter(t(2, 3)), "frozen": torch.nn.Parameter(t(2), requires_grad=False), "plain": t(1)}
    folder.put("parameters.pt", saved(parameters), tensors=describe_all(parameters), requires_grad=["w"])


def put_nested(folder, t):
    nested = {"model": {"a.weight": t(2, 2), "a.bias": t(2)}, "step": 7, "list": [t(1), {"deep": t(1, 2)}], "name": "é", "none": None,
              "flag": True, "big": 1 << 70, "float": 0.1, "tuple": (1, 2)}
    flat = {"model.a.weight": nested["model"]["a.weight"], "model.a.bias": nested["model"]["a.bias"], "list.0": nested["list"][0],
            "list.1.deep": nested["list"][1]["deep"]}
    folder.put("nested.pt", saved(nested), tensors=describe_all(flat), note="keys joined by dots, list positions as numbers",
               scalars={k: nested[k] for k in ("step", "name", "none", "flag", "float")})
    single = t(2, 3)
    folder.put("single_tensor.pt", saved(single), tensors={"": describe(single)})


def put_torchscript(folder, t):
    tiny = Tiny(t)
    for name, archive in (("torchscript.pt", lambda: torch.jit.script(tiny)), ("torchscript_half.pt", lambda: torch.jit.trace(tiny.half(), torch.tensor([1, 2])))):
        f = io.BytesIO()
        torch.jit.save(archive(), f)
        # records that name source files are left out
        data = rezipped(f.getvalue(), lambda n, body: None if n.endswith(".debug_pkl") else body, aligned=True)
        torch.jit.load(io.BytesIO(data))
        folder.put(name, data, kind="TorchScript", tensors={k: describe(v) for k, v in tiny.state_dict().items()},
                   note="constants.pkl and code/ beside data.pkl; modules are objects of __torch__ classes, their state a dictionary of attributes")


def put_lightning(folder, t):
    weights = collections.OrderedDict()
    for name, shape in (("encoder.layers.0.self_attn_layer_norm.weight", (4,)), ("encoder.layers.0.self_attn_layer_norm.bias", (4,)),
                        ("shared.weight", (6, 4)), ("decoder.layers.0.encoder_attn_layer_norm.weight", (4,))):
        weights[f"model.{name}"] = t(*shape)
    group = {"lr": 0.0003, "betas": (0.9, 0.999), "eps": 1e-08, "weight_decay": 0.01, "params": [0]}
    whole = {"epoch": 3, "global_step": 1234, "pytorch-lightning_version": "1.3.8", "state_dict": weights,
             "callbacks": {"ModelCheckpoint": {"best_model_score": t(1)[0], "best_model_path": "checkpoints/last.ckpt"}},
             "optimizer_states": [{"state": {0: {"step": 1234, "exp_avg": t(4), "exp_avg_sq": t(4)}}, "param_groups": [group]}],
             "lr_schedulers": [{"T_max": 100000, "last_epoch": 1234}]}
    expected = {"kind": "Lightning", "epoch": 3, "global_step": 1234, "prefix": "model.",
                "state_dict": {f"state_dict.{k}": describe(v) for k, v in weights.items()}}
    folder.put("lightning_dict.ckpt", saved({**whole, "hyper_parameters": {"lr": 0.0003, "batch_size": 16}, "hparams_name": "kwargs"}), **expected)
    folder.put("lightning_namespace.ckpt", saved({**whole, "hyper_parameters": argparse.Namespace(lr=0.0003, batch_size=16, path="data")}), **expected,
               note="hyper_parameters is an argparse.Namespace: an object of an unknown class, to be skipped without being built")


def put_hostile(folder, t):
    system = Hostile(os.system, WITNESS)
    why = "calls a function that is not on the list of tensor-building ones; nothing may be run"
    folder.put("hostile_system.pt", saved({"weight": t(2), "x": system}), "reject", why=why, call="posix.system")
    folder.put("hostile_system_legacy.pt", saved({"weight": t(2), "x": system}, _use_new_zipfile_serialization=False), "reject", why=why, call="posix.system")
    evaluated = Hostile(eval, f"__import__('os').system('{WITNESS}')")
    folder.put("hostile_eval.pt", saved({"weight": t(2), "x": evaluated}), "reject", why=why, call="builtins.eval")
    folder.put("hostile_plain.pkl", pickle.dumps(system, 2), "reject", why="a bare pickle, no checkpoint", call="posix.system")


def put_bad_pickles(folder, t):
    for name, body, why in (
            ("deep", b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b".", "nesting: must not exhaust the stack"),
            ("memo", b"\x80\x02h\x05.", "reads a memo that was never written"), ("underflow", b"\x80\x02R.", "stack underflow"),
            ("no_stop", b"\x80\x02}", "no STOP"), ("unknown_opcode", b"\x80\x02\xfe.", "unknown opcode"),
            ("huge_string", b"\x80\x02X\xff\xff\xff\x7fabc.", "length past the end")):
        folder.put(f"pickle_{name}.pt", with_record(saved({"w": t(1)}), "data.pkl", lambda _: body), "either" if name == "deep" else "reject", why=why)


def put_bad_storages(folder, t):
    w = t(8, 8)
    whole = saved({"w": w})
    put = lambda name, data, why, verdict="reject": folder.put(name, data, verdict, why=why)
    put("storage_missing.pt", with_record(whole, "data/0", lambda _: None), "record data/0 is not there")
    put("storage_short.pt", with_record(whole, "data/0", lambda body: body[:100]), "record shorter than the tensor")
    put("truncated.pt", whole[: len(whole) // 2], "no zip directory")
    put("no_pickle.pt", with_record(whole, "data.pkl", lambda _: None), "no data.pkl")
    flipped = bytearray(whole)
    flipped[whole.find(w.numpy().tobytes()) + 5] ^= 0x40
    put("crc.pt", bytes(flipped), "one bit flipped in a record: the CRC-32 of the zip differs (a reader that checks it rejects)", "either")
    four = saved({"w": t(4)})
    put("view_past_storage.pt", with_record(four, "data.pkl", lambda body: body.replace(b"K\x04\x85", b"K\x40\x85")), "a shape of 64 over a storage of 4")
    put("negative_offset.pt", with_record(four, "data.pkl", lambda body: body.replace(b"QK\x00K\x04\x85", b"QJ\xff\xff\xff\xffK\x04\x85")), "storage offset -1")
    put("empty_file.pt", b"", "no bytes")


def make_torch(folder, rng):
    t = lambda *shape, dtype=torch.float32: torch.from_numpy(rng.standard_normal(shape)).to(dtype)
    for put in (put_state_dicts, put_nested, put_torchscript, put_lightning, put_hostile, put_bad_pickles, put_bad_storages):
        put(folder, t)
    # what PyTorch's safe loader says; it has no opinion on TorchScript
    for name, row in folder.expected.items():
        if row.get("kind") != "TorchScript":
            path = os.path.join(folder.path, name)
            row["torch_weights_only"] = what_happens(lambda: torch.load(path, weights_only=True, map_location="cpu"),
                                                     short=lambda e: f"{type(e).__name__}: {e}".split("\n")[0].split(". This file")[0][:110])
