"""Golden data of BART's and GPT-2's tokenizers: written out, checked against transformers, today's and of 2021.

    python bart_tokenizer.py --out MADE/bart_tokenizer --vocabulary FOLDER --demo models/demo/bart --texts GOLDEN      texts that exist
    python bart_tokenizer.py --out MADE/bart_tokenizer --vocabulary FOLDER --demo models/demo/bart --captions FILE [--seed 1]   new texts
        [--legacy FOLDER]

--vocabulary: BART's vocab.json and GPT-2's merges.txt. --texts: a folder with cases.jsonl and demo_cases.jsonl, whose texts are encoded
again. --captions: COCO's annotations, of which texts.py draws new ones. --legacy: transformers 4.9.2, for legacy_tokenizers.py.
"""

import functools
import json
import os
import random
import subprocess
import sys
import tempfile

import regex
import tokenizers
import transformers

import texts
from byte_bpe import BYTES, UNBYTES, load_vocabulary, merge, save_vocabulary, stand_ins
from common import arguments, save_json, save_lines, truncated

PATTERN = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")
BART_SPECIALS = {"<s>": False, "<pad>": False, "</s>": False, "<unk>": False, "<mask>": True}  # whether it takes the white space on its left
MOST, MOST_GPT2 = 128, 256
CLEAN_UP = [(" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re")]


def cleaned_up(text):
    """What decode() of 2021 did unless told not to, in this order."""
    for old, new in CLEAN_UP:
        text = text.replace(old, new)
    return text


def gpt2_order(merges):
    return {t: i for i, t in enumerate([*BYTES.values(), *("".join(m) for m in merges), "<|endoftext|>"])}


class ByteBPE:
    """GPT-2's byte-level BPE."""

    def __init__(self, vocab, merges, specials):
        self.vocab, self.tokens, self.ranks = vocab, {i: t for t, i in vocab.items()}, {m: i for i, m in enumerate(merges)}
        longest_first = sorted(specials, key=len, reverse=True)
        self.splitter = regex.compile("|".join((r"\s*" if specials[s] else "") + "(" + regex.escape(s) + ")" for s in longest_first))

    @functools.lru_cache(maxsize=None)
    def word_ids(self, word):
        return [self.vocab[s] for s in merge(list(word), self.ranks)]

    def plain_ids(self, text):
        return [i for word in regex.findall(PATTERN, text) for i in self.word_ids(stand_ins(word))]

    def encode(self, text):
        ids, at = [], 0
        for match in self.splitter.finditer(text):
            ids += self.plain_ids(text[at : match.start()])
            ids.append(self.vocab[next(g for g in match.groups() if g)])
            at = match.end()
        return ids + self.plain_ids(text[at:])

    def decode(self, ids, skipped):
        """Bytes that are not UTF-8 become U+FFFD as with Python's errors="replace"."""
        symbols = "".join(self.tokens[i] for i in ids if i not in skipped)
        return bytes(UNBYTES[c] for c in symbols).decode("utf-8", errors="replace")


def mask_texts(seed, captions, n):
    """Words replaced by <mask>, with all kinds of white space around it."""
    rng = random.Random(seed + 13)
    out = ["<mask>", " <mask>", "  <mask>  ", "<mask><mask>", "<mask> <mask>", "a\n<mask>\tb", "a\u00a0<mask>", "a<mask>b", "a <mask></s>",
           "</s> <mask>", "<s> a <mask> </s>", "a <mask >", "a <Mask>"]
    while len(out) < n:
        words = rng.choice(captions).split()
        words[rng.randrange(len(words))] = "<mask>"
        out.append("".join(w + rng.choice([" ", " ", " ", "  ", "", "\n"]) for w in words))
    return [("mask", text) for text in out]


def decode_sequences(seed, encoded, vocab_size, special_ids, n):
    """Half of them texts' ids with noise, half random ids, whose bytes are seldom UTF-8."""
    rng, out = random.Random(seed + 7), []
    while len(out) < n:
        if rng.random() < 0.5:
            ids = list(rng.choice(encoded))[:60]
            for _ in range(rng.choice([0, 0, 1, 3])):
                ids.insert(rng.randrange(len(ids) + 1), rng.choice(special_ids))
            if rng.random() < 0.3 and len(ids) > 3:
                del ids[rng.randrange(len(ids))]  # may split a character
        else:
            ids = [rng.randrange(vocab_size) if rng.random() < 0.6 else rng.randrange(4, 700) for _ in range(rng.randint(1, 12))]
        out.append(ids)
    return out


def legacy(folder, kind, paths, texts_, decode):
    request = {"class": kind, "vocab_file": paths[0], "merges_file": paths[1], "texts": texts_, "decode": decode}
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "legacy_tokenizers.py")
    done = subprocess.run([sys.executable, script, folder], input=json.dumps(request), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class Topic:
    """Cases of one BART-like vocabulary, and how many of them other libraries give too."""

    def __init__(self, name, vocab, merges, report):
        self.name, self.vocab, self.merges, self.report = name, vocab, merges, report
        self.ours = ByteBPE(vocab, merges, BART_SPECIALS)
        mask = transformers.AddedToken("<mask>", lstrip=True, rstrip=False, normalized=False)
        self.hf = transformers.BartTokenizer(vocab=dict(vocab), merges=list(merges), mask_token=mask)
        self.hf_of_files = transformers.BartTokenizer(vocab=dict(vocab), merges=list(merges))  # its <mask> takes no white space
        self.stats = report[name] = {"cases": 0, "truncated": 0, "hf5_same": 0, "hf5_mask_of_files_same": 0, "hf5_decode_same": 0}

    def differs(self, library, **what):
        self.report["differing"].append({"tokenizer": self.name, "with": library, **what})

    def encode(self, pairs):
        self.rows, self.full = [], []
        for kind, text in pairs:
            ids = [0, *self.ours.encode(text), 2]
            theirs, of_files = self.hf(text)["input_ids"], self.hf_of_files(text)["input_ids"]
            row = {"class": kind, "text": text, "ids": truncated(ids, MOST), "length": len(ids)}
            assert theirs != ids or self.hf(text, truncation=True, max_length=MOST)["input_ids"] == row["ids"]
            if of_files != ids and theirs == ids:
                row["ids_mask_keeps_space"] = truncated(of_files, MOST)
            if theirs != ids:
                self.differs("transformers 5", text=text, ids=ids, theirs=theirs)
            self.rows.append(row)
            self.full.append(ids)
            for key, yes in (("cases", True), ("truncated", len(ids) > MOST), ("hf5_same", theirs == ids), ("hf5_mask_of_files_same", of_files == ids)):
                self.stats[key] += yes
        return self.rows

    def decode(self, seed, n):
        specials = [self.vocab[s] for s in BART_SPECIALS]
        self.sequences = decode_sequences(seed, self.full, len(self.vocab), specials, n)
        self.decoded = []
        for ids in self.sequences:
            text, theirs = self.ours.decode(ids, set(specials)), self.hf.decode(ids, skip_special_tokens=True)
            self.stats["hf5_decode_same"] += theirs == text
            if theirs != text:
                self.differs("transformers 5 decode", ids=ids, text=text, theirs=theirs)
            self.decoded.append({"ids": ids, "text": text, "text_cleaned": cleaned_up(text)})
        return self.decoded

    def check_legacy(self, folder):
        with tempfile.TemporaryDirectory() as work:
            old = legacy(folder, "bart", save_vocabulary(work, self.vocab, self.merges), [r["text"] for r in self.rows], self.sequences)
        self.stats["hf4.9_same"] = sum(a == b for a, b in zip(old["ids"], self.full))
        self.stats["hf4.9_decode_same"] = sum(a == b["text_cleaned"] for a, b in zip(old["text"], self.decoded))
        self.stats["hf4.9_decode_raw_same"] = sum(a == b["text"] for a, b in zip(old["text_raw"], self.decoded))
        for row, ids, theirs in zip(self.rows, self.full, old["ids"]):
            if ids != theirs:
                self.differs("transformers 4.9.2", text=row["text"], ids=ids, theirs=theirs)


def add_gpt2_ids(rows, merges, report):
    """Every second row also has GPT-2's ids."""
    vocab = gpt2_order(merges)
    ours, theirs = ByteBPE(vocab, merges, {"<|endoftext|>": False}), transformers.GPT2Tokenizer(vocab=dict(vocab), merges=list(merges))
    report["gpt2"] = {"cases": 0, "hf5_same": 0}
    for row in rows[::2]:
        row["gpt2_ids"] = ours.encode(row["text"])[:MOST_GPT2]
        report["gpt2"]["cases"] += 1
        report["gpt2"]["hf5_same"] += theirs(row["text"])["input_ids"][:MOST_GPT2] == row["gpt2_ids"]


def pairs_of(args):
    if args.texts:
        return [texts.read(os.path.join(args.texts, name)) for name in ("cases.jsonl", "demo_cases.jsonl")]
    captions = texts.load_captions(args.captions, args.half)
    masks, demo_masks = mask_texts(args.seed, captions, args.cases // 25), mask_texts(args.seed + 1, captions, 20)
    return [texts.draw(args.seed + 1, captions, args.cases - len(masks)) + masks,
            texts.draw(args.seed + 1001, captions, args.demo_cases - len(demo_masks), fixed=False) + demo_masks]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--demo", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--texts", metavar="GOLDEN")
    source.add_argument("--captions", metavar="FILE")
    parser.add_argument("--half", type=int, choices=(0, 1), help="of the captions' images, where they are a list")
    parser.add_argument("--legacy", metavar="FOLDER")
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--demo-cases", type=int, default=500)
    parser.add_argument("--decodes", type=int, default=600)
    args = parser.parse_args()
    at = lambda name: os.path.join(args.out, name)
    pairs, demo_pairs = pairs_of(args)
    report = {"differing": []}

    vocab, merges = load_vocabulary(args.vocabulary)
    assert len(vocab) == 50265 and len(merges) == 50000
    real = Topic("bart", vocab, merges, report)
    assert real.ours.encode("Hello world") == [31414, 232]
    rows = real.encode(pairs)
    add_gpt2_ids(rows, merges, report)
    save_lines(at("cases.jsonl"), rows)
    save_lines(at("decode.jsonl"), real.decode(args.seed, args.decodes))
    save_vocabulary(args.out, vocab, merges)

    vocab, merges = load_vocabulary(args.demo)
    demo = Topic("demo", vocab, merges, report)
    save_lines(at("demo_cases.jsonl"), demo.encode(demo_pairs))
    save_lines(at("demo_decode.jsonl"), demo.decode(args.seed, args.decodes // 3))
    save_vocabulary(at("demo"), vocab, merges)
    if args.legacy:
        real.check_legacy(args.legacy)
        demo.check_legacy(args.legacy)
    report["versions"] = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "regex": regex.__version__,
                          "legacy": "transformers 4.9.2" if args.legacy else None}
    save_json(at("agreement.json"), report)
    print({k: v for k, v in report.items() if k != "differing"})


if __name__ == "__main__":
    main()
