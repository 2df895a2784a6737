"""Golden data of mining n-grams: what NLTK counts and ranks, as the reference builds its cache.

    python ngrams.py --out MADE/ngrams --corpus tests/data/golden/ngrams/corpus                         the lists of a corpus that exists
    python ngrams.py --out MADE/ngrams --prose FILE --glosses FILE [--seed 1]                           a new corpus, then its lists

A new corpus takes a piece of the prose (a book, a line per line) and of the glosses (WordNet's, a line each), and adds accents, scripts,
odd ends of lines and files that must be skipped.
"""

import hashlib
import json
import os
import random
import re
import shutil
from pathlib import Path

import nltk
from nltk.collocations import BigramAssocMeasures, BigramCollocationFinder, TrigramAssocMeasures, TrigramCollocationFinder

from common import arguments

ACCENTS = [
    "Le café est près de l'hôtel, n'est-ce pas ?", "naïve façade — “crème brûlée” … déjà vu", "cafe\u0301 re\u0301sume\u0301 nai\u0308ve",
    "Straße GROẞE straße İstanbul ISTANBUL ΟΔΟΣ οδος", "一辆红色的汽车 在 路上 一辆红色的汽车", "красная машина на дороге красная машина",
    "snake_case __dunder__ a_b 3.14 1,000 x² ½ Ⅷ ٣٤ ①②", "don't DON'T o'clock rock-n-roll user@example.org", "🦓🚗 zebra🦓 👩‍🚀 ❤️",
    "हिन्दी नमस्ते दुनिया", "tab\tseparated\tline", "non\u00a0breaking\u2003spaces\u3000here", "a|b | c || d ||| e", "...!!! ?! --- ___ ''' \"\"\""]
ODD = ("\ufefffirst line after a byte-order mark\r\nsecond line\r\n\r\n   \r\n\tindented line\r\nlone\rcarriage\rreturns\r\n"
       "form\x0cfeed vertical\x0btab next\x85line\r\nline\u2028separator paragraph\u2029separator\r\n"
       "the red car the red car the red car\r\nlast line without an end")

# NLTK's wordpunct_tokenize as it was in 2021, on Python's `re`. NLTK 3.10 runs the pattern on the package `regex`, whose \w takes in
# combining marks and leaves out numbers such as one half.
words_of = re.compile(r"\w+|[^\w\s]+", re.MULTILINE | re.DOTALL).findall

SETTINGS = {  # most per kind, least count, lower case, lines as entries, n-grams across lines, prefix when embedded
    "small": dict(topk_ngrams=50, filter=3, lower=True, use_line=False, cross_lines=True, prefix=""),
    "default_like": dict(topk_ngrams=1000, filter=3, lower=True, use_line=False, cross_lines=True, prefix=""),
    "all_ties": dict(topk_ngrams=1000, filter=1, lower=True, use_line=False, cross_lines=True, prefix=""),
    "cased": dict(topk_ngrams=1000, filter=3, lower=False, use_line=False, cross_lines=True, prefix=""),
    "lines": dict(topk_ngrams=50, filter=3, lower=True, use_line=True, cross_lines=True, prefix="A photo depicts "),
    "within_lines": dict(topk_ngrams=300, filter=2, lower=True, use_line=False, cross_lines=False, prefix=""),
}


def make_corpus(folder, prose, glosses, seed):
    """Names whose order is the same by path and by string."""
    rng = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    first = rng.randrange(len(prose) // 2)
    first_gloss = rng.randrange(len(glosses) - 4000)
    texts = {
        "10_prose.txt": "\n".join(prose[first : first + 330]) + "\n",
        "nested/deep/accents.txt": "\n".join(rng.choice(ACCENTS) for _ in range(120)),
        "20_glosses.txt": "\n\n".join(glosses[first_gloss : first_gloss + 900]),
        "nested/odd.txt": ODD,
        "zz_empty.txt": "",
        "zz_repeat.txt": "the red car | zebra\n" * 5 + "zebra\nzebra\nThe Red Car\n",
        "ignored.md": "not a .txt file\n",
        "UPPER.TXT": "suffix in upper case: the pattern is **/*.txt and matches case\n",
    }
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    files["nested/latin1.txt"] = "caf\xe9 au lait\nsecond line\n".encode("latin-1")
    files["zy_cut_utf8.txt"] = "good line\n猫".encode("utf-8")[:-1]
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read_corpus(folder):
    """-> lines in order (empty ones dropped), files read, files skipped because they are not UTF-8"""
    lines, read, skipped = [], [], []
    for path in sorted(Path(folder).glob("**/*.txt")):
        name = path.relative_to(folder).as_posix()
        try:
            text = path.read_text(encoding="utf-8")  # \r\n and \r become \n
        except UnicodeDecodeError:
            skipped.append(name)
            continue
        read.append(name)
        lines += [line for line in text.split("\n") if line]
    return lines, read, skipped


def mine(lines, s):
    """-> number of words, number of bigrams and trigrams above the filter, rows (kind, text, count, PMI or None) in the cache's order"""
    # as the reference: each word is lowered after tokenizing (but whole lines, where lines are entries)
    words = [[w.lower() if s["lower"] else w for w in words_of(line)] for line in lines]
    flat = [w for line in words for w in line]
    rows, above = [("unigram", w, n, None) for w, n in nltk.FreqDist(flat).most_common(s["topk_ngrams"])], {}
    for kind, finder_class, measures in (("bigram", BigramCollocationFinder, BigramAssocMeasures),
                                         ("trigram", TrigramCollocationFinder, TrigramAssocMeasures)):
        finder = finder_class.from_words(flat) if s["cross_lines"] else finder_class.from_documents(words)
        finder.apply_freq_filter(s["filter"])
        scores = dict(finder.score_ngrams(measures.pmi))
        above[kind] = len(scores)
        rows += [(kind, " ".join(g), finder.ngram_fd[g], float(f"{scores[g]:.15g}")) for g in finder.nbest(measures.pmi, s["topk_ngrams"])]
    return len(flat), above, rows


def digest(entries):
    return hashlib.sha256("".join(e + "\n" for e in entries).encode("utf-8")).hexdigest()


def make_setting(name, s, corpus, out):
    lines, read, skipped = read_corpus(corpus)
    words, above, rows = mine(lines, s)
    lines = [line.lower() for line in lines] if s["lower"] else lines
    entries = (lines if s["use_line"] else []) + [row[1] for row in rows]
    unique = list(dict.fromkeys(entries))
    with open(os.path.join(out, name + ".jsonl"), "w") as f:
        for line in lines[:200] if s["use_line"] else []:
            f.write(json.dumps({"kind": "line", "text": line}) + "\n")
        for kind, text, count, pmi in rows:
            f.write(json.dumps({"kind": kind, "text": text, "count": count, **({} if pmi is None else {"pmi": pmi})}) + "\n")
    return {**s, "lines": len(lines), "files": read, "skipped_not_utf8": skipped, "words": words, "bigrams_kept": above["bigram"],
            "trigrams_kept": above["trigram"], "entries": len(entries), "entries_sha256": digest(entries), "unique_entries": len(unique),
            "unique_sha256": digest(unique), "embedded_sha256": digest(s["prefix"] + e for e in entries)}


def lines_of(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return [line for line in f.read().split("\n") if line]


def main():
    parser = arguments(__doc__)
    parser.add_argument("--corpus")
    parser.add_argument("--prose")
    parser.add_argument("--glosses")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    corpus = os.path.join(args.out, "corpus")
    if args.corpus:
        shutil.copytree(args.corpus, corpus, dirs_exist_ok=True)
    elif args.prose and args.glosses:
        make_corpus(corpus, lines_of(args.prose), lines_of(args.glosses), args.seed)
    else:
        parser.error("needs --corpus, or --prose and --glosses")
    settings = {name: make_setting(name, s, corpus, args.out) for name, s in SETTINGS.items()}
    with open(os.path.join(args.out, "settings.json"), "w") as f:
        json.dump({"nltk": nltk.__version__, "settings": settings}, f, indent=1)


if __name__ == "__main__":
    main()
