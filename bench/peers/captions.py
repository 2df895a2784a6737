"""transformers' generate, 3 beams of 20 tokens: one text at a time, and the best of several batches. captions.py FOLDER THREADS"""

import json
import sys
import time

import torch
import transformers
from texts import load, make_text, settings

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
model = load(folder)


def run(texts):
    longest = max(map(len, texts))
    ids = torch.tensor([t + [1] * (longest - len(t)) for t in texts])
    return model.generate(ids, attention_mask=(ids != 1).long(), generation_config=settings(num_beams=3, num_return_sequences=3))


run([make_text(1)])
start = time.monotonic()
first = [run([make_text(t)]) for t in range(3)][0]
out = {"one_rate": 3 / (time.monotonic() - start), "batch_rate": 0, "first": first[0].tolist(), "torch": torch.__version__, "transformers": transformers.__version__}
for batch in (8, 16, 32):
    start = time.monotonic()
    run([make_text(t) for t in range(batch)])
    rate = batch / (time.monotonic() - start)
    if rate > out["batch_rate"]:
        out.update(batch_rate=rate, batch=batch)
print(json.dumps(out))
