"""Causal models of real shapes with random weights, and CTranslate2 as one side of bench/stories.py.

causal.py make gpt2|gptj FOLDER [F32|BF16]    GPT-2 small; four layers of GPT-J's 6B
causal.py ctranslate2 FOLDER THREADS          each line "LINES TOKENS" on stdin is a greedy round, as in bench/stories.c

The converted model is left beside FOLDER. Needs ctranslate2, torch, transformers; to make a folder numpy alone."""

import json
import os
import struct
import sys
import time

PROMPT, COMMON = 12, 6
GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12,
        "tie_word_embeddings": True, "bos_token_id": 50256, "eos_token_id": 50256}
GPTJ = {"model_type": "gptj", "architectures": ["GPTJForCausalLM"], "vocab_size": 50400, "n_positions": 2048, "n_embd": 4096, "n_layer": 4, "n_head": 16,
        "rotary_dim": 64, "tie_word_embeddings": False, "bos_token_id": 50256, "eos_token_id": 50256}


def tensors(config):
    """Names and shapes."""
    width, vocabulary = config["n_embd"], config["vocab_size"]
    both = lambda name, *shape: [(f"{name}.weight", shape), (f"{name}.bias", shape[-1:] if config is GPT2 else shape[:1])]
    made = [("transformer.wte.weight", (vocabulary, width))] + both("transformer.ln_f", width)
    made += [("transformer.wpe.weight", (config["n_positions"], width))] if config is GPT2 else both("lm_head", vocabulary, width)
    for layer in range(config["n_layer"]):
        at = f"transformer.h.{layer}"
        made += both(f"{at}.ln_1", width)
        if config is GPT2:  # its matrices are [in, out]
            made += both(f"{at}.ln_2", width) + both(f"{at}.attn.c_attn", width, 3 * width) + both(f"{at}.attn.c_proj", width, width)
            made += both(f"{at}.mlp.c_fc", width, 4 * width) + both(f"{at}.mlp.c_proj", 4 * width, width)
        else:
            made += [(f"{at}.attn.{name}_proj.weight", (width, width)) for name in ("q", "k", "v", "out")]
            made += both(f"{at}.mlp.fc_in", 4 * width, width) + both(f"{at}.mlp.fc_out", width, 4 * width)
    return made


def make(shape, folder, dtype="F32"):
    import numpy

    config = {"gpt2": GPT2, "gptj": GPTJ}[shape]
    general = {"activation_function": "gelu_new", "layer_norm_epsilon": 1e-05, "n_inner": None, "attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
    os.makedirs(folder, exist_ok=True)
    json.dump(config | general | {"dtype": {"F32": "float32", "BF16": "bfloat16"}[dtype]}, open(f"{folder}/config.json", "w"), indent=1)
    json.dump({"bos_token_id": 50256, "eos_token_id": 50256}, open(f"{folder}/generation_config.json", "w"))
    if os.path.exists(f"{folder}/model.safetensors"):
        return
    stored = lambda x: x if dtype == "F32" else (x.view(numpy.uint32) >> 16).astype(numpy.uint16)
    some = numpy.random.default_rng(1).standard_normal((1 << 22) + 4099, dtype=numpy.float32) * numpy.float32(0.02)  # again and again, from other places
    size, header, at = {"F32": 4, "BF16": 2}[dtype], {}, 0
    for name, shape in tensors(config):
        n = int(numpy.prod(shape)) * size
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + n]}
        at += n
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 64)
    with open(f"{folder}/part", "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        for i, (name, shape) in enumerate(tensors(config)):
            left = int(numpy.prod(shape))
            if len(shape) == 1:
                f.write(stored(numpy.full(left, ".ln_" in name and name.endswith("weight"), numpy.float32)).tobytes())
                continue
            values = stored(some[i * 37 % 4099:])
            while left > 0:
                f.write(values[:left].tobytes())
                left -= min(left, len(values))
    os.rename(f"{folder}/part", f"{folder}/model.safetensors")


def convert(folder, made):
    import ctranslate2
    import transformers

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_tokenizer(self, tokenizer_class, path, **options):
            class Names:  # the folder has no tokenizer: a token is named by its id
                bos_token = eos_token = unk_token = "50256"

                def get_vocab(self):
                    return {str(i): i for i in range(transformers.AutoConfig.from_pretrained(folder).vocab_size)}

                def convert_ids_to_tokens(self, ids):
                    return str(ids)

            return Names()

    Converter(folder).convert(made, quantization="float32")


def answer(folder, threads):
    import ctranslate2

    made = folder.rstrip("/") + ".ctranslate2"
    if not os.path.exists(f"{made}/model.bin"):
        convert(folder, made)
    generator = ctranslate2.Generator(made, device="cpu", inter_threads=1, intra_threads=threads, compute_type="float32")
    vocabulary = json.load(open(f"{folder}/config.json"))["vocab_size"]
    print(json.dumps({"name": "CTranslate2", "version": ctranslate2.__version__}), flush=True)
    for line in sys.stdin:
        lines, tokens = map(int, line.split()[:2])
        prompts = [[str(100 + ((0 if i < COMMON else t) * 7919 + i * 104729) % (vocabulary - 200)) for i in range(PROMPT)] for t in range(lines)]
        start, cpu = time.monotonic(), time.process_time()
        out = generator.generate_batch(prompts, beam_size=1, sampling_topk=1, min_length=tokens, max_length=tokens, max_batch_size=lines, include_prompt_in_result=False)
        took, cpu = time.monotonic() - start, time.process_time() - cpu
        print(json.dumps({"seconds": took, "cpu": cpu, "tokens": sum(len(o.sequences_ids[0]) for o in out), "first": out[0].sequences_ids[0][:8]}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(*sys.argv[2:])
    else:
        answer(sys.argv[2], int(sys.argv[3]))
