"""report.py RESULTS FILE.md THREADS TOPIC: computes the ratios of a topic from RESULTS/TOPIC.ROUND.SIDE.json and stores them in
RESULTS/TOPIC.json; then writes FILE.md from all stored topics."""

import datetime
import glob
import json
import os
import re
import subprocess
import sys

SCRIPTS = ["topk", "train_step", "text_tower", "mining", "million"]  # their output, RESULTS/TOPIC.txt, is shown as it is
ORDER = ["images", "captions", "samples", "decode"] + SCRIPTS
TITLES = {
    "images": "Image embedding, CLIP ViT-B/16 shape, fp32",
    "captions": "Captions, BART-large shape, 3 beams, 20 tokens, fp32",
    "samples": "100 sampled candidates per image, BART-large shape, 20 tokens, fp32",
    "decode": "JPEG to 224 x 224, as CLIP pre-processes",
    "topk": "Exact top-10 of a million vectors of 512 numbers",
    "train_step": "One training step, BART-large shape, batch 16",
    "text_tower": "N-grams through the text tower, ViT-B/16 shape",
    "mining": "N-grams mined from 100 MB of text",
    "million": "A cache of a million n-grams of WordNet's glosses",
}


def read(results, topic, side):
    return [json.load(open(p)) for p in sorted(glob.glob(f"{results}/{topic}.[0-9].{side}.json"))]


def rows_of(results, topic):
    """(what, unit, ours, peer's name, peer, expected ratio) and notes."""
    ours, peers = read(results, topic, "ours"), read(results, topic, "peer")
    best = lambda name: max(p[name] for p in peers)
    peer = peers[0]
    if topic == "images":
        rate = max(o["images"] / o["seconds"] for o in ours)
        top = max(peers, key=lambda p: p["rate"])
        return [("embedding", "images/s", rate, f"PyTorch {top['torch']}, batch {top['batch']}", top["rate"], 1.0)], [f"Kernels: {ours[0]['kernels']}."]
    if topic == "captions":
        rate = max(o["texts"] / o["seconds"] for o in ours)
        name = f"transformers {peer['transformers']}, torch {peer['torch']}"
        same = "the same tokens" if peer["first"] == ours[0]["first"] else "OTHER TOKENS: " + str((peer["first"], ours[0]["first"]))
        return [("64 texts together", "images/s", rate, f"{name}, one image at a time", peer["one_rate"], 5.0),
                ("64 texts together", "images/s", rate, f"{name}, {peer['batch']} at a time, its best", peer["batch_rate"], 1.5)], [
                    f"Kernels: {ours[0]['kernels']}.", f"Both sides find {same} for the first text."]
    if topic == "samples":
        rate = max(o["texts"] / o["seconds"] for o in ours)
        name = f"transformers {peer['transformers']}, torch {peer['torch']}"
        return [("100 samples per image", "images/s", rate, f"{name}, num_return_sequences 100", peer["together_rate"], 5.0),
                ("100 samples per image", "images/s", rate, f"{name}, one sample at a time", peer["one_rate"], None)], [f"Kernels: {ours[0]['kernels']}."]
    whole = max(o["images"] / o["seconds"] for o in ours)
    resize = max(o["images"] / o["resize_seconds"] for o in ours)
    name = f"Pillow {peer['pillow']}, one process per thread"
    return [("decode and resize", "images/s", whole, name, best("rate"), 1.0), ("resize alone", "images/s", resize, name, best("resize_rate"), 2.0)], []


def machine():
    text = open("/proc/cpuinfo").read()
    model = re.search(r"model name\s*: (.*)", text)
    flags = re.search(r"flags\s*: (.*)", text)
    isa = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile") if flags and f in flags.group(1).split()]
    return f"{model.group(1) if model else 'unknown CPU'}, {os.cpu_count()} cores ({', '.join(isa)})"


def main():
    results, path, threads, topic = sys.argv[1:5]
    rows, notes = ([], []) if topic in SCRIPTS else rows_of(results, topic)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    kept = {"rows": rows, "notes": notes, "machine": machine(), "threads": threads, "date": datetime.date.today().isoformat(), "commit": commit,
            "load": os.getloadavg()[1]}
    if topic in SCRIPTS:
        text = open(f"{results}/{topic}.txt").read().strip()
        kept["text"] = text if "|---" in text else f"```\n{text}\n```"
    json.dump(kept, open(f"{results}/{topic}.json", "w"))
    for what, unit, ours, name, peer, expected in rows:
        print(f"{topic}: {what}: {ours:.3g} {unit}, {name}: {peer:.3g}: ratio {ours / peer:.2f}" + (f" (expected {expected:g})" if expected else ""))
    lines = ["# Benchmarks", "", "Written by `bench/run.sh`, not by hand.",
             "Both sides ran in turn in one run, with the same threads and weights (real shapes, numbers by formula).",
             "What is compared, and how: `bench/README.md`.", ""]
    for t in ORDER:
        if not os.path.exists(f"{results}/{t}.json"):
            continue
        k = json.load(open(f"{results}/{t}.json"))
        lines += [f"## {TITLES[t]}", "", f"{k['machine']}, {k['threads']} threads; {k['date']}, commit {k['commit']}; load average {k['load']:.1f}.", ""]
        if "text" in k:
            lines += [k["text"], ""]
            continue
        lines += ["| | this program | peer | | ratio | expected |", "|---|---|---|---|---|---|"]
        for what, unit, ours, name, peer, expected in k["rows"]:
            lines.append(f"| {what} | {ours:.3g} {unit} | {peer:.3g} | {name} | **{ours / peer:.2f}** | {'≥ %g' % expected if expected else ''} |")
        lines += [""] + k["notes"] + ([""] if k["notes"] else [])
    open(path, "w").write("\n".join(lines).rstrip() + "\n")


main()
