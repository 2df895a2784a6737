"""For story_models.sh: tiny causal models with random weights, as Hugging Face folders.

  tiny_causal.py TYPE ROWS TOKENS FOLDER [KIND]   TYPE: gptj, llama; ROWS of the embedding; TOKENS of the tokenizer, 0: there is none.
                                                  KIND: bytes (<0xHH> tokens, as Llama 2), or level (byte level, as GPT-2)
  tiny_causal.py spoil FILE TENSOR VALUE          the last number of a tensor of F32 becomes nan, inf …; * lists the tensors
  tiny_causal.py tie FILE HOW TO                  of a GPT-J's embedding and head: embedding, head: one matrix under that name; both_same, both_differ
  tiny_causal.py decode FOLDER IDS                the text of ids, behind another one, a character that is not finished left out

Rows past the tokens are by far the likeliest, if nothing suppresses them. Nothing but the standard library.
"""
import json
import os
import random
import struct
import sys

WIDTH, HEADS, INNER, POSITIONS = 16, 2, 32, 64
SPECIALS = ["<unk>", "<s>", "</s>"]


def shapes(kind, rows):
    layer = {"gptj": {"ln_1.weight": [WIDTH], "ln_1.bias": [WIDTH], "mlp.fc_in.weight": [INNER, WIDTH], "mlp.fc_in.bias": [INNER],
                      "mlp.fc_out.weight": [WIDTH, INNER], "mlp.fc_out.bias": [WIDTH],
                      **{f"attn.{x}_proj.weight": [WIDTH, WIDTH] for x in ("q", "k", "v", "out")}},
             "llama": {"input_layernorm.weight": [WIDTH], "post_attention_layernorm.weight": [WIDTH], "mlp.gate_proj.weight": [INNER, WIDTH],
                       "mlp.up_proj.weight": [INNER, WIDTH], "mlp.down_proj.weight": [WIDTH, INNER],
                       **{f"self_attn.{x}_proj.weight": [WIDTH, WIDTH] for x in "qkvo"}}}[kind]
    if kind == "gptj":
        return {"transformer.wte.weight": [rows, WIDTH], **{f"transformer.h.0.{k}": v for k, v in layer.items()},
                "transformer.ln_f.weight": [WIDTH], "transformer.ln_f.bias": [WIDTH], "lm_head.weight": [rows, WIDTH], "lm_head.bias": [rows]}
    return {"model.embed_tokens.weight": [rows, WIDTH], **{f"model.layers.0.{k}": v for k, v in layer.items()},
            "model.norm.weight": [WIDTH], "lm_head.weight": [rows, WIDTH]}


def weights(kind, rows, tokens):
    draw = random.Random(1)
    header, data = {}, b""
    for name, shape in shapes(kind, rows).items():
        n = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0 if len(shape) == 1 and "weight" in name else draw.gauss(0, 0.6) for _ in range(n)]
        if name == "lm_head.bias" and tokens:
            values[tokens:] = [500.0] * (rows - tokens)
        if name == "lm_head.weight":
            values = [5 * x for x in values]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * n]}
        data += struct.pack(f"<{n}f", *values)
    # what old checkpoints hold beside the weights, and nobody reads
    header["old.attn.masked_bias"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data + struct.pack("<f", float("-inf"))


def config(kind, rows):
    if kind == "gptj":
        return {"model_type": "gptj", "vocab_size": rows, "n_embd": WIDTH, "n_head": HEADS, "n_layer": 1, "n_inner": INNER, "rotary_dim": 4,
                "n_positions": POSITIONS, "bos_token_id": 1, "eos_token_id": 2}
    return {"model_type": "llama", "vocab_size": rows, "hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": 1,
            "intermediate_size": INNER, "max_position_embeddings": POSITIONS, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2}


def of_level():
    """GPT-2's letters for bytes."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) if b in plain else chr(256 + rest.index(b)) for b in range(256)]


def tokenizer(style, tokens):
    added = [{"id": i, "content": s, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for i, s in enumerate(SPECIALS)]
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    if style == "level":
        pieces = SPECIALS + of_level()
        model.update(fuse_unk=False, byte_fallback=False, ignore_merges=False)
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        steps = {"pre_tokenizer": level, "decoder": level}
    else:
        pieces = SPECIALS + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
        model.update(fuse_unk=True, byte_fallback=True, ignore_merges=False)
        steps = {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False},
                 "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                                                              {"type": "ByteFallback"}, {"type": "Fuse"},
                                                              {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}
    assert len(pieces) <= tokens, len(pieces)
    merges = []
    if style == "bytes":  # "_a" ... until there are as many
        for c in range(ord("a"), ord("z") + 1):
            if len(pieces) < tokens:
                merges.append("\u2581 " + chr(c))
                pieces.append("\u2581" + chr(c))
    pieces += [f"unused{i}" for i in range(tokens - len(pieces))]
    model.update(vocab={p: i for i, p in enumerate(pieces)}, merges=merges)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None, "post_processor": None, **steps,
            "model": model}


def save(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)


def make(kind, rows, tokens, folder, style="level"):
    rows, tokens = int(rows), int(tokens)
    os.makedirs(folder, exist_ok=True)
    save(f"{folder}/config.json", config(kind, rows))
    with open(f"{folder}/model.safetensors", "wb") as f:
        f.write(weights(kind, rows, tokens))
    if tokens:
        save(f"{folder}/tokenizer.json", tokenizer(style, tokens))


def spoil(path, name, value):
    data = bytearray(open(path, "rb").read())
    n = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + n])
    if name == "*":
        print("\n".join(k for k in header if k != "old.attn.masked_bias"))
        return
    struct.pack_into("<f", data, 8 + n + header[name]["data_offsets"][1] - 4, float(value))
    open(path, "wb").write(data)


def tie(path, how, to):
    data = open(path, "rb").read()
    n = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + n])
    tokens, head = "transformer.wte.weight", "lm_head.weight"
    if how == "embedding":
        del header[head]
    elif how == "head":
        header[head] = header.pop(tokens)
    elif how == "both_same":
        header[head] = header[tokens]
    rest, moved = b"", {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        moved[name] = {**entry, "data_offsets": [len(rest), len(rest) + end - begin]}
        rest += data[8 + n + begin:8 + n + end]
    text = json.dumps(moved).encode()
    open(to, "wb").write(struct.pack("<Q", len(text)) + text + rest)


def decode(folder, ids):
    """A run of byte tokens is the text that they are, or U+FFFD for each."""
    vocabulary = {i: p for p, i in json.load(open(f"{folder}/tokenizer.json", encoding="utf-8"))["model"]["vocab"].items()}
    pieces = [vocabulary[i] for i in json.loads(ids) if i >= len(SPECIALS)]
    is_byte = lambda p: len(p) == 6 and p.startswith("<0x")
    text, run = "", b""
    for i, piece in enumerate(pieces + [""]):
        if is_byte(piece):
            run += bytes([int(piece[3:5], 16)])
            continue
        if i == len(pieces) and run:  # the end: what could become a character is left out
            for n in (3, 2, 1):
                tail = run[-n:]
                if len(tail) == n and any(could_begin(tail, size) for size in (2, 3, 4) if size > n):
                    run = run[:-n]
                    break
        try:
            text += run.decode()
        except UnicodeDecodeError:
            text += "\ufffd" * len(run)
        run = b""
        text += piece.replace("\u2581", " ")
    return text


def could_begin(tail, size):
    """Is it the beginning of a character of so many bytes, as far as its first byte says?"""
    first = {2: range(0xC2, 0xE0), 3: range(0xE0, 0xF0), 4: range(0xF0, 0xF5)}[size]
    return tail[0] in first and all(0x80 <= b < 0xC0 for b in tail[1:])


if __name__ == "__main__":
    if sys.argv[1] == "spoil":
        spoil(*sys.argv[2:])
    elif sys.argv[1] == "tie":
        tie(*sys.argv[2:])
    elif sys.argv[1] == "decode":
        print(json.dumps(decode(*sys.argv[2:])))
    else:
        make(*sys.argv[1:])
