"""Golden data of BART folders as people have them: settings of generation, which file says them, where the tied matrix lies.

    python bart_variants.py --out MADE/bart_variants [--seed 1] [--other]

One tiny BART (base/) and folders that are laid over it; transformers loads each as it lies and generates. A case in expected.json names
its layers, the files taken away, the call's options, and what came out. Inputs are kept where noise of NOISE on every logit changes no
sequence, those first that the case's setting changes. --other: another size of model, other values.
"""

import json
import os
import re
import shutil
import tempfile

import torch
from safetensors.torch import save_file

from byte_bpe import BYTES
from common import arguments, generator, one_thread, save_json, save_tensors, until_end, versions
from tiny_bart import EOS, MODELS, TOKENS, build

NOISE, DRAWS, INPUTS = 2e-5, 3, 3
WORDS = ("Ġthe Ġred Ġblue Ġcar Ġboat Ġlake Ġtower Ġzebra Ġon Ġ| Ġand red car boat the a Ġsmall Ġhouse Ġtree Ġgreen Ġlamp Ġwith").split(" ")
CONFIG_KEYS = ("activation_function", "bos_token_id", "d_model", "decoder_attention_heads", "decoder_ffn_dim", "decoder_layers",
               "decoder_start_token_id", "encoder_attention_heads", "encoder_ffn_dim", "encoder_layers", "eos_token_id", "is_encoder_decoder",
               "max_position_embeddings", "model_type", "pad_token_id", "scale_embedding", "vocab_size", "tie_word_embeddings")
SHARED, ENCODER, DECODER, HEAD = ("model.shared.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                                  "lm_head.weight")


class Topic:
    def __init__(self, args):
        self.out, self.seed, self.other = args.out, args.seed, args.other
        self.rows, self.tensors = [], {}
        self.sizes = dict(MODELS["a"], d_model=self.pick(64, 60), encoder_layers=self.pick(1, 2), decoder_layers=2, heads=self.pick(4, 3),
                          ffn=self.pick(96, 80), vocab=self.pick(320, 300), positions=64, position_std=2.0, cross_gain=2.0, attention_gain=3.0,
                          eos_bias=self.pick(3.0, 5.0), eos_scale=1.5)
        self.vocab = self.sizes["vocab"]
        rng = generator(args.seed, "bart_variants.inputs")
        self.inputs = [[0] + rng.integers(4, self.vocab - 1, int(n)).tolist() + [EOS] for n in rng.integers(3, 20, 40)]
        self.usual = {"bos_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "num_beams": 3,
                      "early_stopping": True, "max_length": self.pick(20, 18)}

    def pick(self, first, other):
        return other if self.other else first

    def path(self, *parts):
        return os.path.join(self.out, *parts)

    def load(self, layers, without=()):
        """The model of the layers laid over each other, and what transformers says of its tensors."""
        from transformers import BartForConditionalGeneration

        with tempfile.TemporaryDirectory() as folder:
            for layer in layers:
                shutil.copytree(self.path(layer), folder, dirs_exist_ok=True)
            for name in without:
                os.remove(os.path.join(folder, name))
            model, info = BartForConditionalGeneration.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
        return model.eval(), info

    def add(self, name, layers, expect, found=(), **more):
        """A row of searches; found: (input, (sequences, scores))."""
        row = {"name": name, "layers": layers, **more.pop("first", {}), "expect": expect, **more}
        if found:
            row.update(inputs=[f[0] for f in found], sequences=[f[1][0] for f in found], scores=[f[1][1] for f in found])
        self.rows.append(row)
        return row


# ---- running ----


@torch.no_grad()
def generate(model, ids, noise=None, **options):
    """-> sequences, scores (None in greedy search), the first step's processed scores"""
    handle = None
    if noise is not None:
        rng = torch.Generator().manual_seed(noise)
        handle = model.lm_head.register_forward_hook(lambda _m, _i, out: out + NOISE * torch.randn(out.shape, generator=rng))
    try:
        out = model.generate(torch.tensor([ids]), return_dict_in_generate=True, output_scores=True, **options)
    finally:
        if handle:
            handle.remove()
    scores = getattr(out, "sequences_scores", None)
    ends = model.generation_config.eos_token_id
    cut = until_end if EOS in (ends if isinstance(ends, list) else [ends]) else list  # other ends: padded, as transformers gives them
    return [cut(x) for x in out.sequences.tolist()], scores.tolist() if scores is not None else None, out.scores[0]


def stable(model, ids, options):
    """(sequences, scores), or None where noise changes them."""
    sequences, scores, _ = generate(model, ids, **options)
    for n in range(DRAWS):
        again = generate(model, ids, noise=n, **options)
        if again[0] != sequences or (scores and any(abs(a - b) > 1e-3 + 1e-4 * abs(a) for a, b in zip(scores, again[1]))):
            return None
    return sequences, scores


def stable_inputs(model, pool, options, count=INPUTS):
    found = []
    for ids in pool:
        result = stable(model, ids, options)
        if result:
            found.append((ids, result))
        if len(found) == count:
            break
    return found


@torch.no_grad()
def first_logits(model, ids):
    return model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([[EOS]])).logits[0, -1]


# ---- base ----


def vocabulary(topic):
    """Merges of a few words, counted as byte pair encoding does; made-up words fill the rest."""
    most, merges = topic.vocab - 5 - 256, []
    split = [list(w) for w in WORDS * topic.pick(2, 1)]
    while len(merges) < most:
        pairs = {}
        for w in split:
            for pair in zip(w, w[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        if not pairs:
            break
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        for w in split:
            i = 0
            while i + 1 < len(w):
                if (w[i], w[i + 1]) == best:
                    w[i : i + 2] = [w[i] + w[i + 1]]
                i += 1
    made_up = [f"madeupword{i:04d}" for i in range(most - len(merges))]
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *BYTES.values(), *("".join(p) for p in merges), *made_up, "<mask>"]
    save_json(topic.path("base", "vocab.json"), {t: i for i, t in enumerate(tokens)}, indent=None)
    with open(topic.path("base", "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    save_json(topic.path("base", "tokenizer_config.json"), {"tokenizer_class": "BartTokenizer", "model_max_length": 64, "add_prefix_space": False})


def base(topic):
    """-> the tensors, matrices as fp16; the config"""
    model = build(topic.seed + 900, "variants", topic.sizes)
    with torch.no_grad():
        model.final_logits_bias[0, [0, 1, 3, topic.vocab - 1]] += 3.0  # the special tokens are within reach here
    state = {name: t.half().contiguous().clone() if t.ndim > 1 and "bias" not in name else t.contiguous().clone()
             for name, t in model.state_dict().items() if name not in (ENCODER, DECODER, HEAD)}
    config = {k: v for k, v in model.config.to_dict().items() if k in CONFIG_KEYS}
    config["architectures"] = ["BartForConditionalGeneration"]
    os.makedirs(topic.path("base"))
    save_file(state, topic.path("base", "model.safetensors"), metadata={"format": "pt"})
    save_json(topic.path("base", "config.json"), config)
    save_json(topic.path("base", "generation_config.json"), topic.usual)
    vocabulary(topic)
    return state, config


# ---- one key each ----


def material(topic, plain):
    """What the plain model says: its usual words, pairs of them, first words, and inputs made of them."""
    said = [generate(plain, ids)[0][0] for ids in topic.inputs[:12]]
    counts = {}
    for t in (t for s in said for t in s[1:]):
        counts[t] = counts.get(t, 0) + 1
    words = [t for t in sorted(counts, key=lambda t: (-counts[t], t)) if t > 3]
    pairs = []
    for s in said:
        pairs += [[a, b] for a, b in zip(s[2:], s[3:]) if a > 3 and b > 3][:1]
    rng = generator(topic.seed, "bart_variants.echo")
    echo = [[0] + [t for i in rng.integers(0, len(said), 3) for t in said[i][1:-1][:8]][:22] + [EOS] for _ in range(30)]
    return words, pairs, sorted({s[1] for s in said[:8]}), [x for x in echo if len(x) > 6]


def settings_of_keys(topic, words, pairs, firsts):
    """name -> (settings, expect); must: obeyed; either: obeyed, or refused with the key's name"""
    pick = topic.pick
    must = {
        "repetition_penalty": {"repetition_penalty": pick(1.7, 1.4)},
        "repetition_penalty_below_1": {"repetition_penalty": pick(0.8, 0.7)},
        "max_new_tokens": {"max_new_tokens": pick(6, 9)},
        "max_new_tokens_forced_eos": {"max_new_tokens": pick(7, 5), "forced_eos_token_id": 2},
        "min_new_tokens": {"min_new_tokens": pick(14, 11)},
        "min_new_tokens_and_min_length": {"min_new_tokens": pick(5, 12), "min_length": pick(15, 6)},
        "encoder_no_repeat_ngram_size": {"encoder_no_repeat_ngram_size": 2},
        "encoder_no_repeat_ngram_size_1": {"encoder_no_repeat_ngram_size": 1},
        "encoder_repetition_penalty": {"encoder_repetition_penalty": pick(1.6, 2.2)},
        "encoder_repetition_penalty_below_1": {"encoder_repetition_penalty": pick(0.6, 0.5)},
        "suppress_tokens": {"suppress_tokens": words[: pick(4, 6)]},
        "begin_suppress_tokens": {"begin_suppress_tokens": firsts},
        "begin_suppress_tokens_forced_bos": {"begin_suppress_tokens": words[:12], "forced_bos_token_id": 0},
        "bad_words_one_token": {"bad_words_ids": [[t] for t in words[: pick(3, 5)]]},
        "bad_words_sequences": {"bad_words_ids": pairs[:6] + [words[:3]]},
        "exponential_decay_length_penalty": {"exponential_decay_length_penalty": [pick(5, 3), pick(1.6, 1.3)]},
        "exponential_decay_from_start": {"exponential_decay_length_penalty": [0, pick(1.2, 1.15)]},
        "renormalize_logits": {"renormalize_logits": True, "no_repeat_ngram_size": 2, "bad_words_ids": [[t] for t in words[:3]]},
        "renormalize_logits_forced_bos": {"renormalize_logits": True, "forced_bos_token_id": 0},
        "remove_invalid_values": {"remove_invalid_values": True},
        "remove_invalid_values_and_forced_eos": {"remove_invalid_values": True, "forced_eos_token_id": 2, "min_length": 8, "no_repeat_ngram_size": 1},
        "several_a": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3, "min_new_tokens": 6, "suppress_tokens": words[:2]},
        "several_b": {"encoder_no_repeat_ngram_size": 1, "max_new_tokens": 12, "bad_words_ids": [[words[1]]], "length_penalty": pick(2.0, 0.5)},
        "no_max_length": {"max_length": None},
        "no_max_length_max_new_tokens": {"max_length": None, "max_new_tokens": pick(30, 25)},
    }
    either = {
        "sequence_bias": {"sequence_bias": [[[words[0]], -6.0], [words[1:3], 4.0]]},
        "eos_token_id_list": {"eos_token_id": [2, words[0]]},
    }
    neutral = {
        "neutral_values": {
            "repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0, "encoder_no_repeat_ngram_size": 0, "diversity_penalty": 0.0,
            "num_beam_groups": 1, "typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "bad_words_ids": None, "suppress_tokens": None,
            "begin_suppress_tokens": None, "exponential_decay_length_penalty": None, "renormalize_logits": False,
            "remove_invalid_values": False},
        "without_influence": {
            "use_cache": True, "output_attentions": False, "output_scores": False, "return_dict_in_generate": False,
            "num_assistant_tokens": 20, "num_assistant_tokens_schedule": "constant", "assistant_confidence_threshold": 0.4,
            "transformers_version": "5.24.0", "_from_model_config": True, "top_k": 7, "top_p": 0.5, "temperature": 0.3, "min_p": 0.2,
            "is_assistant": False},
    }
    gone = {"forced_decoder_ids": {"forced_decoder_ids": [[1, words[0]], [2, words[1]]]}}
    kinds = ((must, "must"), (either, "either"), (neutral, "must"), (gone, "either"))
    return {name: (settings, expect) for group, expect in kinds for name, settings in group.items()}


def save_settings(topic, folder, settings, usual=None):
    """A null among the settings of a length takes the key out."""
    merged = {**(usual or topic.usual), **settings}
    save_json(topic.path(folder, "generation_config.json"), {k: v for k, v in merged.items() if not (k == "max_length" and v is None)})


def one_key(topic, plain, words, pairs, firsts, echo):
    known = {}
    for name, (settings, expect) in settings_of_keys(topic, words, pairs, firsts).items():
        save_settings(topic, "generation/" + name, settings)
        layers = ["base", "generation/" + name]
        model, _ = topic.load(layers)
        pool = echo if "encoder_no_repeat" in name or "several_b" in name else topic.inputs
        for how, options in (("beams", {"num_return_sequences": 3}), ("greedy", {"num_beams": 1})):
            order = []
            for n, ids in enumerate(pool[: 30 if pool is echo else 14]):
                key = n, how, pool is echo
                if key not in known:
                    known[key] = generate(plain, ids, **options)[0]
                order.append((generate(model, ids, **options)[0] == known[key], n))
                if sum(not same for same, _ in order) >= 4:
                    break
            order = sorted(order) + [(True, n) for n in range(len(order), len(pool))]  # where the key matters first
            found = stable_inputs(model, [pool[n] for _, n in order], options)
            same = {tuple(pool[n]): s for s, n in reversed(order)}
            assert len(found) == INPUTS, (name, how)
            topic.add(f"{name}/{how}", layers, expect, found, options=options, settings=settings,
                      differ_from_plain=sum(not same[tuple(ids)] for ids, _ in found))


def refusals(topic, words):
    """What transformers refuses too."""
    cases = {
        "num_beam_groups": {"num_beam_groups": 3, "diversity_penalty": topic.pick(0.5, 1.0)},
        "penalty_alpha": {"penalty_alpha": 0.6, "top_k": 4, "num_beams": 1}, "force_words_ids": {"force_words_ids": [[words[3]]]},
        "dola_layers": {"dola_layers": "high", "num_beams": 1}, "early_stopping_text": {"early_stopping": "sometimes"},
        "num_beams_0": {"num_beams": 0}, "max_new_tokens_0": {"max_new_tokens": 0}, "repetition_penalty_0": {"repetition_penalty": 0.0},
        "repetition_penalty_text": {"repetition_penalty": "1.5"}, "bad_words_ids_flat": {"bad_words_ids": [5, 6]},
        "bad_words_ids_empty": {"bad_words_ids": [[]]}, "encoder_repetition_penalty_negative": {"encoder_repetition_penalty": -1.0},
    }
    for name, settings in cases.items():
        save_settings(topic, "generation/" + name, settings)
        layers = ["base", "generation/" + name]
        try:
            generate(topic.load(layers)[0], topic.inputs[0])
        except Exception as e:  # noqa: BLE001: whatever it is, it is what transformers says
            said = re.sub(r",? since it loads http.*|\s*http\S*", "", f"{type(e).__name__}: {e}".replace("\n", " "))[:150]
            topic.add(name, layers, "refuse", options={}, settings=settings, inputs=topic.inputs[:1], transformers_says=said)


# ---- several keys at once ----


def mixtures(topic, words, pairs, echo):
    """Random settings of several keys: the order of what they do."""
    rng = generator(topic.seed, "bart_variants.mixtures")
    choices = {
        "repetition_penalty": [0.8, 1.2, 1.8], "encoder_repetition_penalty": [0.7, 1.5], "no_repeat_ngram_size": [1, 2, 3],
        "encoder_no_repeat_ngram_size": [1, 2], "bad_words_ids": [[[t] for t in words[:4]], pairs[:4], [[], [EOS], words[:2]]],
        "suppress_tokens": [words[:3], [-1, words[0], 10**6], []], "begin_suppress_tokens": [words[:10]],
        "sequence_bias": [[[[words[0]], -3.0], [words[:2], 5.0], [words[:2], -5.0]], [[[EOS], 2.5]], [[[EOS], -2.5], [[words[2]], 1.5]]],
        "exponential_decay_length_penalty": [[2, 1.3], [6, 1.1], [0, 0.9]], "renormalize_logits": [True], "remove_invalid_values": [True],
        "min_new_tokens": [0, 4, 9], "max_new_tokens": [5, 11, 16], "min_length": [3, 8], "forced_bos_token_id": [0, words[1]],
        "forced_eos_token_id": [2], "length_penalty": [0.3, 1.7], "early_stopping": [False, "never"],
        "eos_token_id": [[2, words[0], words[3]], [2, words[5]], words[2]],
    }
    for number in range(24):
        keys = rng.permutation(sorted(choices))[: int(rng.integers(3, 7))]
        settings = {str(k): choices[k][int(rng.integers(len(choices[k])))] for k in keys}
        folder = f"generation/mixture_{number:02d}"
        save_settings(topic, folder, settings)
        layers = ["base", folder]
        options = [{"num_return_sequences": 3}, {"num_beams": 1}, {"num_beams": 5, "num_return_sequences": 5}][number % 3]
        pool = echo if any("encoder" in k for k in settings) else topic.inputs
        try:
            found = stable_inputs(topic.load(layers)[0], pool[number % 10 :], options, 2)
        except ValueError as e:  # a token that is forced and suppressed
            topic.add(f"mixture_{number:02d}", layers, "refuse", options=options, settings=settings, inputs=pool[:1], transformers_says=str(e)[:150])
            continue
        # infinite, or as good as: fewer sequences came than were asked for, or a forbidden end that grew; what stands there means nothing
        found = [f for f in found if not f[1][1] or max(map(abs, f[1][1])) < 1e8]
        if found:
            topic.add(f"mixture_{number:02d}", layers, "must", found, options=options, settings=settings)


# ---- sampling ----


@torch.no_grad()
def sampling(topic):
    """max_length 2: a draw is one token. `kept`: what can be drawn; `log_probability` of each."""
    pick = topic.pick
    cases = {
        "temperature": {"temperature": pick(0.7, 1.6)}, "top_k": {"top_k": pick(5, 9)}, "top_p": {"top_p": pick(0.8, 0.6)},
        "top_k_not_said": {"top_k": None}, "min_p": {"min_p": pick(0.1, 0.05)}, "typical_p": {"typical_p": pick(0.5, 0.7)},
        "epsilon_cutoff": {"epsilon_cutoff": pick(0.02, 0.01)}, "eta_cutoff": {"eta_cutoff": pick(0.05, 0.02)},
        "temperature_min_p": {"temperature": 1.5, "min_p": pick(0.2, 0.1)}, "top_k_typical_p": {"top_k": 30, "typical_p": pick(0.6, 0.4)},
        "top_p_epsilon_cutoff": {"top_p": 0.95, "epsilon_cutoff": pick(0.03, 0.015)},
        "suppress_then_top_k": {"top_k": 4, "suppress_tokens": list(range(10, pick(120, 160)))},
        "bad_words_top_p": {"top_p": 0.7, "bad_words_ids": [[t] for t in range(50, 150)]},
        "encoder_repetition_penalty_top_k": {"top_k": 8, "encoder_repetition_penalty": pick(2.0, 1.5)},
        "renormalize_min_p": {"min_p": 0.08, "renormalize_logits": True}, "top_h": {"top_h": pick(0.4, 0.5)},
    }
    for name, settings in cases.items():
        merged = {**topic.usual, "num_beams": 1, "early_stopping": False, "do_sample": True, "max_length": 2, "top_k": 0, **settings}
        save_json(topic.path("sampling", name, "generation_config.json"), {k: v for k, v in merged.items() if v is not None})
        layers = ["base", "sampling/" + name]
        model, _ = topic.load(layers)
        rows = []
        for ids in topic.inputs[:8]:
            first = torch.log_softmax(generate(model, ids)[2][0], -1)
            kept = torch.isfinite(first).nonzero()[:, 0].tolist()
            if all(torch.isfinite(generate(model, ids, noise=n)[2][0]).nonzero()[:, 0].tolist() == kept for n in range(DRAWS)):
                outside = 1.0 - float(torch.softmax(first_logits(model, ids), -1)[kept].sum())
                rows.append((outside, ids, kept, [round(x, 6) for x in first[kept].tolist()]))
        rows = sorted(rows, key=lambda r: -r[0])[:INPUTS]
        assert len(rows) == INPUTS, name
        topic.rows.append({"name": "sampling/" + name, "layers": layers, "expect": "either" if name == "top_h" else "must", "settings": settings,
                           "inputs": [r[1] for r in rows], "kept": [r[2] for r in rows], "log_probability": [r[3] for r in rows],
                           "outside_without_key": [round(r[0], 4) for r in rows]})


# ---- which file counts ----


def precedence(topic, config):
    pick, usual = topic.pick, topic.usual
    strong = {"num_beams": pick(4, 5), "min_length": pick(12, 10), "no_repeat_ngram_size": 2, "length_penalty": pick(2.0, 0.3),
              "max_length": pick(16, 14), "early_stopping": True}
    special = {k: usual[k] for k in TOKENS if k in usual}
    special = {k: special[k] for k in ("bos_token_id", "decoder_start_token_id", "eos_token_id", "pad_token_id")}
    some = {**special, "num_beams": 2, "max_length": pick(18, 22)}
    summarization = {"num_beams": 6, "min_length": 15, "max_length": 17, "length_penalty": 2.0}
    cases = {  # name -> keys of config.json, generation_config.json (None: there is none), why
        "both_files": (strong, some, "generation_config.json alone counts"),
        "both_files_from_model_config": (strong, {**some, "_from_model_config": True}, "the same with the mark that it was made from config.json"),
        "special_tokens_only": (strong, special, "as many repositories have it: greedy search, 20 new tokens"),
        "null_values": (strong, {**some, "num_beams": None, "min_length": None, "length_penalty": None}, "null is transformers' default, not config.json's value"),
        "config_only": (strong, None, "no generation_config.json: config.json's keys count"),
        "config_only_forced": ({**strong, "forced_bos_token_id": 0, "forced_eos_token_id": 2}, None, "as bart-large of 2021"),
        "config_only_new_keys": ({**strong, "repetition_penalty": pick(1.5, 1.8), "suppress_tokens": list(range(20, 80))}, None, "keys of today in config.json"),
        "nothing": ({}, None, "no key anywhere: greedy search, 20 new tokens"),
        "task_specific_params": ({"task_specific_params": {"summarization": summarization}}, None, "not read by generate"),
        "start_token_other": ({"decoder_start_token_id": 0}, dict(usual), "generation_config.json's start token, 2"),
        "start_token_in_generation_config": ({}, {**usual, "decoder_start_token_id": 0}, "generation_config.json's start token, 0"),
        "options_over_files": (strong, some, "options beat both files"),
    }
    # ours: what the file leaves out of the special tokens
    more = {
        "no_eos_token": ({}, {k: v for k, v in usual.items() if k != "eos_token_id"}, "no end token: only the length ends a text"),
        "no_start_token": ({}, {k: v for k, v in usual.items() if k != "decoder_start_token_id"}, "begins with bos_token_id, 0"),
        "config_only_force_bos": ({**strong, "force_bos_token_to_be_generated": True}, None, "configs of 2020: forced_bos_token_id is bos_token_id"),
        "force_bos_in_generation_config": ({}, {**usual, "force_bos_token_to_be_generated": True}, "without effect there"),
        "force_bos_from_model_config": ({}, {**usual, "force_bos_token_to_be_generated": True, "_from_model_config": True}, "with effect there"),
    }
    for name, (in_config, in_generation, why) in {**cases, **more}.items():
        folder = "precedence/" + name
        save_json(topic.path(folder, "config.json"), {**config, **in_config})
        without = [] if in_generation is not None else ["generation_config.json"]
        if in_generation is not None:
            save_json(topic.path(folder, "generation_config.json"), in_generation)
        layers = ["base", folder]
        model, _ = topic.load(layers, without)
        options = {"num_beams": 3, "min_length": 6, "num_return_sequences": 2} if name == "options_over_files" else {}
        topic.add(folder, layers, "must", stable_inputs(model, topic.inputs, options), first={"without": without}, options=options, why=why)


# ---- where the tied matrix lies ----


def layouts(topic, state, config):
    matrix = state[SHARED]
    rest = {k: v for k, v in state.items() if k != SHARED}
    no_bias = {k: v for k, v in rest.items() if k != "final_logits_bias"}
    bare = lambda tensors: {k.removeprefix("model."): v for k, v in tensors.items()}
    deep = lambda tensors: {"model." + k: v for k, v in tensors.items()}
    other = (matrix.float() + 0.2 * torch.randn(matrix.shape, generator=torch.Generator().manual_seed(topic.seed))).half()
    cases = {  # name -> tensors, expect, changes of config.json, why
        "shared": ({**rest, SHARED: matrix}, "must", {}, "the usual one"),
        "decoder_embed_tokens": ({**rest, DECODER: matrix}, "must", {}, "as facebook/bart-large-cnn"),
        "encoder_embed_tokens": ({**rest, ENCODER: matrix}, "must", {}, None),
        "lm_head": ({**rest, HEAD: matrix}, "must", {}, None),
        "all_four": ({**rest, SHARED: matrix, ENCODER: matrix, DECODER: matrix, HEAD: matrix}, "must", {}, "as old pytorch_model.bin files"),
        "no_final_logits_bias": ({**no_bias, SHARED: matrix}, "must", {}, "zeros"),
        "bare_decoder_embed_tokens": (bare({**no_bias, topic.pick(DECODER, SHARED): matrix}), "must", {}, "saved from BartModel: no model. in front"),
        "model_model": (deep({**rest, topic.pick(SHARED, DECODER): matrix}), "either", {}, "one more model. in front: a wrapped module's state"),
        "untied": ({**rest, SHARED: matrix, ENCODER: matrix, DECODER: matrix, HEAD: other}, "either", {"tie_word_embeddings": False},
                   "tie_word_embeddings false and an lm_head of its own"),
        "tied_but_other_lm_head": ({**rest, SHARED: matrix, HEAD: other}, "either", {},
                                   "tie_word_embeddings true, and an lm_head that differs all the same: transformers 5 does not tie it, and warns"),
    }
    for name, (tensors, expect, change, why) in cases.items():
        folder = "layouts/" + name
        os.makedirs(topic.path(folder))
        if topic.other and name in ("all_four", "lm_head"):
            torch.save({k: v.clone() for k, v in tensors.items()}, topic.path(folder, "pytorch_model.bin"))
        else:
            save_file({k: v.clone().contiguous() for k, v in tensors.items()}, topic.path(folder, "model.safetensors"), metadata={"format": "pt"})
        save_json(topic.path(folder, "config.json"), {**config, **change})
        save_json(topic.path(folder, "generation_config.json"), topic.usual)
        model, info = topic.load([folder])
        missing = [k for k in info["missing_keys"] if k != "final_logits_bias"]
        assert not missing, (name, missing)  # transformers would draw them at random
        found = stable_inputs(model, topic.inputs, {"num_return_sequences": 3})
        topic.tensors[f"layouts.{name}.logits"] = torch.stack([first_logits(model, ids) for ids, _ in found])
        row = topic.add(folder, [folder], expect, options={"num_return_sequences": 3}, **({"why": why} if why else {}))
        row.update(inputs=[f[0] for f in found], sequences=[f[1][0] for f in found], scores=[f[1][1] for f in found], logits=f"layouts.{name}.logits")


def tokenizer_json(topic):
    """What transformers 5 saves in place of vocab.json and merges.txt."""
    from transformers import BartTokenizer

    texts = topic.pick(["red car | zebra | ", "a small house and the green lamp", "", " two  spaces", "it's 12 o'clock!", "caf\u00e9 | two cars"],
                       ["the blue boat | tree | ", "a lamp with a house on the lake", "", "tab\tand\nline", "she's 7, isn't she?", "na\u00efve </s> end"])
    tokenizer = BartTokenizer.from_pretrained(topic.path("base"))
    tokenizer.save_pretrained(topic.path("tokenizer_json"))
    ids = [tokenizer(x)["input_ids"] for x in texts]
    topic.rows.append({"name": "tokenizer_json_only", "layers": ["base", "tokenizer_json"], "without": ["vocab.json", "merges.txt"], "expect": "must",
                       "texts": texts, "ids": ids, "why": "what transformers 5 saves: tokenizer.json alone"})
    topic.rows.append({"name": "tokenizer_files", "layers": ["base"], "expect": "must", "texts": texts, "ids": ids, "why": "the same from vocab.json and merges.txt"})


def main():
    os.environ["HF_HUB_OFFLINE"] = "1"
    import transformers

    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity(50)
    one_thread()
    parser = arguments(__doc__)
    parser.add_argument("--other", action="store_true")
    topic = Topic(parser.parse_args())
    if os.path.isdir(topic.out):
        shutil.rmtree(topic.out)
    state, config = base(topic)
    plain, _ = topic.load(["base"])
    words, pairs, firsts, echo = material(topic, plain)
    one_key(topic, plain, words, pairs, firsts, echo)
    refusals(topic, words)
    sampling(topic)
    precedence(topic, config)
    layouts(topic, state, config)
    tokenizer_json(topic)
    mixtures(topic, words, pairs, echo)
    save_tensors(topic.path("expected.safetensors"), topic.tensors)
    head = {"versions": versions(), "seed": topic.seed, "noise": NOISE, "usual": topic.usual}
    with open(topic.path("expected.json"), "w") as f:
        f.write("{\n" + "".join(f" {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items()) + ' "cases": [\n')
        f.write(",\n".join("  " + json.dumps(row) for row in topic.rows) + "\n ]\n}\n")
    print(len(topic.rows), "cases")


if __name__ == "__main__":
    main()
