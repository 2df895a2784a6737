"""Golden data of the caption metrics: what pycocoevalcap gives (PTB tokenizer in Java, BLEU, ROUGE-L, CIDEr).

    python metrics.py --out MADE/metrics --references tests/data/golden/metrics/images.jsonl [--seed 1]

The references are taken from an images.jsonl that exists, or from COCO's captions_….json (200 images drawn). The candidates are made of
them: a held-out reference, one with noise, one of two halves, and edge cases. Needs pycocoevalcap, and `java` (Debian: default-jre-headless).
"""

import contextlib
import io
import json
import os
import random

import numpy as np
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

from common import arguments
from texts import CONTRACTIONS, CURLY, EMOJI, ENTITIES, PUNCTUATION, SCRIPTS

HARD = [
    "A man (in red) [sitting] {down}.", "Mr. Smith's dog isn't here; it's at 10:30 a.m.", "\"Quoted\" and ``double'' and `single'",
    "it's IT'S don't DON'T can't cannot won't gonna wanna gimme lemme gotta dunno", "a half-eaten, well-known e-mail co-operate pro-am",
    "U.S.A. and U.K. vs. e.g. etc. and so on", "$5.00 #1 50% 1/2 3x4 1,000.50 -5 +3 .5 1 1/2 cups", "one...two. . . three… four.....",
    "dash - dash -- dash --- ---- ----- em—dash en–dash", "a/b and/or http://example.org/a?b=c, user@example.org www.example.org/x.html",
    "<b>tag</b> <a href=\"x y\"> &amp; &lt; AT&T R&B S&P-500", "'s 't 're ''", "rock 'n' roll '90s 1990's dogs' 'tis '99",
    "a_b c*d e~f g^h i|j k\\l", "!!! ??? ?! ,, ;; ::", ".", "...", "-", "A", "the the the the the the the",
    "ABC. Def. end of sentence.No space", "St. John's Ave. No. 5, fig. 3 and pp. 12", "He said, \"Go!\" and left.", "£5 €6 ¥7 ¢8 ½ ¾ ⅓ ⅛ °C",
    "I'd've y'all'd o'clock l'été d'Avignon Cap'n c'mon", "No.1 T.V. Ph.D. p.m. J.R. Smith. A. The", "left\ttab", "double  space",
    "trailing space ", ":-) ;-( =D x_x ^_^ (-_-)", "(212) 555-1234, 555.123.4567", "photo.jpg, a.txt c++ C# F#", "12/25/2014 2021-06-15 7-11",
    "#tag @name ### @@ ___", "Co. Ltd. and pty. ltd. Inc. Jan. Dept.", "x\u00ady \u00ad caf\u00e9 e\u0301", "-LRB- <<x>> = + % & / | ~", "\u2018a\u2019 \u201cb\u201d \u00abc\u00bb \u2039d\u203a \u201ae\u2018",
]


def words_with_noise(rng, text):
    """Words dropped, doubled, swapped or replaced."""
    words = text.split()
    for _ in range(rng.randint(1, 3)):
        i, what = rng.randrange(len(words)), rng.choice(["drop", "double", "swap", "replace"])
        if what == "drop" and len(words) > 3:
            del words[i]
        elif what == "double":
            words.insert(i, words[i])
        elif what == "swap":
            k = rng.randrange(len(words))
            words[i], words[k] = words[k], words[i]
        else:
            words[i] = rng.choice(["red", "dog", "street", "two"])
    return " ".join(words)


def two_halves(rng, texts):
    first, second = (rng.choice(texts).split() for _ in range(2))
    return " ".join(first[: (len(first) + 1) // 2] + second[len(second) // 2 :])


def read_references(path, rng):
    """(id, references) of 200 images."""
    if path.endswith(".jsonl"):
        with open(path, encoding="utf-8") as f:
            return [(r["id"], r["all_references"]) for r in map(json.loads, f)]
    with open(path, encoding="utf-8") as f:
        annotations = json.load(f)["annotations"]
    images = {}
    for a in annotations:
        images.setdefault(a["image_id"], []).append(a["caption"].strip())
    return rng.sample(sorted(images.items()), 200)


def make_rows(references, rng):
    rows = []
    for n, (key, texts) in enumerate(references):
        given, kind = list(texts), ("reference", "noisy reference", "two halves")[n % 3]
        if kind == "reference":
            candidate = given.pop()
        elif kind == "noisy reference":
            candidate = words_with_noise(rng, rng.choice(given))
        else:
            candidate = two_halves(rng, given)
        rows.append({"id": key, "kind": kind, "all_references": texts, "references": given, "candidate": candidate})
    edges = ("", ".", "a", "the the the the the the the the", rows[5]["references"][0], " ".join(rows[6]["references"][:2]), "zzzz qqqq", "1 1/2 cups of (212) 555-1234")
    for n, candidate in enumerate(edges):
        rows[10 + n].update(candidate=candidate, kind="edge")
    rows[20]["references"] = rows[20]["references"][:1]
    return rows


def tokenize(texts):
    """One image per text. The tokenizer takes lines, and looks past a line's end ("no." before a digit): the lines are apart."""
    apart = {2 * i: [{"caption": t or "."}] for i, t in enumerate(texts)} | {2 * i + 1: [{"caption": "a"}] for i in range(len(texts))}
    tokens = PTBTokenizer().tokenize({k: apart[k] for k in sorted(apart)})
    assert len(tokens) == 2 * len(texts), "the tokenizer split or joined lines"
    return [tokens[2 * i][0] for i in range(len(texts))]


def scores(references, candidates):
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, bleu_each = Bleu(4).compute_score(references, candidates)
        rouge, rouge_each = Rouge().compute_score(references, candidates)
        cider, cider_each = Cider().compute_score(references, candidates)
    corpus = {**{f"bleu{k + 1}": float(bleu[k]) for k in range(4)}, "rouge_l": float(rouge), "cider": float(cider)}
    each = [{**{f"bleu{k + 1}": bleu_each[k][i] for k in range(4)}, "rouge_l": float(rouge_each[i]), "cider": float(cider_each[i])} for i in range(len(references))]
    return corpus, each


def clip_scores(gen):
    """CLIPScore and RefCLIPScore of given cosines."""
    rows = []
    for _ in range(12):
        image, refs = float(gen.uniform(-0.1, 0.45)), [float(v) for v in gen.uniform(-0.2, 1.0, gen.integers(1, 6))]
        score, best = 2.5 * max(image, 0.0), max(max(refs), 0.0)
        rows.append({"cosine_image": image, "cosine_references": refs, "clipscore": score, "refclipscore": 2 * score * best / (score + best) if score + best > 0 else 0.0})
    return rows


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--references", required=True)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    rng = random.Random(args.seed)
    rows = make_rows(read_references(args.references, rng), rng)

    hard = HARD + [rng.choice(pool) for pool in (CONTRACTIONS, CURLY, EMOJI, ENTITIES, PUNCTUATION) for _ in range(12)]
    hard += [f"a {rng.choice(CONTRACTIONS)} {rng.choice(PUNCTUATION)} {rng.choice(CURLY)} b {rng.choice(PUNCTUATION)}" for _ in range(40)]
    hard += [SCRIPTS[k] for k in ("latin", "cyrillic", "greek", "chinese", "korean", "arabic")]
    hard = [h.replace("\n", " ") for h in hard if h.strip()]
    write_lines(os.path.join(args.out, "tokenize.jsonl"), [{"text": t, "tokens": k} for t, k in zip(hard, tokenize(hard))])

    candidates = {r["id"]: [t] for r, t in zip(rows, tokenize([r["candidate"] for r in rows]))}
    references = {r["id"]: tokenize(r["references"]) for r in rows}
    corpus, each = scores(references, candidates)
    for r, s in zip(rows, each):
        r.update(references_tokens=references[r["id"]], candidate_tokens=candidates[r["id"]][0], scores=s)
    write_lines(os.path.join(args.out, "images.jsonl"), rows)

    # document frequencies and BLEU's sums come from the set itself
    subsets = {}
    for name, start, images in (("first_50", 0, 50), ("two", 40, 2), ("one", 41, 1)):
        keys = [r["id"] for r in rows[start : start + images]]
        part, _ = scores({k: references[k] for k in keys}, {k: candidates[k] for k in keys})
        subsets[name] = {**part, "images": images, "start": start}
    clips = clip_scores(np.random.default_rng(args.seed))
    with open(os.path.join(args.out, "scores.json"), "w") as f:
        json.dump({"corpus": corpus, "subsets": subsets, "clipscore": clips}, f, indent=1)


if __name__ == "__main__":
    main()
