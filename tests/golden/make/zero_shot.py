"""Golden data of labels: CLIP's zero-shot recipe on the demo's images.

    python zero_shot.py --demo models/demo --out MADE/zero_shot

As openai/CLIP's notebook and open_clip's build_zero_shot_classifier do it: every template filled with every label, embedded and
normalised; the mean over a label's templates, normalised; softmax(exp(logit_scale) * image . labels) over all labels. The networks are
transformers'. Writes labels.txt, templates.json, expected.jsonl: a line per image, all labels, best first.
"""

import argparse
import glob
import json
import os

import torch

from common import one_thread
from demo import Clip, unit

LABELS = ["zebra", "ice cream cone", "red car", "bomb", "hot dog", "candle", "Teddy Bear", "pizza", "mug of beer", "camera", "café", "fire",
          "two bananas on a wooden table"]
TEMPLATES = ["{}", "a photo of a {}.", "a drawing of {} at night", "the {} in the desert, next to a house"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    one_thread()
    clip = Clip(os.path.join(args.demo, "clip"))
    paths = sorted(glob.glob(os.path.join(args.demo, "pictures", "*.jpg")))
    _, images = clip.images(paths)
    sentences = clip.texts([t.format(label) for label in LABELS for t in TEMPLATES])
    labels = unit(sentences.reshape(len(LABELS), len(TEMPLATES), -1).mean(dim=1))
    scores = (images.double() @ labels.double().T).float()
    probabilities = (clip.model.logit_scale.double().exp() * scores.double()).softmax(dim=-1)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "labels.txt"), "w", encoding="utf-8") as f:
        f.write("".join(label + "\n" for label in LABELS))
    with open(os.path.join(args.out, "templates.json"), "w", encoding="utf-8") as f:
        json.dump(TEMPLATES, f)
        f.write("\n")
    with open(os.path.join(args.out, "expected.jsonl"), "w", encoding="utf-8") as f:
        for path, s, p in zip(paths, scores.tolist(), probabilities.tolist()):
            order = sorted(range(len(LABELS)), key=lambda i: (-s[i], i))
            f.write(json.dumps(dict(key=os.path.basename(path)[:-4], ids=order, scores=[round(s[i], 7) for i in order],
                                    probabilities=[float(f"{p[i]:.6g}") for i in order])) + "\n")


if __name__ == "__main__":
    main()
