"""Golden data of GPT-2, GPT-Neo (global and local attention) and GPT-J: tiny random models, their logits and continuations.

    python gpt.py --out MADE/gpt [--seed 1] [--sizes FILE]

Writes per model its folder, NAME_expected.safetensors and NAME_cases.json. Greedy continuations come from whole passes and are compared
with transformers' generation, which has a cache.
"""

import os

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, GPT2Config, GPT2LMHeadModel, GPTJConfig, GPTJForCausalLM, GPTNeoConfig, GPTNeoForCausalLM

from causal_runs import certainty, filtered, generated, recorded_pass, step_by_step
from common import arguments, difference, generator, normal, one_thread, save_json, save_tensors, sizes_of, versions, with_sizes

SIZES = {
    "gpt2": {"n_embd": 48, "n_layer": 3, "n_head": 4, "n_positions": 64, "vocab_size": 600},
    "gpt_neo": {"hidden_size": 40, "num_layers": 4, "num_heads": 5, "max_position_embeddings": 64, "vocab_size": 500, "intermediate_size": 112,
                "attention_types": [[["global", "local"], 2]], "window_size": 8},
    "gptj": {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 64, "vocab_size": 550, "rotary_dim": 8},
    "prompt_lengths": [1, 5, 17, 30],
    "new_tokens": 20,
}
CLASSES = {"gpt2": (GPT2Config, GPT2LMHeadModel), "gpt_neo": (GPTNeoConfig, GPTNeoForCausalLM), "gptj": (GPTJConfig, GPTJForCausalLM)}
FILTER = {"temperature": 0.9, "top_k": 50, "top_p": 0.95}
# Gains of queries and keys for which attention is neither flat nor on one token; GPT-Neo does not divide scores by the root of the head's size.
ATTENTION_GAIN = {"gpt2": 1.5, "gpt_neo": 0.9, "gptj": 1.6}


def parameter(seed, model, name, shape):
    key, part = f"{model}.{name}", name.removesuffix(".weight").rsplit(".", 1)[-1]
    if "ln_" in name:
        if name.endswith("bias"):
            return normal(seed, key, shape, 0.15)
        value = normal(seed, key, shape, 0.3, 1.0)
        # signs of both kinds, or a model with a tied head says its last token again
        return value * torch.sign(normal(seed, key + ".sign", shape)) if part == "ln_f" else value
    if name.endswith("bias"):
        return normal(seed, key, shape, 0.1)
    if part == "wpe":
        return normal(seed, key, shape, 0.4)
    if part in ("wte", "lm_head"):
        value = normal(seed, key, shape, 1.0)
        value = value * (0.6 * shape[1] ** 0.5 / value.norm(dim=1, keepdim=True))
        return value * 1.5 if (model, part) == ("gptj", "wte") else value
    gain = ATTENTION_GAIN[model] if part in ("q_proj", "k_proj", "c_attn") else 0.9
    return normal(seed, key, shape, gain * shape[0 if model == "gpt2" else 1] ** -0.5)  # GPT-2 stores [in, out]


def build(seed, name, sizes):
    config_class, model_class = CLASSES[name]
    last = sizes["vocab_size"] - 1
    dropout = {"resid_pdrop": 0.0} if name == "gptj" else {}
    config = config_class(**sizes, activation_function="gelu_new", bos_token_id=last, eos_token_id=last, **dropout)
    model = model_class._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter_name, value in model.named_parameters():
            value.copy_(parameter(seed, name, parameter_name, tuple(value.shape)))
    model.tie_weights()
    model.generation_config = GenerationConfig(bos_token_id=last, pad_token_id=last, eos_token_id=last)
    return model.eval()


def case_of(model, prompt, logits, count):
    text, margin = list(prompt), float("inf")
    for _ in range(count):
        best = torch.topk(model(torch.tensor([text]), use_cache=False).logits[0, -1], 2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        text.append(int(best.indices[0]))
    new = text[len(prompt) :]
    cached = generated(model, prompt, count)[0][0]
    assert cached == new, (prompt, margin, cached, new)
    kept, log_probabilities = filtered(prompt, logits, FILTER)
    return {"prompt": prompt, "greedy": new, "greedy_margin": margin,
            "greedy_no_repeat_2gram": generated(model, prompt, count, no_repeat_ngram_size=2)[0][0],
            "filter": FILTER, "kept": kept, "kept_log_probability": log_probabilities, **certainty(prompt, logits)}


@torch.no_grad()
def make_model(name, sizes, seed, out):
    folder = os.path.join(out, name)
    build(seed, name, sizes[name]).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    rng, tensors, cases, noise = generator(seed, f"gpt.{name}"), {}, [], 0.0
    for number, length in enumerate(sizes["prompt_lengths"]):
        prompt = rng.integers(0, sizes[name]["vocab_size"] - 1, length).tolist()
        logits, blocks = recorded_pass(model, model.transformer.h, prompt)
        tensors |= {f"prompt{number}.{part}": tensor for part, tensor in {"logits": logits, **blocks}.items()}
        cases.append(case_of(model, prompt, logits, sizes["new_tokens"]))
        noise = max(noise, difference(step_by_step(model, prompt), logits))
    save_tensors(os.path.join(out, f"{name}_expected.safetensors"), tensors)
    head = {"versions": versions(), "seed": seed, "largest_difference_cached_vs_full": noise}
    save_json(os.path.join(out, f"{name}_cases.json"), head | {"cases": cases}, indent=None)
    print(f"{name}: cached against whole passes {noise:.1e}, smallest lead {min(case['greedy_margin'] for case in cases):.4f}")


def main():
    args = with_sizes(arguments(__doc__)).parse_args()
    one_thread()
    sizes = sizes_of(args, SIZES)
    for name in CLASSES:
        make_model(name, sizes, args.seed, args.out)


if __name__ == "__main__":
    main()
