"""The parts of bench/mining.sh: make the text, mine it with NLTK, mine it with this program and compare."""

import json
import os
import random
import re
import resource
import subprocess
import sys
import time

TEXT_BYTES, SAMPLE_BYTES, TOPK, FILTER = 100_000_000, 5_000_000, 10_000, 3


def make_text(path, sample):
    """WordNet's glosses, shuffled again and again with seed 1; the sample is the beginning."""
    glosses = []
    for part in ("adj", "adv", "noun", "verb"):
        with open(f"/usr/share/wordnet/data.{part}", encoding="utf-8", errors="replace") as f:
            glosses += [line.split(" | ", 1)[1].strip() for line in f if " | " in line and not line.startswith("  ")]
    rng, written = random.Random(1), 0
    with open(path, "w", encoding="utf-8") as f, open(sample, "w", encoding="utf-8") as s:
        while written < TEXT_BYTES:
            rng.shuffle(glosses)
            for gloss in glosses:
                f.write(gloss + "\n")
                if written < SAMPLE_BYTES:
                    s.write(gloss + "\n")
                written += len(gloss.encode()) + 1
                if written >= TEXT_BYTES:
                    break


def mine_with_nltk(sample, out):
    """clip-grams' steps: wordpunct as in 2021, FreqDist, PMI."""
    from nltk import FreqDist
    from nltk.collocations import BigramCollocationFinder, TrigramCollocationFinder
    from nltk.metrics import BigramAssocMeasures, TrigramAssocMeasures

    tokenize = re.compile(r"\w+|[^\w\s]+").findall
    wall, cpu = time.time(), time.process_time()
    with open(sample, encoding="utf-8") as f:
        words = [w.lower() for line in f.read().split("\n") if line for w in tokenize(line)]
    entries = [w for w, _ in FreqDist(words).most_common(TOPK)]
    for finder, measures in ((BigramCollocationFinder, BigramAssocMeasures), (TrigramCollocationFinder, TrigramAssocMeasures)):
        found = finder.from_words(words)
        found.apply_freq_filter(FILTER)
        entries += [" ".join(g) for g in found.nbest(measures.pmi, TOPK)]
    json.dump({"wall": time.time() - wall, "cpu": time.process_time() - cpu, "entries": entries}, open(out, "w"))


def mine_with_us(program, text):
    wall, before = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, "ngrams", "--topk-ngrams", str(TOPK), "--filter", str(FILTER), text], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    entries = [json.loads(line)["text"] for line in done.stdout.decode().splitlines()]
    return time.time() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, entries


def compare(program, text, sample, nltk_file):
    reference = json.load(open(nltk_file))
    _, _, entries = mine_with_us(program, sample)
    print(f"the sample's entries: {'the same' if entries == reference['entries'] else 'DIFFERENT'} ({len(entries)})")
    wall, cpu, _ = mine_with_us(program, text)
    scale = TEXT_BYTES / SAMPLE_BYTES
    print(f"NLTK, {SAMPLE_BYTES / 1e6:.0f} MB: {reference['wall']:.1f} s (CPU {reference['cpu']:.1f} s), so {scale * reference['wall']:.0f} s "
          f"(CPU {scale * reference['cpu']:.0f} s) for {TEXT_BYTES / 1e6:.0f} MB")
    print(f"this program, {TEXT_BYTES / 1e6:.0f} MB: {wall:.1f} s (CPU {cpu:.1f} s)")
    print(f"ratio: {scale * reference['wall'] / wall:.0f} x (CPU {scale * reference['cpu'] / cpu:.0f} x); expected: at least 50 x")
    return entries != reference["entries"]


if __name__ == "__main__":
    sys.exit({"text": make_text, "nltk": mine_with_nltk, "ours": compare}[sys.argv[1]](*sys.argv[2:]))
