"""Golden data of models in GGUF files: small models of llama.py and one with rows of 256, quantized in eleven ways, with the tokenizer in the
metadata; their logits, their greedy tokens, and what their tokenizers make of texts.

    python gguf_models.py --out MADE/gguf --llama MADE/llama [--seed 1] [--golden tests/data/golden]

Writes models/. Vocabularies and texts are those of the stored data, which have them from a corpus of our own. Expected logits are
transformers' on the dequantized weights; the gguf package and gguf_blocks.py dequantize alike to the bit, and causal_float64.py agrees. What
other readers say of the files (transformers_gguf, llama_cpp, ids_transformers_gguf in the stored data) is not made.
"""

import json
import os
import tempfile

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, quants
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

import causal_float64
import gguf_blocks
import llama
from causal_runs import generated
from common import arguments, generator, one_thread, save_json, save_tensors, versions
from compare import GOLDEN, stored_bytes

WIDE = {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 320,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "rope": {"rope_theta": 10000.0}}
FILES = [("llama", "F16"), ("llama", "Q8_0"), ("llama", "Q4_1"), ("llama", "mixed"), ("llama_untied", "Q5_0"), ("llama3", "Q8_0"), ("qwen2", "Q5_1"),
         ("qwen3", "Q4_0"), ("llama_k", "Q4_K_M"), ("llama_k", "Q5_K"), ("llama_k", "Q3_K_M")]
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q3_K_M": 12, "Q4_K_M": 15, "Q5_K": 17, "mixed": 1024}
MIXED = ("Q4_0", "Q5_0", "Q5_1", "Q8_0", "F16", "BF16", "Q4_1", "F32", "IQ4_NL")
STYLES = {"gpt-2": "gpt2", "smollm": "smollm", "llama-bpe": "llama3", "qwen2": "qwen2"}
LENGTHS, NEW_TOKENS, MARGIN, TRIES, CONTROL, USER_DEFINED = (1, 5, 17), 20, 1e-3, 60, 3, 4
TENSORS = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
           "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
           "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
           "post_attention_layernorm": "ffn_norm"}
REPORTED = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
            "rms_norm_eps", "tie_word_embeddings", "rope_parameters")


# ---- quantizing ---------------------------------------------------------------------------------------------------------


def packed(q, group, bits):
    """What gguf_blocks.fields takes apart."""
    shifts = np.arange(0, 8, bits)[:, None]
    return (q.reshape(len(q), -1, 8 // bits, group) << shifts).sum(2).reshape(len(q), -1).astype(np.uint8)


def halves(x):
    return x.astype(np.float16)


def raw_halves(x):
    return halves(x)[:, None].view(np.uint8)


def whole(x, low, high):
    return np.clip(np.rint(x), low, high).astype(int)


def divided(x, d):
    d = d.astype(np.float64)[:, None]
    return np.divide(x, d, out=np.zeros_like(x), where=d != 0)


def with_minimum(kind, rows):
    """Q2_K, Q4_K, Q5_K: each group from its minimum, which is no more than 0, in equal steps."""
    group, top, levels = {"Q2_K": (16, 3, 15), "Q4_K": (32, 15, 63), "Q5_K": (32, 31, 63)}[kind]
    g = rows.reshape(len(rows), -1, group)
    minimum = -np.minimum(g.min(2), 0)
    scale = (g.max(2) + minimum) / top
    d, dmin = halves(scale.max(1) / levels), halves(minimum.max(1) / levels)
    s, m = whole(divided(scale, d), 0, levels), whole(divided(minimum, dmin), 0, levels)
    steps = np.where(s > 0, d.astype(np.float64)[:, None] * s, 1)[..., None]
    q = whole((g + (dmin.astype(np.float64)[:, None] * m)[..., None]) / steps, 0, top)
    q[s == 0] = 0
    q = q.reshape(len(rows), 256)
    if kind == "Q2_K":
        return np.hstack([(s | m << 4).astype(np.uint8), packed(q, 32, 2), raw_halves(d), raw_halves(dmin)])
    six = np.hstack([s[:, :4] | s[:, 4:] >> 4 << 6, m[:, :4] | m[:, 4:] >> 4 << 6, s[:, 4:] & 15 | (m[:, 4:] & 15) << 4]).astype(np.uint8)
    high = [packed(q >> 4, 32, 1)] if kind == "Q5_K" else []
    return np.hstack([raw_halves(d), raw_halves(dmin), six, *high, packed(q & 15, 32, 4)])


def around_zero(kind, rows):
    """Q3_K, Q6_K"""
    bound, levels = {"Q3_K": (4, 31), "Q6_K": (32, 127)}[kind]
    g = rows.reshape(len(rows), 16, 16)
    scale = np.abs(g).max(2) / (bound - 0.5)
    d = halves(scale.max(1) / levels)
    s = whole(divided(scale, d), 0, levels)
    q = whole(g / np.where(s > 0, d.astype(np.float64)[:, None] * s, 1)[..., None], -bound, bound - 1).reshape(len(rows), 256) + bound
    if kind == "Q6_K":
        return np.hstack([packed(q & 15, 64, 4), packed(q >> 4, 32, 2), s.astype(np.uint8), raw_halves(d)])
    return np.hstack([packed(q >> 2, 32, 1), packed(q & 3, 32, 2), packed(s + 32 & 15, 8, 4), packed(s + 32 >> 4, 4, 2), raw_halves(d)])


def nearest_levels(rows):
    """IQ4_NL"""
    d = halves(np.abs(rows).max(1) / 120)
    q = np.abs(rows[..., None] - d.astype(np.float64)[:, None, None] * gguf_blocks.IQ4_LEVELS).argmin(2)
    return np.hstack([raw_halves(d), packed(q, 16, 4)])


def quantized(x, kind):
    """-> an array for GGUFWriter, its raw type"""
    if kind in ("F32", "F16"):
        return x.astype({"F32": np.float32, "F16": np.float16}[kind]), None
    if kind == "IQ4_NL":  # this type and those with K the package only reads
        blocks = nearest_levels(x.astype(np.float64).reshape(-1, 32))
    elif kind.endswith("_K"):
        blocks = (around_zero if kind in ("Q3_K", "Q6_K") else with_minimum)(kind, x.astype(np.float64).reshape(-1, 256))
    else:
        return quants.quantize(x.astype(np.float32), GGMLQuantizationType[kind]), GGMLQuantizationType[kind]
    return blocks.reshape(len(x), -1), GGMLQuantizationType[kind]


def type_of(name, quantization, number):
    if name.endswith(("norm.weight", ".bias")):
        return "F32"
    if quantization == "Q4_K_M":
        return "Q6_K" if name.split(".")[-2] in ("attn_v", "ffn_down", "token_embd") else "Q4_K"
    if quantization == "Q3_K_M":
        return "Q2_K" if name.split(".")[-2] in ("attn_q", "attn_k", "ffn_up") else "Q3_K"
    return MIXED[number % len(MIXED)] if quantization == "mixed" else quantization


# ---- files ----------------------------------------------------------------------------------------------------------------


def gguf_name(name):
    parts = name.removeprefix("model.").split(".")
    if parts[0] == "layers":
        return f"blk.{parts[1]}.{TENSORS['.'.join(parts[2:-1])]}.{parts[-1]}"
    return f"{TENSORS[parts[0]]}.{parts[-1]}"


def rows_of_heads(config, name, x, back=False):
    """Architecture llama has the rows of a head's halves side by side."""
    if config["model_type"] != "llama" or name.split(".")[-2] not in ("q_proj", "k_proj"):
        return x
    heads = config["num_attention_heads" if ".q_proj." in name else "num_key_value_heads"]
    shape = (heads, -1, 2) if back else (heads, 2, -1)
    return x.reshape(*shape, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def place(name):
    """Embedding, layers, the rest; then by name."""
    parts = name.split(".")
    return (0, 0, name) if "embed_tokens" in name else (1, int(parts[2]), name) if parts[1] == "layers" else (2, 0, name)


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def write_file(path, config, tensors, quantization, tokenizer):
    """-> the type of each tensor"""
    kind, rope, dim = config["model_type"], config["rope_parameters"], head_size(config)
    w = gguf.GGUFWriter(path, kind)
    w.add_type("model")
    w.add_name(f"tiny {kind}")
    w.add_file_type(FILE_TYPES[quantization])
    w.add_quantization_version(2)
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if kind == "llama":
        w.add_vocab_size(config["vocab_size"])
        w.add_rope_dimension_count(dim)
    if kind == "qwen3" or dim != config["hidden_size"] // config["num_attention_heads"]:
        w.add_key_length(dim)
        w.add_value_length(dim)
    tokenizer.write(w)
    if rope.get("rope_type") == "llama3":
        plain = causal_float64.frequencies({}, rope["rope_theta"], dim)
        w.add_tensor("rope_freqs.weight", (plain / causal_float64.frequencies(rope, rope["rope_theta"], dim)).astype(np.float32))
    types = {}
    for number, name in enumerate(sorted(tensors, key=place)):
        types[gguf_name(name)] = type_of(gguf_name(name), quantization, number)
        data, raw = quantized(rows_of_heads(config, name, tensors[name]), types[gguf_name(name)])
        w.add_tensor(gguf_name(name), data, raw_dtype=raw)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return types


def dequantized(path, config, names):
    """The file's numbers under Hugging Face's names, in its order of rows."""
    stored, out = {t.name: t for t in gguf.GGUFReader(path).tensors}, {}
    for name in names:
        t = stored[gguf_name(name)]
        shape, data = [int(n) for n in reversed(t.shape)], np.array(t.data)
        found = quants.dequantize(data, t.tensor_type).reshape(shape).astype(np.float32)
        size = gguf.GGML_QUANT_SIZES[t.tensor_type][1]
        again = gguf_blocks.numbers(t.tensor_type.name, data.view(np.uint8).reshape(-1, size)).reshape(shape)
        assert np.array_equal(found.view(np.uint32), again.view(np.uint32)), (path, name)
        out[name] = rows_of_heads(config, name, found, back=True)
    return out


class StoredTokenizer:
    """A stored file's keys of the tokenizer, and the tokenizers library's reading of them."""

    def __init__(self, golden, file):
        with tempfile.NamedTemporaryFile(suffix=".gguf") as f:
            f.write(stored_bytes(golden, f"gguf/models/{file}"))
            f.flush()
            self.fields = {key: (field.types, field.contents()) for key, field in gguf.GGUFReader(f.name).fields.items() if key.startswith("tokenizer.")}
        self.tokens, self.kinds, self.merges, self.pre = (self.value(key) for key in ("tokens", "token_type", "merges", "pre"))

    def value(self, key):
        return self.fields.get(f"tokenizer.ggml.{key}", (None, None))[1]

    def write(self, writer):
        for key, (types, value) in self.fields.items():
            writer.add_key_value(key, value, types[0], types[-1] if len(types) > 1 else None)

    def backend(self, nfc):
        ids = {token: number for number, token in enumerate(self.tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[tuple(m.split(" ")) for m in self.merges], ignore_merges=self.pre == "llama-bpe"))
        words = {"add_prefix_space": False, "trim_offsets": True}
        if self.pre in ("gpt-2", "smollm"):
            steps = [pre_tokenizers.Digits(individual_digits=True)] if self.pre == "smollm" else []
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps + [pre_tokenizers.ByteLevel(**words, use_regex=True)])
        else:
            digits = r"\p{N}{1,3}" if self.pre == "llama-bpe" else r"\p{N}"
            split = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits +
                     r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), behavior="isolated"),
                                                               pre_tokenizers.ByteLevel(**words, use_regex=False)])
        if nfc:
            tokenizer.normalizer = normalizers.NFC()
        tokenizer.decoder = decoders.ByteLevel()
        for token, kind in zip(self.tokens, self.kinds):
            if kind in (CONTROL, USER_DEFINED):
                add = tokenizer.add_special_tokens if kind == CONTROL else tokenizer.add_tokens
                add([AddedToken(token, special=kind == CONTROL, normalized=False)])
        return tokenizer

    def cases(self, file, texts):
        plain, composed, rows = self.backend(False), self.backend(True), []
        for case in texts:
            ids = plain.encode(case["text"], add_special_tokens=False).ids
            row = {"class": case["class"], "text": case["text"], "ids": ids, "decoded": plain.decode(ids, skip_special_tokens=False),
                   "decoded_skip_special": plain.decode(ids)}
            other = composed.encode(case["text"], add_special_tokens=False).ids
            rows.append(row | ({"ids_nfc": other} if self.pre == "qwen2" and other != ids else {}))
        bos = self.value("bos_token_id") if self.value("add_bos_token") else None
        return {"file": file, "pre": self.pre, "bos_added_before": bos, "ignore_merges": self.pre == "llama-bpe", "rows": rows}


# ---- models -----------------------------------------------------------------------------------------------------------------


def source(name, folder, seed):
    """-> config, tensors under Hugging Face's names"""
    if name == "llama_k":
        model = llama.build(seed, name, WIDE)
        tensors = {key: value.float().numpy() for key, value in model.state_dict().items() if key != "lm_head.weight"}
        return model.config.to_dict(), tensors
    model = llama.load(os.path.join(folder, name))
    tied = model.config.tie_word_embeddings
    return model.config.to_dict(), {key: value.numpy() for key, value in model.state_dict().items() if not (tied and key == "lm_head.weight")}


def in_both_ways(config, tensors, folder):
    """A folder's model in transformers, and in double precision."""
    save_json(os.path.join(folder, "config.json"), {key: value for key, value in config.items() if key != "dtype"})
    save_tensors(os.path.join(folder, "model.safetensors"), {key: torch.from_numpy(value.copy()) for key, value in tensors.items()})
    return llama.load(folder), causal_float64.Causal(folder)


def random_case(model, exact, rng, vocabulary, length):
    for _ in range(TRIES):
        prompt = rng.integers(4, vocabulary - 4, length).tolist()
        tokens, margin = causal_float64.greedy(exact, prompt, NEW_TOKENS)
        if margin >= MARGIN:
            assert generated(model, prompt, NEW_TOKENS)[0][0] == tokens, prompt
            return {"prompt": prompt, "greedy": tokens, "greedy_margin": margin}
    raise SystemExit(f"no clear prompt in {TRIES}")


def text_case(exact, backend, text):
    ids = backend.encode(text, add_special_tokens=False).ids
    tokens, margin = causal_float64.greedy(exact, ids, NEW_TOKENS)
    return {"text": text, "ids": ids, "greedy": tokens, "greedy_margin": margin, "greedy_text": backend.decode(tokens)}


@torch.no_grad()
def make_file(name, quantization, args, out, texts):
    file = f"{name}-{quantization.lower()}.gguf"
    path, tokenizer = os.path.join(out, file), StoredTokenizer(args.golden, file)
    config, tensors = source(name, args.llama, args.seed)
    types = write_file(path, config, tensors, quantization, tokenizer)
    backend, rng = tokenizer.backend(False), generator(args.seed, f"gguf.{file}")
    expected, cases, noise, largest = {}, [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        model, exact = in_both_ways(config, dequantized(path, config, tensors), folder)
        for number, length in enumerate(LENGTHS):
            cases.append(random_case(model, exact, rng, config["vocab_size"], length))
            logits = model(torch.tensor([cases[-1]["prompt"]]), use_cache=False).logits[0]
            noise = max(noise, float(np.abs(logits.numpy() - exact.run(cases[-1]["prompt"])[1]).max()))
            largest, expected[f"prompt{number}.logits"] = max(largest, float(logits.abs().max())), logits
        told = [text_case(exact, backend, text) for text in texts]
    save_tensors(path.replace(".gguf", "_expected.safetensors"), expected)
    print(file, os.path.getsize(path), "bytes, float32 from float64:", noise)
    return {"file": file, "of": name, "architecture": config["model_type"], "quantization": quantization, "pre": tokenizer.pre, "tensor_types": types,
            "config": {key: config[key] for key in config if key in REPORTED}, "torch_fp32_minus_float64": noise, "largest_logit": largest,
            "cases": cases, "texts": told, "tokenizer": f"tokenizer_{STYLES[tokenizer.pre]}.json"}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--llama", required=True, help="what llama.py wrote")
    parser.add_argument("--golden", default=GOLDEN, help="where the vocabularies and texts are")
    args = parser.parse_args()
    one_thread()
    out, rows = os.path.join(args.out, "models"), []
    os.makedirs(out, exist_ok=True)
    stored = {row["file"]: row for row in json.loads(stored_bytes(args.golden, "gguf/models/models.json"))["files"]}
    for name, quantization in FILES:
        texts = [case["text"] for case in stored[f"{name}-{quantization.lower()}.gguf"]["texts"]]
        rows.append(make_file(name, quantization, args, out, texts))
    for style in STYLES.values():
        cases = json.loads(stored_bytes(args.golden, f"gguf/models/tokenizer_{style}.json"))
        made = StoredTokenizer(args.golden, cases["file"]).cases(cases["file"], cases["rows"])
        save_json(os.path.join(out, f"tokenizer_{style}.json"), made, indent=None)
    save_json(os.path.join(out, "models.json"), {"versions": versions(), "seed": args.seed, "files": rows}, indent=None)


if __name__ == "__main__":
    main()
