"""The peer of bench/text_tower.sh: CLIP's text tower in PyTorch, on token ids, padded to the context and padded to the longest of a batch.

    text_tower.py MODEL TOKENS.jsonl OURS.npy SUMMARY.json --threads N --padded N --dynamic N

TOKENS.jsonl has a line {"ids": [...]} an entry, OURS.npy this program's embeddings of the same entries, SUMMARY.json its run's summary.
"""

import argparse
import json
import random
import time

import numpy as np
import torch
from transformers import CLIPTextModelWithProjection
from transformers.utils import logging

logging.set_verbosity_error()


def embed(model, texts, width, batch, end):
    """texts: lists of ids. width: pad to this; None: to the longest of the batch. Unit embeddings and seconds."""
    out, start = [], time.perf_counter()
    with torch.inference_mode():
        for i in range(0, len(texts), batch):
            part = texts[i : i + batch]
            longest = width or max(map(len, part))
            ids = torch.full((len(part), longest), end, dtype=torch.long)
            for row, text in enumerate(part):
                ids[row, : len(text)] = torch.tensor(text)
            y = model(input_ids=ids).text_embeds
            out.append((y / y.norm(dim=-1, keepdim=True)).numpy())
    return np.concatenate(out), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "tokens", "ours", "summary"):
        parser.add_argument(name)
    for name in ("threads", "padded", "dynamic"):
        parser.add_argument("--" + name, type=int)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    texts = [json.loads(line)["ids"] for line in open(a.tokens)]
    ours, summary = np.load(a.ours, mmap_mode="r"), json.load(open(a.summary))
    model = CLIPTextModelWithProjection.from_pretrained(a.model, torch_dtype=torch.float32).eval()
    end, context = model.config.eos_token_id, model.config.max_position_embeddings
    embed(model, texts[:32], None, 32, end)  # warm up

    seconds = summary["wall_seconds"]  # tokenizing, sorting, embedding, writing; PyTorch's is the tower alone
    rate = len(texts) / seconds
    print("\n| text tower, n-grams | entries measured | entries per second | seconds for all | ratio |")
    print("|---|---|---|---|---|")
    p = summary["positions"]
    print(f"| this program ({summary['kernels']}) | {len(texts)} | {rate:.0f} | {seconds:.1f} | 1 |")
    rng = random.Random(1)
    for name, count, width in ((f"PyTorch, padded to {context}", a.padded, context), ("PyTorch, padded to the longest of a batch", a.dynamic, None)):
        # a contiguous range for the dynamic way, which is to its advantage: entries that stand together are of like length
        first = rng.randrange(len(texts) - count + 1)
        rows = list(range(first, first + count)) if width is None else sorted(rng.sample(range(len(texts)), count))
        got, t = embed(model, [texts[i] for i in rows], width, 64, end)
        worst = np.abs(got - ours[rows]).max()
        assert worst < 2e-5, f"{name}: embeddings differ by {worst}"
        print(f"| {name} {torch.__version__} | {count}, scaled | {count / t:.1f} | {t * len(texts) / count:.0f} | {rate * t / count:.1f} |")
    print(f"\n{a.threads} threads each. Positions: {p['computed']} computed, {p['own_length']} at each entry's own length, {p['padded']} padded. "
          "Embeddings agree within 2e-5.")


main()
