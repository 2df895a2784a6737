"""Stories by bench_stories and by its peers in rounds that alternate: stories.py PROGRAM THREADS ROUNDS TOKENS MODEL.gguf|- MADE.

MADE: where folders of random weights are made and left. Prints rows of a table; rounds, and peers that are missing, go to stderr."""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys

program, threads, rounds, tokens, model, made = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
LINES, EACH_MANY, GPTJ_TOKENS = 64, 2, 16
missing = []


class Side:
    def __init__(self, *command, cwd=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=cwd)
        self.about = json.loads(self.process.stdout.readline())
        print(json.dumps(self.about), file=sys.stderr, flush=True)

    def round(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        print(self.about["name"], *words, json.dumps(answer), file=sys.stderr, flush=True)
        if words[0]:
            assert answer["tokens"] == words[0] * words[1], answer
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def verdict(ratio, goal):
    return f"≥ {goal:g}, {'reached' if ratio >= goal else 'missed'}"


def median(answers, key):
    return statistics.median(a[key] for a in answers)


def compare(what, ours, theirs, lines, ways, expected):
    """One row: tokens per second by wall time and by CPU time. ways: (name, words after "LINES TOKENS" for the peer, for us)."""
    mine, others = [], {name: [] for name, _, _ in ways}
    count = int(rounds) if lines == 1 else min(int(rounds), EACH_MANY)
    ours.round(lines, 4, *ways[0][2])
    for _ in range(count):
        mine.append(ours.round(lines, int(tokens), *ways[0][2]))
        for name, words, _ in ways:
            others[name].append(theirs.round(lines, int(tokens), *words))
    best = {key: min(others, key=lambda name: median(others[name], key)) for key in ("seconds", "cpu")}
    rate = lambda answers: lines * int(tokens) / median(answers, "seconds")
    ratio = {key: median(others[best[key]], key) / median(mine, key) for key in best}
    name = f"{theirs.about['name']} {theirs.about['version']}" + (f", {best['seconds']}" if best["seconds"] else "")
    print(f"| {what} | {rate(mine):.1f} tokens/s | {rate(others[best['seconds']]):.1f} | {name} | **{ratio['seconds']:.2f}** | {ratio['cpu']:.2f} | {verdict(ratio['seconds'], expected)} |", flush=True)
    return mine[0].get("first"), others[best["seconds"]][0].get("first")


def llama_cpp():
    folder = os.environ.get("NODE_LLAMA_CPP", "")
    if model == "-" or not os.path.isdir(f"{folder}/node_modules/node-llama-cpp") or not shutil.which("node"):
        missing.append("llama.cpp (MODEL.gguf, and NODE_LLAMA_CPP with node-llama-cpp)")
        return
    name = os.path.basename(model).removesuffix(".gguf")
    ours, theirs = Side(program, model, threads), Side("node", f"{here}/peers/llama_cpp.mjs", model, threads, cwd=folder)
    compare(f"{name}, one prompt", ours, theirs, 1, [("", (), ())], 1)
    compare(f"{name}, {LINES} prompts, sampled", ours, theirs, LINES, [(f"batches of {n}", (n,), ()) for n in (16, 64)], 3)
    ours.close(), theirs.close()


def make(*words):
    subprocess.run([sys.executable, f"{here}/peers/causal.py", "make", *words], check=True)


def ctranslate2():
    if not all(importlib.util.find_spec(m) for m in ("ctranslate2", "torch", "transformers", "numpy")):
        missing.append("CTranslate2 (ctranslate2, torch, transformers and numpy for PYTHON)")
        return
    folder = f"{made}/gpt2"
    make("gpt2", folder)
    ours, theirs = Side(program, folder, threads), Side(sys.executable, f"{here}/peers/causal.py", "ctranslate2", folder, threads)
    for lines in (1, LINES):
        first = compare(f"GPT-2 small's shape, fp32, {lines} prompt{'s' * (lines > 1)}, greedy", ours, theirs, lines, [("", (), ("greedy",))], 1.2)
        print(f"first tokens, {lines} together:", *first, file=sys.stderr)
    ours.close(), theirs.close()


def gptj():
    """Weights read per second beside what the memory gives."""
    if not importlib.util.find_spec("numpy"):
        missing.append("GPT-J's shape (numpy for PYTHON)")
        return
    for dtype in ("BF16", "F32"):
        folder = f"{made}/gptj.{dtype}"
        make("gptj", folder, dtype)
        ours = Side(program, folder, threads)
        packed, reads, answers = ours.about["packed"], [], []
        ours.round(1, 2)
        for _ in range(int(rounds)):
            reads.append(ours.round(0, 512))
            answers.append(ours.round(1, GPTJ_TOKENS))
        ours.close()
        rate, memory = GPTJ_TOKENS / median(answers, "seconds"), max(a["bytes"] / a["seconds"] for a in reads)
        layer = (12 * 4096 * 4096) * {"BF16": 2, "F32": 4}[dtype]
        whole = rate * packed / (packed + 24 * layer)
        print(f"| GPT-J's shape, {dtype}, 4 layers ({packed / 1e9:.2f} GB), one prompt; 28 layers by size: {whole:.2f} tokens/s | {rate:.2f} tokens/s, {rate * packed / 1e9:.1f} GB/s of weights | "
              f"{memory / 1e9:.1f} GB/s | reading memory | **{rate * packed / memory:.2f}** | | {verdict(rate * packed / memory, 0.7)} |", flush=True)
        shutil.rmtree(folder)


print("| | this program | other program | | ratio | in CPU time | goal |")
print("|---|---|---|---|---|---|---|", flush=True)
only = os.environ.get("PEERS", "llama_cpp ctranslate2 gptj").split()
for peer in (llama_cpp, ctranslate2, gptj):
    if peer.__name__ in only:
        peer()
for name in missing:
    print(f"\nSkipped, not here: {name}.")
