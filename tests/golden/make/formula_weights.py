"""Models of real shapes without their weights: every number follows from its tensor's name and its index. Needs numpy alone.

    python formula_weights.py clip-vit-b16|bart-large FOLDER [--seed 0]

writes a Hugging Face folder (0.6 GB, 1.6 GB). Benchmarks and the test golden.fullsize use them. In C (tests/support/fullsize.c has it):

    uint64_t h = 14695981039346656037u;                       // FNV-1a of the tensor's name
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char) *c) * 1099511628211u;
    uint64_t z = h + (i + 1) * 0x9E3779B97F4A7C15u;           // splitmix64; i = flat index, row-major
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    double v = ((int64_t) (z >> 40) - 8388608) / 8388608.0;   // in [-1, 1), 24 bits, exact
    float w = (float) (mean + (double) scale * v);            // mean, scale: float32, by kind

The product has at most 48 bits: exact in double, so its bits do not depend on fused multiply-add.
"""

import argparse
import json
import math
import os
import struct

import numpy as np

CHUNK = 1 << 22
MASK = 0xFFFFFFFFFFFFFFFF


def fnv1a(name):
    h = 14695981039346656037
    for byte in name.encode():
        h = ((h ^ byte) * 1099511628211) & MASK
    return h


def stream(name, start, count):
    """Numbers start … start + count - 1 of the stream of this name, in [-1, 1), float64."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(start + 1, start + count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.int64) - 8388608) / 8388608.0


class Gain(float):
    """A scale of gain · √(3 / fan-in): uniform numbers with standard deviation gain / √fan-in."""


# (part of the name, another part, mean, scale): the first that fits counts
CLIP_KINDS = [
    ("norm", "weight", 1.0, 0.4), ("norm", "bias", 0.0, 0.3), (".bias", "", 0.0, 0.15),
    ("class_embedding", "", 0.0, 0.8), ("embedding.weight", "patch", 0.0, Gain(1.0)), ("embedding", "", 0.0, 0.8),
    ("q_proj", "", 0.0, Gain(1.5)), ("k_proj", "", 0.0, Gain(1.5)), ("out_proj", "", 0.0, Gain(0.8)), ("fc2", "", 0.0, Gain(0.8)),
    ("", "", 0.0, Gain(1.0)),
]
BART_KINDS = [
    ("norm", "weight", 1.0, 0.4), ("norm", "bias", 0.0, 0.2),
    ("final_logits_bias", "", 0.0, 0.5), (".bias", "", 0.0, 0.1), ("shared", "", 0.0, 0.25), ("embed_positions", "", 0.0, 0.25),
    ("q_proj", "", 0.0, Gain(1.6)), ("k_proj", "", 0.0, Gain(1.6)), ("encoder_attn.out_proj", "", 0.0, Gain(0.3)),
    ("decoder", "out_proj", 0.0, Gain(0.25)), ("", "", 0.0, Gain(1.0)),
]


def clip_fix(name, start, w):
    if name == "logit_scale":
        w[:] = np.float32(4.6052)


def bart_fix(name, start, w):
    """What kinds cannot say: the end token stands out, special tokens do not, the last norm has alternating signs."""
    if name == "model.decoder.layers.11.final_layer_norm.weight":
        w[1::2] *= np.float32(-1)
    if name == "final_logits_bias":
        w[2] += np.float32(15)
        w[[0, 1, 3, 50264]] -= np.float32(8)
    if name == "model.shared.weight" and start == 0:
        w[2 * 1024 : 3 * 1024] *= np.float32(0.5)


def layer(prefix, width, norms, attentions=("self_attn",)):
    out = {}
    for attention in attentions:
        for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
            out[f"{prefix}.{attention}.{projection}.weight"] = (width, width)
            out[f"{prefix}.{attention}.{projection}.bias"] = (width,)
    for norm in norms:
        out.update({f"{prefix}.{norm}.weight": (width,), f"{prefix}.{norm}.bias": (width,)})
    return out


def feed_forward(prefix, width):
    return {f"{prefix}.fc1.weight": (4 * width, width), f"{prefix}.fc1.bias": (4 * width,),
            f"{prefix}.fc2.weight": (width, 4 * width), f"{prefix}.fc2.bias": (width,)}


def clip_tensors():
    out = {"logit_scale": (), "visual_projection.weight": (512, 768), "text_projection.weight": (512, 512),
           "text_model.embeddings.token_embedding.weight": (49408, 512), "text_model.embeddings.position_embedding.weight": (77, 512),
           "vision_model.embeddings.class_embedding": (768,), "vision_model.embeddings.patch_embedding.weight": (768, 3, 16, 16),
           "vision_model.embeddings.position_embedding.weight": (197, 768)}
    for tower, width in (("text_model", 512), ("vision_model", 768)):
        for i in range(12):
            prefix = f"{tower}.encoder.layers.{i}"
            out.update(layer(prefix, width, ("layer_norm1", "layer_norm2")) | feed_forward(prefix + ".mlp", width))
    for norm, width in (("text_model.final_layer_norm", 512), ("vision_model.pre_layrnorm", 768), ("vision_model.post_layernorm", 768)):
        out.update({f"{norm}.weight": (width,), f"{norm}.bias": (width,)})
    return out


def bart_tensors():
    out = {"model.shared.weight": (50265, 1024), "final_logits_bias": (1, 50265)}
    for side, attentions in (("encoder", ("self_attn",)), ("decoder", ("self_attn", "encoder_attn"))):
        norms = [f"{attention}_layer_norm" for attention in attentions] + ["final_layer_norm"]
        for i in range(12):
            prefix = f"model.{side}.layers.{i}"
            out.update(layer(prefix, 1024, norms, attentions) | feed_forward(prefix, 1024))
        out.update({f"model.{side}.embed_positions.weight": (1026, 1024), f"model.{side}.layernorm_embedding.weight": (1024,),
                    f"model.{side}.layernorm_embedding.bias": (1024,)})
    return out


CLIP_CONFIG = {
    "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 512, "logit_scale_init_value": 4.6052, "dtype": "float32",
    "text_config": {"model_type": "clip_text_model", "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
                    "num_attention_heads": 8, "projection_dim": 512, "max_position_embeddings": 77, "vocab_size": 49408,
                    "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407},
    "vision_config": {"model_type": "clip_vision_model", "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                      "num_attention_heads": 12, "projection_dim": 512, "image_size": 224, "patch_size": 16, "num_channels": 3,
                      "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}}
BART_TOKENS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
BART_CONFIG = {
    "architectures": ["BartForConditionalGeneration"], "model_type": "bart", "vocab_size": 50265, "max_position_embeddings": 1024,
    "d_model": 1024, "encoder_layers": 12, "decoder_layers": 12, "encoder_attention_heads": 16, "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096, "decoder_ffn_dim": 4096, "activation_function": "gelu", "scale_embedding": False, "dropout": 0.1,
    "attention_dropout": 0.1, "activation_dropout": 0.1, "is_encoder_decoder": True, "tie_word_embeddings": True, "dtype": "float32", **BART_TOKENS}
BART_GENERATION = {**BART_TOKENS, "forced_bos_token_id": 0, "forced_eos_token_id": 2, "num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 3}


class Model:
    """salt: put before every name that is hashed; "" for the data that is stored."""

    def __init__(self, what, salt=""):
        clip = what == "clip-vit-b16"
        self.salt, self.kinds, self.fix = salt, CLIP_KINDS if clip else BART_KINDS, clip_fix if clip else bart_fix
        self.shapes = clip_tensors() if clip else bart_tensors()
        self.files = {"config.json": CLIP_CONFIG} if clip else {"config.json": BART_CONFIG, "generation_config.json": BART_GENERATION}

    def count(self, name):
        return int(np.prod(self.shapes[name], dtype=np.int64))

    def kind(self, name):
        """mean and scale, float32"""
        for part, also, mean, scale in self.kinds:
            if part in name and also in name:
                if isinstance(scale, Gain):
                    scale = float(scale) * math.sqrt(3.0 / int(np.prod(self.shapes[name][1:])))
                return np.float32(mean), np.float32(scale)
        raise KeyError(name)

    def values(self, name, start, count):
        mean, scale = self.kind(name)
        w = (np.float64(mean) + np.float64(scale) * stream(self.salt + name, start, count)).astype(np.float32)
        self.fix(name, start, w)
        return w

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        for file, content in self.files.items():
            with open(os.path.join(folder, file), "w") as f:
                json.dump(content, f, indent=1)
        header, at = {"__metadata__": {"format": "pt"}}, 0
        for name in sorted(self.shapes):
            header[name] = {"dtype": "F32", "shape": list(self.shapes[name]), "data_offsets": [at, at + 4 * self.count(name)]}
            at += 4 * self.count(name)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        path = os.path.join(folder, "model.safetensors")
        with open(path + ".part", "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for name in sorted(self.shapes):
                for start in range(0, self.count(name), CHUNK):
                    f.write(self.values(name, start, min(CHUNK, self.count(name) - start)).tobytes())
        os.rename(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clip-vit-b16", "bart-large"])
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=0, help='other than 0: "SEED:" is put before each name')
    args = parser.parse_args()
    Model(args.what, f"{args.seed}:" if args.seed else "").write(args.folder)


if __name__ == "__main__":
    main()
