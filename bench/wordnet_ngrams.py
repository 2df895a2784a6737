"""Distinct uni-, bi- and trigrams of WordNet's glosses, one a line, in the order of their first appearance.

    wordnet_ngrams.py OUT.txt [--most N] [--sample N --seed S --range FIRST COUNT]

--sample draws N of them; --range then takes COUNT of those, sorted, from FIRST on: as dense as the N are.
"""

import argparse
import random
import re
import sys

FOLDER = "/usr/share/wordnet"


def glosses():
    for part in ("adj", "adv", "noun", "verb"):
        with open(f"{FOLDER}/data.{part}", encoding="utf-8", errors="replace") as f:
            for line in f:
                if " | " in line and not line.startswith("  "):
                    yield line.split(" | ", 1)[1].strip().lower()


def ngrams():
    words_of = re.compile(r"\w+|[^\w\s]+").findall
    seen = {}
    for gloss in glosses():
        words = words_of(gloss)
        for n in (1, 2, 3):
            for i in range(len(words) - n + 1):
                seen.setdefault(" ".join(words[i : i + n]))
    return list(seen)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--most", type=int)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--range", type=int, nargs=2)
    a = parser.parse_args()
    entries = ngrams()
    print(f"{len(entries)} distinct n-grams", file=sys.stderr)
    if a.most:
        entries = entries[: a.most]
    if a.sample:
        entries = sorted(random.Random(a.seed).sample(entries, a.sample))
    if a.range:
        entries = entries[a.range[0] : a.range[0] + a.range[1]]
    with open(a.out, "w", encoding="utf-8") as f:
        f.writelines(entry + "\n" for entry in entries)


main()
