"""Golden data of CLIP: two tiny models with the output of every stage; model a also in the formats in which CLIP is published.

    python clip.py --out MADE/clip [--seed 1] [--sizes FILE]
"""

import os

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel

from common import Recorder, arguments, difference, generator, normal, one_thread, save_json, save_tensors, sizes_of, versions, with_sizes

MODELS = {
    "a": dict(act="quick_gelu", projection=40, logit_scale=3.2,
              vision=dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256, image_size=32, patch_size=8),
              text=dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=192, max_position_embeddings=24, vocab_size=4096)),
    "b": dict(act="gelu", projection=56, logit_scale=2.6,
              vision=dict(hidden_size=96, num_hidden_layers=4, num_attention_heads=6, intermediate_size=200, image_size=64, patch_size=16),
              text=dict(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=136, max_position_embeddings=20, vocab_size=1024)),
}
SIZES = {"models": MODELS, "text_lengths": [2, 3, 5, 9, 14, 20]}  # the last one becomes the context


# ---- the models -------------------------------------------------------------------------------------------------


def parameter(seed, key, name, shape):
    if "norm" in name and name.endswith("weight"):
        return normal(seed, key, shape, 0.3, 1.0)
    if "norm" in name:
        return normal(seed, key, shape, 0.2)
    if "embedding" in name and "patch" not in name:
        return normal(seed, key, shape, 0.5)
    if name.endswith("bias"):
        return normal(seed, key, shape, 0.15)
    fan_in = torch.Size(shape[1:]).numel()
    return normal(seed, key, shape, (1.7 if "q_proj" in name or "k_proj" in name else 1.0) * fan_in**-0.5)


def build(seed, name, m):
    vocab = m["text"]["vocab_size"]
    tokens = dict(bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1)
    config = CLIPConfig(text_config={**m["text"], **tokens, "hidden_act": m["act"], "projection_dim": m["projection"]},
                        vision_config={**m["vision"], "hidden_act": m["act"], "projection_dim": m["projection"]},
                        projection_dim=m["projection"], logit_scale_init_value=m["logit_scale"], **tokens)
    model = CLIPModel._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for pname, p in model.named_parameters():
            if pname != "logit_scale":
                p.copy_(parameter(seed, f"clip.{name}.{pname}", pname, tuple(p.shape)))
    return model.eval()


def draw_inputs(seed, name, m, sizes):
    """Five images (two random, two constant, a ramp that tells rows from columns and channels apart) and seven texts."""
    size, vocab, context = m["vision"]["image_size"], m["text"]["vocab_size"], m["text"]["max_position_embeddings"]
    ramp = torch.linspace(-1.8, 2.2, size)
    pixels = torch.stack([
        normal(seed, f"clip.{name}.pixels0", (3, size, size)), normal(seed, f"clip.{name}.pixels1", (3, size, size), 0.7, 0.2),
        torch.zeros(3, size, size), torch.full((3, size, size), -1.7923),
        torch.stack([ramp[None].expand(size, -1), ramp[:, None].expand(-1, size), ramp.flip(0)[None].expand(size, -1)])])
    rng = generator(seed, f"clip.{name}.texts")
    start, end = vocab - 2, vocab - 1
    texts = [[start] + rng.integers(0, vocab - 2, n - 2).tolist() + [end] for n in sizes["text_lengths"][:-1] + [context]]
    texts.append([start, 17, vocab // 3, end, 45, vocab // 2, end])  # two end tokens: the first one pools
    return pixels, texts


def padded(texts, context, value):
    ids = torch.full((len(texts), context), value)
    for i, text in enumerate(texts):
        ids[i, : len(text)] = torch.tensor(text)
    return ids


def stages(model, pixels, ids):
    r = Recorder()
    r.watch(model.vision_model.embeddings, "vision.embed")
    r.watch(model.vision_model.pre_layrnorm, "vision.pre_norm")
    r.watch(model.text_model.embeddings, "text.embed")
    r.watch(model.text_model.final_layer_norm, "text.final_norm")
    for side, tower in (("vision", model.vision_model), ("text", model.text_model)):
        for i, layer in enumerate(tower.encoder.layers):
            r.watch(layer, f"{side}.layer{i}")
    out = model(input_ids=ids, pixel_values=pixels)
    seen = r.stop()
    # in transformers 5 the pooler_output that CLIPModel returns is already projected: the towers are asked
    seen["vision.pooled"] = model.vision_model(pixel_values=pixels).pooler_output
    seen["text.pooled"] = model.text_model(input_ids=ids).pooler_output
    seen["vision.projected"] = model.visual_projection(seen["vision.pooled"])
    seen["text.projected"] = model.text_projection(seen["text.pooled"])
    seen["image_embeds"], seen["text_embeds"], seen["logits_per_image"] = out.image_embeds, out.text_embeds, out.logits_per_image
    return seen


@torch.no_grad()
def make_model(name, m, seed, sizes, out):
    folder, context, end = os.path.join(out, name), m["text"]["max_position_embeddings"], m["text"]["vocab_size"] - 1
    build(seed, name, m).save_pretrained(folder)
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    pixels, texts = draw_inputs(seed, name, m, sizes)
    ids = padded(texts, context, end)  # Hugging Face pads with the end token
    seen = stages(model, pixels, ids)
    project = lambda x: model.text_projection(model.text_model(input_ids=x).pooler_output)

    # each text alone; the rule "position of the highest id" (eos_token_id 2 in old configs); OpenAI's padding with 0
    alone = max(difference(project(torch.tensor([t]))[0], seen["text.projected"][i]) for i, t in enumerate(texts))
    model.text_model.eos_token_id = 2
    highest = difference(model.text_model(input_ids=ids).pooler_output, seen["text.pooled"])
    zeros = difference(project(padded(texts, context, 0)), seen["text.projected"])
    lengths = [len(t) for t in texts]
    for key in [k for k in seen if k.startswith(("text.embed", "text.layer", "text.final_norm"))]:
        seen[key] = torch.cat([seen[key][i, :n] for i, n in enumerate(lengths)])  # [sum of lengths, width], no padding
    save_tensors(os.path.join(out, f"{name}_expected.safetensors"),
                 {"pixel_values": pixels, "input_ids": ids.int(), "lengths": torch.tensor(lengths).int(), **seen})
    cosines = seen["text_embeds"] @ seen["text_embeds"].T
    save_json(os.path.join(out, f"{name}_report.json"), {
        "versions": versions(), "seed": seed, "model": m, "largest_difference_text_padded_vs_alone": alone,
        "largest_difference_eos_rule_vs_argmax_rule": highest, "largest_difference_padding_with_0": zeros,
        "logits_per_image": seen["logits_per_image"].tolist(),
        "text_cosines_max_off_diagonal": float((cosines - 2 * torch.eye(len(texts))).max())}, indent=None)
    assert alone < 1e-4 and highest == 0 and zeros < 1e-4, (alone, highest, zeros)
    return model, m, pixels, ids


# ---- OpenAI's names ---------------------------------------------------------------------------------------------


def openai_names(weights, m):
    """The same weights under the names, and in the layout, of OpenAI's published state dicts."""
    out = {"visual.class_embedding": weights["vision_model.embeddings.class_embedding"],
           "visual.positional_embedding": weights["vision_model.embeddings.position_embedding.weight"],
           "visual.conv1.weight": weights["vision_model.embeddings.patch_embedding.weight"]}
    for openai, hf in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
        for kind in ("weight", "bias"):
            out[f"visual.{openai}.{kind}"] = weights[f"vision_model.{hf}.{kind}"]
    out["visual.proj"] = weights["visual_projection.weight"].T
    out["token_embedding.weight"] = weights["text_model.embeddings.token_embedding.weight"]
    out["positional_embedding"] = weights["text_model.embeddings.position_embedding.weight"]
    for kind in ("weight", "bias"):
        out[f"ln_final.{kind}"] = weights[f"text_model.final_layer_norm.{kind}"]
    out["text_projection"] = weights["text_projection.weight"].T
    out["logit_scale"] = weights["logit_scale"]
    for openai, tower, side in (("visual.transformer", "vision_model", "vision"), ("transformer", "text_model", "text")):
        for i in range(m[side]["num_hidden_layers"]):
            a, b = f"{openai}.resblocks.{i}.", f"{tower}.encoder.layers.{i}."
            for kind in ("weight", "bias"):
                out[f"{a}attn.in_proj_{kind}"] = torch.cat([weights[f"{b}self_attn.{x}_proj.{kind}"] for x in "qkv"])
                out[f"{a}attn.out_proj.{kind}"] = weights[f"{b}self_attn.out_proj.{kind}"]
                out[f"{a}ln_1.{kind}"] = weights[f"{b}layer_norm1.{kind}"]
                out[f"{a}ln_2.{kind}"] = weights[f"{b}layer_norm2.{kind}"]
                out[f"{a}mlp.c_fc.{kind}"] = weights[f"{b}mlp.fc1.{kind}"]
                out[f"{a}mlp.c_proj.{kind}"] = weights[f"{b}mlp.fc2.{kind}"]
    return {name: x.clone().contiguous() for name, x in out.items()}


def openai_forward(w, m, pixels, ids):
    """OpenAI's forward pass, written from its names alone: proves that the renaming is right."""
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"])

    def blocks(x, prefix, side, mask):
        x = x.transpose(0, 1)  # [tokens, batch, width], as nn.MultiheadAttention wants it
        for i in range(m[side]["num_hidden_layers"]):
            p = f"{prefix}.resblocks.{i}."
            y = norm(x, p + "ln_1")
            y, _ = F.multi_head_attention_forward(
                y, y, y, x.shape[-1], m[side]["num_attention_heads"], w[p + "attn.in_proj_weight"], w[p + "attn.in_proj_bias"], None, None, False,
                0.0, w[p + "attn.out_proj.weight"], w[p + "attn.out_proj.bias"], training=False, need_weights=False, attn_mask=mask)
            x = x + y
            y = F.linear(norm(x, p + "ln_2"), w[p + "mlp.c_fc.weight"], w[p + "mlp.c_fc.bias"])
            x = x + F.linear(y * torch.sigmoid(1.702 * y), w[p + "mlp.c_proj.weight"], w[p + "mlp.c_proj.bias"])
        return x.transpose(0, 1)

    x = F.conv2d(pixels, w["visual.conv1.weight"], stride=m["vision"]["patch_size"]).flatten(2).transpose(1, 2)
    x = torch.cat([w["visual.class_embedding"].expand(len(x), 1, -1), x], 1) + w["visual.positional_embedding"]
    x = blocks(norm(x, "visual.ln_pre"), "visual.transformer", "vision", None)
    image = F.normalize(norm(x[:, 0], "visual.ln_post") @ w["visual.proj"], dim=-1)
    causal = torch.full((ids.shape[1],) * 2, -torch.inf).triu(1)
    x = blocks(w["token_embedding.weight"][ids] + w["positional_embedding"], "transformer", "text", causal)
    text = F.normalize(norm(x, "ln_final")[torch.arange(len(ids)), ids.argmax(-1)] @ w["text_projection"], dim=-1)
    return image, text, w["logit_scale"].exp() * image @ text.T


def half_where_openai_does(weights):
    """convert_weights of OpenAI's code: linear, convolution, attention and projections are fp16, the rest stays fp32."""
    half = ("conv1.weight", "attn.in_proj_weight", "attn.in_proj_bias", "attn.out_proj.weight", "attn.out_proj.bias", "mlp.c_fc.weight",
            "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias", "text_projection", "visual.proj")
    return {name: x.half() if name.endswith(half) else x for name, x in weights.items()}


class Node(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def module_tree(weights, integers):
    """A module that can be scripted, whose parameters carry these dotted names."""
    root = Node()
    for name, value in weights.items():
        node, parts = root, name.split(".")
        for part in parts[:-1]:
            if part not in node._modules:
                node.add_module(part, Node())
            node = node._modules[part]
        node.register_parameter(parts[-1], torch.nn.Parameter(value, requires_grad=False))
    for name, value in integers.items():  # OpenAI's archives hold these as tensors without dimensions
        root.register_buffer(name, torch.tensor(value))
    return root


@torch.no_grad()
def make_published_formats(model, m, pixels, ids, out):
    at = lambda name: os.path.join(out, name)
    weights = openai_names(model.state_dict(), m)
    theirs = model(input_ids=ids, pixel_values=pixels)
    image, text, logits = openai_forward(weights, m, pixels, ids)
    assert difference(image, theirs.image_embeds) < 1e-5 and difference(text, theirs.text_embeds) < 1e-5
    assert difference(logits, theirs.logits_per_image) < 1e-4
    torch.save(weights, at("a_openai_state_dict.pt"))

    half = half_where_openai_does(weights)
    integers = {"input_resolution": m["vision"]["image_size"], "context_length": m["text"]["max_position_embeddings"], "vocab_size": m["text"]["vocab_size"]}
    torch.jit.script(module_tree(half, integers)).save(at("a_openai_fp16_torchscript.pt"))
    again = torch.jit.load(at("a_openai_fp16_torchscript.pt"), map_location="cpu").state_dict()
    assert set(again) == set(half) | set(integers) and all(torch.equal(again[k], half[k]) for k in half)
    torch.save(model.state_dict(), at("a_pytorch_model.bin"))
    torch.save({k: x.half() for k, x in model.state_dict().items()}, at("a_pytorch_model_fp16_legacy.bin"),
               _use_new_zipfile_serialization=False)  # as before PyTorch 1.6: no zip

    # what the rounded weights give in fp32
    rounded = CLIPModel(model.config).eval()
    is_half = ("_proj.", "fc1.", "fc2.", "patch_embedding.weight", "_projection.weight")
    rounded.load_state_dict({k: x.half().float() if any(s in k for s in is_half) else x.clone() for k, x in model.state_dict().items()})
    renamed = openai_names(rounded.state_dict(), m)
    assert all(torch.equal(renamed[k], half[k].float()) for k in half), "the same tensors are rounded"
    result = rounded(input_ids=ids, pixel_values=pixels)
    save_tensors(at("a_fp16_expected.safetensors"),
                 {"image_embeds": result.image_embeds, "text_embeds": result.text_embeds, "logits_per_image": result.logits_per_image})


def main():
    args = with_sizes(arguments(__doc__)).parse_args()
    one_thread()
    sizes = sizes_of(args, SIZES)
    for name, m in sizes["models"].items():
        made = make_model(name, m, args.seed, sizes, args.out)
        if name == "a":
            make_published_formats(*made, args.out)


if __name__ == "__main__":
    main()
