"""The SigLIP of topic clip_variants: Hugging Face's layout, its sentencepiece vocabulary, its ids. Part of clip_variants.py."""

import io
import os

import torch
from safetensors.torch import save_file

from common import generator, save_json, save_lines, save_tensors

WORDS = "lamp box boat bridge tower red green blue cat dog bird tree road window table garden river stone letter".split()

# What its tokenizer has rules for: case, punctuation, blanks of all kinds, compatibility forms, special tokens in the text, unknown letters.
PARTS = ["a red box", "the caf\u00e9 by the sea", "  x ", "\u0130stanbul \u03a3\u0391\u03a3", "\ufb01ne \u00bd \u2460", "\u65e5\u672c\u8a9e", "\u201cquotes\u201d", "it's", "</s>",
         "<unk>", "<pad>", "\u2581", "\u2581\u2581a", "\u200bzero", "\u00a0nbsp", "tab\there", "new\nline", "e\u0301", "words!", "!!!", "<", "unk", ">",
         "\U0001f600", "\u2167", "\ufdfa", "\x1c", "\ufeffbom", "\u2028", "\uff41\uff42\uff43", "100%", "a_b", "`", "~", "bridge", "tower", "lamp", "\u3000",
         "zzz", "qqq", "\u00df", "\u01c5", "\u00ad", "\u0085", "\x7f"]


def drawn_texts(seed):
    rng = generator(seed, "clip_variants.siglip.texts")
    part = lambda: PARTS[int(rng.integers(len(PARTS)))] + " " * int(rng.integers(3))
    return ["".join(part() for _ in range(int(rng.integers(10)))) for _ in range(500)]


def vocabulary(topic, path):
    import sentencepiece

    words = [w for texts in topic.all_texts for text in texts for w in text.lower().split()] + WORDS
    rng = generator(topic.seed, "clip_variants.siglip.lines")
    lines = [" ".join(words[i] for i in rng.integers(0, len(words), 8)) for _ in range(400)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([x.lower() for x in lines]), model_writer=model, vocab_size=topic.pick(125, 110), model_type="unigram", pad_id=0,
        eos_id=1, unk_id=2, bos_id=-1, character_coverage=1.0, minloglevel=2, num_threads=1)
    with open(path, "wb") as f:
        f.write(model.getvalue())


@torch.no_grad()
def siglip(topic):
    from clip_variants import fill, half
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipTokenizer

    here, pick, context, size = topic.path("siglip"), topic.pick, topic.pick(24, 20), topic.pick(96, 80)
    os.makedirs(here)
    vocabulary(topic, os.path.join(here, "spiece.model"))
    tokenizer = SiglipTokenizer(os.path.join(here, "spiece.model"), model_max_length=context)
    tokenizer.save_pretrained(here)
    config = SiglipConfig(
        text_config=dict(hidden_size=48, intermediate_size=100, num_hidden_layers=2, num_attention_heads=pick(3, 4), vocab_size=tokenizer.vocab_size,
                         max_position_embeddings=context, projection_size=48, pad_token_id=1, bos_token_id=49406, eos_token_id=49407),
        vision_config=dict(hidden_size=48, intermediate_size=100, num_hidden_layers=2, num_attention_heads=pick(4, 3), image_size=size, patch_size=16))
    network = fill(SiglipModel._from_config(config, attn_implementation="eager"), topic.seed, "clip_variants.siglip")
    network.config.save_pretrained(here)
    save_file(half(network.state_dict()), os.path.join(here, "model.safetensors"), metadata={"format": "pt"})
    save_json(os.path.join(here, "preprocessor_config.json"), {
        "do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "image_processor_type": "SiglipImageProcessor", "resample": pick(3, 2), "rescale_factor": 1 / 255, "size": {"height": size, "width": size}})
    network = SiglipModel.from_pretrained(here, attn_implementation="eager", dtype=torch.float32).eval()
    pixels = SiglipImageProcessorPil.from_pretrained(here)([x.convert("RGB") for x in topic.images], return_tensors="pt")["pixel_values"]
    ids = [tokenizer(x, padding="max_length", truncation=True, max_length=context)["input_ids"] for x in topic.texts]
    tensor = lambda x: x if isinstance(x, torch.Tensor) else x.pooler_output
    save_lines(os.path.join(here, "tokens.jsonl"), [{"text": x, "ids": tokenizer(x)["input_ids"]} for x in drawn_texts(topic.seed)])
    unit = lambda x: torch.nn.functional.normalize(tensor(x), dim=-1)
    save_tensors(os.path.join(here, "expected.safetensors"), {"images": unit(network.get_image_features(pixel_values=pixels)),
                                                              "texts": unit(network.get_text_features(input_ids=torch.tensor(ids)))})
    save_json(os.path.join(here, "expected.json"), {
        "texts": topic.texts, "ids": ids, "ids_without_padding": [tokenizer(x)["input_ids"] for x in topic.texts], "cosine": 0.99999,
        "logit_scale": float(network.logit_scale), "logit_bias": float(network.logit_bias)}, indent=None)
