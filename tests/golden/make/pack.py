"""Copies what the scripts of this folder made into tests/data/golden, compressed where that helps.

    python pack.py MADE [--topics clip bart …] [--to tests/data/golden]

MADE has the layout of tests/data/golden with plain files. What no test reads is left out (LEFT_OUT). A file named in COMPRESSED becomes
X.zst; where a base is given, that file is the compressor's prefix and X.zst.base names it: two formats of one model share their bytes.
The tests undo both (tests/support/golden_files.c). Needs zstd's program (Debian: zstd).
"""

import argparse
import fnmatch
import os
import shutil
import subprocess

# Pattern -> base. Only what is read through golden_path(): shell scripts and fuzz harnesses take plain files.
COMPRESSED = {
    "bart_tokenizer/*.json": None, "bart_tokenizer/*.txt": None, "bart_tokenizer/*.jsonl": None,
    "clip_tokenizer/*.json": None, "clip_tokenizer/*.txt": None, "clip_tokenizer/*.jsonl": None,
    "bart/*_expected.safetensors": None, "bart/a_basemodel_fp16/model.safetensors": None, "bart/b/model.safetensors": None,
    "bart_variants/expected.*": None, "bart_variants/layouts/*/model.safetensors": "bart_variants/base/model.safetensors",
    "clip/*_expected.safetensors": None, "clip/b/model.safetensors": None,
    "clip/a_openai_state_dict.pt": "clip/a/model.safetensors",
    "clip/a_pytorch_model.bin": "clip/a/model.safetensors",
    "clip/a_pytorch_model_fp16_legacy.bin": "clip/a_openai_fp16_torchscript.pt",
    "clip_variants/base*/model.safetensors": None, "clip_variants/expected.safetensors": None,
    "clip_variants/openclip/[clm]*/*.safetensors": None,
    "clip_variants/openclip/bin/*.bin": "clip_variants/openclip/plain/open_clip_model.safetensors",
    "clip_variants/openclip/checkpoint/*.pt": "clip_variants/openclip/plain/open_clip_model.safetensors",
    "causal_filters/filters.json": None, "demo/expected.safetensors": None, "metrics/images.jsonl": None, "fullsize/*.safetensors": None, "fullsize/*.json": None,
    "gpt/*_expected.safetensors": None, "gpt/*_cases.json": None, "gpt/*/model.safetensors": None,
    "gguf/blocks/*": None, "gguf/models/*": None,
    "llama/*_expected.safetensors": None, "llama/*_cases.json": None, "llama/*/*.safetensors": None,
    "smollm2/*.json*": None,
    "generate/*.json": None, "sampling/filters.json": None,
    "image_neighbours/*.jsonl": None, "pictures_more/*.jsonl": None, "pictures_more/expected_rgb.safetensors": None,
    "tokenizer_json/*/cases.jsonl": None, "tokenizer_json/*/decode.jsonl": None, "tokenizer_json/*/tokenizer.json": None,
    "tokenizer_json/variants/expected.json": None,
    "train/lightning.ckpt": "bart/a/model.safetensors",
    "train/gradients*.safetensors": None, "train/operations.safetensors": None, "train/steps_*.safetensors": None,
}
LEFT_OUT = ["smollm2/facts.json", "*/agreement.json", "bart/?_report.json", "clip/?_report.json", "preprocess/expected_rgb.safetensors",
            "preprocess/decoded_rgb.safetensors", "preprocess/crops.safetensors"]


def base_of(name):
    """(whether it is compressed, its base)"""
    for pattern, base in COMPRESSED.items():
        if fnmatch.fnmatchcase(name, pattern) and name.count("/") == pattern.count("/"):
            return True, base
    return False, None


def pack(made, name, to):
    source, target = os.path.join(made, name), os.path.join(to, name)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    for old in (target, target + ".zst", target + ".zst.base"):
        if os.path.exists(old):
            os.remove(old)
    compressed, base = base_of(name)
    if not compressed:
        shutil.copyfile(source, target)
        return
    # one thread: its output does not depend on the machine
    command = ["zstd", "-q", "-19", "--single-thread", source, "-o", target + ".zst"]
    if base:
        command.insert(3, "--patch-from=" + os.path.join(made, base))
        with open(target + ".zst.base", "w") as f:
            f.write(base + "\n")
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL if base else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("made")
    parser.add_argument("--topics", nargs="+")
    parser.add_argument("--to", default=os.path.join(os.path.dirname(__file__), "..", "..", "data", "golden"))
    args = parser.parse_args()
    for topic in args.topics or sorted(os.listdir(args.made)):
        for folder, _, files in os.walk(os.path.join(args.made, topic)):
            for file in sorted(files):
                name = os.path.relpath(os.path.join(folder, file), args.made)
                if not any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFT_OUT):
                    pack(args.made, name, args.to)


if __name__ == "__main__":
    main()
