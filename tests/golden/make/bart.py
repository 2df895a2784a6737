"""Golden data of BART's forward passes: two tiny models, every stage of a batch with given targets, decoding with cached keys.

    python bart.py --out MADE/bart [--seed 1] [--sizes FILE]
"""

import os

import torch
import torch.nn.functional as F
from transformers import BartForConditionalGeneration, BartModel

from common import IGNORE, Recorder, arguments, difference, generator, save_json, save_tensors, sizes_of, versions, with_sizes
from tiny_bart import EOS, MODELS, PAD, build, padded

SIZES = {"models": MODELS, "source_lengths": [9, 3, 14, 21, 2], "target_lengths": [7, 10, 4, 9, 2]}


def draw_batch(seed, sizes, vocab):
    """Sources and targets, each `<s> … </s>` with ids above the special ones."""
    rng = generator(seed, "bart.batch")
    draw = lambda n: [0] + rng.integers(4, vocab - 1, n - 2).tolist() + [EOS]
    return [draw(n) for n in sizes["source_lengths"]], [draw(n) for n in sizes["target_lengths"]]


def watch_layers(model):
    r = Recorder()
    for side, stack in (("encoder", model.model.encoder), ("decoder", model.model.decoder)):
        r.watch(stack.layernorm_embedding, f"{side}.embed")
        for i, layer in enumerate(stack.layers):
            r.watch(layer, f"{side}.layer{i}")
            r.watch(layer.self_attn_layer_norm, f"{side}.layer{i}.self_attn_norm")
            if side == "decoder":
                r.watch(layer.encoder_attn_layer_norm, f"{side}.layer{i}.cross_norm")
    return r


def decoder_input(target):
    """`</s>`, then the target without its last token: what `generate` and shift_tokens_right do."""
    return [EOS] + target[:-1]


def token_by_token(model, ids, decoder_ids):
    """Logits of one text, computed with cached keys and values."""
    encoded, past, rows = model.model.encoder(ids), None, []
    for j in range(decoder_ids.shape[1]):
        step = model(encoder_outputs=encoded, decoder_input_ids=decoder_ids[:, j : j + 1], past_key_values=past, use_cache=True)
        past = step.past_key_values
        rows.append(step.logits[0, 0])
    return torch.stack(rows)


@torch.no_grad()
def make_model(name, m, seed, sizes, out):
    folder = os.path.join(out, name)
    build(seed, name, m).save_pretrained(folder)
    # what is recorded is what the saved folder gives, not the object it was saved from
    model = BartForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
    sources, targets = draw_batch(seed, sizes, m["vocab"])
    ids, mask = padded(sources, PAD), padded([[1] * len(s) for s in sources], 0)
    decoder_ids, labels = padded([decoder_input(t) for t in targets], PAD), padded(targets, IGNORE)

    recorder = watch_layers(model)
    logits = model(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, use_cache=False).logits
    stages = recorder.stop()
    losses = F.cross_entropy(logits.reshape(-1, m["vocab"]), labels.reshape(-1), ignore_index=IGNORE, reduction="none").reshape(labels.shape)
    mean_loss = losses.sum() / (labels != IGNORE).sum()
    tensors = {"encoder_input_ids": ids.int(), "encoder_lengths": torch.tensor([len(s) for s in sources]).int(),
               "decoder_input_ids": decoder_ids.int(), "decoder_lengths": torch.tensor([len(t) for t in targets]).int(),
               "labels": labels.int(), "token_cross_entropy": losses, "mean_cross_entropy": mean_loss.reshape(1)}
    for key, value in stages.items():
        for i, n in enumerate(sizes["source_lengths"] if key.startswith("encoder") else sizes["target_lengths"]):
            value[i, n:] = 0.0  # rows of padding mean nothing
        tensors[key] = value
    tensors["logits"] = torch.cat([logits[i, : len(t)] for i, t in enumerate(targets)])
    save_tensors(os.path.join(out, f"{name}_expected.safetensors"), tensors)

    # each text alone, without padding, and token by token: the noise that the tolerances rest on
    padding = cache = 0.0
    for i, (source, target) in enumerate(zip(sources, targets)):
        one, decoder_one = torch.tensor([source]), torch.tensor([decoder_input(target)])
        alone = model(input_ids=one, decoder_input_ids=decoder_one, use_cache=False).logits[0]
        padding = max(padding, difference(alone, logits[i, : len(target)]))
        cache = max(cache, difference(token_by_token(model, one, decoder_one), alone))
    probabilities = torch.softmax(tensors["logits"], -1)
    save_json(os.path.join(out, f"{name}_report.json"), {
        "versions": versions(), "seed": seed, "model": m, "largest_difference_padded_vs_alone": padding,
        "largest_difference_cached_vs_full": cache, "mean_cross_entropy": float(mean_loss), "logit_std": float(tensors["logits"].std()),
        "mean_top_probability": float(probabilities.max(-1).values.mean()), "argmax": tensors["logits"].argmax(-1).tolist()}, indent=None)
    assert padding < 1e-4 and cache < 1e-4, (padding, cache)


@torch.no_grad()
def make_base_model_fp16(seed, m, sizes, out):
    """Model a as bart-large is published: saved from BartModel, so without "model." and final_logits_bias; fp16."""
    folder = os.path.join(out, "a_basemodel_fp16")
    build(seed, "a", m).model.half().save_pretrained(folder)
    model = BartModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    sources, targets = draw_batch(seed, sizes, m["vocab"])
    ids, decoder_ids = sources[0], decoder_input(targets[0])
    hidden = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([decoder_ids])).last_hidden_state[0]
    save_tensors(os.path.join(out, "a_basemodel_fp16_expected.safetensors"), {
        "encoder_input_ids": torch.tensor(ids).int(), "decoder_input_ids": torch.tensor(decoder_ids).int(),
        "decoder_last_hidden": hidden, "logits": hidden @ model.shared.weight.T})


def main():
    args = with_sizes(arguments(__doc__)).parse_args()
    sizes = sizes_of(args, SIZES)
    for name, m in sizes["models"].items():
        make_model(name, m, args.seed, sizes, args.out)
    make_base_model_fp16(args.seed, sizes["models"]["a"], sizes, args.out)


if __name__ == "__main__":
    main()
