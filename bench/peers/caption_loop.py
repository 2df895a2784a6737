"""The original's loop, plainly: one image at a time, decoded by Pillow, embedded by CLIP, its best entries joined to BART's prompt, 3 beams of
20 tokens, the captions re-scored by CLIP, in PyTorch and transformers.

    caption_loop.py CLIP BART POSTCACHE.txt POSTCACHE.npy ENTRIES THREADS COUNT CAPTIONS.jsonl IMAGE…

A round captions the next COUNT images. CAPTIONS.jsonl, if it is there, holds this program's captions: equal ones are counted."""

import json
import os
import sys

import numpy as np
import torch
import transformers
from PIL import Image
from rounds import serve
from texts import load, settings

clip_folder, bart_folder, entries_file, vectors_file, best, threads, count, ours = *sys.argv[1:5], *map(int, sys.argv[5:8]), sys.argv[8]
images = sys.argv[9:]
transformers.logging.set_verbosity_error()
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
clip = transformers.CLIPModel.from_pretrained(clip_folder).eval()
clip_words = transformers.CLIPTokenizer(f"{clip_folder}/vocab.json", f"{clip_folder}/merges.txt")
bart = load(bart_folder)
bart_words = transformers.BartTokenizer(f"{bart_folder}/vocab.json", f"{bart_folder}/merges.txt")
entries = open(entries_file, encoding="utf-8").read().split("\n")
vectors = torch.from_numpy(np.load(vectors_file))
mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]


def pixels(path, size=224):
    image = Image.open(path)
    w, h = image.size
    image = image.resize((size, int(size * h / w)) if w <= h else (int(size * w / h), size), Image.Resampling.BICUBIC)
    left, top = round((image.size[0] - size) / 2.0), round((image.size[1] - size) / 2.0)
    image = image.crop((left, top, left + size, top + size)).convert("RGB")
    return (torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255 - mean) / std


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


def caption(path):
    image = unit(clip.visual_projection(clip.vision_model(pixel_values=pixels(path)[None]).pooler_output))
    found = (image @ vectors.T)[0].topk(best).indices.tolist()
    prompt = bart_words("".join(entries[i] + " | " for i in found), return_tensors="pt")
    made = bart.generate(prompt.input_ids, attention_mask=prompt.attention_mask, generation_config=settings(num_beams=3, num_return_sequences=3))
    texts = bart_words.batch_decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    words = clip_words(texts, return_tensors="pt", padding=True, truncation=True)
    scores = unit(clip.text_projection(clip.text_model(**words).pooler_output)) @ image[0]
    return texts[int(scores.argmax())].strip()


done = {}


def work():
    for path in images[len(done) :][:count]:
        done[os.path.splitext(os.path.basename(path))[0]] = caption(path)
    if not os.path.exists(ours):
        return count
    expected = {line["key"]: line["caption"] for line in map(json.loads, open(ours, encoding="utf-8"))}
    return count, {"note": f"the same caption for {sum(expected[key] == done[key] for key in done)} of {len(done)} images"}


caption(images[-1])
serve({"name": f"transformers {transformers.__version__}, torch {torch.__version__}, the original's loop, one image at a time"}, work)
