"""GPT-2, GPT-Neo, GPT-J, Llama, Qwen2 and Qwen3 in plain numpy and double precision, and their generation: a second opinion.

Every decision (which token, which beam, where a filter cuts) comes with its margin, the smallest distance of two numbers whose order
mattered: whoever computes to within half of it must decide alike.
"""

import json
import math
import os

import numpy as np

INFINITY = math.inf


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attention(q, k, v, scale, window=INFINITY):
    """q [T, heads, D]; k, v [T, fewer heads, D], each for as many neighbouring heads of q -> [T, heads · D]"""
    t, heads, _ = q.shape
    k, v = (np.repeat(a, heads // a.shape[1], 1) for a in (k, v))
    back = np.arange(t)[:, None] - np.arange(t)[None, :]
    scores = np.where((back >= 0) & (back < window), np.einsum("ihd,jhd->hij", q, k) * scale, -INFINITY)
    return np.einsum("hij,jhd->ihd", softmax(scores), v).reshape(t, -1)


def frequencies(rope, theta, dim):
    """Of the pairs of a head. rope: {} or a rope scaling; llama3's keeps high frequencies, and divides low ones by the factor."""
    f = 1.0 / theta ** (np.arange(0, dim, 2) / dim)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return f
    assert kind == "llama3", kind
    turns = rope["original_max_position_embeddings"] * f / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return kept * f + (1 - kept) * f / rope["factor"]


def turn(a, b, f):
    angle = np.arange(len(a))[:, None, None] * f
    return a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)


def turn_halves(x, f):
    return np.concatenate(turn(*np.split(x, 2, -1), f), -1)


def turn_neighbours(x, f):
    return np.stack(turn(x[..., 0::2], x[..., 1::2], f), -1).reshape(x.shape)


class Causal:
    """A folder's model. `mistakes`: wrong ways to compute, whose cost says what the data would notice."""

    MISTAKES = ("neighbouring pairs", "no rope scaling", "key/value head = h mod KV", "no bias", "no q/k norm")

    def __init__(self, folder, config="config.json"):
        from safetensors.torch import load_file

        with open(os.path.join(folder, config)) as f:
            self.config = json.load(f)
        self.weights, self.mistakes, self.known = {}, (), {}
        for name in os.listdir(folder):
            if name.endswith(".safetensors"):
                self.weights |= {k: v.double().numpy() for k, v in load_file(os.path.join(folder, name)).items()}
        self.run = {"gpt2": self.gpt2, "gpt_neo": self.gpt_neo, "gptj": self.gptj}.get(self.config["model_type"], self.llama)

    def next_logits(self, prefix):
        """After a prefix; remembered."""
        prefix = tuple(prefix)
        if prefix not in self.known:
            self.known[prefix] = self.run(list(prefix))[1][-1]
        return self.known[prefix]

    def linear(self, x, name, conv1d=False):
        w, bias = self.weights[name + ".weight"], self.weights.get(name + ".bias")
        y = x @ (w if conv1d else w.T)
        return y if bias is None or "no bias" in self.mistakes else y + bias

    def rms_norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * self.weights[name + ".weight"]

    def layer_norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        scaled = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.config["layer_norm_epsilon"])
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def heads(self, x, count):
        return x.reshape(len(x), count, -1)

    # ---- each kind: ids -> ([block outputs], logits [T, vocabulary])

    def llama(self, ids):
        c, wrong = self.config, self.mistakes
        count, shared = c["num_attention_heads"], c.get("num_key_value_heads") or c["num_attention_heads"]
        dim = c.get("head_dim") or c["hidden_size"] // count
        rope = c.get("rope_parameters") or c.get("rope_scaling") or {}
        f = frequencies({} if "no rope scaling" in wrong else rope, rope.get("rope_theta", c.get("rope_theta")), dim)
        turned = turn_neighbours if "neighbouring pairs" in wrong else turn_halves
        x, blocks = self.weights["model.embed_tokens.weight"][ids], []
        for layer in range(c["num_hidden_layers"]):
            at = f"model.layers.{layer}."
            h = self.rms_norm(x, at + "input_layernorm")
            q, k, v = (self.heads(self.linear(h, f"{at}self_attn.{p}_proj"), n) for p, n in (("q", count), ("k", shared), ("v", shared)))
            if at + "self_attn.q_norm.weight" in self.weights and "no q/k norm" not in wrong:
                q, k = self.rms_norm(q, at + "self_attn.q_norm"), self.rms_norm(k, at + "self_attn.k_norm")
            q, k = turned(q, f), turned(k, f)
            if "key/value head = h mod KV" in wrong:
                k, v = np.tile(k, (1, count // shared, 1)), np.tile(v, (1, count // shared, 1))
            x = x + self.linear(attention(q, k, v, dim**-0.5), at + "self_attn.o_proj")
            h = self.rms_norm(x, at + "post_attention_layernorm")
            gate = self.linear(h, at + "mlp.gate_proj")
            x = x + self.linear(gate / (1 + np.exp(-gate)) * self.linear(h, at + "mlp.up_proj"), at + "mlp.down_proj")
            blocks.append(x)
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return blocks, self.rms_norm(x, "model.norm") @ head.T

    def embedded(self, ids):
        x, positions = self.weights["transformer.wte.weight"][ids], self.weights.get("transformer.wpe.weight")
        return x if positions is None else x + positions[: len(ids)]

    def gpt_head(self, x):
        x = self.layer_norm(x, "transformer.ln_f")
        return self.linear(x, "lm_head") if "lm_head.weight" in self.weights else x @ self.weights["transformer.wte.weight"].T

    def gpt2(self, ids):
        x, blocks, count = self.embedded(ids), [], self.config["n_head"]
        for layer in range(self.config["n_layer"]):
            at = f"transformer.h.{layer}."
            qkv = np.split(self.linear(self.layer_norm(x, at + "ln_1"), at + "attn.c_attn", True), 3, -1)
            q, k, v = (self.heads(a, count) for a in qkv)
            x = x + self.linear(attention(q, k, v, q.shape[-1] ** -0.5), at + "attn.c_proj", True)
            x = x + self.linear(gelu_tanh(self.linear(self.layer_norm(x, at + "ln_2"), at + "mlp.c_fc", True)), at + "mlp.c_proj", True)
            blocks.append(x)
        return blocks, self.gpt_head(x)

    def gpt_neo(self, ids):
        c, x, blocks = self.config, self.embedded(ids), []
        kinds = [kind for names, times in c["attention_types"] for kind in names * times]
        for layer, kind in enumerate(kinds):
            at = f"transformer.h.{layer}."
            h = self.layer_norm(x, at + "ln_1")
            q, k, v = (self.heads(self.linear(h, f"{at}attn.attention.{p}_proj"), c["num_heads"]) for p in "qkv")
            x = x + self.linear(attention(q, k, v, 1.0, c["window_size"] if kind == "local" else INFINITY), at + "attn.attention.out_proj")
            x = x + self.linear(gelu_tanh(self.linear(self.layer_norm(x, at + "ln_2"), at + "mlp.c_fc")), at + "mlp.c_proj")
            blocks.append(x)
        return blocks, self.gpt_head(x)

    def gptj(self, ids):
        c, x, blocks = self.config, self.embedded(ids), []
        rotary = c["rotary_dim"]
        f = frequencies({}, 10000.0, rotary)
        for layer in range(c["n_layer"]):
            at = f"transformer.h.{layer}."
            h = self.layer_norm(x, at + "ln_1")
            q, k, v = (self.heads(self.linear(h, f"{at}attn.{p}_proj"), c["n_head"]) for p in "qkv")
            q, k = (np.concatenate([turn_neighbours(a[..., :rotary], f), a[..., rotary:]], -1) for a in (q, k))
            x = x + self.linear(attention(q, k, v, q.shape[-1] ** -0.5), at + "attn.out_proj")
            x = x + self.linear(gelu_tanh(self.linear(h, at + "mlp.fc_in")), at + "mlp.fc_out")
            blocks.append(x)
        return blocks, self.gpt_head(x)


# ---- generation -------------------------------------------------------------------------------------------------------


def penalised(row, prefix, repetition_penalty=1.0, no_repeat_ngram_size=0):
    """The prefix's tokens made less likely, each once; then tokens that would repeat an n-gram made impossible. The prompt counts."""
    row, n = row.copy(), no_repeat_ngram_size
    for token in set(prefix) if repetition_penalty != 1 else ():
        row[token] *= repetition_penalty if row[token] < 0 else 1 / repetition_penalty
    if n and len(prefix) >= n:
        grams = [tuple(prefix[at : at + n]) for at in range(len(prefix) - n + 1)]
        row[[gram[-1] for gram in grams if gram[:-1] == tuple(prefix[len(prefix) - n + 1 :])]] = -INFINITY
    return row


def ranked(row):
    return np.argsort(-row, kind="stable")


def greedy(model, prompt, count, **options):
    """-> new tokens, margin"""
    text, margin = list(prompt), INFINITY
    for _ in range(count):
        row = penalised(model.next_logits(text), text, **options)
        first, second = ranked(row)[:2]
        margin = min(margin, float(row[first] - row[second]))
        text.append(int(first))
    return text[len(prompt) :], margin


def beam_search(model, prompt, count, width, end=None, **options):
    """Early stopping, length penalty 1, as many returned as there are beams -> [(new tokens, score)] best first, margin"""
    margin, beams, finished = INFINITY, [(0.0, tuple(prompt))], []

    def matters(a, b):
        nonlocal margin
        if np.isfinite(a) and np.isfinite(b):
            margin = min(margin, abs(float(a - b)))

    for made in range(1, count + 1):
        candidates = []
        for number, (score, text) in enumerate(beams):
            row = penalised(log_softmax(model.next_logits(text)), text, **options) + score
            candidates += [(-row[token], number, int(token)) for token in ranked(row)[: 2 * width + 1] if np.isfinite(row[token])]
        candidates = [(-cost, beams[number][1] + (token,), made == count or token == end) for cost, number, token in sorted(candidates)]
        considered, next_one = candidates[: 2 * width], candidates[2 * width : 2 * width + 1]
        # what ends is kept only from among the first `width`
        if any(ends for _, _, ends in considered[width - 1 : width + 1]) and len(considered) > width:
            matters(considered[width - 1][0], considered[width][0])
        for score, text, ends in considered[:width]:
            if ends:
                finished = sorted(finished + [(score / made, text)], key=lambda f: -f[0])
                if len(finished) > width:
                    matters(finished[width - 1][0], finished.pop()[0])
        going = [c for c in considered if not c[2]]
        if len(going) >= width and len(going + next_one) > width:
            matters(going[width - 1][0], (going + next_one)[width][0])
        if len(finished) >= width:
            break
        beams = [c[:2] for c in going[:width]]
    for better, worse in zip(finished, finished[1:]):
        matters(better[0], worse[0])
    return [(list(text[len(prompt) :]), float(score)) for score, text in finished], margin


def filtered(row, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """In this order -> kept ids, their log-probabilities, margin"""
    row, margin = row / temperature, INFINITY
    kept = np.ones(len(row), bool)
    if 0 < top_k < len(row):
        least, next_one = row[ranked(row)[top_k - 1 : top_k + 1]]
        kept, margin = row >= least, float(least - next_one)
    if top_p < 1:
        p = softmax(np.where(kept, row, -INFINITY))
        ascending = np.argsort(p, kind="stable")
        below = np.cumsum(p[ascending]) - (1 - top_p)
        kept[ascending[:-1][below[:-1] <= 0]] = False
        margin = min(margin, float(np.abs(below).min()))
    if min_p > 0:
        p = softmax(np.where(kept, row, -INFINITY))
        kept &= p >= min_p * p.max()
        margin = min(margin, float(np.abs(p - min_p * p.max()).min()))
    ids = np.flatnonzero(kept)
    return ids.tolist(), log_softmax(row[ids]), margin
