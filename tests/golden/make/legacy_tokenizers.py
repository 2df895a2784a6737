"""Runs the Python tokenizers of transformers 4.9.2 (August 2021) beside today's packages, for bart_tokenizer.py.

    python legacy_tokenizers.py FOLDER < request.json > answer.json

FOLDER holds transformers 4.9.2 and what it imports (pip install --no-deps --target FOLDER transformers==4.9.2 huggingface_hub==0.0.12
sacremoses==0.0.53 requests urllib3 certifi charset-normalizer six joblib click). request: {"class": "bart" or "gpt2", "vocab_file",
"merges_file", "texts", "decode": [ids]}.
"""

import importlib
import json
import os
import sys

CLASSES = {"bart": ("transformers.models.bart.tokenization_bart", "BartTokenizer"), "gpt2": ("transformers.models.gpt2.tokenization_gpt2", "GPT2Tokenizer")}


def main():
    os.environ["USE_TORCH"] = "NO"
    sys.modules["tokenizers"] = None  # today's version is too new; the Python tokenizers need none
    sys.path.insert(0, sys.argv[1])
    request = json.load(sys.stdin)
    base = importlib.import_module("transformers.tokenization_utils_base")
    base.AddedToken.__str__ = lambda self: self.content  # as that of the missing package does
    module, name = CLASSES[request["class"]]
    tokenizer = getattr(importlib.import_module(module), name)(request["vocab_file"], request["merges_file"])
    tokenizer.sanitize_special_tokens()  # as from_pretrained does: special tokens in the text are then found
    decode = lambda **options: [tokenizer.decode(ids, skip_special_tokens=True, **options) for ids in request["decode"]]
    json.dump({"ids": [tokenizer(text)["input_ids"] for text in request["texts"]], "text": decode(),
               "text_raw": decode(clean_up_tokenization_spaces=False)}, sys.stdout)


if __name__ == "__main__":
    main()
