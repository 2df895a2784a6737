#!/usr/bin/env python3
"""Measures what bench/scale/simulate.py needs, with real runs of this machine, and runs to check it against.

    cmake --build --preset release --target antarctic bench_scale_trace
    bench/scale/measure.py [--program build/release/antarctic] [--images FOLDER] [--ranks 1 2 4 8] [--rounds 3] [--out bench/scale/measured.json]

The job is caption with the demo's models, four images per shard. Under the tracer (trace.c) each rank writes down what it waited for.
Seconds of computing are CPU seconds; seconds of files are seconds of the wall clock without what the CPU worked in them. The runs to check against
take turns, round by round, and the median of each counts.
"""
import argparse
import glob
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = SOURCE + "/models/demo"
STAGES = ("embed", "retrieve", "generate")
SHARD_ITEMS = 4
# What a server of files is asked. A stat follows an open whose attributes the client still has.
ASKED = ("open", "open_read", "fsync", "rename", "unlink")
CONFIG = f"""input: {{ path: images }}
clip: {{ model: {DEMO}/clip }}
bart: {{ model: {DEMO}/bart }}
cache: {{ path: cache }}
retrieval: {{ topk: 12 }}
generation: {{ num_beams: 3, num_return_sequences: 3, max_length: 32 }}
compute: {{ threads: 1 }}
output: {{ shard_items: {SHARD_ITEMS} }}
"""


def cpu():
    text = open("/proc/cpuinfo").read()
    flags = re.search(r"^flags.*", text, re.M).group(0)
    return {"name": re.search(r"^model name\s*: (.*)", text, re.M).group(1), "model": int(re.search(r"^model\s*: (\d+)", text, re.M).group(1)),
            "cores": os.cpu_count(), "amx": "amx_bf16" in flags, "avx512": "avx512f" in flags}


class Runner:
    def __init__(self, program, folder):
        self.program, self.folder, self.n = program, folder, 0
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_mpi_yield_when_idle="1",
                                OMP_WAIT_POLICY="passive")

    def run(self, ranks, traced, *more):
        """(the run's summary, the ranks' traces)"""
        self.n += 1
        run, trace = f"run{self.n}", os.path.join(self.folder, f"trace{self.n}")
        os.mkdir(trace)
        environment = dict(self.environment)
        if traced:
            environment.update(SCALE_TRACE=trace, LD_PRELOAD=os.path.join(os.path.dirname(self.program), "bench", "bench_scale_trace.so"))
        launcher = [] if ranks == 1 else ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks)]
        subprocess.run(launcher + [self.program, "caption", "job.yaml", "--run", run, *more], cwd=self.folder, env=environment, check=True,
                       stderr=subprocess.DEVNULL)
        summary = json.load(open(os.path.join(self.folder, run, "summary.json")))
        traces = [read_trace(f) for f in glob.glob(trace + "/*.txt")]
        shutil.rmtree(os.path.join(self.folder, run))
        shutil.rmtree(trace)
        return summary, traces


def read_trace(path):
    events = []
    for line in open(path):
        at, took, name, *rest = line.split()
        events.append((float(at), float(took), name, float(rest[0]) if rest else 0.0))
    return events


def phases(events):
    """[before, stage, between, stage, …, after]: a stage lasts as long as its queue."""
    out = [[]]
    for e in events:
        if e[2] == "MPI_Win_allocate":
            out.append([])
        out[-1].append(e)
        if e[2] == "MPI_Win_free":
            out.append([])
    return out


def asked(events):
    return sum(e[2] in ASKED for e in events)


def waited(events):
    return sum(e[1] for e in events if e[2] in ASKED)


def cpu_of(events):
    events = [e for e in events if e[2] not in ("pss", "private")]
    return events[-1][3] - events[0][3] if events else 0.0


def claimed_stage(events):
    """CPU seconds and questions to the file system of each shard."""
    shards, at = [], None
    for i, e in enumerate(events):
        if e[2] == "claimed":
            if at is not None:
                part = events[at + 1:i]
                shards.append((e[3] - events[at][3], asked(part), waited(part)))
            at = i
    return {"cpu_per_shard": [round(s[0], 6) for s in shards], "asked_per_shard": round(statistics.mean(s[1] for s in shards), 1),
            "file_seconds_per_shard": round(statistics.mean(s[2] for s in shards), 6)}


def memory_of(traces):
    def most(name):
        return max(max(e[1] for e in t if e[2] == name) for t in traces) / 1024
    return {"pss_mb": round(most("pss"), 1), "private_mb": round(most("private"), 1)}


def merge_costs(runner, after, items, shards):
    """Per shard and per item: from this run and one of eight times larger shards."""
    _, (trace,) = runner.run(1, True, "--set", f"output.shard_items={8 * SHARD_ITEMS}")
    fewer = -(-items // (8 * SHARD_ITEMS))
    per_shard = (cpu_of(after) - cpu_of(phases(trace)[-1])) / (shards - fewer)
    return {"cpu_per_shard": round(per_shard, 6), "cpu_per_item": round((cpu_of(after) - per_shard * shards) / items, 7)}


def measure(runner, items, shards):
    _, (trace,) = runner.run(1, True)
    before, embed, between1, retrieve, between2, generate, after = phases(trace)
    claims = [e[1] for e in trace if e[2] == "claim"]
    parts = {"embed": claimed_stage(embed), "generate": claimed_stage(generate)}
    parts["retrieve"] = {"cpu_per_shard": [round(cpu_of(retrieve) / shards, 6)], "asked_per_shard": round(asked(retrieve) / shards, 1),
                         "file_seconds_per_shard": round(waited(retrieve) / shards, 6),
                         "agreements_per_shard": round(sum(e[2] == "MPI_Allreduce" for e in retrieve) / shards, 1)}
    parts["start"] = {"cpu": round(before[-1][3] - before[0][3] if before else 0, 4), "asked": asked(before), "file_seconds": round(waited(before), 5)}
    parts["between"] = {"cpu": round(cpu_of(between1), 5), "asked": asked(between1), "file_seconds": round(waited(between1), 5)}
    parts["merge"] = dict(merge_costs(runner, after, items, shards), asked_per_shard=round(asked(after) / shards, 1),
                          file_seconds_per_shard=round(waited(after) / shards, 6))
    parts["claim_seconds"] = statistics.median(claims)
    return parts


def measure_busy(runner, one):
    """How much longer a shard computes where all cores compute; and what a claim of several ranks waits in shared memory."""
    _, traces = runner.run(os.cpu_count(), True)
    several = sum(sum(claimed_stage(phases(t)[i])["cpu_per_shard"]) for t in traces for i in (1, 5))
    alone = sum(sum(one[s]["cpu_per_shard"]) for s in ("embed", "generate"))
    waited = [e[1] for t in traces for e in t if e[2] == "claimed"]
    return round(several / alone, 3), round(statistics.median(waited), 7)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--program", default=SOURCE + "/build/release/antarctic")
    p.add_argument("--images", default=DEMO + "/train")
    p.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--out", default=SOURCE + "/bench/scale/measured.json")
    a = p.parse_args()
    folder = tempfile.mkdtemp(prefix="antarctic-scale.")
    try:
        os.mkdir(folder + "/images")
        names = sorted(f for f in os.listdir(a.images) if f.endswith((".jpg", ".png")))
        for name in names:
            shutil.copy(os.path.join(a.images, name), folder + "/images")
        open(folder + "/job.yaml", "w").write(CONFIG)
        runner = Runner(os.path.abspath(a.program), folder)
        subprocess.run([runner.program, "build-cache", "--run", "cache", "--set", f"input.path={DEMO}/cache.txt", "--set", f"clip.model={DEMO}/clip"],
                       cwd=folder, check=True, stderr=subprocess.DEVNULL)
        shards = -(-len(names) // SHARD_ITEMS)
        entries = sum(1 for _ in open(f"{DEMO}/cache.txt", "rb"))
        result = {"date": time.strftime("%Y-%m-%d"), "cpu": cpu(), "load": os.getloadavg(), "items": len(names), "shard_items": SHARD_ITEMS, "shards": shards,
                  "entries": entries, "dimension": 64, "topk": 12, "threads": 1}
        runner.run(1, False)  # what the page cache is to hold
        result["parts"] = measure(runner, len(names), shards)
        result["busy"], result["claim_waited"] = measure_busy(runner, result["parts"])
        result["memory"] = {}
        real = {str(n): [] for n in a.ranks}
        for _ in range(a.rounds):
            for n in a.ranks:
                summary, _ = runner.run(n, False)
                real[str(n)].append(dict({s["name"]: s["seconds"] for s in summary["stages"]}, all=summary["wall_seconds"], load=round(os.getloadavg()[0], 1)))
        for n in a.ranks + [32]:
            result["memory"][str(n)] = memory_of(runner.run(n, True)[1])
        result["real"] = {n: {k: round(statistics.median(r[k] for r in rounds), 3) for k in rounds[0]} for n, rounds in real.items()}
        result["load_after"] = os.getloadavg()
        with open(a.out, "w") as f:
            json.dump(result, f, indent=1)
            f.write("\n")
        print(json.dumps(dict(result, parts={k: v for k, v in result["parts"].items() if k not in STAGES}), indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
