"""Golden data of CLIP's tokenizer: OpenAI's SimpleTokenizer written out, with where transformers gives other ids.

    python clip_tokenizer.py --out MADE/clip_tokenizer --vocabulary FOLDER --demo models/demo/clip --texts GOLDEN      texts that exist
    python clip_tokenizer.py --out MADE/clip_tokenizer --vocabulary FOLDER --demo models/demo/clip --captions FILE [--seed 1]   new texts

--vocabulary: CLIP's vocab.json and merges.txt. --texts: a folder with cases.jsonl and demo_cases.jsonl, whose texts are encoded again.
--captions: COCO's annotations, of which texts.py draws new ones.
"""

import functools
import html
import os
import unicodedata

import ftfy
import regex
import tokenizers
import transformers

import texts
from byte_bpe import BYTES, load_vocabulary, merge, save_vocabulary, stand_ins
from common import arguments, save_json, save_lines, truncated

START, END = "<|startoftext|>", "<|endoftext|>"
PATTERN = regex.compile(r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""", regex.IGNORECASE)
CONTEXT, DEMO_CONTEXT = 77, 32


def openai_order(merges):
    """OpenAI's ids: 256 bytes, 256 bytes at a word's end, the merges, the two special tokens."""
    tokens = list(BYTES.values())
    tokens += [t + "</w>" for t in tokens] + ["".join(m) for m in merges] + [START, END]
    return {t: i for i, t in enumerate(tokens)}


class SimpleTokenizer:
    """clip/simple_tokenizer.py of OpenAI, 2021."""

    def __init__(self, vocab, merges):
        self.vocab, self.ranks = vocab, {m: i for i, m in enumerate(merges)}

    @staticmethod
    def clean(text):
        """-> text after ftfy, text after all cleaning"""
        fixed = ftfy.fix_text(text)
        unescaped = html.unescape(html.unescape(fixed)).strip()
        return fixed, regex.sub(r"\s+", " ", unescaped).strip().lower()

    @functools.lru_cache(maxsize=None)
    def symbols(self, word):
        return [word] if word in (START, END) else merge([*word[:-1], word[-1] + "</w>"], self.ranks)

    def encode(self, text):
        """-> text after ftfy, text after all cleaning, ids with both special tokens, not truncated"""
        fixed, clean = self.clean(text)
        ids = [self.vocab[s] for word in regex.findall(PATTERN, clean) for s in self.symbols(stand_ins(word))]
        return fixed, clean, [self.vocab[START], *ids, self.vocab[END]]


def ftfy_steps(text):
    """Names of ftfy's steps that changed the text, line by line, in order of first use."""
    names = {}
    for line in text.splitlines(keepends=True):
        _, plan = ftfy.fix_and_explain(line)
        names.update(dict.fromkeys("encoding" if s.action in ("encode", "decode", "transcode") else s.parameter for s in plan))
    return list(names)


def reason_of_difference(text, fixed):
    """The first that explains why transformers' CLIPTokenizer, which knows no ftfy and no HTML, gives other ids."""
    if START in text or END in text:
        return "special token in text"
    if fixed != text:
        return "ftfy"
    if html.unescape(text) != text:
        return "html"
    return "final sigma" if "Σ" in text else "other"


def encode_cases(ours, theirs, pairs, report):
    for kind, text in pairs:
        fixed, clean, ids = ours.encode(text)
        hf_ids = theirs(text)["input_ids"]
        row = {"class": kind, "text": text, "ids": truncated(ids, CONTEXT), "length": len(ids), "ftfy": ftfy_steps(text) if fixed != text else []}
        if fixed != text:
            row["fixed"] = fixed
        if clean != " ".join(text.split()).lower():
            row["clean"] = clean
        report["cases"] += 1
        report["truncated"] += len(ids) > CONTEXT
        report["hf_same"] += hf_ids == ids
        if hf_ids != ids:
            reason = reason_of_difference(text, fixed)
            report["hf_different"][reason] = report["hf_different"].get(reason, 0) + 1
            row["hf_ids"] = truncated(hf_ids, CONTEXT)
        yield row


def encode_demo_cases(ours, theirs, pairs):
    for kind, text in pairs:
        ids = ours.encode(text)[2]
        yield {"class": kind, "text": text, "hf_ids": theirs(text)["input_ids"], "ids": truncated(ids, CONTEXT),
               "ids32": truncated(ids, DEMO_CONTEXT), "length": len(ids)}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--demo", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--texts", metavar="GOLDEN")
    source.add_argument("--captions", metavar="FILE")
    parser.add_argument("--half", type=int, choices=(0, 1), help="of the captions' images, where they are a list")
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--demo-cases", type=int, default=500)
    args = parser.parse_args()
    at = lambda name: os.path.join(args.out, name)
    if args.texts:
        pairs, demo_pairs = (texts.read(os.path.join(args.texts, name)) for name in ("cases.jsonl", "demo_cases.jsonl"))
    else:
        captions = texts.load_captions(args.captions, args.half)
        pairs, demo_pairs = texts.draw(args.seed, captions, args.cases), texts.draw(args.seed + 1000, captions, args.demo_cases, fixed=False)

    vocab, merges = load_vocabulary(args.vocabulary)
    assert vocab == openai_order(merges) and len(vocab) == 49408
    ours, theirs = SimpleTokenizer(vocab, merges), transformers.CLIPTokenizer(vocab=dict(vocab), merges=list(merges))
    assert ours.encode("a photo of a cat")[2] == [49406, 320, 1125, 539, 320, 2368, 49407]
    report = {"cases": 0, "truncated": 0, "hf_same": 0, "hf_different": {}}
    save_lines(at("cases.jsonl"), list(encode_cases(ours, theirs, pairs, report)))
    save_vocabulary(args.out, vocab, merges)

    vocab, merges = load_vocabulary(args.demo)
    ours, theirs = SimpleTokenizer(vocab, merges), transformers.CLIPTokenizer(vocab=dict(vocab), merges=list(merges))
    rows = list(encode_demo_cases(ours, theirs, demo_pairs))
    save_lines(at("demo_cases.jsonl"), rows)
    save_vocabulary(at("demo"), vocab, merges)
    report["demo_cases"], report["demo_hf_same"] = len(rows), sum(truncated(r["hf_ids"], CONTEXT) == r["ids"] for r in rows)
    report["versions"] = {"ftfy": ftfy.__version__, "regex": regex.__version__, "transformers": transformers.__version__,
                          "tokenizers": tokenizers.__version__, "unicodedata": unicodedata.unidata_version}
    save_json(at("agreement.json"), report)
    print(report)


if __name__ == "__main__":
    main()
