"""What pycocoevalcap needs for the same captions: tokens (Java), BLEU, ROUGE-L, CIDEr. Prints seconds and scores as JSON.

    python pycocoevalcap_scores.py PREDICTIONS.json REFERENCES.json      ({"id": "caption"}, {"id": ["caption", …]})

Needs pycocoevalcap (PyPI) and `java` (Debian: default-jre-headless).
"""

import contextlib
import io
import json
import sys
import time

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer


def main():
    started = time.perf_counter()
    with open(sys.argv[1], encoding="utf-8") as f:
        predictions = {k: [{"caption": v}] for k, v in json.load(f).items()}
    with open(sys.argv[2], encoding="utf-8") as f:
        references = {k: [{"caption": c} for c in v] for k, v in json.load(f).items()}
    references = {k: references[k] for k in predictions}
    with contextlib.redirect_stderr(io.StringIO()):
        references, predictions = PTBTokenizer().tokenize(references), PTBTokenizer().tokenize(predictions)
    tokenized = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, _ = Bleu(4).compute_score(references, predictions)
        rouge, _ = Rouge().compute_score(references, predictions)
        cider, _ = Cider().compute_score(references, predictions)
    ended = time.perf_counter()
    print(json.dumps({"seconds": round(ended - started, 2), "tokenizer_seconds": round(tokenized - started, 2),
                      **{f"Bleu_{n + 1}": bleu[n] for n in range(4)}, "ROUGE_L": float(rouge), "CIDEr": float(cider)}))


if __name__ == "__main__":
    main()
