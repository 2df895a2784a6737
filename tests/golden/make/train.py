"""Golden data of training: gradients of BART's trainable layer norms, AdamW steps, single operations backward, Lightning checkpoints.

    python train.py --out MADE/train [--seed 1] [--sizes FILE]

Dropout is 0 everywhere. Every number is computed in fp32, which is recorded, and in fp64: the difference is the noise that the tolerances
rest on.
"""

import math
import os
import sys
import types
from collections import OrderedDict

import torch
import torch.nn.functional as F

from common import IGNORE, arguments, difference, generator, normal, one_thread, save_json, save_tensors, sizes_of, truncated, versions, with_sizes
from tiny_bart import EOS, MODELS, PAD, build, padded

SIZES = {"model": MODELS["a"], "name": "a", "batch": 4, "steps": 10, "caption_limit": 32,
         "operations": {"tokens": 7, "width": 64, "wide": 1024, "vocab": 50, "heads": 3, "head_size": 8, "ffn": 40}}
OPTIMIZER = dict(lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


# ---- the model and its batches ----------------------------------------------------------------------------------


def is_trained(name):
    """The reference's rule."""
    return "layer_norm" in name and "encoder" in name


def trained(model):
    return [(name, p) for name, p in model.named_parameters() if is_trained(name)]


def fresh(seed, sizes, dtype):
    model = build(seed, sizes["name"], sizes["model"]).to(dtype)
    for name, p in model.named_parameters():
        p.requires_grad_(is_trained(name))
    return model


def draw_batches(seed, sizes):
    """Batches of tables and captions, both `<s> … </s>`. One caption is longer than the limit."""
    rng, limit, vocab = generator(seed, "train.batches"), sizes["model"]["positions"], sizes["model"]["vocab"]
    draw = lambda n: [0] + rng.integers(4, vocab - 1, n - 2).tolist() + [EOS]
    batches = []
    for b in range(sizes["steps"]):
        items = []
        for i in range(sizes["batch"]):
            table, caption = int(rng.integers(5, limit - 2)), int(rng.integers(3, 20))
            if (b, i) == (0, 1):
                caption = sizes["caption_limit"] + 6
            items.append({"table": truncated(draw(table), 128), "caption": truncated(draw(caption), sizes["caption_limit"])})
        batches.append(items)
    return batches


def loss_of(model, items):
    """Mean cross-entropy and how many targets it is of: captions without their first token, given those without their last."""
    tables, captions = [x["table"] for x in items], [x["caption"] for x in items]
    targets = padded([c[1:] for c in captions], IGNORE)
    logits = model(input_ids=padded(tables, PAD), attention_mask=padded([[1] * len(t) for t in tables], 0),
                   decoder_input_ids=padded([c[:-1] for c in captions], PAD), use_cache=False).logits
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE), int((targets != IGNORE).sum())


def gradients(seed, sizes, items, dtype):
    """Loss, target tokens, gradients of the parameters and of the layers' outputs (without padding)."""
    model, outputs, handles = fresh(seed, sizes, dtype), {}, []

    def keep(name):
        def hook(_module, _arguments, output):
            output = output[0] if isinstance(output, tuple) else output
            output.retain_grad()
            outputs[name] = output

        return hook

    for side, stack in (("encoder", model.model.encoder), ("decoder", model.model.decoder)):
        for i, layer in enumerate(stack.layers):
            handles.append(layer.register_forward_hook(keep(f"{side}.layer{i}")))
    loss, tokens = loss_of(model, items)
    loss.backward()
    for handle in handles:
        handle.remove()
    out = {f"grad.{name}": p.grad for name, p in trained(model)}
    for name, output in outputs.items():
        if output.grad is not None:
            lengths = [len(x["table"]) if name.startswith("encoder") else len(x["caption"]) - 1 for x in items]
            out[f"activation_grad.{name}"] = torch.cat([output.grad[i, :n] for i, n in enumerate(lengths)])
    return float(loss.detach()), tokens, out


def run(seed, sizes, batches, dtype, t_max, replicas=1, steps=None, record_after=()):
    """AdamW with a cosine. Each replica takes a contiguous part of the batch; gradients of the parts' mean losses are averaged."""
    model = fresh(seed, sizes, dtype)
    names, parameters = zip(*trained(model))
    optimizer = torch.optim.AdamW(parameters, **OPTIMIZER)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=t_max)
    log, saved = [], {}
    for k in range(steps or len(batches)):
        items, rate = batches[k % len(batches)], optimizer.param_groups[0]["lr"]
        optimizer.zero_grad()
        size, losses, counts = len(items) // replicas, [], []
        for r in range(replicas):
            loss, tokens = loss_of(model, items[r * size : (r + 1) * size])
            (loss / replicas).backward()
            losses.append(float(loss.detach()))
            counts.append(tokens)
        norm = float(torch.sqrt(sum((p.grad.double() ** 2).sum() for p in parameters)))
        optimizer.step()
        schedule.step()
        log.append({"step": k + 1, "lr": rate, "replica_losses": losses, "target_tokens": counts, "loss": sum(losses) / replicas,
                    "gradient_norm": norm})
        if k + 1 in record_after:
            for name, p in zip(names, parameters):
                saved[f"step{k + 1}.param.{name}"] = p.detach().clone()
                for moment in ("exp_avg", "exp_avg_sq"):
                    saved[f"step{k + 1}.{moment}.{name}"] = optimizer.state[p][moment].clone()
    return model, optimizer, schedule, log, saved


def noise(narrow, wide):
    """Per kind of tensor: the largest difference between fp32 and fp64, and the largest value."""
    out = {}
    for name, value in narrow.items():
        kind = name.split(".")[0] if name.startswith(("grad", "activation_grad")) else ".".join(name.split(".")[:2])
        d, largest = out.get(kind, [0.0, 0.0])
        out[kind] = [max(d, difference(value, wide[name])), max(largest, float(wide[name].abs().max()))]
    return {kind: {"largest_difference_fp32_fp64": d, "largest_value": largest} for kind, (d, largest) in out.items()}


# ---- single operations ------------------------------------------------------------------------------------------


class Operations:
    """Inputs in fp32; results computed in fp64 and rounded."""

    def __init__(self):
        self.tensors, self.differences = {}, {}

    def add(self, name, function, inputs, dy=None):
        results = {}
        for dtype in (torch.float64, torch.float32):
            xs = {k: v.detach().clone().to(dtype).requires_grad_() if v.is_floating_point() else v for k, v in inputs.items()}
            y = function(**xs)
            y.backward(torch.ones_like(y) if dy is None else dy.to(dtype))
            results[dtype] = {"y": y.detach(), **{f"d{k}": x.grad for k, x in xs.items() if x.is_floating_point()}}
        self.tensors.update({f"{name}.{k}": v for k, v in inputs.items()})
        if dy is not None:
            self.tensors[f"{name}.dy"] = dy
        for k, v in results[torch.float64].items():
            self.tensors[f"{name}.{k}"] = v.float()
            self.differences[f"{name}.{k}"] = difference(v, results[torch.float32][k])


def attention(q, k, v, causal=False):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -math.inf)
    return torch.softmax(scores, -1) @ v


def add_layer_norms(out, r, o):
    n, c = o["tokens"], o["width"]
    norm = lambda x, gamma, beta: F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-5)
    for name, width, deviation, mean in (("layer_norm", c, 1.0, 0.0), ("layer_norm_wide", o["wide"], 1.0, 0.0),
                                         ("layer_norm_offset", c, 0.1, 30.0), ("layer_norm_tiny", c, 1e-4, 0.0)):
        out.add(name, norm, {"x": r(name + "x", n, width, deviation=deviation, mean=mean), "gamma": r(name + "g", width, deviation=0.3, mean=1.0),
                             "beta": r(name + "b", width, deviation=0.2)}, r(name + "dy", n, width))
    x = r("const", 2, c)
    x[0] = 0.75  # a constant row: the variance is 0, so its gradient is that of eps alone
    out.add("layer_norm_constant_row", norm, {"x": x, "gamma": r("cg", c, deviation=0.3, mean=1.0), "beta": r("cb", c, deviation=0.2)}, r("cdy", 2, c))


def add_activations(out, r):
    line = torch.cat([torch.linspace(-12, 12, 97), torch.tensor([-100.0, -1e-4, 0.0, 1e-4, 100.0])])
    dy = r("actdy", len(line))
    for name, function in (("gelu", F.gelu), ("gelu_new", lambda x: F.gelu(x, approximate="tanh")),
                           ("quick_gelu", lambda x: x * torch.sigmoid(1.702 * x)), ("relu", F.relu)):
        out.add(name, lambda x, f=function: f(x), {"x": line}, dy)


def make_operations(seed, o):
    out = Operations()
    r = lambda name, *shape, deviation=1.0, mean=0.0: normal(seed, f"train.op.{name}", shape, deviation, mean)
    n, c, vocab, h, d = o["tokens"], o["width"], o["vocab"], o["heads"], o["head_size"]
    add_layer_norms(out, r, o)
    target = torch.from_numpy(generator(seed, "train.op.target").integers(0, vocab, n))
    target[2] = IGNORE
    cross_entropy = lambda x: F.cross_entropy(x, target, ignore_index=IGNORE)
    out.add("cross_entropy", cross_entropy, {"x": r("cex", n, vocab, deviation=4.0)})
    large = r("ceb", n, vocab, deviation=4.0)
    large[0] += 300.0
    large[1, 3] = 200.0
    out.add("cross_entropy_large", cross_entropy, {"x": large})
    add_activations(out, r)
    heads = lambda name, tokens: r(name, h, tokens, d, deviation=1.5)
    out.add("attention_causal", lambda q, k, v: attention(q, k, v, True), {"q": heads("q", n), "k": heads("k", n), "v": heads("v", n)}, heads("ady", n))
    out.add("attention_cross", attention, {"q": heads("q2", n), "k": heads("k2", n + 5), "v": heads("v2", n + 5)}, heads("ady2", n))
    out.add("linear", lambda x, weight, bias: x @ weight.T + bias, {
        "x": r("lx", n, c), "weight": r("lw", o["ffn"], c, deviation=c**-0.5), "bias": r("lb", o["ffn"], deviation=0.1)}, r("ldy", n, o["ffn"]))
    out.add("tied_head_cross_entropy", lambda x, weight, bias: cross_entropy(x @ weight.T + bias), {
        "x": r("hx", n, c), "weight": r("hw", vocab, c, deviation=0.5), "bias": r("hb", vocab, deviation=0.3)})
    for name in ("cross_entropy", "cross_entropy_large", "tied_head_cross_entropy"):
        out.tensors[name + ".target"] = target.int()
    return out


# ---- checkpoints of the reference's trainer ---------------------------------------------------------------------


class ModelCheckpoint:
    """Stands for Lightning's class: its pickle names classes that a reader does not have."""


class AttributeDict(dict):
    pass


def pretend_from(cls, module):
    """Makes pickle write cls as if it came from that module."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    cls.__module__, cls.__qualname__ = module, cls.__name__
    setattr(sys.modules[module], cls.__name__, cls)


def make_checkpoints(sizes, model, optimizer, schedule, steps, out):
    """As Lightning 1.4 writes the reference's module: CLIP under `perceiver.` with OpenAI's names (zeros here), BART under `model.`;
    the four names of the tied embedding share one storage."""
    clip = {"visual.conv1.weight": torch.zeros(8, 3, 4, 4, dtype=torch.float16), "visual.proj": torch.zeros(8, 5, dtype=torch.float16),
            "token_embedding.weight": torch.zeros(16, 6), "text_projection": torch.zeros(6, 5, dtype=torch.float16), "logit_scale": torch.tensor(4.6052)}
    state = OrderedDict((f"perceiver.{k}", v) for k, v in clip.items())
    state.update((f"model.{k}", v) for k, v in model.state_dict().items())
    whole = {"epoch": 1, "global_step": steps, "pytorch-lightning_version": "1.4.2", "state_dict": state,
             "callbacks": {}, "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [schedule.state_dict()],
             "hyper_parameters": {"textfile": "postcache.txt", "embfile": "postcache.npy", "index_dir": None, "clip_model": "ViT-B/16",
                                  "batch_size": sizes["batch"], "maxlen_enc": 128, "maxlen_dec": 32, "topk": 10, "tmax": 100000,
                                  "save_top_k": 10, "lrate": 3e-4}}
    path = os.path.join(out, "lightning.ckpt")
    torch.save(whole, path)
    again = torch.load(path, weights_only=True)
    assert all(torch.equal(again["state_dict"][k], v) for k, v in state.items())

    pretend_from(ModelCheckpoint, "pytorch_lightning.callbacks.model_checkpoint")
    pretend_from(AttributeDict, "pytorch_lightning.utilities.parsing")
    norms = OrderedDict((k, v) for k, v in state.items() if is_trained(k))
    best = {"monitor": "vloss", "best_model_score": torch.tensor(3.25), "best_model_path": "-epoch=01-vloss=3.250.ckpt"}
    torch.save({**whole, "state_dict": norms, "optimizer_states": [], "hyper_parameters": AttributeDict(lr=3e-4),
                "callbacks": {ModelCheckpoint: best}}, os.path.join(out, "lightning_foreign_classes.ckpt"))


# ---- all of it --------------------------------------------------------------------------------------------------


def make_gradients(args, sizes, items, report):
    loss, tokens, g32 = gradients(args.seed, sizes, items, torch.float32)
    loss64, _, g64 = gradients(args.seed, sizes, items, torch.float64)
    save_tensors(os.path.join(args.out, "gradients.safetensors"), g32)
    report["gradients"] = {"loss": loss, "loss_fp64": loss64, "target_tokens": tokens, "noise": noise(g32, g64)}
    report["trainable"] = [name for name, _ in trained(fresh(args.seed, sizes, torch.float32))]

    half = sizes["batch"] // 2
    a, b = (gradients(args.seed, sizes, part, torch.float64) for part in (items[:half], items[half:]))
    keys = [k for k in g64 if k.startswith("grad.")]
    mean = {k: (a[2][k] + b[2][k]) / 2 for k in keys}
    weighted = {k: (a[1] * a[2][k] + b[1] * b[2][k]) / tokens for k in keys}
    save_tensors(os.path.join(args.out, "gradients_two_replicas.safetensors"), {k: v.float() for k, v in mean.items()})
    report["two_replicas"] = {
        "losses": [a[0], b[0]], "target_tokens": [a[1], b[1]],
        "mean_of_means_differs_from_one_replica_by": max(difference(mean[k], g64[k]) for k in keys),
        "token_weighted_mean_differs_from_one_replica_by": max(difference(weighted[k], g64[k]) for k in keys)}


def make_runs(args, sizes, batches, report):
    last = sizes["steps"]
    for name, t_max, replicas, steps, record_after in (("tmax_100000", 100000, 1, None, (1, 2, last)), ("tmax_10", 10, 1, 12, (last,)),
                                                       ("two_replicas", 100000, 2, 3, (3,))):
        model, optimizer, schedule, log, saved = run(args.seed, sizes, batches, torch.float32, t_max, replicas, steps, record_after)
        *_, log64, saved64 = run(args.seed, sizes, batches, torch.float64, t_max, replicas, steps, record_after)
        save_tensors(os.path.join(args.out, f"steps_{name}.safetensors"), saved)
        for line, line64 in zip(log, log64):
            line["loss_fp64"] = line64["loss"]
        report[f"run_{name}"] = {"T_max": t_max, "replicas": replicas, "log": log, "noise": noise(saved, saved64)}
        if name == "tmax_100000":
            make_checkpoints(sizes, model, optimizer, schedule, len(log), args.out)


def main():
    args = with_sizes(arguments(__doc__)).parse_args()
    one_thread()
    sizes = sizes_of(args, SIZES)
    os.makedirs(args.out, exist_ok=True)
    batches = draw_batches(args.seed, sizes)
    report = {"versions": versions(), "seed": args.seed, "model": f"bart/{sizes['name']}", "optimizer": {**OPTIMIZER, "betas": list(OPTIMIZER["betas"])}}
    make_gradients(args, sizes, batches[0], report)
    make_runs(args, sizes, batches, report)
    operations = make_operations(args.seed, sizes["operations"])
    save_tensors(os.path.join(args.out, "operations.safetensors"), operations.tensors)
    report["operations_torch_fp32_vs_fp64"] = operations.differences
    save_json(os.path.join(args.out, "report.json"), report)
    save_json(os.path.join(args.out, "batches.json"), batches, indent=None)


if __name__ == "__main__":
    main()
