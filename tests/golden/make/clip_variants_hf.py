"""Hugging Face's folders of topic clip_variants: preprocessor_config.json, processor_config.json, config.json. Part of clip_variants.py."""

import json
import os

import torch
from safetensors.torch import save_file

from common import save_json

MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def model(topic, image_size, patch, vision=64, text=48, key="base"):
    from clip_variants import fill
    from transformers import CLIPConfig, CLIPModel

    end, projection = len(topic.vocab) - 1, topic.pick(40, 56)
    ids = dict(bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)
    config = CLIPConfig(
        text_config={**ids, "hidden_size": text, "intermediate_size": 2 * text, "num_hidden_layers": 2, "num_attention_heads": 3,
                     "max_position_embeddings": topic.context, "vocab_size": end + 1, "hidden_act": "quick_gelu", "projection_dim": projection},
        vision_config={"hidden_size": vision, "intermediate_size": 2 * vision, "num_hidden_layers": topic.pick(3, 2), "num_attention_heads": 4,
                       "image_size": image_size, "patch_size": patch, "hidden_act": "quick_gelu", "projection_dim": projection},
        projection_dim=projection, **ids)
    return fill(CLIPModel._from_config(config, attn_implementation="eager"), topic.seed, "clip_variants." + key)


def save(topic, name, network):
    from clip_variants import half

    topic.write_tokenizer(topic.path(name))
    network.config.save_pretrained(topic.path(name))
    save_file(half(network.state_dict()), topic.path(name, "model.safetensors"), metadata={"format": "pt"})


@torch.no_grad()
def embed(topic, folder, pixels=None, double=False):
    """By the folder's own processor (with Pillow) and model: embeddings of the images and texts, and the pixels."""
    from transformers import CLIPImageProcessorPil, CLIPModel

    network = CLIPModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float64 if double else torch.float32).eval()
    if pixels is None:
        pixels = CLIPImageProcessorPil.from_pretrained(folder)(topic.images, return_tensors="pt")["pixel_values"]
    tensor = lambda x: x if isinstance(x, torch.Tensor) else x.pooler_output
    images = tensor(network.get_image_features(pixel_values=pixels.to(network.dtype)))
    texts = torch.cat([tensor(network.get_text_features(input_ids=torch.tensor([x]))) for x in topic.ids()])
    return images, texts, pixels


def hugging_face_cases(topic):
    from clip_variants import cosine

    size = topic.pick(128, 112)
    save(topic, "base", model(topic, size, 16))
    save(topic, "base224", model(topic, 224, topic.pick(32, 56), topic.pick(32, 24), 48, key="base224"))
    usual = {"crop_size": {"height": size, "width": size}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
             "do_resize": True, "image_mean": MEAN, "image_processor_type": "CLIPImageProcessor", "image_std": STD, "resample": 3,
             "rescale_factor": 1 / 255, "size": {"shortest_edge": size}}
    folder = topic.assembled(["base"])
    save_json(os.path.join(folder, "preprocessor_config.json"), usual)
    images, texts, pixels = embed(topic, folder)
    exact = embed(topic, folder, pixels, double=True)
    topic.noise["fp32 against fp64, 1 - cosine"] = float(max((1 - cosine(images, exact[0])).max(), (1 - cosine(texts, exact[1])).max()))
    preprocessor_cases(topic, usual, size, images)
    config_cases(topic, usual, images, texts)
    tokenizer_cases(topic, texts)


# ---- preprocessor_config.json -----------------------------------------------------------------------------------


def preprocessor_case(topic, plain, name, config, expect="ok", base="base", file="preprocessor_config.json", why=None, texts=False):
    from clip_variants import cosine
    from transformers import CLIPImageProcessor

    save_json(topic.path("preprocessor", name, file), config)
    layers, more = [base, "preprocessor/" + name], {"why": why} if why else {}
    folder = topic.assembled(layers)
    try:
        images, text, _ = embed(topic, folder)
        assert expect != "refuse", name + ": transformers takes it"
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        assert expect == "refuse", (name, e)
        topic.record(name, layers, expect="refuse", **more, transformers_says=f"{type(e).__name__}: {e}".replace("\n", " ")[:140])
        return
    if base == "base":
        more["cosine_if_not_read"] = round(float(cosine(images, plain).min()), 6)
    try:  # transformers' own default backend, for information
        fast = CLIPImageProcessor.from_pretrained(folder)(topic.images, return_tensors="pt")["pixel_values"]
        more["torchvision_backend_cosine"] = round(float(cosine(embed(topic, folder, fast)[0], images).min()), 6)
    except NotImplementedError:
        more["torchvision_backend_cosine"] = None  # it knows neither box nor hamming
    topic.record(name, layers, images, text if texts else None, expect, **more)


def preprocessor_cases(topic, usual, size, plain):
    pick = topic.pick
    case = lambda name, config, *a, **k: preprocessor_case(topic, plain, name, config, *a, **k)
    on = lambda **changes: {**usual, **changes}
    less = lambda *keys: {k: v for k, v in usual.items() if k not in keys}
    square = lambda h, w=None: {"height": h, "width": w or h}
    mean, std = pick(([0.5] * 3, [0.5] * 3), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    case("usual", usual, texts=True)
    case("mean_std", on(image_mean=mean, image_std=std))
    case("mean_std_one_number", on(image_mean=pick(0.5, 0.45), image_std=pick(0.5, 0.25)))
    case("size_larger_than_crop", on(size={"shortest_edge": pick(160, 144)}))
    case("squash", on(size=square(size), do_center_crop=False))
    case("squash_then_crop", on(size=square(pick(160, 150))))
    case("squash_unequal_then_crop", on(size=pick(square(140, 180), square(180, 140))))
    case("bilinear", on(resample=2))
    case("bilinear_squash_mean", on(resample=2, size=square(size), do_center_crop=False, image_mean=mean, image_std=std))
    for code, name in ((0, "nearest"), (1, "lanczos"), (4, "box"), (5, "hamming")):
        case(name, on(resample=code), expect="either")
    case("crop_only", on(do_resize=False), why="pictures smaller than the crop are padded with 0 before rescaling")
    case("size_smaller_than_crop", on(size={"shortest_edge": size - pick(32, 16)}), why="padded with 0 before rescaling: black")
    case("no_normalize", on(do_normalize=False))
    case("no_rescale", on(do_rescale=False, image_mean=[x * 255 for x in MEAN], image_std=[x * 255 for x in STD]),
         why="mean and std in 0..255: the same pixels as usual, but for rounding")
    case("rescale_factor", on(rescale_factor=1 / pick(127.5, 128), image_mean=[1.0] * 3, image_std=[1.0] * 3))
    case("old_style", {"feature_extractor_type": "CLIPFeatureExtractor", "crop_size": size, "size": pick(size, 150), "do_center_crop": True,
                       "do_normalize": True, "do_resize": True, "image_mean": mean, "image_std": std, "resample": 3},
         why="as 2021 wrote it: sizes are numbers, a number means the short side")
    case("no_mean_no_std", less("image_mean", "image_std", "resample", "rescale_factor"), why="what is missing is CLIP's")
    case("no_size", less("size"), why="the missing size is 224 on the short side, whatever the model's image_size says")
    case("no_flags", {"size": {"shortest_edge": pick(150, 160)}, "crop_size": square(size)}, why="what is missing is on")
    case("unknown_keys", on(some_new_key=7, processor_class="CLIPProcessor"))
    case("null_mean", on(image_mean=None), expect="refuse")
    case("null_resample", on(resample=None), expect="refuse", why="null is not the default")
    case("null_center_crop", on(size=square(size), do_center_crop=None), expect="either", why="null switches off")
    case("empty", {}, base="base224", why="all defaults: 224")
    case("no_crop_size", less("crop_size"), expect="refuse", why="the missing crop is 224: not what the model takes")
    case("no_center_crop_not_square", on(do_center_crop=False), expect="refuse", why="the short side alone leaves pictures that are not square")
    case("crop_other_than_model", on(crop_size=square(size - 16)), expect="refuse")
    # transformers 5 writes all of a processor into one file
    nested = lambda **changes: {"processor_class": "CLIPProcessor", "image_processor": on(image_mean=mean, image_std=std, **changes)}
    case("processor_config", nested(size={"shortest_edge": pick(160, 140)}), file="processor_config.json",
         why="what transformers 5's CLIPProcessor.save_pretrained writes, in place of preprocessor_config.json")
    save_json(topic.path("preprocessor", "processor_config_and_old", "processor_config.json"), nested())
    case("processor_config_and_old", usual, why="both files: processor_config.json's image_processor counts")
    save_json(topic.path("preprocessor", "processor_config_without_images", "processor_config.json"), {"processor_class": "CLIPProcessor"})
    case("processor_config_without_images", on(image_mean=mean, image_std=std),
         why="a processor_config.json without image_processor: the other file counts")


# ---- config.json ------------------------------------------------------------------------------------------------


def config_cases(topic, usual, plain_images, plain_texts):
    from clip_variants import cosine

    with open(topic.path("base", "config.json")) as f:
        original = f.read()

    def case(name, change, expect="ok", why=None, compared=True):
        config = json.loads(original)
        change(config)
        save_json(topic.path("config", name, "config.json"), config)
        save_json(topic.path("config", name, "preprocessor_config.json"), usual)
        layers, more = ["base", "config/" + name], {"why": why} if why else {}
        images, texts, _ = embed(topic, topic.assembled(layers))
        if compared:
            more["cosine_if_not_read"] = round(float(min(cosine(images, plain_images).min(), cosine(texts, plain_texts).min())), 6)
        topic.record(name, layers, images, texts, expect, **more)

    def both(**changes):
        return lambda c: [c[part].update(changes) for part in ("text_config", "vision_config")]

    def old(drop=False, **changes):
        def change(c):
            for part in ("text_config", "vision_config"):
                c[part + "_dict"] = {**c[part], **changes}
                if drop:
                    del c[part]
        return change

    def without_eps(c):
        for part in ("text_config", "vision_config"):
            c[part + "_dict"] = {k: v for k, v in c[part].items() if k != "layer_norm_eps"}
            c[part]["layer_norm_eps"] = 0.3

    case("gelu", both(hidden_act="gelu"))
    case("gelu_in_one_tower", lambda c: c[topic.pick("text_config", "vision_config")].update(hidden_act="gelu"))
    case("layer_norm_eps", both(layer_norm_eps=topic.pick(0.01, 0.02)))
    case("config_dict_other", old(hidden_act="gelu"), why="old: *_config_dict beside *_config, and they differ: the _dict counts")
    case("config_dict_only", old(drop=True, hidden_act="gelu"), why="old: only the _dict")
    case("config_dict_null", lambda c: c.update(text_config_dict=None, vision_config_dict=None), why="null: *_config counts")
    case("config_dict_lacks_a_key", without_eps, compared=False,
         why="a key the _dict lacks comes from the class's defaults (layer_norm_eps 1e-5), not from *_config (0.3 here)")
    for act in ("gelu_pytorch_tanh", "relu", "gelu_new"):
        case("act_" + act, both(hidden_act=act), expect="either")


def tokenizer_cases(topic, texts):
    from transformers import CLIPTokenizer

    CLIPTokenizer.from_pretrained(topic.assembled(["base"])).save_pretrained(topic.path("tokenizer_json"))
    topic.record("tokenizer_json_only", ["base", "tokenizer_json"], None, texts, without=["vocab.json", "merges.txt"], by="text",
                 why="what transformers 5 saves: tokenizer.json alone")
    topic.record("by_text", ["base"], None, texts, by="text")
