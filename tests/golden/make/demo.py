"""Golden data of the whole path: the demo's images -> CLIP -> retrieved entries -> prompt -> BART -> captions ranked by CLIP.

    python demo.py --demo models/demo --out MADE/demo [--images FOLDER] [--topk 12]

Hugging Face's implementations and Pillow, an image at a time. Slow and plain on purpose.
"""

import argparse
import glob
import json
import os

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import BartForConditionalGeneration, BartTokenizer, CLIPModel, CLIPTokenizer

from common import one_thread, save_tensors, truncated
from preprocess import clip_pixels, normalised

GENERATION = dict(num_beams=3, num_return_sequences=3, max_length=32, early_stopping=True, no_repeat_ngram_size=3, length_penalty=1.0,
                  forced_eos_token_id=2, decoder_start_token_id=2)
MOST_PROMPT_TOKENS = 128


def unit(x):
    return x / x.norm(dim=-1, keepdim=True)


class Clip:
    def __init__(self, folder):
        self.model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder)
        self.size = self.model.config.vision_config.image_size
        self.context = self.model.config.text_config.max_position_embeddings
        self.end = self.model.config.text_config.eos_token_id

    @torch.no_grad()
    def images(self, paths):
        """-> uint8 [N, S, S, 3], unit embeddings [N, D]"""
        from PIL import Image

        pixels = np.stack([clip_pixels(Image.open(p), self.size) for p in paths])
        values = torch.from_numpy(np.stack([normalised(p) for p in pixels]))
        return pixels, unit(self.model.visual_projection(self.model.vision_model(values).pooler_output))

    @torch.no_grad()
    def texts(self, texts, batch=256):
        out = []
        for i in range(0, len(texts), batch):
            ids = [truncated(self.tokenizer(t)["input_ids"], self.context) for t in texts[i : i + batch]]
            longest = max(map(len, ids))
            padded = torch.tensor([x + [self.end] * (longest - len(x)) for x in ids])
            out.append(unit(self.model.text_projection(self.model.text_model(padded).pooler_output)))
        return torch.cat(out)


def best_entries(query, cache, k):
    """Ids and scores of the k best, ties: lower id first."""
    scores = (query @ cache.T).numpy()
    ids = np.lexsort((np.arange(len(scores)), -scores))[:k]
    return ids.tolist(), scores[ids].tolist()


class Bart:
    def __init__(self, folder, layer_norms):
        self.model = BartForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        trained = {name: x.float() for name, x in load_file(layer_norms).items()}
        unexpected = self.model.load_state_dict(trained, strict=False).unexpected_keys
        assert not unexpected, unexpected
        self.tokenizer = BartTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def captions(self, prompt):
        """-> the prompt's ids, texts, scores, ids of each candidate"""
        ids = truncated(self.tokenizer(prompt)["input_ids"], MOST_PROMPT_TOKENS)
        out = self.model.generate(torch.tensor([ids]), **GENERATION, return_dict_in_generate=True, output_scores=True)
        texts = self.tokenizer.batch_decode(out.sequences, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return ids, texts, out.sequences_scores.tolist(), [[t for t in q if t != 1] for q in out.sequences.tolist()]


def caption_one(path, image, clip, bart, entries, cache, topk):
    ids, scores = best_entries(image, cache, topk)
    prompt_ids, texts, beam_scores, sequences = bart.captions("".join(entries[i] + " | " for i in ids))
    similar = (clip.texts(texts) @ image).tolist()  # of the texts as generated: they are stripped afterwards
    best = max(range(len(texts)), key=lambda i: (similar[i], -i))
    return dict(key=os.path.splitext(os.path.basename(path))[0], caption=texts[best].strip(), clip_score=similar[best],
                table=[dict(entry=entries[i], id=i, score=s) for i, s in zip(ids, scores)], table_ids=prompt_ids,
                candidates=[dict(text=t.strip(), clip_score=c, score=b, ids=q) for t, c, b, q in zip(texts, similar, beam_scores, sequences)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--images", help="folder of JPEGs (default: pictures of the demo)")
    parser.add_argument("--topk", type=int, default=12)
    args = parser.parse_args()
    one_thread()
    of_demo = lambda name: os.path.join(args.demo, name)
    paths = sorted(glob.glob(os.path.join(args.images or of_demo("pictures"), "*.jpg")))
    clip, bart = Clip(of_demo("clip")), Bart(of_demo("bart"), of_demo("layer_norms.safetensors"))
    with open(of_demo("cache.txt"), encoding="utf-8") as f:
        entries = f.read().split("\n")[:-1]
    cache = clip.texts(entries)
    pixels, images = clip.images(paths)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "expected.jsonl"), "w", encoding="utf-8") as f:
        for path, image in zip(paths, images):
            f.write(json.dumps(caption_one(path, image, clip, bart, entries, cache, args.topk), ensure_ascii=False) + "\n")
    save_tensors(os.path.join(args.out, "expected.safetensors"), dict(
        image_embeds=images, cache_first_500=cache[:500], pixels_first_4=torch.from_numpy(pixels[:4].copy())))
    with open(os.path.join(args.out, "versions.json"), "w") as f:
        json.dump(dict(torch=torch.__version__, transformers=transformers.__version__, pictures=len(paths), entries=len(entries),
                       topk=args.topk, generation=GENERATION), f, indent=1)


if __name__ == "__main__":
    main()
