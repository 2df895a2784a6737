"""BART's captions in other programs: 3 beams of 20 tokens, or 100 samples.

    generate.py torch|torch-one|ctranslate2 captions|samples FOLDER THREADS TEXTS fp32|int8|bf16

torch is transformers' generate, of several texts together where that is faster; torch-one takes one text at a time, as the reference does.
int8: PyTorch's dynamic quantization, CTranslate2's. Converted models are left in build/bench."""

import json
import os
import sys

from rounds import best_batch, serve
from texts import load, make_text, settings

program, topic, folder, threads, count, precision = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]


def use_torch():
    import torch
    import transformers

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    model = load(folder)
    if precision == "bf16":
        model = model.to(torch.bfloat16)
    if precision == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    more = {"num_beams": 3, "num_return_sequences": 3} if topic == "captions" else {"do_sample": True, "num_return_sequences": 100}

    def run(texts):
        longest = max(map(len, texts))
        ids = torch.tensor([t + [1] * (longest - len(t)) for t in texts])
        return model.generate(ids, attention_mask=(ids != 1).long(), generation_config=settings(**more))[0].tolist()

    first = run([make_text(0)])
    batch = 1
    if program == "torch" and topic == "captions":
        batch = best_batch((8, 16, 32), lambda n: run([make_text(t) for t in range(n)]))
    facts = {"name": f"transformers {transformers.__version__}, torch {torch.__version__}, {'one' if batch == 1 else batch} at a time"}
    return facts, run, batch, first


def convert(made):
    """The weights that follow from a formula come without a tokenizer: a token is named by its id."""
    import ctranslate2
    import transformers

    class Converter(ctranslate2.converters.TransformersConverter):
        def load_model(self, model_class, path, **options):
            model = super().load_model(model_class, path, **options)
            for name, value in (("normalize_before", False), ("normalize_embedding", True), ("add_final_layer_norm", False), ("extra_pos_embeddings", 2)):
                setattr(model.config, name, value)
            return model

        def load_tokenizer(self, tokenizer_class, path, **options):
            class Names:
                bos_token, eos_token, pad_token, unk_token = "0", "2", "1", "3"

                def get_vocab(self):
                    return {str(i): i for i in range(transformers.AutoConfig.from_pretrained(folder).vocab_size)}

                def convert_ids_to_tokens(self, ids):
                    return str(ids)

            return Names()

    Converter(folder).convert(made, quantization="int8" if precision == "int8" else "float32")


def use_ctranslate2():
    import ctranslate2

    made = f"build/bench/bart.{precision}"
    if not os.path.exists(made):
        convert(made)
    translator = ctranslate2.Translator(made, device="cpu", inter_threads=1, intra_threads=threads, compute_type="int8" if precision == "int8" else "float32")
    names = json.load(open(f"{made}/shared_vocabulary.json"))
    # without the start token and the end: 18 tokens
    more = {"min_decoding_length": 18, "max_decoding_length": 18, "no_repeat_ngram_size": 3}
    if topic == "captions":
        more.update(beam_size=3, num_hypotheses=3)
    else:
        more.update(beam_size=1, num_hypotheses=100, sampling_topk=50)

    def run(texts):
        return translator.translate_batch([[names[i] for i in t] for t in texts], **more)

    first = [2] + [int(i) for i in run([make_text(0)])[0].hypotheses[0]] + [2]
    batch = best_batch((8, 32) if topic == "captions" else (1, 2), lambda n: run([make_text(t) for t in range(n)]))
    return {"name": f"CTranslate2 {ctranslate2.__version__}, {batch} at a time"}, run, batch, first


facts, run, batch, first = use_ctranslate2() if program == "ctranslate2" else use_torch()


def work():
    for t in range(0, count, batch):
        run([make_text(i) for i in range(t, min(t + batch, count))])
    return count


serve({**facts, "first": first}, work)
