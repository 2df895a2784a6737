"""CLIP's image tower in PyTorch: images per second, at the best of several batch sizes. images.py FOLDER THREADS IMAGES"""

import json
import sys
import time

import torch
from transformers import CLIPModel

folder, threads, images = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
model = CLIPModel.from_pretrained(folder).eval()
size = model.config.vision_config.image_size
best = {}
for batch in (1, 8, 16, 32):
    pixels = torch.randn(batch, 3, size, size)
    model.visual_projection(model.vision_model(pixel_values=pixels[:1]).pooler_output)
    done, start = 0, time.monotonic()
    while done < images:
        y = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        y = y / y.norm(dim=-1, keepdim=True)
        done += batch
    rate = done / (time.monotonic() - start)
    if rate > best.get("rate", 0):
        best = {"rate": rate, "batch": batch, "torch": torch.__version__}
print(json.dumps(best))
