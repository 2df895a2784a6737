"""Writes results into docs/BENCHMARKS.md. The file has a section (`## `) for each kind of CPU, with the newest result of each topic (`### `):
a result replaces the one of its topic and CPU, and every other line stays.

    report.py FILE.md TOPIC RESULT.json [MACHINE]     as rows.py does after each topic; by hand, and for the test cli.bench_report"""

import datetime
import json
import os
import re
import subprocess
import sys

TITLES = {
    "images": "Image embedding, CLIP ViT-B/16 shape",
    "captions": "Captions, BART-large shape, 3 beams, 20 tokens",
    "samples": "100 sampled candidates per image, BART-large shape, 20 tokens",
    "decode": "JPEG to 224 x 224, as CLIP pre-processes",
    "topk": "Exact top-10 of a million vectors of 512 numbers",
    "train_step": "One training step, BART-large shape, batch 16",
    "text_tower": "N-grams through the text tower, ViT-B/16 shape",
    "whole": "From JPEGs to captions, ViT-B/16 and BART-large shapes",
    "mining": "N-grams mined from 100 MB of text",
    "million": "A cache of a million n-grams of WordNet's glosses",
    "stories": "Stories by causal models",
}
HEAD = """# Benchmarks

Written by `bench/run.sh`, not by hand: one section per kind of CPU, in it the newest result of each topic.
All sides took turns in one run, with the same threads and weights (real shapes, numbers by formula).
What is compared, and how: `bench/README.md`.
"""


def machine():
    text = open("/proc/cpuinfo", encoding="utf-8").read()
    value = lambda key: (re.search(rf"^{key}\s*: (.*)", text, re.M) or [None, "?"])[1]
    isa = [f for f in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8") if f in value("flags").split()]
    return f"{value('model name')} (family {value('cpu family')}, model {value('model')}; {', '.join(isa) or 'no avx2'}), {os.cpu_count()} cores"


def facts(threads):
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {"machine": machine(), "threads": threads, "date": datetime.date.today().isoformat(), "commit": commit}


def verdict(row):
    if not row["goal"]:
        return ""
    return f"≥ {row['goal']:g}, {'reached' if row['ratio'] >= row['goal'] else 'missed'}"


def show(topic, result):
    print(result.get("text", f"{topic}:"))
    for row in result.get("rows", []):
        print(f"  {row['what']}: {row['ours']:.4g} {row['unit']}, {row['name']}: {row['peer']:.4g}: ratio {row['ratio']:.2f} "
              f"({row['least']:.2f} to {row['most']:.2f}; CPU {row['cpu_ratio']:.2f}) {verdict(row)}")
    print("".join(f"  {note}\n" for note in result["notes"]), end="", flush=True)


def topic_text(result):
    lines = [f"{result['date']}, commit {result['commit']}, {result['threads']} threads; load average {' to '.join('%.1f' % x for x in result['load'])}; "
             f"{result['seconds']:.0f} s.", ""]
    if "text" in result:
        lines += [result["text"], ""]
    else:
        lines += ["| | this program | other program | | ratio | in CPU time | goal |", "|---|---|---|---|---|---|---|"]
        for row in result["rows"]:
            lines.append(f"| {row['what']} | {row['ours']:.3g} {row['unit']} | {row['peer']:.3g} | {row['name']} | **{row['ratio']:.2f}** "
                         f"({row['least']:.2f} to {row['most']:.2f}) | {row['cpu_ratio']:.2f} | {verdict(row)} |")
        lines.append("")
    return "\n".join(lines + result["notes"]).strip() + "\n"


def parts(text, mark):
    """What stands before the first heading of this level, and each heading with its text, in order."""
    pieces = re.split(rf"^{mark} (.*)\n", text, flags=re.M)
    return pieces[0], dict(zip(pieces[1::2], pieces[2::2]))


def write(path, topic, result):
    text = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    _, machines = parts(text, "##")
    before, topics = parts(machines.get(result["machine"], ""), "###")
    topics[TITLES[topic]] = topic_text(result)
    order = [t for t in TITLES.values() if t in topics] + [t for t in topics if t not in TITLES.values()]
    section = (before.strip() + "\n\n" if before.strip() else "") + "\n".join(f"### {t}\n\n{topics[t].strip()}\n" for t in order)
    machines[result["machine"]] = section
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        f.write(HEAD + "".join(f"\n## {name}\n\n{body.strip()}\n" for name, body in machines.items()))
    os.rename(path + ".tmp", path)


if __name__ == "__main__":
    loaded = json.load(open(sys.argv[3], encoding="utf-8"))
    if len(sys.argv) > 4:
        loaded["machine"] = sys.argv[4]
    write(sys.argv[1], sys.argv[2], loaded)
