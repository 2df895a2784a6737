"""Byte-level BPE, written out: the stand-ins of bytes, merging, vocabularies in Hugging Face's layout."""

import json
import os


def bytes_to_unicode():
    """Each byte's printable stand-in: itself where printable, else the next character from U+0100 on. In the vocabularies' order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


BYTES = bytes_to_unicode()
UNBYTES = {c: b for b, c in BYTES.items()}


def stand_ins(text):
    return "".join(BYTES[b] for b in text.encode("utf-8"))


def merge(word, ranks):
    """The pair of lowest rank is joined, wherever it stands, until no pair has a rank. word: list of symbols."""
    while len(word) > 1:
        best = min(zip(word, word[1:]), key=lambda pair: ranks.get(pair, float("inf")))
        if best not in ranks:
            break
        out, i = [], 0
        while i < len(word):
            n = 2 if tuple(word[i : i + 2]) == best else 1
            out.append("".join(word[i : i + n]))
            i += n
        word = out
    return word


def load_vocabulary(folder):
    """-> {token: id}, merges as pairs"""
    with open(os.path.join(folder, "vocab.json"), encoding="utf-8") as f:
        vocab = json.load(f)
    with open(os.path.join(folder, "merges.txt"), encoding="utf-8") as f:
        return vocab, [tuple(line.split()) for line in f.read().split("\n")[1:] if line]


def save_vocabulary(folder, vocab, merges):
    """-> the paths of both files"""
    os.makedirs(folder, exist_ok=True)
    paths = os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt")
    with open(paths[0], "w", encoding="utf-8") as f:
        json.dump(vocab, f, ensure_ascii=False)
    with open(paths[1], "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in merges))
    return paths
