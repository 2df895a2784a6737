"""The rows of docs/BENCHMARKS.md: this program beside others, which take turns. Called by bench/run.sh.

    rows.py THREADS WEIGHTS TOPIC…

Every side of a contest is a process that loads its models once and then works when told (round.h, peers/rounds.py); while another side works
it is stopped (SIGSTOP), so that no thread of it turns in a circle. A ratio is the median over the rounds of ours : theirs in the same round,
beside that of CPU seconds, which says more on a busy machine. A side that cannot run here (a module is missing) is left out and named."""

import glob
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import report

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = "build/release"
RESULTS = "build/bench"
PROGRAM = f"{BUILD}/antarctic"
ROUNDS = int(os.environ.get("ROUNDS_EACH", "3"))


class Unable(Exception):
    pass


class Side:
    """A process that does a round for each line on its stdin."""

    def __init__(self, *command, most=ROUNDS):
        self.command, self.most, self.rounds, self.notes, self.process = [str(word) for word in command], most, [], [], None

    def open(self):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, start_new_session=True)
        self.facts = self.read()
        self.name = self.facts.get("name", "this program")
        self.signal(signal.SIGSTOP)

    def read(self):
        while line := self.process.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        self.log.seek(0)
        raise Unable((self.log.read().strip().splitlines() or ["it ended"])[-1])

    def signal(self, which):
        os.killpg(self.process.pid, which)

    def round(self):
        self.signal(signal.SIGCONT)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.rounds.append(self.read())
        self.signal(signal.SIGSTOP)

    def close(self):
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()


class Run(Side):
    """A command that runs from its start to its end in every round; finish() gives the count, and perhaps other seconds than all."""

    def __init__(self, command, finish, before=lambda: None, most=ROUNDS):
        super().__init__(*command, most=most)
        self.finish, self.before, self.facts, self.name = finish, before, {}, "this program"

    def open(self):
        pass

    def round(self):
        self.before()
        start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        seconds, now = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise RuntimeError(f"{self.command}: {done.stderr.strip()[-400:]}")
        cpu = now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime
        self.rounds.append({"seconds": seconds, "cpu_seconds": cpu, **self.finish()})


def contest(what, unit, goal, ours, *peers, goal_of=None):
    """Rounds of all sides in turn, as rows for the report. The goal counts against the fastest peer (or the one named so)."""
    notes, rows = [], []
    sides = [ours]
    try:
        ours.open()
        for peer in peers:
            try:
                peer.open()
                sides.append(peer)
            except Unable as e:
                peer.close()
                notes.append(f"Not measured: {' '.join(os.path.basename(w) for w in peer.command[1:4])} ({e}).")
        for turn in range(ROUNDS):
            for side in sides:
                if turn < side.most:
                    side.round()
                    r = side.rounds[-1]
                    print(f"  {what}, round {turn + 1}, {side.name}: {r['count'] / r['seconds']:.4g} {unit} (per CPU second {r['count'] / max(r['cpu_seconds'], 1e-9):.4g})",
                          file=sys.stderr, flush=True)
    finally:
        for side in sides:
            side.close()
    rate = lambda r: r["count"] / r["seconds"]
    cpu_rate = lambda r: r["count"] / r["cpu_seconds"]
    for peer in sides[1:]:
        pairs = list(zip(ours.rounds, peer.rounds))
        ratios = [rate(a) / rate(b) for a, b in pairs]
        rows.append({"what": what, "unit": unit, "ours": max(map(rate, ours.rounds)), "name": peer.name, "peer": max(map(rate, peer.rounds)),
                     "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios),
                     "cpu_ratio": statistics.median([cpu_rate(a) / cpu_rate(b) for a, b in pairs]), "goal": None})
        first, theirs = ours.facts.get("first"), peer.facts.get("first")
        if first and theirs and "samples" not in what:
            notes.append(f"{peer.name}: {'the same tokens' if first == theirs else 'OTHER TOKENS'} as this program's for the first text ({what}).")
        notes += sorted({f"{peer.name}: {r['note']}." for r in peer.rounds[-1:] if "note" in r})
    counted = [row for row in rows if not goal_of or goal_of in row["name"]]
    if goal and counted:
        max(counted, key=lambda row: row["peer"])["goal"] = goal
    if ours.facts.get("kernels"):
        notes.insert(0, f"Kernels of this program ({what}): {ours.facts['kernels']}.")
    return rows, notes


def join(contests):
    rows, notes = [], []
    for r, n in contests:
        rows += r
        notes += [line for line in n if line not in notes]
    return {"rows": rows, "notes": notes}


def peer(script, *words, most=ROUNDS):
    return Side(sys.executable, f"{HERE}/peers/{script}.py", *words, most=most)


def bench(*words):
    return Side(f"{BUILD}/bench/ac_bench", *words)


def need(folder):
    path = f"{WEIGHTS}/{folder}"
    if not os.path.exists(f"{path}/model.safetensors"):
        subprocess.run([sys.executable, "tests/golden/make/formula_weights.py", folder, path], check=True)
    return os.path.abspath(path)


def images():
    clip = need("clip-vit-b16")
    out = []
    for precision, goal, ours, theirs in (("fp32", 1.25, 48, 32), ("int8", 1.3, 128, 64), ("bf16", None, 48, 64)):
        programs = ["torch", "openvino"] + (["onnxruntime"] if precision != "bf16" else [])
        out.append(contest(f"embedding, {precision}", "images/s", goal, bench("images", clip, THREADS, ours, precision),
                           *[peer("images", p, clip, THREADS, theirs, precision) for p in programs]))
    return join(out)


def captions():
    bart = need("bart-large")
    out = []
    for precision, goal, ours in (("fp32", 1.4, 64), ("int8", 1.3, 128), ("bf16", None, 64)):
        peers = [peer("generate", "torch", "captions", bart, THREADS, 32, precision, most=2)]
        if precision == "fp32":
            peers.append(peer("generate", "torch-one", "captions", bart, THREADS, 3, precision, most=2))
        if precision != "bf16":
            peers.append(peer("generate", "ctranslate2", "captions", bart, THREADS, 64, precision))
        out.append(contest(f"3 beams of 20, {precision}", "images/s", goal, bench("captions", bart, THREADS, ours, precision), *peers))
    return join(out)


def samples():
    bart = need("bart-large")
    out = []
    for precision, goal in (("fp32", 1.7), ("int8", 1.5)):
        peers = [peer("generate", "ctranslate2", "samples", bart, THREADS, 2, precision)]
        if precision == "fp32":
            peers.append(peer("generate", "torch", "samples", bart, THREADS, 1, precision, most=1))
        out.append(contest(f"100 samples, {precision}", "images/s", goal, bench("samples", bart, THREADS, 4, precision), *peers))
    return join(out)


def jpegs(folder, count):
    path = f"{RESULTS}/{folder}"
    if len(glob.glob(f"{path}/*.jpg")) != count:
        subprocess.run([sys.executable, f"{HERE}/peers/decode.py", "--make", path, str(count)], check=True)
    return sorted(glob.glob(f"{path}/*.jpg"))


def decode():
    files = jpegs("jpegs", 32)
    return join([contest(what, "images/s", goal, bench(topic, THREADS, 20 * times, *files), peer("decode", topic, THREADS, 6 * times, *files))
                 for what, topic, times, goal in (("decode and resize", "decode", 1, 3), ("resize alone", "resize", 2, 6))])


def topk():
    """A script of its own; its table, and the goals against faiss."""
    log = open(f"{RESULTS}/topk.log", "w")
    text = subprocess.run(["bash", f"{HERE}/topk.sh", os.path.abspath(PROGRAM)], stdout=subprocess.PIPE, stderr=log, text=True, check=True,
                          env={**os.environ, "PEERS": os.environ.get("PEERS", "faiss numpy")}).stdout
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    notes = []
    for what, goal in (("random 1", 8), ("random 256", 4), ("crowded 1", None), ("crowded 256", 3)):
        kind, queries = what.split()
        found = [c for c in cells if c[0].startswith(kind) and c[1] == queries and c[2] == "faiss"]
        if goal and found:
            notes.append(f"Goal for {queries} quer{'y' if queries == '1' else 'ies'}, {kind}: {goal} times faiss's; here {found[0][5].split()[0]}.")
    return {"text": text.strip(), "notes": notes}


def train_step():
    bart = need("bart-large")
    return join([contest("one step", "steps/s", 4, Side(f"{BUILD}/bench/bench_train_step", "--model", bart, "--threads", THREADS, "--rounds"),
                         peer("train_step", "--model", bart, "--threads", THREADS, "--rounds", most=2))])


def with_words(model, tokenizer, folder):
    os.makedirs(folder, exist_ok=True)
    for path in glob.glob(f"{need(model)}/*"):
        if not os.path.exists(f"{folder}/{os.path.basename(path)}"):
            os.symlink(path, f"{folder}/{os.path.basename(path)}")
    for name in ("vocab.json", "merges.txt"):
        subprocess.run(["zstd", "-qdf", f"tests/data/golden/{tokenizer}/{name}.zst", "-o", f"{folder}/{name}"], check=True)


def antarctic(*words, **more):
    return subprocess.run([PROGRAM, *map(str, words)], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **more).stdout


def text_tower():
    """20,000 entries are a sorted range of 100,000 of WordNet's, so that they begin alike as often as in a cache of 100,000."""
    with tempfile.TemporaryDirectory() as folder:
        with_words("clip-vit-b16", "clip_tokenizer", f"{folder}/clip")
        subprocess.run([sys.executable, f"{HERE}/wordnet_ngrams.py", f"{folder}/entries.txt", "--sample", "100000", "--range", "40000", "20000"], check=True)
        lines = open(f"{folder}/entries.txt", encoding="utf-8", newline="\n").read().splitlines()
        open(f"{folder}/tokens.jsonl", "w").write(antarctic("tokenize", "--model", f"{folder}/clip", input="".join(json.dumps({"text": x}) + "\n" for x in lines)))

        def summary():
            """Tokenizing, sorting, embedding, writing: the run's own clock, without start and packing; PyTorch's is the tower alone."""
            if not os.path.exists(f"{folder}/out/postcache.npy"):
                antarctic("export", f"{folder}/cache", "--out", f"{folder}/out")
            facts = json.load(open(f"{folder}/cache/summary.json"))
            ours.facts = {"kernels": facts["kernels"]}
            positions.update(facts["positions"])
            return {"count": len(lines), "seconds": facts["wall_seconds"]}

        positions = {}
        ours = Run([PROGRAM, "build-cache", "--set", f"input.path={folder}/entries.txt", "--set", f"clip.model={folder}/clip", "--run", f"{folder}/cache",
                    "--set", f"compute.threads={THREADS}"], summary, lambda: shutil.rmtree(f"{folder}/cache", ignore_errors=True))
        words = (f"{folder}/clip", f"{folder}/tokens.jsonl", f"{folder}/out/postcache.npy")
        rows, notes = contest("n-grams embedded", "entries/s", 6, ours, peer("text_tower", *words, "longest", 2000, THREADS),
                              peer("text_tower", *words, "context", 200, THREADS, most=1))
        notes.append(f"Positions: {positions['computed']} computed, {positions['own_length']} at each entry's own length, {positions['padded']} padded.")
        return {"rows": rows, "notes": notes}


def whole():
    """`caption` on 500 JPEGs, from the start of the process to its end, against the original's loop on a few of them, its models loaded."""
    count = int(os.environ.get("PHOTOS", "500"))
    files = jpegs(f"photos{count}", count)
    folder = f"{RESULTS}/whole"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with_words("clip-vit-b16", "clip_tokenizer", f"{folder}/clip")
    with_words("bart-large", "bart_tokenizer", f"{folder}/bart")
    antarctic("build-cache", "--set", "input.path=models/demo/cache.txt", "--set", f"clip.model={folder}/clip", "--run", f"{folder}/cache")
    antarctic("export", f"{folder}/cache", "--out", f"{folder}/out")

    def ours(precision):
        run = f"{folder}/run.{precision}"
        words = [f"input.path={RESULTS}/photos{count}", f"clip.model={folder}/clip", f"bart.model={folder}/bart", f"cache.path={folder}/cache", "retrieval.topk=10",
                 "generation.num_beams=3", "generation.num_return_sequences=3", "generation.max_length=20", "generation.min_length=20",
                 "generation.early_stopping=true", "generation.no_repeat_ngram_size=3", "generation.forced_bos_token_id=none",
                 "generation.forced_eos_token_id=2", f"compute.threads={THREADS}", f"compute.precision={precision}"]

        def finish():
            side.facts = {"kernels": json.load(open(f"{run}/summary.json"))["kernels"]}
            return {"count": sum(1 for _ in open(f"{run}/captions.jsonl"))}

        side = Run([PROGRAM, "caption", "--run", run] + [w for x in words for w in ("--set", x)], finish, lambda: shutil.rmtree(run, ignore_errors=True), most=1)
        return side

    loop = lambda precision: peer("caption_loop", f"{folder}/clip", f"{folder}/bart", f"{folder}/out/postcache.txt", f"{folder}/out/postcache.npy", 10, THREADS,
                                  8, f"{folder}/run.{precision}/captions.jsonl", *files, most=1)
    done = join([contest(f"caption, {count} JPEGs, {p}", "images/s", 20, ours(p), loop(p)) for p in ("fp32", "int8")])
    done["notes"].append("This program: start, loading and packing of the models, and all files written. The loop: 8 of them, its models loaded before, nothing written.")
    return done


def script(name):
    def run():
        log = open(f"{RESULTS}/{name}.log", "w")
        text = subprocess.run(["bash", f"{HERE}/{name}.sh"], stdout=subprocess.PIPE, stderr=log, text=True, check=True).stdout.strip()
        return {"text": text if "|---" in text else f"```\n{text}\n```", "notes": []}

    return run


TOPICS = {"images": images, "captions": captions, "samples": samples, "decode": decode, "topk": topk, "train_step": train_step, "text_tower": text_tower,
          "whole": whole, "mining": script("mining"), "million": script("million"),
          "stories": script("stories")}


def main():
    os.makedirs(RESULTS, exist_ok=True)
    for topic in sys.argv[3:]:
        if topic not in TOPICS:
            sys.exit(f"bench: no topic {topic} ({', '.join(TOPICS)})")
    for topic in sys.argv[3:]:
        start, load = time.monotonic(), os.getloadavg()[0]
        print(f"{topic} …", file=sys.stderr, flush=True)
        result = TOPICS[topic]()
        result.update(report.facts(THREADS), load=[load, os.getloadavg()[0]], seconds=time.monotonic() - start)
        json.dump(result, open(f"{RESULTS}/{topic}.json", "w"))
        report.show(topic, result)
        report.write(os.environ.get("OUT", "docs/BENCHMARKS.md"), topic, result)


THREADS, WEIGHTS = int(sys.argv[1]), sys.argv[2]
if __name__ == "__main__":
    main()
