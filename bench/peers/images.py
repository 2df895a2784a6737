"""CLIP's image tower in other programs, at the best of several batch sizes.

    images.py torch|onnxruntime|openvino FOLDER THREADS IMAGES fp32|int8|bf16

int8: PyTorch's and ONNX Runtime's dynamic quantization; OpenVINO's post-training quantization (nncf). Converted models are left in build/bench."""

import os
import sys

import numpy
from rounds import best_batch, serve

program, folder, threads, count, precision = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
made = "build/bench/clip-image"
batches = (1, 8, 16, 32) if program == "torch" else (1, 8, 16)


def pixels_of(batch):
    return numpy.random.default_rng(1).standard_normal((batch, 3, 224, 224), dtype=numpy.float32)


def torch_tower():
    import torch
    from transformers import CLIPModel

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = CLIPModel.from_pretrained(folder).eval()

        def forward(self, pixels):
            y = self.model.visual_projection(self.model.vision_model(pixel_values=pixels).pooler_output)
            return y / y.norm(dim=-1, keepdim=True)

    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return Tower()


def onnx_file():
    path = f"{made}.fp32.onnx"
    if not os.path.exists(path):
        import torch

        torch.onnx.export(torch_tower(), torch.randn(2, 3, 224, 224), path + ".tmp", input_names=["pixels"], output_names=["y"],
                          dynamic_axes={"pixels": {0: "n"}, "y": {0: "n"}}, opset_version=17, dynamo=False)
        os.rename(path + ".tmp", path)
    return path


def use_torch():
    import torch

    tower = torch_tower()
    if precision == "bf16":
        tower = tower.to(torch.bfloat16)
    if precision == "int8":
        tower = torch.ao.quantization.quantize_dynamic(tower, {torch.nn.Linear}, dtype=torch.qint8)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    return lambda x: tower(torch.from_numpy(x).to(kind)), f"PyTorch {torch.__version__}"


def use_onnxruntime():
    import onnxruntime

    path = onnx_file()
    if precision == "int8":
        path = f"{made}.int8.onnx"
        if not os.path.exists(path):
            from onnxruntime.quantization import QuantType, quantize_dynamic

            quantize_dynamic(onnx_file(), path + ".tmp", weight_type=QuantType.QInt8, per_channel=True)
            os.rename(path + ".tmp", path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"pixels": x}), f"ONNX Runtime {onnxruntime.__version__}"


def use_openvino():
    import openvino

    core, path = openvino.Core(), onnx_file()
    model = core.read_model(path)
    if precision == "int8":
        path = f"{made}.int8.xml"
        if not os.path.exists(path):
            import nncf

            samples = [numpy.random.default_rng(i).standard_normal((1, 3, 224, 224), dtype=numpy.float32) for i in range(8)]
            openvino.save_model(nncf.quantize(model, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=8), path)
        model = core.read_model(path)
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", settings)
    return lambda x: compiled(x), f"OpenVINO {openvino.__version__.split('-')[0]}"


run, name = {"torch": use_torch, "onnxruntime": use_onnxruntime, "openvino": use_openvino}[program]()
for b in batches:
    run(pixels_of(b)[:1])
batch = best_batch(batches, lambda b: run(pixels_of(b)))
pixels = pixels_of(batch)


def work():
    done = 0
    while done < count:
        run(pixels)
        done += batch
    return done


serve({"name": f"{name}, batch {batch}"}, work)
