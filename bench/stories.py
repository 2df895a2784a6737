"""Rounds of bench_stories and of a peer in alternation: stories.py PROGRAM PEER MODEL THREADS ROUNDS TOKENS."""

import json
import statistics
import subprocess
import sys

program, peer, model, threads, rounds, tokens = sys.argv[1:]
LINES = 64


class Side:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(self.process.stdout.readline().strip(), flush=True)

    def round(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["tokens"] == words[0] * int(tokens), answer
        return answer


def median(answers, key):
    return statistics.median(a[key] for a in answers)


ours, theirs = Side(program, model, threads), Side("node", peer, model, threads)
for lines, ways in ((1, [1]), (LINES, [8, 16, 32, 64])):
    mine, others = [], {way: [] for way in ways}
    ours.round(lines, tokens)
    for _ in range(int(rounds)):
        mine.append(ours.round(lines, tokens))
        for way in ways:
            others[way].append(theirs.round(lines, tokens, way))
    for key in ("seconds", "cpu"):
        best = min(ways, key=lambda way: median(others[way], key))
        us, them = median(mine, key), median(others[best], key)
        print(f"{lines} x {tokens} tokens, {key}: {us:.2f}, llama.cpp {them:.2f} (batches of {best}), ratio {them / us:.2f}", flush=True)
