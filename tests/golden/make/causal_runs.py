"""What gpt.py and llama.py ask of transformers: a recorded pass, generation, a filtered distribution, a loss."""

import torch
from transformers import GenerationConfig, LogitsProcessorList, MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from common import Recorder

WARPERS = {"temperature": TemperatureLogitsWarper, "top_k": TopKLogitsWarper, "top_p": TopPLogitsWarper, "min_p": MinPLogitsWarper}


def recorded_pass(model, blocks, prompt):
    """-> logits [length, vocabulary], {"layer0": a block's output [length, width], …}"""
    recorder = Recorder()
    for number, block in enumerate(blocks):
        recorder.watch(block, f"layer{number}")
    logits = model(torch.tensor([prompt]), use_cache=False).logits[0]
    return logits, {name: output[0] for name, output in recorder.stop().items()}


def step_by_step(model, prompt, first=1):
    """The logits with a cache: the first tokens at once, then one at a time."""
    cache, rows = None, []
    for part in [prompt[:first]] + [[token] for token in prompt[first:]]:
        out = model(torch.tensor([part]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        rows.append(out.logits[0])
    return torch.cat(rows)


def generated(model, prompt, count, **options):
    """-> lists of new tokens (best first), the scores of beams. No token ends the text unless eos_token_id is given."""
    model.generation_config = GenerationConfig(pad_token_id=0, max_new_tokens=count, **options)
    out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
                         generation_config=model.generation_config, return_dict_in_generate=True, output_scores=True)
    return [row[len(prompt) :] for row in out.sequences.tolist()], out.sequences_scores.tolist() if "num_beams" in options else None


def filtered(prompt, logits, settings):
    """-> the ids kept after the prompt, ascending, and their log-probabilities"""
    warpers = LogitsProcessorList([WARPERS[name](value) for name, value in settings.items()])
    log_probabilities = torch.log_softmax(warpers(torch.tensor([prompt]), logits[-1:].clone())[0], -1)
    kept = torch.nonzero(torch.isfinite(log_probabilities))[:, 0]
    return kept.tolist(), log_probabilities[kept].tolist()


def certainty(prompt, logits):
    """The largest probability after the prompt; the mean loss of its tokens but the first."""
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(prompt[1:])) if len(prompt) > 1 else None
    return {"top_probability": float(torch.softmax(logits[-1], -1).max()), "nll_of_prompt": None if loss is None else float(loss)}
