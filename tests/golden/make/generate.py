"""Golden data of greedy and beam search: transformers' `generate` on the tiny BARTs, for settings that cover every pair of values.

    python generate.py --out MADE/generate [--seed 1] [--sizes FILE] [--models a b] [--scorer49 generation_beam_search.py]

Every result must also come out of beam_search.py, which gives the margin and what transformers 4.9 would find. Cases whose margin is
below MARGIN are left out, so that rounding fails no correct program. --scorer49: that file of transformers 4.9.2 (2021); the mode
"hf4.9" is then compared with its BeamSearchScorer on every case.
"""

import importlib.util
import itertools
import json
import os
import sys
import types

import numpy as np
import torch

import beam_search
from common import arguments, generator, save_rows, sizes_of, until_end, versions, with_sizes
from tiny_bart import EOS, MODELS, PAD, TOKENS, build

SIZES = {"models": MODELS, "lengths": [2, 3, 4, 6, 8, 11, 15, 19, 24, 31, 40, 52], "settings": 72, "min_margin": 1e-4}
CHOICES = {
    "num_beams": [1, 2, 3, 5], "length_penalty": [0.5, 1.0, 2.0], "no_repeat_ngram_size": [0, 2, 3], "min_length": [0, 5, 12],
    "max_length": [10, 20, 40], "forced_bos_token_id": [None, 0], "forced_eos_token_id": [None, 2], "early_stopping": [False, True, "never"],
}
USUAL = dict(num_beams=3, length_penalty=1.0, no_repeat_ngram_size=3, min_length=0, max_length=20, forced_bos_token_id=0,
             forced_eos_token_id=2, early_stopping=True)


def pairs_of(s):
    """The pairs (key, value, key, value) that a setting holds; values as JSON, since True == 1."""
    text = {k: json.dumps(s[k]) for k in CHOICES}
    return {(a, text[a], b, text[b]) for a, b in itertools.combinations(CHOICES, 2)}


def covering_settings(seed, count):
    """The usual settings, then ones that hold every possible pair of values, then random ones."""
    chosen = [USUAL, {**USUAL, "forced_bos_token_id": None}, {**USUAL, "early_stopping": False}, {**USUAL, "num_beams": 1},
              {**USUAL, "num_beams": 5, "length_penalty": -1.0, "early_stopping": False},
              {**USUAL, "num_beams": 4, "length_penalty": 0.0, "early_stopping": "never"}]
    rng = generator(seed, "generate.settings")
    draw = lambda: {k: v[rng.integers(len(v))] for k, v in CHOICES.items()}
    possible = lambda s: s["min_length"] < s["max_length"]
    missing = {(a, json.dumps(x), b, json.dumps(y)) for a, b in itertools.combinations(CHOICES, 2) for x in CHOICES[a] for y in CHOICES[b]}
    missing.discard(("min_length", "12", "max_length", "10"))
    for s in chosen:
        missing -= pairs_of(s)
    while missing:
        best = max((s for s in (draw() for _ in range(60)) if possible(s)), key=lambda s: len(pairs_of(s) & missing))
        if pairs_of(best) & missing:
            chosen.append(best)
            missing -= pairs_of(best)
    while len(chosen) < count:
        s = draw()
        if possible(s) and s not in chosen:
            chosen.append(s)
    different = []
    for s in chosen:
        if s["num_beams"] == 1:
            s = {**s, "length_penalty": 1.0, "early_stopping": False}  # greedy search reads neither
        if s not in different:
            different.append(s)
    return different


@torch.no_grad()
def with_transformers(model, ids, s):
    """-> sequences, scores (None for greedy search)"""
    options = dict(s)
    if s["num_beams"] > 1:
        options["num_return_sequences"] = s["num_beams"]
    else:
        options.pop("length_penalty"), options.pop("early_stopping")
    # transformers 5 fills a None of the given config from the model's own, so both must be this one
    config = model.generation_config = type(model.generation_config)(**TOKENS, **options)
    out = model.generate(torch.tensor([ids]), generation_config=config, do_sample=False, return_dict_in_generate=True, output_scores=True)
    return [until_end(q, EOS) for q in out.sequences.tolist()], out.sequences_scores.tolist() if s["num_beams"] > 1 else None


def load_scorer49(path):
    """BeamSearchScorer of transformers 4.9, alone: what its file imports is replaced by stubs."""
    sys.modules["t49"], stub = types.ModuleType("t49"), types.ModuleType("t49.file_utils")
    stub.add_start_docstrings = lambda *_: lambda f: f
    sys.modules["t49.file_utils"] = stub
    spec = importlib.util.spec_from_file_location("t49.beam", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BeamSearchScorer


def with_scorer49(scorer_class, next_scores, s):
    """4.9's loop around its own scorer; the processors are those of beam_search.py."""
    beams = s["num_beams"]
    scorer = scorer_class(batch_size=1, num_beams=beams, device="cpu", length_penalty=s["length_penalty"],
                          do_early_stopping=s["early_stopping"], num_beam_hyps_to_keep=beams)
    ids, scores = torch.full((beams, 1), EOS), torch.tensor([0.0] + [-1e9] * (beams - 1))
    while True:
        prefixes = [tuple(row) for row in ids.tolist()]
        rows = torch.from_numpy(np.stack([beam_search.process(p, r, s) for p, r in zip(prefixes, next_scores(prefixes))]))
        top, where = torch.topk((rows + scores[:, None]).reshape(1, -1), 2 * beams)
        token, beam = where % rows.shape[1], where // rows.shape[1]
        step = scorer.process(ids, top, token, beam, pad_token_id=PAD, eos_token_id=EOS)
        scores = step["next_beam_scores"]
        ids = torch.cat([ids[step["next_beam_indices"]], step["next_beam_tokens"][:, None]], 1)
        if scorer.is_done or ids.shape[1] >= s["max_length"]:
            break
    out = scorer.finalize(ids, scores, token, beam, max_length=s["max_length"], pad_token_id=PAD, eos_token_id=EOS)
    return [until_end(q, EOS) for q in out["sequences"].tolist()], out["sequence_scores"].tolist()


def close(a, b):
    return a is None or all(abs(x - y) < 1e-4 + 1e-5 * abs(x) for x, y in zip(a, b))


def result_of_49(next_scores, s, sequences, scores, scorer, least, count):
    """What 4.9 gives: "same", or sequences, scores and margin; None where it has no such search or its margin is too small."""
    if s["num_beams"] == 1 or s["early_stopping"] == "never":
        return None
    found, margin = beam_search.search(next_scores, s, "hf4.9")
    old = {"margin": round(min(margin, 1e9), 7), "sequences": [f[0] for f in found], "scores": [f[1] for f in found]}
    if margin < least:
        return None
    if scorer:
        theirs, their_scores = with_scorer49(scorer, next_scores, s)
        assert theirs == old["sequences"] and close(old["scores"], their_scores), (s, theirs, old)
        count["checked49"] += 1
    same = old["sequences"] == sequences and close(old["scores"], scores)
    count["differ49"] += not same
    return "same" if same else old


def make_model(name, m, args, sizes, scorer):
    model = build(args.seed, name, m)
    settings = covering_settings(args.seed, sizes["settings"])
    rng = generator(args.seed, f"generate.{name}.inputs")
    inputs = [[0] + rng.integers(4, m["vocab"] - 1, n - 2).tolist() + [EOS] for n in sizes["lengths"]]
    rows, count = [], dict(cases=0, dropped_close=0, differ49=0, checked49=0)
    for j, ids in enumerate(inputs):
        next_scores = beam_search.FullPass(model, ids)
        for i, s in enumerate(settings):
            count["cases"] += 1
            sequences, scores = with_transformers(model, ids, s)
            if s["num_beams"] == 1:
                one, margin = beam_search.greedy(next_scores, s)
                ours, our_scores = [one], None
            else:
                found, margin = beam_search.search(next_scores, s, "hf5")
                ours, our_scores = [f[0] for f in found], [f[1] for f in found]
            if margin < sizes["min_margin"]:
                count["dropped_close"] += 1
                continue
            assert ours == sequences and close(scores, our_scores), (name, i, j, s, margin, sequences, ours)
            rows.append({"setting": i, "input": j, "margin": round(min(margin, 1e9), 7), "sequences": sequences, "scores": scores,
                         "hf4.9": result_of_49(next_scores, s, sequences, scores, scorer, sizes["min_margin"], count)})
    lengths = np.unique([len(r["sequences"][0]) for r in rows], return_counts=True)
    head = {"versions": versions(), "seed": args.seed, "model": f"bart/{name}", "decoder_start_token_id": EOS, "counts": count,
            "best_length_histogram": dict(zip(*[x.tolist() for x in lengths])), "inputs": inputs, "settings": settings}
    print(name, count, head["best_length_histogram"])
    save_rows(os.path.join(args.out, f"{name}_cases.json"), head, rows)


def main():
    parser = with_sizes(arguments(__doc__))
    parser.add_argument("--scorer49")
    parser.add_argument("--models", nargs="*", help="only these")
    args = parser.parse_args()
    sizes = sizes_of(args, SIZES)
    scorer = load_scorer49(args.scorer49) if args.scorer49 else None
    for name, m in sizes["models"].items():
        if not args.models or name in args.models:
            make_model(name, m, args, sizes, scorer)


if __name__ == "__main__":
    main()
