"""transformers' generate, 100 samples of 20 tokens of a text. samples.py FOLDER THREADS TEXTS"""

import json
import sys
import time

import torch
import transformers
from texts import load, make_text, settings

folder, threads, texts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
model = load(folder)


def rate(samples, together, count):
    start = time.monotonic()
    for t in range(count):
        for _ in range(0, samples, together):
            model.generate(torch.tensor([make_text(t)]), generation_config=settings(do_sample=True, num_return_sequences=together))
    return count * samples / (time.monotonic() - start)


rate(1, 1, 1)
print(json.dumps({"together_rate": rate(100, 100, texts) / 100, "one_rate": rate(4, 1, 1) / 100, "torch": torch.__version__, "transformers": transformers.__version__}))
