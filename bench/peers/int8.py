"""int8 peers: CLIP's image tower in ONNX Runtime (dynamic int8, and fp32), BART's beams in CTranslate2 (int8, and float32).

int8.py images FOLDER THREADS IMAGES [int8|fp32]    int8.py captions FOLDER THREADS TEXTS [int8|fp32]

Converted models are left in build/bench. Needs onnx, onnxruntime, ctranslate2 beside torch and transformers."""

import json
import os
import sys
import time

topic, folder, threads, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
precision = sys.argv[5] if len(sys.argv) > 5 else "int8"
made = f"build/bench/{topic}.{precision}"
os.makedirs("build/bench", exist_ok=True)


def export_images(path):
    import torch
    from transformers import CLIPModel

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = CLIPModel.from_pretrained(folder).eval()

        def forward(self, pixels):
            y = self.model.visual_projection(self.model.vision_model(pixel_values=pixels).pooler_output)
            return y / y.norm(dim=-1, keepdim=True)

    with torch.no_grad():
        torch.onnx.export(Tower(), torch.randn(2, 3, 224, 224), path, input_names=["pixels"], output_names=["y"], dynamic_axes={"pixels": {0: "n"}, "y": {0: "n"}},
                          opset_version=17, dynamo=False)


def images():
    import numpy
    import onnxruntime

    path, exact = made + ".onnx", "build/bench/images.fp32.onnx"
    if not os.path.exists(exact):
        export_images(exact)
    if not os.path.exists(path):
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(exact, path, weight_type=QuantType.QInt8, per_channel=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    best = {}
    for batch in (1, 8, 16):
        pixels = numpy.random.default_rng(1).standard_normal((batch, 3, 224, 224), dtype=numpy.float32)
        session.run(None, {"pixels": pixels[:1]})
        done, start, cpu = 0, time.monotonic(), time.process_time()
        while done < count:
            session.run(None, {"pixels": pixels})
            done += batch
        rate, cpu = done / (time.monotonic() - start), (time.process_time() - cpu) / done
        if rate > best.get("rate", 0):
            best = {"rate": rate, "cpu_seconds_per_image": cpu, "batch": batch, "precision": precision, "onnxruntime": onnxruntime.__version__}
    return best


def convert_captions():
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


def captions():
    import ctranslate2

    from texts import make_text

    if not os.path.exists(made):
        convert_captions()
    translator = ctranslate2.Translator(made, device="cpu", inter_threads=1, intra_threads=threads, compute_type="int8" if precision == "int8" else "float32")
    names = json.load(open(f"{made}/shared_vocabulary.json"))
    texts = [[names[i] for i in make_text(t)] for t in range(count)]
    settings = {"beam_size": 3, "num_hypotheses": 3, "min_decoding_length": 18, "max_decoding_length": 18, "no_repeat_ngram_size": 3}
    translator.translate_batch(texts[:1], **settings)
    best = {}
    for batch in (8, 32):
        start, cpu = time.monotonic(), time.process_time()
        translator.translate_batch(texts, max_batch_size=batch, **settings)
        rate = count / (time.monotonic() - start)
        if rate > best.get("rate", 0):
            best = {"rate": rate, "cpu_seconds_per_text": (time.process_time() - cpu) / count, "batch": batch, "precision": precision, "ctranslate2": ctranslate2.__version__}
    return best


print(json.dumps(images() if topic == "images" else captions()))
