"""Golden data of the Llama family (Llama, Llama 3, Qwen2, Qwen3): tiny random models; and searches by beams for gpt.py's models.

    python llama.py --out MADE/llama --gpt MADE/gpt [--seed 1] [--sizes FILE]

Everything is computed by transformers in float32 and again by causal_float64.py; a prompt for which a decision is nearer than MARGIN (a
filter's cut: CUT) is drawn again.
"""

import json
import os
import shutil
import tempfile

import numpy as np
import torch
from transformers import (AutoModelForCausalLM, GenerationConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)

import causal_float64
from causal_runs import certainty, filtered, generated, recorded_pass, step_by_step
from common import arguments, difference, generator, normal, one_thread, save_json, save_tensors, sizes_of, versions, with_sizes

COMMON = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
          "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "tie_word_embeddings": True}
LLAMA3 = {"rope_theta": 10000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
SIZES = {
    "models": {
        "llama": {**COMMON, "intermediate_size": 128, "vocab_size": 448, "rms_norm_eps": 1e-5, "rope": {"rope_theta": 10000.0}},
        "llama_untied": {**COMMON, "head_dim": 24, "vocab_size": 416, "tie_word_embeddings": False, "attention_bias": True,
                         "rope": {"rope_theta": 100000.0}},
        "llama3": {**COMMON, "intermediate_size": 160, "vocab_size": 432, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope": LLAMA3},
        "qwen2": {**COMMON, "num_hidden_layers": 3, "num_key_value_heads": 1, "vocab_size": 400, "use_sliding_window": False,
                  "rope": {"rope_theta": 1000000.0}},
        "qwen3": {**COMMON, "head_dim": 32, "vocab_size": 384, "use_sliding_window": False, "rope": {"rope_theta": 1000000.0}},
    },
    "prompt_lengths": [1, 5, 17, 30],
    "new_tokens": 20,
}
STORED_AS, SHARDS, TWO_ENDS = {"llama3": torch.bfloat16, "qwen2": torch.float16}, {"qwen3": "150KB"}, ("llama3",)
CLASSES = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}
MARGIN, CUT, TRIES = 1e-3, 1e-5, 60
GREEDY = {"greedy": {}, "greedy_no_repeat_2gram": {"no_repeat_ngram_size": 2}, "greedy_repetition_penalty_1.3": {"repetition_penalty": 1.3}}
BEAMS = {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 1.0, "early_stopping": True}
FILTERS = [{"temperature": 0.9, "top_k": 50, "top_p": 0.95}, {"temperature": 1.3, "min_p": 0.1}]


class TooClose(Exception):
    """A decision that another order of sums could turn."""


def parameter(seed, model, name, shape):
    key, part = f"llama.{model}.{name}", name.rsplit(".", 2)[-2]
    if name.endswith("bias"):
        return normal(seed, key, shape, 0.3)
    if part.endswith("norm"):
        value = normal(seed, key, shape, 0.3, 1.0)
        if name == "model.norm.weight":  # signs of both kinds, or a tied head says the last token again
            return value * torch.sign(normal(seed, key + ".sign", shape))
        return value * 1.3 if part in ("q_norm", "k_norm") else value
    if part in ("embed_tokens", "lm_head"):
        value = normal(seed, key, shape, 1.0)
        return value * (0.6 * shape[1] ** 0.5 / value.norm(dim=1, keepdim=True))
    return normal(seed, key, shape, (1.6 if part in ("q_proj", "k_proj") else 1.1) * shape[1] ** -0.5)


def build(seed, name, sizes):
    sizes = dict(sizes)
    rope, last = {"rope_type": "default", **sizes.pop("rope")}, sizes["vocab_size"] - 1
    ends = [last, last - 1] if name in TWO_ENDS else last
    config_class, model_class = CLASSES.get(name, (LlamaConfig, LlamaForCausalLM))
    config = config_class(**sizes, rope_parameters=rope, bos_token_id=last, eos_token_id=ends, pad_token_id=None)
    model = model_class._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter_name, value in model.named_parameters():
            value.copy_(parameter(seed, name, parameter_name, tuple(value.shape)))
    model.tie_weights()
    model.generation_config = GenerationConfig(bos_token_id=last, eos_token_id=ends)
    return model.eval()


def in_words_of_4(config):
    """config.json as transformers 4 wrote it."""
    old = {key: value for key, value in config.items() if key not in ("rope_parameters", "dtype", "layer_types", "transformers_version")}
    rope = dict(config["rope_parameters"])
    old["rope_theta"] = rope.pop("rope_theta")
    old["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    old["torch_dtype"] = config["dtype"]
    return old


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


# ---- what a prompt gives ------------------------------------------------------------------------------------------------


def clear(margin, least=MARGIN):
    if margin < least:
        raise TooClose
    return margin


def beam_case(model, exact, prompt, count, settings):
    end = settings.get("eos_token_id")
    options = {key: settings[key] for key in ("repetition_penalty", "no_repeat_ngram_size") if key in settings}
    expected, margin = causal_float64.beam_search(exact, prompt, count, settings["num_beams"], end, **options)
    clear(margin)
    found, scores = generated(model, prompt, count, **settings)
    found = [text[: text.index(end) + 1] if end in text else text for text in found]
    assert found == [text for text, _ in expected], (settings, margin, found, expected)
    assert np.allclose(scores, [score for _, score in expected], atol=1e-4, rtol=1e-5), (settings, scores, expected)
    return {"settings": settings, "sequences": found, "scores": scores, "margin": margin}


def half_way(text, prompt):
    """A token that the text says for the first time after a while: the end of the second search."""
    fresh = [token for at, token in enumerate(text) if at >= 4 and token not in prompt and token not in text[:at]]
    return fresh[0] if fresh else text[len(text) // 2]


def continuations(model, exact, prompt, count):
    case = {}
    for key, options in GREEDY.items():
        expected, margin = causal_float64.greedy(exact, prompt, count, **options)
        clear(margin)
        assert generated(model, prompt, count, **options)[0][0] == expected, (key, margin)
        case |= {key: expected, key + "_margin": margin}
    plain = beam_case(model, exact, prompt, count, BEAMS)
    ending = {**BEAMS, "eos_token_id": half_way(plain["sequences"][0], prompt)}
    penalised = {**BEAMS, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2}
    case["beams"] = [plain] + [beam_case(model, exact, prompt, count, settings) for settings in (ending, penalised)]
    return case


def distributions(exact, prompt, logits):
    rows = []
    for settings in FILTERS:
        expected, expected_log, margin = causal_float64.filtered(exact.next_logits(prompt), **settings)
        clear(margin, CUT)
        kept, log_probabilities = filtered(prompt, logits, settings)
        assert kept == expected and np.abs(log_probabilities - expected_log).max() < 1e-4, (settings, margin)
        rows.append({"filter": settings, "kept": kept, "kept_log_probability": log_probabilities})
    return rows


def clear_case(model, exact, draw, count):
    """The first prompt drawn whose decisions are all clear -> (its case, logits, block outputs, draws)"""
    for tries in range(1, TRIES + 1):
        prompt = draw()
        blocks = model.model.layers if hasattr(model, "model") else model.transformer.h
        logits, outputs = recorded_pass(model, blocks, prompt)
        try:
            case = {"prompt": prompt, **continuations(model, exact, prompt, count), "filters": distributions(exact, prompt, logits)}
            return case, logits, outputs, tries
        except TooClose:
            pass
    raise SystemExit(f"no clear prompt in {TRIES}")


# ---- files --------------------------------------------------------------------------------------------------------------


def far(a, b):
    return float(np.abs(np.asarray(a) - b).max())


def save_model(name, sizes, seed, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model = build(seed, name, sizes).to(STORED_AS.get(name, torch.float32))
    model.save_pretrained(folder, max_shard_size=SHARDS.get(name, "5GB"))
    with open(os.path.join(folder, "config.json")) as f:
        save_json(os.path.join(folder, "config_transformers_4.json"), in_words_of_4(json.load(f)), indent=2)


def check_old_words(folder, prompt, logits):
    """transformers reads config_transformers_4.json to the same model."""
    with tempfile.TemporaryDirectory() as old:
        shutil.copytree(folder, old, dirs_exist_ok=True)
        os.replace(os.path.join(old, "config_transformers_4.json"), os.path.join(old, "config.json"))
        assert torch.equal(load(old)(torch.tensor([prompt]), use_cache=False).logits[0], logits)


@torch.no_grad()
def make_model(name, sizes, seed, out):
    folder, vocabulary = os.path.join(out, name), sizes["models"][name]["vocab_size"]
    save_model(name, sizes["models"][name], seed, folder)
    model, exact, rng = load(folder), causal_float64.Causal(folder), generator(seed, f"llama.{name}")
    tensors, cases, costs = {}, [], {}
    worst = dict.fromkeys(("blocks", "logits", "cached_vs_full", "largest_logit", "largest_block"), 0.0)
    for number, length in enumerate(sizes["prompt_lengths"]):
        case, logits, outputs, tries = clear_case(model, exact, lambda: rng.integers(0, vocabulary - 2, length).tolist(), sizes["new_tokens"])
        prompt = case["prompt"]
        tensors |= {f"prompt{number}.{part}": tensor for part, tensor in {"logits": logits, **outputs}.items()}
        cases.append({**case, **certainty(prompt, logits), "prompts_tried": tries})
        right_blocks, right = exact.run(prompt)
        found = {"blocks": max(far(outputs[f"layer{n}"], b) for n, b in enumerate(right_blocks)), "logits": far(logits, right),
                 "cached_vs_full": max(difference(step_by_step(model, prompt, first), logits) for first in (1, max(1, length // 2))),
                 "largest_logit": far(right, 0), "largest_block": max(far(b, 0) for b in right_blocks)}
        worst = {key: max(worst[key], value) for key, value in found.items()}
        for mistake in exact.MISTAKES:
            exact.mistakes = (mistake,)
            cost = far(exact.run(prompt)[1], right)
            if cost > 0:
                costs[mistake] = max(costs.get(mistake, 0.0), cost)
        exact.mistakes = ()
    check_old_words(folder, prompt, logits)
    save_tensors(os.path.join(out, f"{name}_expected.safetensors"), tensors)
    head = {"versions": versions(), "seed": seed, "torch_fp32_minus_float64": worst, "what_a_mistake_moves_logits_by": costs}
    save_json(os.path.join(out, f"{name}_cases.json"), head | {"cases": cases}, indent=None)
    print(name, worst, costs)


@torch.no_grad()
def more_of_gpts(sizes, seed, gpt, out):
    models = {}
    for name in ("gpt2", "gpt_neo", "gptj"):
        model, exact = load(os.path.join(gpt, name)), causal_float64.Causal(os.path.join(gpt, name))
        rng, worst, cases = generator(seed, f"llama.more.{name}"), 0.0, []
        for length in sizes["prompt_lengths"]:
            draw = lambda: rng.integers(0, exact.config["vocab_size"] - 1, length).tolist()
            case, logits, _, tries = clear_case(model, exact, draw, sizes["new_tokens"])
            worst = max(worst, far(logits, exact.run(case["prompt"])[1]))
            cases.append({**case, "prompts_tried": tries})
        models[name] = {"torch_fp32_minus_float64": worst, "cases": cases}
    save_json(os.path.join(out, "gpt_more_cases.json"), {"versions": versions(), "seed": seed, "models": "gpt", **models}, indent=None)


def main():
    parser = with_sizes(arguments(__doc__))
    parser.add_argument("--gpt", required=True, help="what gpt.py wrote")
    args = parser.parse_args()
    one_thread()
    sizes = sizes_of(args, SIZES)
    for name in sizes["models"]:
        make_model(name, sizes, args.seed, args.out)
    more_of_gpts(sizes, args.seed, args.gpt, args.out)


if __name__ == "__main__":
    main()
