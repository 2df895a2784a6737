"""Tiny random BART models that behave like trained ones where it matters for a test.

Logits are peaked, attention is uneven, layer norms are far from (1, 0), every bias counts, and texts end at various lengths.
"""

import torch
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig

from common import normal, one_thread

MODELS = {
    "a": dict(d_model=64, encoder_layers=3, decoder_layers=2, heads=4, ffn=160, vocab=6000, positions=64, activation="gelu",
              scale_embedding=False, embed_std=0.55, position_std=0.5, attention_gain=1.6, eos_bias=4.0, eos_scale=2.0, bias_std=0.3,
              cross_gain=0.6, self_gain=0.6),
    "b": dict(d_model=96, encoder_layers=1, decoder_layers=3, heads=6, ffn=200, vocab=2000, positions=64, activation="relu",
              scale_embedding=True, embed_std=0.42, position_std=3.0, attention_gain=1.5, eos_bias=3.5, eos_scale=1.4, bias_std=0.3,
              cross_gain=0.6, self_gain=0.4),
}
PAD, EOS = 1, 2
TOKENS = dict(bos_token_id=0, pad_token_id=PAD, eos_token_id=EOS, decoder_start_token_id=EOS)


def config_of(m):
    return BartConfig(
        vocab_size=m["vocab"], max_position_embeddings=m["positions"], d_model=m["d_model"], encoder_layers=m["encoder_layers"],
        decoder_layers=m["decoder_layers"], encoder_attention_heads=m["heads"], decoder_attention_heads=m["heads"],
        encoder_ffn_dim=m["ffn"], decoder_ffn_dim=m["ffn"], activation_function=m["activation"], scale_embedding=m["scale_embedding"],
        dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, forced_eos_token_id=None, **TOKENS)


def gain_of(name, m):
    """The standard deviation of a matrix's outputs for inputs of deviation 1."""
    if "q_proj" in name or "k_proj" in name:
        return m["attention_gain"]
    if "encoder_attn.out_proj" in name:
        return m["cross_gain"]
    if "decoder" in name and "self_attn.out_proj" in name:
        return m["self_gain"]  # the next token depends on the last one more than on the encoder
    return 1.3


def parameter(seed, key, name, shape, m):
    if "norm" in name and name.endswith("weight"):
        value = normal(seed, key, shape, 0.3, 1.0)
        if name == f"model.decoder.layers.{m['decoder_layers'] - 1}.final_layer_norm.weight":
            value = value * torch.sign(normal(seed, key + ".sign", shape))  # else logits say "repeat the last token"
        return value
    if "norm" in name:
        return normal(seed, key, shape, 0.2)
    if name == "model.shared.weight":
        value = normal(seed, key, shape, m["embed_std"])
        value *= m["embed_std"] * shape[1] ** 0.5 / value.norm(dim=1, keepdim=True)  # no token is near to all others
        value[EOS] *= m["eos_scale"]  # the end token wins or loses clearly, at various lengths
        return value
    if "embed_positions" in name:
        return normal(seed, key, shape, m["position_std"])
    if name.endswith(".bias"):
        return normal(seed, key, shape, 0.1)
    return normal(seed, key, shape, gain_of(name, m) * shape[1] ** -0.5)


def build(seed, name, m):
    """A BartForConditionalGeneration in evaluation mode; every parameter follows from the seed and its name."""
    one_thread()
    model = BartForConditionalGeneration._from_config(config_of(m), attn_implementation="eager")
    with torch.no_grad():
        for pname, p in model.named_parameters():
            p.copy_(parameter(seed, f"bart.{name}.{pname}", pname, tuple(p.shape), m))
        bias = normal(seed, f"bart.{name}.final_logits_bias", (1, m["vocab"]), m["bias_std"])
        bias[0, EOS] += m["eos_bias"]
        bias[0, [0, 1, 3, m["vocab"] - 1]] -= 4.0  # <s>, <pad>, <unk>, <mask> are rarely generated
        model.final_logits_bias.copy_(bias)
    model.tie_weights()
    model.generation_config = GenerationConfig(max_length=20, num_beams=4, no_repeat_ngram_size=3, forced_bos_token_id=0,
                                               forced_eos_token_id=EOS, early_stopping=True, **TOKENS)
    return model.eval()


def padded(rows, value):
    """Rows of different lengths -> int64 tensor [rows, longest]."""
    out = torch.full((len(rows), max(map(len, rows))), value, dtype=torch.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = torch.tensor(row)
    return out
