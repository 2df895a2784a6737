"""Golden data of tokenizer.json, made again from tokenizers that exist: what transformers and tokenizers make of each text and id list.

    python tokenizer_json.py --from FOLDER --out OUT

FOLDER: the topic's folder with plain files (tests/data/golden/tokenizer_json, decompressed). Written to OUT: the tokenizers and texts as they
are, and anew every id and every decoded text: of the saved folders by transformers' AutoTokenizer, of variants/ by the tokenizers library.
clip's ids_openai are kept: they come from CLIP's own cleaning (clip_tokenizer.py). malformed/ is copied, with what the library says now.
"""

import argparse
import json
import os
import shutil

import tokenizers
import transformers
from tokenizers import Tokenizer

FOLDERS = ("clip", "bart", "gpt2", "smollm", "llama3", "qwen2", "llama2")


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def write_lines(path, rows):
    with open(path, "w") as f:
        f.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def encode_again(auto, row):
    row["ids"] = auto(row["text"])["input_ids"]
    if "ids_no_specials" in row:
        row["ids_no_specials"] = auto(row["text"], add_special_tokens=False)["input_ids"]
    return row


def decode_again(auto, library, row):
    row = {"ids": row["ids"], "text": auto.decode(row["ids"], skip_special_tokens=False),
           "text_skip_special": auto.decode(row["ids"], skip_special_tokens=True)}
    plain = library.decode(row["ids"], skip_special_tokens=False)
    if plain != row["text"]:
        row["text_tokenizers_library"] = plain
    return row


def saved_folder(source, target):
    os.makedirs(target, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    auto = transformers.AutoTokenizer.from_pretrained(target)
    library = Tokenizer.from_file(os.path.join(target, "tokenizer.json"))
    cases = [encode_again(auto, row) for row in read_lines(os.path.join(source, "cases.jsonl"))]
    differ = sum(library.encode(row["text"]).ids != row["ids"] for row in cases)
    write_lines(os.path.join(target, "cases.jsonl"), cases)
    write_lines(os.path.join(target, "decode.jsonl"),
                [decode_again(auto, library, row) for row in read_lines(os.path.join(source, "decode.jsonl"))])
    return f"{len(cases)} texts, {differ} otherwise by the library alone"


def variant_case(library, text):
    case = {"text": text, "ids": library.encode(text).ids}
    plain = library.encode(text, add_special_tokens=False).ids
    if plain != case["ids"]:
        case["ids_no_specials"] = plain
    case["decoded"] = library.decode(case["ids"], skip_special_tokens=False)
    skipped = library.decode(case["ids"], skip_special_tokens=True)
    if skipped != case["decoded"]:
        case["decoded_skip_special"] = skipped
    return case


def variants(source, target):
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(source, "expected.json"), encoding="utf-8") as f:
        expected = json.load(f)
    expected["tokenizers"] = tokenizers.__version__
    for name, row in expected["files"].items():
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
        library = Tokenizer.from_file(os.path.join(target, name))
        library.no_truncation()  # transformers applies neither to one text
        library.no_padding()
        row["cases"] = [variant_case(library, case["text"]) for case in row["cases"]]
    with open(os.path.join(target, "expected.json"), "w") as f:
        json.dump(expected, f)
        f.write("\n")


def what_library_says(path, name):
    try:
        Tokenizer.from_file(path).encode("Hello a b 12")
        return "loads"
    except BaseException as e:  # a panic of Rust is no Exception
        return f"{type(e).__name__}: {e}"[:140].replace(path, name)


def malformed(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)
    path = os.path.join(target, "expected.json")
    with open(path, encoding="utf-8") as f:
        expected = json.load(f)
    expected["tokenizers"] = tokenizers.__version__
    for name, row in expected["files"].items():
        row["tokenizers"] = what_library_says(os.path.join(target, name), name)
    with open(path, "w") as f:
        json.dump(expected, f, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for name in FOLDERS:
        print(name, saved_folder(os.path.join(args.source, name), os.path.join(args.out, name)))
    variants(os.path.join(args.source, "variants"), os.path.join(args.out, "variants"))
    malformed(os.path.join(args.source, "malformed"), os.path.join(args.out, "malformed"))


if __name__ == "__main__":
    main()
