"""The reference's way of one training step, in PyTorch: dense padding, frozen parameters, the trainable layer norms by name.

    python train_step.py --model DIR [--batch 16] [--table 128] [--caption 32] [--real-table 60] [--real-caption 12] [--steps 2] [--threads 2] [--rounds]

The encoder sees [batch, table] ids, the decoder [batch, caption], padded as the reference pads; of these the real ids are those of
bench_train_step (lengths from 3/4 to 5/4 of the real mean). Prints one JSON line; with --rounds, a step for each line on stdin (rounds.py).
"""

import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
from rounds import serve
from transformers import BartForConditionalGeneration


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--model", required=True)
    for name, value in (("batch", 16), ("table", 128), ("caption", 32), ("real-table", 60), ("real-caption", 12), ("steps", 2), ("threads", 2)):
        p.add_argument(f"--{name}", type=int, default=value)
    p.add_argument("--dropout", action="store_true")
    p.add_argument("--rounds", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    model = BartForConditionalGeneration.from_pretrained(a.model, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("layer_norm" in name and "encoder" in name)
    model.train(a.dropout)
    trained = [q for q in model.parameters() if q.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=3e-4, weight_decay=0.01)
    length = lambda mean, b: mean * 3 // 4 + b * (mean // 2) // max(a.batch - 1, 1)
    ids = torch.ones((a.batch, a.table), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    decoder = torch.ones((a.batch, a.caption), dtype=torch.int64)
    labels = torch.full((a.batch, a.caption), -100)
    for b in range(a.batch):
        n, m = min(length(a.real_table, b), a.table), min(length(a.real_caption, a.batch - 1 - b), a.caption)
        ids[b, :n] = torch.randint(4, model.config.vocab_size - 1, (n,))
        mask[b, :n] = 1
        decoder[b, :m] = torch.randint(4, model.config.vocab_size - 1, (m,))
        labels[b, :m] = torch.randint(4, model.config.vocab_size - 1, (m,))

    def run():
        optimizer.zero_grad()
        logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder, use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        loss.backward()
        optimizer.step()
        return loss

    run()
    if a.rounds:
        serve({"name": f"PyTorch {torch.__version__}, {a.batch} x ({a.table} + {a.caption})"}, lambda: (run(), 1)[1])
        return
    best = least_cpu = float("inf")
    for _ in range(a.steps):
        started, cpu = time.perf_counter(), time.process_time()
        loss = run()
        best, least_cpu = min(best, time.perf_counter() - started), min(least_cpu, time.process_time() - cpu)
    print(json.dumps({"seconds": round(best, 4), "cpu_seconds": round(least_cpu, 4), "loss": round(float(loss.detach()), 6), "tokens": a.batch * (a.table + a.caption),
                      "trained_numbers": sum(q.numel() for q in trained), "peak_MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1),
                      "torch": torch.__version__, "threads": a.threads}))


if __name__ == "__main__":
    main()
