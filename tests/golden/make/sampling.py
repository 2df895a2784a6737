"""Golden data of sampling: what the processors leave of given logits, in transformers' order; and Philox4x32-10.

    python sampling.py --out MADE/sampling [--seed 1] [--sizes FILE]

The sets and probabilities are those of transformers' own processors in fp32; plain numpy in float64 must agree. Cases whose top-p cut is
nearer than 1e-6 to a token's cumulated probability are left out.
"""

import math
import os

import numpy as np
import torch
from transformers import (ForcedBOSTokenLogitsProcessor, ForcedEOSTokenLogitsProcessor, LogitsProcessorList, MinLengthLogitsProcessor,
                          NoRepeatNGramLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

from common import arguments, generator, one_thread, save_json, save_rows, sizes_of, versions, with_sizes

SIZES = {"vocab": 64, "random_cases": 80, "philox_random": 24}
EOS = 2
PLAIN = dict(prefix=[2, 0, 9], no_repeat_ngram_size=0, min_length=0, max_length=20, forced_bos_token_id=None, forced_eos_token_id=None,
             temperature=1.0, top_k=0, top_p=1.0, min_tokens_to_keep=1)


def processors(c):
    """The list that `generate` builds for these options (generation/utils.py, _get_logits_processor)."""
    out = LogitsProcessorList()
    if c["no_repeat_ngram_size"]:
        out.append(NoRepeatNGramLogitsProcessor(c["no_repeat_ngram_size"]))
    if c["min_length"]:
        out.append(MinLengthLogitsProcessor(c["min_length"], torch.tensor([EOS])))
    if c["forced_bos_token_id"] is not None:
        out.append(ForcedBOSTokenLogitsProcessor(c["forced_bos_token_id"]))
    if c["forced_eos_token_id"] is not None:
        out.append(ForcedEOSTokenLogitsProcessor(c["max_length"], c["forced_eos_token_id"]))
    if c["temperature"] != 1.0:
        out.append(TemperatureLogitsWarper(c["temperature"]))
    if c["top_k"]:
        out.append(TopKLogitsWarper(c["top_k"], min_tokens_to_keep=c["min_tokens_to_keep"]))
    if c["top_p"] < 1.0:
        out.append(TopPLogitsWarper(c["top_p"], min_tokens_to_keep=c["min_tokens_to_keep"]))
    return out


def processed(c, x):
    """The processors that forbid or force, in float64."""
    prefix, n, k = c["prefix"], len(c["prefix"]), c["no_repeat_ngram_size"]
    if k and n >= k:
        for i in range(n + 1 - k):
            if prefix[i : i + k - 1] == prefix[n + 1 - k :]:
                x[prefix[i + k - 1]] = -np.inf
    if n < c["min_length"]:
        x[EOS] = -np.inf
    for forced, when in ((c["forced_bos_token_id"], 1), (c["forced_eos_token_id"], c["max_length"] - 1)):
        if forced is not None and n == when:
            x[:] = -np.inf
            x[forced] = 0.0
    return x


def in_numpy(c, logits):
    """-> probabilities; how near the top-p cut is to a cumulated probability; whether equal tokens stand at that cut."""
    x = processed(c, np.array(logits, dtype=np.float64)) / c["temperature"]
    if c["top_k"]:
        kth = np.sort(x)[::-1][min(max(c["top_k"], c["min_tokens_to_keep"]), len(x)) - 1]
        x[x < kth] = -np.inf  # every token equal to the k-th stays: more than k can be left
    near, tie = math.inf, False
    if c["top_p"] < 1.0:
        order = np.argsort(x, kind="stable")  # ascending; of equal logits the lower id comes, and goes, first
        p = np.exp(x[order] - x.max())
        cumulated = np.cumsum(p / p.sum())
        drop = cumulated <= 1 - c["top_p"]
        drop[-c["min_tokens_to_keep"] :] = False
        near = float(np.abs(cumulated[p > 0] - (1 - c["top_p"])).min())
        edge = int(drop.sum())
        tie = 0 < edge < len(x) and x[order[edge - 1]] == x[order[edge]] and np.isfinite(x[order[edge]])
        x[order[drop]] = -np.inf
    e = np.exp(x - x.max())
    return e / e.sum(), near, bool(tie)


class Cases:
    """(note, logits, options) in the order in which they are drawn."""

    def __init__(self, seed, vocab):
        self.rng, self.vocab, self.all = generator(seed, "sampling"), vocab, []

    def normal(self, deviation):
        return (deviation * self.rng.standard_normal(self.vocab)).astype(np.float32)

    def add(self, note, logits, **options):
        self.all.append((note, logits, {**PLAIN, **options}))


def add_single_options(k):
    v = k.vocab
    for t in (0.1, 0.5, 0.7, 1.3, 5.0):
        k.add("temperature", k.normal(2), temperature=t)
    for n in (1, 2, 5, 50, v, v + 10):
        k.add("top_k", k.normal(2), top_k=n)
    for p in (1e-6, 0.1, 0.5, 0.9, 0.95, 0.999):
        k.add("top_p", k.normal(2), top_p=p)
        k.add("top_p, beams > 1", k.normal(2), top_p=p, min_tokens_to_keep=2)
    k.add("top_k 1, beams > 1: two stay", k.normal(2), top_k=1, min_tokens_to_keep=2)


def add_edges(k):
    v = k.vocab
    peaked = k.normal(1)
    peaked[7] = 60.0
    k.add("one token has all the probability, top_p", peaked, top_p=0.9)
    k.add("one token has all the probability, top_p, beams > 1", peaked, top_p=0.9, min_tokens_to_keep=2)
    k.add("one token, temperature 0.1", peaked, temperature=0.1)
    ties = np.full(v, -3.0, np.float32)
    ties[[5, 11, 20, 33]] = 2.0
    ties[[8, 9]] = 3.0
    k.add("tie at the top-k edge: 2 above, 4 equal, k = 3 leaves 6", ties, top_k=3)
    k.add("tie at the top-k edge, k = 6 exactly", ties, top_k=6)
    k.add("tie at the top-p edge", ties, top_p=0.7)
    k.add("all equal, top_p 0.5", np.zeros(v, np.float32), top_p=0.5)
    k.add("all equal, top_k 5 leaves all", np.zeros(v, np.float32), top_k=5)
    holes = k.normal(2)
    holes[k.rng.permutation(v)[: v - 6]] = -np.inf
    k.add("six finite logits, top_k 10", holes, top_k=10)
    k.add("six finite logits, top_k 3, top_p 0.8", holes, top_k=3, top_p=0.8)
    k.add("six finite logits, top_p 0.99", holes, top_p=0.99)
    k.add("six finite logits, min length", holes, min_length=10)
    one = np.full(v, -np.inf, np.float32)
    one[13] = -40.0
    k.add("a single finite logit", one, top_k=5, top_p=0.9, temperature=0.7)
    k.add("a single finite logit, beams > 1", one, top_k=5, top_p=0.9, min_tokens_to_keep=2)
    k.add("large common offset", k.normal(1) + np.float32(1e4), top_p=0.9)


def add_rules(k):
    k.add("bigram repeated: 7 after 5 is banned", k.normal(2), prefix=[2, 5, 7, 9, 5], no_repeat_ngram_size=2)
    k.add("trigrams", k.normal(2), prefix=[2, 5, 7, 9, 5, 7, 11, 5, 7], no_repeat_ngram_size=3)
    k.add("prefix shorter than n-1", k.normal(2), prefix=[2], no_repeat_ngram_size=3)
    k.add("n = 1 bans all that was said, the start token </s> among it", k.normal(2), prefix=[2, 5, 7], no_repeat_ngram_size=1)
    k.add("start token counts in n-grams: 2 2 seen, so 2 after 2 is banned", k.normal(2), prefix=[2, 2, 8, 2], no_repeat_ngram_size=2)
    k.add("min_length 4, 3 tokens: masked", k.normal(2), min_length=4)
    k.add("min_length 3, 3 tokens: free", k.normal(2), min_length=3)
    k.add("forced bos", k.normal(2), prefix=[2], forced_bos_token_id=0, top_k=5, temperature=0.5)
    k.add("forced eos beats min length", k.normal(2), max_length=4, min_length=12, forced_eos_token_id=2)


def add_random(k, count):
    rng = k.rng
    for i in range(count):
        n = int(rng.integers(1, 12))
        options = dict(prefix=[2] + rng.integers(3, 9, n - 1).tolist(), no_repeat_ngram_size=int(rng.choice([0, 2, 3])),
                       min_length=int(rng.choice([0, 5, 12])), temperature=float(rng.choice([1.0, 0.6, 0.9, 1.7])),
                       top_k=int(rng.choice([0, 3, 10, 50])), top_p=float(rng.choice([1.0, 0.3, 0.8, 0.95])),
                       min_tokens_to_keep=int(rng.choice([1, 2])), forced_bos_token_id=[None, 0][int(rng.integers(2))])
        logits = k.normal(float(rng.choice([0.5, 2, 4])))
        if i % 5 == 0:
            logits = np.round(logits * 2) / 2  # many ties
        if i % 7 == 0:
            logits[rng.permutation(k.vocab)[: k.vocab // 3]] = -np.inf
        k.add("random", logits, **options)


def make_filters(args, sizes):
    k = Cases(args.seed, sizes["vocab"])
    add_single_options(k)
    add_edges(k)
    add_rules(k)
    add_random(k, sizes["random_cases"])
    rows, left_out, worst = [], 0, 0.0
    for note, logits, c in k.all:
        wanted, near, tie = in_numpy(c, logits)
        scores = processors(c)(torch.tensor([c["prefix"]]), torch.from_numpy(logits)[None])
        found = torch.softmax(scores.double(), -1)[0].numpy()
        kept, ours = np.flatnonzero(np.isfinite(scores[0].numpy())), np.flatnonzero(wanted > 0)
        if near < 1e-6 and not tie:
            left_out += 1
            continue
        if tie:  # which of the equal tokens stays is left to the sort; how many, is not
            assert len(kept) == len(ours) and np.allclose(np.sort(found), np.sort(wanted), atol=1e-6), note
        else:
            assert np.array_equal(kept, ours), (note, c)
            worst = max(worst, float(np.abs(found - wanted).max()))
        rows.append({"note": note, **c, "logits": [float(x) if np.isfinite(x) else "-inf" for x in logits], "kept": ours.tolist(),
                     "kept_by_torch": kept.tolist(), "tie_at_top_p_edge": tie,
                     "log_probability": [round(float(np.log(wanted[i])), 9) for i in ours]})
    print(len(rows), "cases,", left_out, "left out, largest difference", worst)
    save_rows(os.path.join(args.out, "filters.json"), {"versions": versions(), "seed": args.seed, "eos_token_id": EOS,
              "torch_vs_numpy_largest_probability_difference": worst}, rows)


def philox4x32(counter, key, rounds=10):
    """Salmon et al., 2011: a counter of four words and a key of two, 32 bits each."""
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for i in range(rounds):
        if i:
            k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
    return c


KNOWN_ANSWERS = [  # Random123's kat_vectors, philox4x32, 10 rounds
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
]


def make_philox(args, sizes):
    for counter, key, result in KNOWN_ANSWERS:
        assert philox4x32(counter, key) == result
    rng, vectors = generator(args.seed, "philox"), [{"counter": c, "key": k, "result": r} for c, k, r in KNOWN_ANSWERS]
    for _ in range(sizes["philox_random"]):
        c, k = rng.integers(0, 2**32, 4).tolist(), rng.integers(0, 2**32, 2).tolist()
        vectors.append({"counter": c, "key": k, "result": philox4x32(c, k)})
    save_json(os.path.join(args.out, "philox4x32_10.json"), {
        "first_three": "Random123 kat_vectors", "rest": "independent implementation in sampling.py", "vectors": vectors})


def main():
    args = with_sizes(arguments(__doc__)).parse_args()
    one_thread()
    sizes = sizes_of(args, SIZES)
    make_filters(args, sizes)
    make_philox(args, sizes)


if __name__ == "__main__":
    main()
