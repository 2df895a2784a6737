"""Golden data of the real shapes, with the weights of formula_weights.py.

    python fullsize.py --what clip-vit-b16|bart-large --weights FOLDER --out MADE/fullsize [--seed 0]

FOLDER is written if it is not there (0.6 GB, 1.6 GB). --seed: that of the weights; here 0 is the stored data's.
"""

import os

import numpy as np
import torch
import torch.nn.functional as F

import beam_search
from common import arguments, difference, one_thread, save_json, save_tensors, until_end, versions
from formula_weights import Model, fnv1a, stream

SETTINGS = dict(num_beams=3, length_penalty=1.0, no_repeat_ngram_size=3, min_length=0, max_length=20, early_stopping=False,
                forced_bos_token_id=0, forced_eos_token_id=2)


def samples(model):
    """A few weights, to check an implementation of the formula first of all."""
    out = []
    for name in sorted(model.shapes)[:: max(1, len(model.shapes) // 12)]:
        total, (mean, scale) = model.count(name), model.kind(name)
        w = model.values(name, 0, min(total, 1 << 22))
        index = sorted({0, min(1, total - 1), total // 3 % len(w), len(w) - 1})
        out.append({"tensor": name, "shape": model.shapes[name], "fnv1a": f"{fnv1a(model.salt + name):016x}", "mean": float(mean),
                    "scale": float(scale), "index": index, "value": [float(w[i]) for i in index]})
    return out


def draw_ids(salt, name, count, low, high):
    """low + floor((v + 1) / 2 · (high − low)) with v from the stream of this name"""
    return (low + np.floor((stream(salt + name, 0, count) + 1) / 2 * (high - low)).astype(np.int64)).tolist()


def draw_images(salt):
    """Two images, uint8 [3, 224, 224]: noise, and slopes that differ in each channel."""
    noise = np.floor((stream(salt + "image0", 0, 3 * 224 * 224) + 1) * 128).astype(np.uint8).reshape(3, 224, 224)
    c, y, x = np.meshgrid(np.arange(3), np.arange(224), np.arange(224), indexing="ij")
    return np.stack([noise, ((x * (c + 1) + y * (3 - c)) % 256).astype(np.uint8)])


def make_clip(folder, salt, report):
    from transformers import CLIPModel

    model, info = CLIPModel.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"], info
    images, texts = draw_images(salt), [[49406] + draw_ids(salt, f"text{i}", n, 0, 49406) + [49407] for i, n in enumerate((3, 1, 9, 75))]
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    pixels = (torch.from_numpy(images).float() / 255 - mean) / std
    project_image = lambda x: model.visual_projection(model.vision_model(pixel_values=x).pooler_output)
    project_texts = lambda: torch.cat([model.text_projection(model.text_model(input_ids=torch.tensor([t])).pooler_output) for t in texts])
    image, text = project_image(pixels), project_texts()
    unit_image, unit_text = image / image.norm(dim=-1, keepdim=True), text / text.norm(dim=-1, keepdim=True)
    model.double()
    noise = {"image_embeds_fp32_vs_fp64": difference(F.normalize(project_image(pixels.double()), dim=-1), unit_image),
             "text_embeds_fp32_vs_fp64": difference(F.normalize(project_texts(), dim=-1), unit_text)}
    report.update({"texts": texts, "cosine": (unit_image @ unit_text.T).tolist(), "image_cosine": float(unit_image[0] @ unit_image[1]),
                   "noise": noise, "text_cosine": (unit_text @ unit_text.T).tolist(), "image_bytes_sum": [int(x.sum()) for x in images]})
    return {"image_projected": image, "text_projected": text, "image_embeds": unit_image, "text_embeds": unit_text}


def caption_losses(model, caption, **source):
    logits = model(decoder_input_ids=torch.tensor([caption[:-1]]), use_cache=False, **source).logits[0]
    return F.cross_entropy(logits, torch.tensor(caption[1:]), reduction="none")


def first_logits(model, **source):
    return model(decoder_input_ids=torch.tensor([[2]]), use_cache=False, **source).logits[0, 0]


def make_bart_case(model, i, source, caption, tensors):
    from transformers import GenerationConfig

    encoded = model.model.encoder(torch.tensor([source]))
    tensors[f"encoder_last_first_row.{i}"] = encoded.last_hidden_state[0, 0]
    tensors[f"encoder_last_final_row.{i}"] = encoded.last_hidden_state[0, -1]
    losses, first = caption_losses(model, caption, encoder_outputs=encoded), first_logits(model, encoder_outputs=encoded)
    top = torch.topk(first, 50)
    config = model.generation_config = GenerationConfig(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
                                                        num_return_sequences=SETTINGS["num_beams"], **SETTINGS)
    out = model.generate(torch.tensor([source]), generation_config=config, return_dict_in_generate=True, output_scores=True)
    sequences, scores = [until_end(q) for q in out.sequences.tolist()], out.sequences_scores.tolist()
    next_scores = beam_search.FullPass(model, encoded=encoded.last_hidden_state)
    found, margin = beam_search.search(next_scores, SETTINGS, "hf5")
    assert [f[0] for f in found] == sequences, (found, sequences)
    greedy, greedy_margin = beam_search.greedy(next_scores, {**SETTINGS, "num_beams": 1, "forced_eos_token_id": None})
    print("source", i, "margins", margin, greedy_margin)
    return {"source": i, "first_token_top_ids": top.indices.tolist(), "first_token_top_logits": top.values.tolist(),
            "first_token_logsumexp": float(torch.logsumexp(first, 0)), "caption_losses": losses.tolist(), "caption_loss": float(losses.mean()),
            "settings": SETTINGS, "sequences": sequences, "scores": scores, "margin": margin, "greedy": greedy, "greedy_margin": greedy_margin,
            "noise_beam_scores_cached_vs_uncached": max(abs(f[1] - x) for f, x in zip(found, scores))}


def make_bart(folder, salt, report):
    from transformers import BartForConditionalGeneration

    model, info = BartForConditionalGeneration.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    assert not info["unexpected_keys"], info
    assert model.lm_head.weight.data_ptr() == model.model.shared.weight.data_ptr()
    sources = [[0] + draw_ids(salt, f"source{i}", n, 4, 50264) + [2] for i, n in enumerate((6, 24, 60))]
    caption, tensors = [0] + draw_ids(salt, "caption", 12, 4, 50264) + [2], {}
    report.update({"sources": sources, "caption": caption, "cases": [make_bart_case(model, i, s, caption, tensors) for i, s in enumerate(sources)]})
    model.double()
    for case, source in zip(report["cases"], sources):
        first = first_logits(model, input_ids=torch.tensor([source]))[case["first_token_top_ids"]]
        losses = caption_losses(model, caption, input_ids=torch.tensor([source]))
        case["noise_first_token_logits_fp32_vs_fp64"] = difference(first, torch.tensor(case["first_token_top_logits"]))
        case["noise_caption_losses_fp32_vs_fp64"] = difference(losses, torch.tensor(case["caption_losses"]))
    return tensors


@torch.no_grad()
def main():
    parser = arguments(__doc__)
    parser.set_defaults(seed=0)
    parser.add_argument("--what", choices=["clip-vit-b16", "bart-large"], required=True)
    parser.add_argument("--weights", required=True)
    args = parser.parse_args()
    one_thread()
    model = Model(args.what, f"{args.seed}:" if args.seed else "")
    if not os.path.exists(os.path.join(args.weights, "model.safetensors")):
        model.write(args.weights)
    report = {"versions": versions(), "what": args.what, "salt": model.salt, "weights": samples(model)}
    tensors = (make_clip if args.what == "clip-vit-b16" else make_bart)(args.weights, model.salt, report)
    save_tensors(os.path.join(args.out, f"{args.what}_expected.safetensors"), tensors)
    save_json(os.path.join(args.out, f"{args.what}.json"), report)


if __name__ == "__main__":
    main()
