"""CLIP's text tower in PyTorch, on token ids, padded to the context or to the longest of a batch.

    text_tower.py MODEL TOKENS.jsonl OURS.npy longest|context COUNT THREADS

TOKENS.jsonl has a line {"ids": [...]} for each entry; OURS.npy this program's embeddings of the same entries, which are compared if they are
there. A round embeds COUNT entries: neighbours for `longest`, which is to its advantage, since entries that stand together are of like length."""

import json
import os
import random
import sys

import numpy as np
import torch
from rounds import serve
from transformers import CLIPTextModelWithProjection
from transformers.utils import logging

logging.set_verbosity_error()


def embed(model, texts, width, batch, end):
    """texts: lists of ids. width: pad to this; None: to the longest of the batch. Unit embeddings."""
    out = []
    with torch.inference_mode():
        for i in range(0, len(texts), batch):
            part = texts[i : i + batch]
            longest = width or max(map(len, part))
            ids = torch.full((len(part), longest), end, dtype=torch.long)
            for row, text in enumerate(part):
                ids[row, : len(text)] = torch.tensor(text)
            y = model(input_ids=ids).text_embeds
            out.append((y / y.norm(dim=-1, keepdim=True)).numpy())
    return np.concatenate(out)


model, tokens, ours, pad, count, threads = *sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6])
torch.set_num_threads(threads)
texts = [json.loads(line)["ids"] for line in open(tokens)]
model = CLIPTextModelWithProjection.from_pretrained(model, torch_dtype=torch.float32).eval()
end, context = model.config.eos_token_id, model.config.max_position_embeddings
width = context if pad == "context" else None
rng = random.Random(1)
embed(model, texts[:32], None, 32, end)  # warm up


def work():
    first = rng.randrange(len(texts) - count + 1)
    got = embed(model, texts[first : first + count], width, 64, end)
    if not os.path.exists(ours):
        return count
    worst = np.abs(got - np.load(ours, mmap_mode="r")[first : first + count]).max()
    assert worst < 2e-5, f"embeddings differ by {worst}"
    return count, {"note": "embeddings agree within 2e-5"}


serve({"name": f"PyTorch {torch.__version__}, padded to {context if width else 'the longest of 64'}"}, work)
