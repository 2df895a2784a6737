"""Golden data of CLIP's folders: how they say pre-processing, activation and heads; OpenCLIP's layouts; SigLIP.

    python clip_variants.py --out MADE/clip_variants [--seed 1] [--other]

A case is one or several folders laid over each other (`layers`), without some files, and the embeddings that transformers or open_clip
gives of it, or the reason why nothing right can come of it. --other: other sizes, values and combinations of the same kinds.
recipes.jsonl holds pre-processing alone: settings drawn at random, images of topic `preprocess`, SHA-256 of the numbers.
"""

import os
import shutil
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from byte_bpe import BYTES
from clip_variants_hf import hugging_face_cases
from clip_variants_openclip import open_clip_cases
from clip_variants_recipes import recipes
from clip_variants_siglip import siglip
from common import arguments, generator, normal, one_thread, save_json, versions

# Two sets: the stored one, and --other's.
TEXTS = [["a red box", "two boats on a lake at night", "", "x", "7 birds & 3 cats!", "BLUE Door", "  spaces   around  ", "it's an old bridge",
          "a very long line of words that goes on and on until nothing of it fits any more into the context of the model, and then some words more",
          "the caf\u00e9 by the sea"],
         ["green lamps", "a man with 12 apples", "", "q", "what? a dog!", "OLD Tower", " wide  gaps ", "she's on a hill",
          "one more long line whose words do not end where the context of the model ends, because there are far too many of them in this one text",
          "na\u00efve art on a wall"]]
WANTED_SIZES = [[(192, 128), (128, 176), (160, 160), (60, 44), (97, 193), (200, 104)],
                [(180, 120), (120, 200), (140, 140), (52, 68), (199, 101), (99, 131)]]
# (short side or None for no resize, crop): at the images' sizes no rounding of a crop may decide
CROPS = [[(128, 128), (160, 128), (224, 128), (224, 224), (150, 128), (96, 128), (None, 128)],
         [(112, 112), (144, 112), (150, 112), (224, 112), (224, 224), (160, 112), (140, 112), (96, 112), (None, 112)]]


# ---- images -----------------------------------------------------------------------------------------------------


def drawing(rng, w, h):
    """RGB bytes [h, w, 3]: ramps, discs, boxes, stripes, some grain."""
    y, x = np.mgrid[0:h, 0:w].astype(float)
    x, y = x / max(w - 1, 1), y / max(h - 1, 1)
    out = np.stack([255 * np.clip(rng.uniform(0, 1) + rng.uniform(-1, 1) * x + rng.uniform(-1, 1) * y, 0, 1) for _ in range(3)], -1)
    for _ in range(int(rng.integers(4, 9))):
        colour, kind = rng.integers(0, 256, 3), rng.integers(3)
        cx, cy, rx, ry = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.35), rng.uniform(0.05, 0.35)
        if kind == 0:
            inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        elif kind == 1:
            inside = (np.abs(x - cx) < rx) & (np.abs(y - cy) < ry)
        else:
            inside = (np.abs(x - cx) < rx) & (np.sin(rng.uniform(20, 70) * (x * rng.uniform(-1, 1) + y)) > 0)
        out[inside] = colour
    return np.clip(out + rng.normal(0, rng.choice([0, 2, 6]), (h, w, 1)), 0, 255).astype(np.uint8)


def is_neutral(w, h, crops):
    """Do torchvision's crop (halves to even) and transformers' (rounded down) agree, and is padding even?"""
    for short, crop in crops:
        sizes = (w, h) if short is None else (short, int(short * h / w)) if w <= h else (int(short * w / h), short)
        for n in sizes:
            if (n - crop) // 2 != round((n - crop) / 2.0) if n >= crop else (crop - n) % 2:
                return False
    return True


def neutral_sizes(wanted, crops):
    for w, h in wanted:
        near = sorted((abs(a) + abs(b), w + a, h + b) for a in range(-25, 26) for b in range(-25, 26) if w != h or a == b)
        yield next((x, y) for _, x, y in near if is_neutral(x, y, crops))


# ---- tokenizer --------------------------------------------------------------------------------------------------


def train_bpe(texts, merges):
    """A byte-level BPE in CLIP's layout: 256 bytes, 256 with </w>, merges, two special tokens."""
    words = {}
    for word in " ".join(texts).lower().split():
        symbols = [BYTES[b] for b in word.encode()]
        symbols[-1] += "</w>"
        words[tuple(symbols)] = words.get(tuple(symbols), 0) + 1
    found = []
    while len(found) < merges:
        pairs = {}
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + n
        if not pairs:
            break
        found.append(max(pairs, key=lambda p: (pairs[p], p)))
        words = merged_words(words, found[-1])
    # the order of GPT-2's table: the printable bytes first
    tokens = list(BYTES.values()) + [b + "</w>" for b in BYTES.values()] + ["".join(p) for p in found] + ["<|startoftext|>", "<|endoftext|>"]
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}, found


def merged_words(words, pair):
    out = {}
    for word, n in words.items():
        symbols, i = [], 0
        while i < len(word):
            step = 2 if word[i : i + 2] == pair else 1
            symbols.append("".join(word[i : i + step]))
            i += step
        out[tuple(symbols)] = n
    return out


# ---- weights ----------------------------------------------------------------------------------------------------


def parameter(seed, key, name, p):
    shape = tuple(p.shape)
    if ("norm" in name or ".ln_" in name or name.startswith("ln_")) and name.endswith("weight"):
        return normal(seed, key, shape, 0.3, 1.0)
    if "norm" in name or ".ln_" in name or name.startswith("ln_"):
        return normal(seed, key, shape, 0.2)
    if name.endswith("gamma"):
        return normal(seed, key, shape, 0.3, 0.8)
    if "embedding" in name and "patch" not in name or "probe" in name:
        return normal(seed, key, shape, 0.5)
    if name.endswith("bias"):
        return normal(seed, key, shape, 0.15)
    fan_in = shape[0] if name in ("visual.proj", "text_projection", "text.text_projection") else p[0].numel()
    value = normal(seed, key, shape, fan_in**-0.5)
    if "q_proj" in name or "k_proj" in name:
        value *= 1.7  # uneven attention
    if "fc2" in name or "c_proj" in name:
        value *= 4.0  # so that it matters which gelu it is
    if "in_proj_weight" in name:
        value[: 2 * shape[1]] *= 1.7
    return value


def fill(module, seed, key):
    """Each parameter by its name. Matrices hold numbers of fp16."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if "logit_scale" not in name and "logit_bias" not in name:
                value = parameter(seed, f"{key}.{name}", name, p)
                p.copy_(value.half().float() if p.ndim > 1 else value)
    return module.eval()


def half(state):
    return {k: (v.half() if v.ndim > 1 and v.is_floating_point() else v).contiguous().clone() for k, v in state.items()}


def cosine(a, b):
    unit = torch.nn.functional.normalize
    return (unit(a.double(), dim=-1) * unit(b.double(), dim=-1)).sum(-1)


# ---- the topic --------------------------------------------------------------------------------------------------


class Topic:
    def __init__(self, out, seed, other):
        self.out, self.seed, self.other = out, seed, other
        self.cases, self.tensors, self.noise = [], {}, {}
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(self.path("pictures"))
        self.texts, self.all_texts = TEXTS[other], TEXTS
        self.context = self.pick(32, 28)
        extra = ["lamp box boat bridge tower red green blue"] * 2
        self.vocab, self.merges = train_bpe(TEXTS[0] + TEXTS[1] + extra, self.pick(86, 70))
        rng = generator(seed, "clip_variants.pictures")
        self.images = []
        for n, (w, h) in enumerate(neutral_sizes(WANTED_SIZES[other], CROPS[other])):
            image = Image.fromarray(drawing(rng, w, h))
            self.images.append(image.convert("L") if n == 3 else image)
            self.images[-1].save(self.path("pictures", f"{n}.png"), optimize=True)

    def pick(self, stored, other):
        return other if self.other else stored

    def path(self, *parts):
        return os.path.join(self.out, *parts)

    def write_tokenizer(self, folder):
        os.makedirs(folder, exist_ok=True)
        save_json(os.path.join(folder, "vocab.json"), self.vocab, indent=None)
        with open(os.path.join(folder, "merges.txt"), "w", encoding="utf-8") as f:
            f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in self.merges))
        save_json(os.path.join(folder, "tokenizer_config.json"), {
            "tokenizer_class": "CLIPTokenizer", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
            "unk_token": "<|endoftext|>", "model_max_length": 32})

    def ids(self):
        """transformers' CLIPTokenizer on this vocabulary, truncated so that the end token stays."""
        from transformers import CLIPTokenizer

        with tempfile.TemporaryDirectory() as folder:
            self.write_tokenizer(folder)
            ids = [CLIPTokenizer.from_pretrained(folder)(text)["input_ids"] for text in self.texts]
        return [x if len(x) <= self.context else x[: self.context - 1] + [x[-1]] for x in ids]

    def assembled(self, layers):
        folder = tempfile.mkdtemp()
        for layer in layers:
            shutil.copytree(self.path(layer), folder, dirs_exist_ok=True)
        return folder

    def record(self, name, layers, images=None, texts=None, expect="ok", model=".", **more):
        """expect: ok (must be right), refuse, or either (right or refused)."""
        case = {"name": name, "layers": layers, "model": model, "expect": expect, **more}
        for kind, value in (("images", images), ("texts", texts)):
            if value is not None:
                value = torch.nn.functional.normalize(value.float(), dim=-1)
                assert not torch.isnan(value).any(), name
                case[kind] = f"{name}.{kind}"
                self.tensors[case[kind]] = value
        self.cases.append(case)

    def save(self):
        import json

        import open_clip
        import PIL

        save_file({k: v.contiguous() for k, v in self.tensors.items()}, self.path("expected.safetensors"))
        head = {"versions": {**versions(), "open_clip": open_clip.__version__, "pillow": PIL.__version__}, "seed": self.seed,
                "pictures": [f"pictures/{n}.png" for n in range(len(self.images))], "texts": self.texts, "ids": self.ids(), "cosine": 0.99999,
                "noise": self.noise}
        with open(self.path("expected.json"), "w") as f:
            f.write("{\n" + "".join(f" {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items()) + ' "cases": [\n')
            f.write(",\n".join("  " + json.dumps(c) for c in self.cases) + "\n ]\n}\n")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--other", action="store_true")
    args = parser.parse_args()
    one_thread()
    topic = Topic(args.out, args.seed, args.other)
    hugging_face_cases(topic)
    open_clip_cases(topic)
    siglip(topic)
    recipes(topic)
    topic.save()
    print(len(topic.cases), "cases", topic.noise)


if __name__ == "__main__":
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    main()
