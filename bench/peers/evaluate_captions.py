"""Captions and references for bench/evaluate.sh: as many as wanted, made of the golden ones.

    python evaluate_captions.py IMAGES.jsonl ITEMS FOLDER       writes FOLDER/predictions.json, FOLDER/references.json

Each text is a golden reference of which one or two words are replaced by words that are as frequent in all of them.
"""

import json
import os
import random
import sys


def main():
    path, items, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    rng = random.Random(1)
    with open(path, encoding="utf-8") as f:
        captions = [c for line in f for c in json.loads(line)["all_references"]]
    words = [w for c in captions for w in c.split()]

    def another():
        text = rng.choice(captions).split()
        for _ in range(rng.randint(1, 2)):
            text[rng.randrange(len(text))] = rng.choice(words)
        return " ".join(text)

    predictions = {str(i): another() for i in range(items)}
    references = {str(i): [another() for _ in range(5)] for i in range(items)}
    for name, data in (("predictions", predictions), ("references", references)):
        with open(os.path.join(folder, name + ".json"), "w") as f:
            json.dump(data, f)


if __name__ == "__main__":
    main()
