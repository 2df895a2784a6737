"""recipes.jsonl of topic clip_variants: pre-processing by settings drawn at random. Part of clip_variants.py.

Images with transparency are left to OpenCLIP: transformers 5.24 blends them onto white, which the program does not.
"""

import hashlib
import json
import os

import numpy as np
from PIL import Image

from common import generator, save_lines

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "golden", "preprocess", "images")
SIZE, PER_KIND = 96, 120


def one_of(rng, options):
    return options[int(rng.integers(len(options)))]


def drawn_processor(rng):
    number = lambda low, high: int(rng.integers(low, high))
    square = {"height": SIZE, "width": SIZE}
    config = {"crop_size": one_of(rng, [SIZE, square, [SIZE, SIZE]]),
              "size": one_of(rng, [SIZE, {"shortest_edge": SIZE}, number(60, 180), {"shortest_edge": number(60, 180)}, square,
                                   {"height": number(60, 180), "width": number(60, 180)}, [number(60, 180), number(60, 180)]])}
    if config["size"] == square:
        config["do_center_crop"] = one_of(rng, [True, False, None])
    for key, options, share in (("resample", range(6), 0.6), ("default_to_square", [True, False], 0.2), ("do_rescale", [False, None], 0.15),
                                ("do_normalize", [False, None], 0.15), ("rescale_factor", [1 / 255, 1 / 127.5, 0.01], 0.3),
                                ("image_mean", [0.5, [0.1, 0.2, 0.3]], 0.4), ("image_std", [0.25, [0.1, 0.2, 0.3]], 0.4)):
        if rng.random() < share:
            config[key] = one_of(rng, options)
    if config.get("do_center_crop", True) and rng.random() < 0.15:
        config["do_resize"] = False
    return config


def drawn_open_clip(rng):
    preprocess = {"size": one_of(rng, [32, 224]), "mode": "RGB"}
    for key, options, share in (("resize_mode", ["shortest", "longest", "squash"], 0.8), ("interpolation", ["bicubic", "bilinear", "random"], 0.6),
                                ("fill_color", [0, 3, 127, 255], 0.6), ("mean", [0.5, [0.1, 0.2, 0.3]], 0.4), ("std", [0.5, [0.1, 0.2, 0.3]], 0.4)):
        if rng.random() < share:
            preprocess[key] = one_of(rng, options)
    return {"model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": SIZE}, "text_cfg": {}}, "preprocess_cfg": preprocess}


def is_transparent(image):
    return "A" in image.getbands() or "transparency" in image.info


def by_transformers(config, image):
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(**json.loads(json.dumps(config)))(image, return_tensors="np")["pixel_values"][0]


def by_open_clip(config, image):
    import open_clip

    p = config["preprocess_cfg"]
    return open_clip.image_transform(SIZE, is_train=False, mean=p.get("mean"), std=p.get("std"), interpolation=p.get("interpolation"),
                                     resize_mode=p.get("resize_mode"), fill_color=p.get("fill_color", 0))(image).numpy()


def recipes(topic):
    rng, rows, names = generator(topic.seed, "clip_variants.recipes"), [], sorted(os.listdir(IMAGES))
    for kind, draw, compute in (("transformers", drawn_processor, by_transformers), ("open_clip", drawn_open_clip, by_open_clip)):
        while sum(row["kind"] == kind for row in rows) < PER_KIND:
            name, config = one_of(rng, names), draw(rng)
            image = Image.open(os.path.join(IMAGES, name))
            if kind == "transformers" and is_transparent(image):
                continue
            values = compute(config, image)
            assert values.shape == (3, SIZE, SIZE), (config, values.shape)
            rows.append({"kind": kind, "size": SIZE, "config": config, "image": name,
                         "sha256": hashlib.sha256(np.ascontiguousarray(values, np.float32).tobytes()).hexdigest()})
    save_lines(topic.path("recipes.jsonl"), rows)
