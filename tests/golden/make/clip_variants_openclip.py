"""OpenCLIP's folders of topic clip_variants. Part of clip_variants.py."""

import json
import os
import shutil

import torch
from safetensors.torch import save_file

from common import save_json

USUAL = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
PLAIN = "openclip/plain"


def build(topic, config, key):
    import open_clip
    from clip_variants import fill

    config = json.loads(json.dumps(config))
    network = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    return fill(network(**config), topic.seed, "clip_variants.openclip." + key)


@torch.no_grad()
def embed(topic, layers, size, weights=None):
    """By open_clip: the folder, or `weights` in it loaded as its training loads checkpoints."""
    import open_clip

    folder = topic.assembled(layers)
    if weights:
        with open(os.path.join(folder, "open_clip_config.json")) as f:
            config = json.load(f)
        network = build(topic, config["model_cfg"], "nothing")
        open_clip.load_checkpoint(network, os.path.join(folder, weights), weights_only=True)
        p = config.get("preprocess_cfg") or {}
        prepare = open_clip.image_transform(size, is_train=False, mean=p.get("mean"), std=p.get("std"), interpolation=p.get("interpolation"),
                                            resize_mode=p.get("resize_mode"))
    else:
        network, _, prepare = open_clip.create_model_and_transforms("local-dir:" + folder)
    network = network.float().eval()
    ids = torch.zeros(len(topic.texts), topic.context, dtype=torch.long)
    for i, x in enumerate(topic.ids()):
        ids[i, : len(x)] = torch.tensor(x)
    return network.encode_image(torch.stack([prepare(x) for x in topic.images])), network.encode_text(ids)


class Folders:
    """Writes folders, embeds with them, records the cases."""

    def __init__(self, topic, size):
        self.topic, self.size, self.plain = topic, size, None

    def write(self, name, content, weights=None, file="open_clip_model.safetensors", tokenizer=True):
        from clip_variants import half

        here = self.topic.path("openclip", name)
        save_json(os.path.join(here, "open_clip_config.json"), content)
        if weights is not None:
            state = half(weights if isinstance(weights, dict) else weights.state_dict())
            path = os.path.join(here, file)
            if file.endswith(".safetensors"):
                save_file(state, path)
            elif file.endswith(".bin"):
                torch.save(state, path)
            else:
                torch.save({"epoch": 3, "name": "run", "state_dict": state, "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0]}]}},
                           path)
        if tokenizer:
            for f in ("vocab.json", "merges.txt"):
                shutil.copy(self.topic.path("base", f), here)

    def case(self, name, config, preprocess=USUAL, weights=None, expect="ok", base=None, file="open_clip_model.safetensors", model=".", why=None):
        from clip_variants import cosine

        content = {"model_cfg": config} if preprocess is None else {"model_cfg": config, "preprocess_cfg": preprocess}
        self.write(name, content, weights, file, base is None)
        layers, more = ([base] if base else []) + ["openclip/" + name], {"why": why} if why else {}
        images, texts = embed(self.topic, layers, self.size, file if model != "." else None)
        if self.plain:
            more["cosine_if_not_read"] = round(float(min(cosine(images, self.plain[0]).min(), cosine(texts, self.plain[1]).min())), 6)
        self.topic.record("openclip_" + name, layers, images, texts, expect, model, **more)
        return images, texts


def open_clip_cases(topic):
    pick, end, size = topic.pick, len(topic.vocab) - 1, topic.pick(64, 80)

    def cfg(vision=None, text=None, **more):
        return {"embed_dim": pick(40, 24),
                "vision_cfg": {"image_size": size, "layers": 2, "width": 48, "head_width": pick(16, 12), "patch_size": 16, **(vision or {})},
                "text_cfg": {"context_length": topic.context, "vocab_size": end + 1, "width": 32, "heads": pick(2, 4), "layers": pick(2, 3),
                             **(text or {})}, **more}

    folders = Folders(topic, size)
    plain = build(topic, cfg(), "plain")
    folders.plain = folders.case("plain", cfg(), weights=plain)
    folders.case("quick_gelu", cfg(quick_gelu=True), base=PLAIN)
    heads = folders.case("head_width_other", cfg({"head_width": pick(24, 8)}), base=PLAIN, why="the same weights, cut into other heads")
    by_file = dict(model="open_clip_model.safetensors", why="the file is named, open_clip_config.json lies beside it")
    topic.record("openclip_plain_by_file", [PLAIN], *folders.plain, **by_file)
    topic.record("openclip_heads_by_file", [PLAIN, "openclip/head_width_other"], *heads, **by_file)
    topic.record("openclip_file_alone", [PLAIN], *folders.plain, expect="either", without=["open_clip_config.json"],
                 model="open_clip_model.safetensors",
                 why="no config beside it: heads and activation cannot be known, so refuse; a guess that is said and right would do")
    preprocess_cases(topic, folders, cfg)
    weights_cases(topic, folders, cfg, plain)
    other_models(topic, folders, cfg, end)
    misfits(topic, folders, cfg)


def preprocess_cases(topic, folders, cfg):
    pick = topic.pick
    folders.case("no_preprocess_cfg", cfg(), preprocess=None, base=PLAIN, why="what is missing is OpenAI's")
    folders.case("mean_std", cfg(), {**USUAL, "mean": pick([0.5] * 3, [0.485, 0.456, 0.406]), "std": pick([0.5] * 3, [0.229, 0.224, 0.225])}, base=PLAIN)
    folders.case("squash", cfg(), {**USUAL, "resize_mode": "squash", "interpolation": pick("bicubic", "bilinear")}, base=PLAIN)
    folders.case("shortest_bilinear", cfg(), {**USUAL, "resize_mode": "shortest", "interpolation": "bilinear"}, base=PLAIN)
    folders.case("interpolation_random", cfg(), {**USUAL, "interpolation": "random"}, base=PLAIN, why="random is for training: bicubic")
    folders.case("longest", cfg(), {**USUAL, "resize_mode": "longest", "fill_color": pick(0, 127)}, base=PLAIN, expect="either",
                 why="the long side fits, the rest is filled")


def weights_cases(topic, folders, cfg, plain):
    from clip_variants import half

    pick = topic.pick
    folders.case("bin", cfg(), weights=plain, file="open_clip_pytorch_model.bin")
    ratio = cfg({"mlp_ratio": pick(4.3637, 4.9231)})
    folders.case("mlp_ratio", ratio, weights=build(topic, ratio, "mlp"), why="the hidden width is cut to an integer")
    state = {pick("module.", "") + k: v for k, v in half(plain.state_dict()).items()}
    checkpoint = dict(file="epoch_3.pt", model="epoch_3.pt")
    folders.case("checkpoint", cfg(), weights=state, **checkpoint,
                 why="a training checkpoint: names under state_dict" + pick(", with module. in front", ""))
    folders.case("checkpoint_quick_gelu", cfg(quick_gelu=True), base="openclip/checkpoint", **checkpoint)
    topic.record("openclip_checkpoint_alone", ["openclip/checkpoint"], expect="refuse", without=["open_clip_config.json"], model="epoch_3.pt",
                 why="nothing says the heads")
    folders.case("custom_text", cfg(custom_text=True), weights=build(topic, cfg(custom_text=True), "custom"), why="the text tower under text.")
    folders.case("custom_text_quick_gelu", cfg(custom_text=True, quick_gelu=True), base="openclip/custom_text")
    folders.case("custom_text_old_names", cfg(custom_text=True), base=PLAIN,
                 why="custom_text in the config, but the names are the plain ones: loaded all the same")


def other_models(topic, folders, cfg, end):
    """Not LAION's, seen elsewhere: right, or refused by name."""
    pick = topic.pick
    clipa = cfg({"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True}, {"pool_type": "last", "no_causal_mask": True})
    folders.case("clipa", clipa, {**USUAL, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "interpolation": "bilinear",
                                  "resize_mode": "squash"}, weights=build(topic, clipa, "clipa"), expect="either",
                 why="no ln_pre, mean of the patches, no causal mask, the text's last position (padding, id 0)")
    pool = pick("first", "last")
    for name, vision, text in (("vision_pool_avg", {"pool_type": "avg"}, {}), ("text_no_causal_mask", {}, {"no_causal_mask": True}),
                               ("text_pool_" + pool, {}, {"pool_type": pool}), ("text_pool_eos", {}, {"pool_type": "eos", "eos_id": end}),
                               ("final_ln_after_pool", {"final_ln_after_pool": True, "pool_type": "avg"}, {})):
        folders.case(name, cfg(vision, text), base=PLAIN, expect="either")
    scaled = cfg({"ls_init_value": 0.1}, {"ls_init_value": 0.1})
    folders.case("layer_scale", scaled, weights=build(topic, scaled, "scale"), expect="either", why="ls_init_value: two more vectors in each block")


def misfits(topic, folders, cfg):
    for name, case, content, why in (
            ("no_model_cfg", "no_model_cfg", {"preprocess_cfg": USUAL}, "open_clip_config.json without model_cfg"),
            ("timm", "timm", {"model_cfg": cfg({"timm_model_name": "vit_base_patch16_siglip_224"}), "preprocess_cfg": USUAL},
             "a tower of timm's, which these weights are not"),
            ("other_heads", "width_does_not_fit", {"model_cfg": cfg({"width": 64}), "preprocess_cfg": USUAL},
             "the config's width is not the weights'")):
        folders.write(name, content, tokenizer=False)
        topic.record("openclip_" + case, [PLAIN, "openclip/" + name], expect="refuse", why=why)
