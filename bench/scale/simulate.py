#!/usr/bin/env python3
"""Simulates a caption job on up to 1,024 ranks, from times measured by bench/scale/measure.py. Nothing here is measured on a cluster.

    bench/scale/simulate.py                  # all tables, as docs/CLUSTER.md has them (a minute)
    bench/scale/simulate.py --check          # the measured machine, 1 to 8 ranks, against the runs of measured.json
    bench/scale/simulate.py --table ranks    # ranks | latency | shards | stragglers | arrays | code

What is modelled, as jobs/runtime/stage.c and jobs/caption do it:
  claims      an atomic counter on rank 0, asked for one shard ahead; over TCP served only when rank 0 enters MPI, between its batches
  files       a call that a server answers takes the latency, and its turn at a server that answers so many per second
  retrieve    all ranks on one shard; reading and writing once per round of as many shards as there are ranks
  a stage's end  all ranks wait for the last; records are joined, rank 0 looks at every file and writes the manifest
  merge       rank 0 alone
Seconds per image, search and file are given (the table JOB) or measured; their spread over shards is the measured one.
"""
import argparse
import heapq
import json
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))
# Real models: CLIP ViT-B/16 and BART-large shapes, 3 beams of 20 tokens, fp32: docs/BENCHMARKS.md, a rank of 2 cores (AMD EPYC, AVX2).
# search: seconds per query and entry of 512 numbers (0.947 s / (256 queries x 1 M entries)).
JOB = {"items": 1_000_000, "shard_items": 256, "entries": 1_500_000, "dimension": 512, "topk": 10,
       "embed": 1 / 3.44, "generate": 1 / 2.97, "search": 0.947 / 256e6, "start": 20.0, "model_mb": 2000}


class Net:
    """latency in s, bandwidth in bytes/s of a rank's share"""

    def __init__(self, latency=5e-6, bandwidth=1e9):
        self.latency, self.bandwidth = latency, bandwidth

    def all(self, ranks, size=8):
        """a collective by doubling (Allreduce, Bcast, Barrier)"""
        return math.ceil(math.log2(ranks)) * (self.latency + size / self.bandwidth) if ranks > 1 else 0.0


class Files:
    """asked(t, n): when n calls, one after the other, that begin at t are answered"""

    def __init__(self, latency, rate=20_000):
        self.latency, self.each, self.free = latency, 1 / rate, 0.0

    def asked(self, t, n):
        if n <= 0:
            return t
        self.free = max(self.free, t) + n * self.each
        return max(t + n * self.latency, self.free)


class Simulation:
    def __init__(self, profile, job, ranks, files, net=None, cores=None, busy=1.0, software_claims=False, straggler=(0.0, 1.0), seed=1,
                 code="now", shards=None, queue_ticks=16):
        self.p, self.job, self.R, self.files, self.net = profile["parts"], job, ranks, files, net or Net()
        self.cores, self.busy, self.software, self.code = cores, busy, software_claims, code
        self.random = random.Random(seed)
        self.total = -(-job["items"] // job["shard_items"])
        self.shards = self.total if shards is None else shards
        self.speed = [straggler[1] if self.random.random() < straggler[0] else 1.0 for _ in range(ranks)]
        self.ticks = queue_ticks
        self.in_claims = self.in_barriers = self.in_files = 0.0  # rank-seconds
        self.work = 0.0

    # ---- computing ----

    def slowdown(self, active):
        if not self.cores:
            return 1.0
        share = max(1.0, active / self.cores)
        return share * (1 + (self.busy - 1) * (min(active, self.cores) - 1) / max(1, self.cores - 1))

    def shard_seconds(self, stage):
        """drawn from the measured shards, scaled to the job's seconds per item and shard size"""
        measured = self.p[stage]["cpu_per_shard"]
        mean = sum(measured) / len(measured)
        n = max(1, self.job["shard_items"] // self.job["measured_items"])
        drawn = sum(self.random.choice(measured) for _ in range(min(n, 64))) / min(n, 64)
        per_item = self.job.get(stage) or mean / self.job["measured_items"]
        return drawn / mean * per_item * self.job["shard_items"]

    # ---- stages ----

    def claimed(self, t, stage):
        """embed and generate; all ranks begin at t"""
        asked = self.p[stage]["asked_per_shard"]
        if stage == "embed":  # an open per image, and the rest per shard
            asked = asked - self.job["measured_items"] + self.job["shard_items"]
        counter = served = 0
        zero = (t, t)  # what rank 0 computes: from, to
        own = [None] * self.R  # the claim under way: (when it is there, shard)
        heap = []

        def rank_0_enters(at):
            begin, end = zero
            if not self.software or at >= end or at <= begin:
                return at
            tick = (end - begin) / self.ticks
            return min(end, begin + math.ceil((at - begin) / tick) * tick)

        def claim(rank, at):
            nonlocal counter, served
            there = at + (self.net.latency if rank else 0)
            served = max(rank_0_enters(there), served) + self.p["claim_seconds"]
            own[rank] = (served + (self.net.latency if rank else 0), counter)
            counter += 1

        for r in range(self.R):
            claim(r, t)
            heapq.heappush(heap, (t, r, False))
        ends, active = [t] * self.R, self.R
        while heap:
            at, r, computed = heapq.heappop(heap)
            if computed:  # to be published
                end = self.files.asked(at, asked) if self.files.latency is not None else at + self.p[stage]["file_seconds_per_shard"]
                self.in_files += end - at
                heapq.heappush(heap, (end, r, False))
                continue
            there, shard = own[r]
            begin = max(at, there)
            self.in_claims += begin - at
            if shard >= self.shards:
                ends[r] = begin
                active -= 1
                continue
            claim(r, begin)
            work = self.shard_seconds(stage) * self.speed[r]
            self.work += work
            computed = begin + work * self.slowdown(active)
            if r == 0:
                zero = (begin, computed)
            heapq.heappush(heap, (computed, r, True))
        return self.end(ends)

    def end(self, ends):
        t = max(ends)
        self.in_barriers += sum(t - e for e in ends)
        between = self.net.all(self.R, 56 * self.total) + 12 * self.net.all(self.R) + self.p["between"]["cpu"] * max(1, self.total / 63)
        if self.files.latency is None:
            between += self.p["between"]["file_seconds"]
        else:  # rank 0 looks at each file, where others made them
            between = self.files.asked(t + between, self.p["between"]["asked"] + (self.total if self.R > 1 else 0)) - t
        self.in_barriers += between * self.R
        return t + between

    def retrieve(self, t):
        j, R = self.job, self.R
        n, k = j["shard_items"], j["topk"]
        local = self.files.latency is None
        asked = self.p["retrieve"]["asked_per_shard"]
        reads, writes = 0.45 * asked, 0.55 * asked  # of the trace: 398 opens to read of 844
        if "search" in j:
            search = n * j["entries"] / R * j["search"] * max(self.speed)
        else:
            search = self.p["retrieve"]["cpu_per_shard"][0] / R * self.slowdown(R)
        self.work += search * self.shards * R
        agreed = self.p["retrieve"]["agreements_per_shard"] * self.net.all(R)
        if self.code == "before":
            lists = (R - 1) * (self.net.latency + n * k * 12 / self.net.bandwidth) + n * k * R * 2e-9
        else:
            lists = self.net.all(R, n * k * 16) + math.ceil(math.log2(max(R, 2))) * n * k * 4e-9
        texts = min(R - 1, n * k) * self.net.latency + n * k * 24 / self.net.bandwidth
        queries = 0 if self.code == "before" else self.net.all(R) + 2 * n * j["dimension"] * 4 / self.net.bandwidth
        each = search + agreed + lists + texts + queries
        begun, computing = t, 0.0
        for first in range(0, self.shards, R):
            m = min(R, self.shards - first)
            if local:
                waited = self.p["retrieve"]["file_seconds_per_shard"] * (m if self.code == "before" or self.cores else 1)
                t += waited + m * each
            elif self.code == "before":
                for _ in range(m):
                    t = max(self.files.asked(t, reads) for _ in range(R)) + each
                    t = self.files.asked(t, writes)
            else:
                t = max(self.files.asked(t, reads) for _ in range(m)) + m * each
                t = max(self.files.asked(t, writes) for _ in range(m))
            computing += m * search
        self.in_barriers += (t - begun - computing) * R
        return self.end([t] * R)

    def merge(self, t):
        work = self.p["merge"]["cpu_per_shard"] * self.total + self.p["merge"]["cpu_per_item"] * self.job["items"]
        asked = self.p["merge"]["asked_per_shard"] * self.total
        self.work += work
        end = t + work + self.p["merge"]["file_seconds_per_shard"] * self.total if self.files.latency is None else self.files.asked(t + work, asked)
        return end

    def start(self, t):
        s = self.p["start"]
        if self.files.latency is None:
            return t + self.job.get("start", s["cpu"] * self.slowdown(self.R)) + s["file_seconds"]
        return max(self.files.asked(t, s["asked"]) for _ in range(self.R)) + self.job.get("start", s["cpu"])

    def run(self, merge=True):
        out, t = {}, 0.0
        for name, step in (("start", self.start), ("embed", lambda t: self.claimed(t, "embed")), ("retrieve", self.retrieve),
                           ("generate", lambda t: self.claimed(t, "generate")), ("merge", self.merge if merge else lambda t: t)):
            end = step(t)
            out[name], t = end - t, end
        out.update(all=t, claims=self.in_claims / self.R, barriers=self.in_barriers / self.R, files=self.in_files / self.R)
        return out


def memory_mb(profile, job, ranks, per_node=8, code="now"):
    """of a rank: measured private pages and MPI's growth with the ranks; models per node; the slice of the cache; lists"""
    m = {int(n): v["private_mb"] for n, v in profile["memory"].items()}
    growth = max(0.0, (m[32] - m[8]) / 24)
    n, k, D = job["shard_items"], job["topk"], job["dimension"]
    lists = n * k * 12 * ranks if code == "before" else 2 * n * k * 16
    cache = job["entries"] * (6 * D + 40) / ranks
    shards = 56 * 2 * -(-job["items"] // n)
    return m[8] + growth * ranks + (lists + cache + shards + n * D * 8) / 1e6 + job["model_mb"] / min(per_node, ranks)


# ---- tables ----

def simulate(profile, ranks, latency=1e-3, job=None, **more):
    job = dict(JOB, **(job or {}), measured_items=profile["shard_items"])
    return Simulation(profile, job, ranks, Files(latency), **more).run()


def ideal(profile, job=None, **more):
    one = simulate(profile, 1, 0.0, job, **more)
    return one["all"] - one["start"]


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |")


def head(*cells):
    row(*cells)
    print("|" + "---|" * len(cells))


def cells_of(r, ranks, best):
    return [f"{r['all']:,.0f}"] + [f"{r[s]:,.1f}" for s in ("retrieve", "merge", "claims", "barriers")] + [f"{100 * best / ranks / r['all']:.0f} %"]


COLUMNS = ("seconds", "retrieve", "merge", "in claims, per rank", "in barriers, per rank", "efficiency")


def table_ranks(profile):
    best = ideal(profile)
    head("ranks", *COLUMNS, "MB per rank")
    for ranks in (1, 2, 4, 8, 16, 32, 64, 256, 1024):
        row(ranks, *cells_of(simulate(profile, ranks), ranks, best), f"{memory_mb(profile, JOB, ranks):,.0f}")


def table_latency(profile):
    best = ideal(profile)
    head("ranks", "file system answers after", *COLUMNS)
    for ranks in (64, 1024):
        for latency in (1e-4, 1e-3, 1e-2, 1e-1):
            row(ranks, f"{1e3 * latency:g} ms", *cells_of(simulate(profile, ranks, latency), ranks, best))


def table_shards(profile):
    best = ideal(profile)
    head("ranks", "shard_items", *COLUMNS, "MB per rank")
    for ranks in (64, 1024):
        for n in (16, 64, 256, 1024):
            row(ranks, n, *cells_of(simulate(profile, ranks, 1e-2, {"shard_items": n}), ranks, best),
                f"{memory_mb(profile, dict(JOB, shard_items=n), ranks):,.0f}")


def table_stragglers(profile):
    best = ideal(profile)
    head("ranks", "slow ranks", "claims served by", *COLUMNS)
    for ranks in (64, 1024):
        for share, factor in ((0, 1), (0.02, 2), (0.1, 2)):
            for software in (False, True):
                r = simulate(profile, ranks, straggler=(share, factor), software_claims=software)
                row(ranks, f"{100 * share:g} % take {factor} times as long" if share else "none", "rank 0 between batches" if software else "the network",
                    *cells_of(r, ranks, best))


def table_arrays(profile):
    """parts of 16 ranks that begin when the queue lets them; the last job merges"""
    head("parts of 16 ranks", "mean wait of a part in the queue, s", "seconds from the first begin to DONE", "the same without waiting")
    for parts in (4, 64):
        for delay in (0, 60, 600, 3600):
            ends, chance = [], random.Random(5)
            for part in range(parts):
                job = dict(JOB, measured_items=profile["shard_items"])
                total = -(-job["items"] // job["shard_items"])
                s = Simulation(profile, job, 16, Files(1e-3), shards=total * (part + 1) // parts - total * part // parts, seed=part)
                ends.append((chance.expovariate(1 / delay) if delay else 0) + s.run(merge=False)["all"])
            last = Simulation(profile, dict(JOB, measured_items=profile["shard_items"]), 16, Files(1e-3), shards=0).run()["all"]
            wait = chance.expovariate(1 / delay) if delay else 0
            if delay == 0:
                base = max(ends) + last
            row(parts, delay, f"{max(ends) + wait + last:,.0f}", f"{base:,.0f}")


def table_code(profile):
    """what the two changes of stage retrieve do"""
    best = ideal(profile)
    head("ranks", "file system answers after", "retrieval", *COLUMNS, "MB per rank")
    for ranks in (64, 1024):
        for latency in (1e-3, 1e-2):
            for code, name in (("before", "each rank reads, every list to every rank, files in turn"), ("now", "as it is")):
                r = simulate(profile, ranks, latency, {"shard_items": 1024}, code=code)
                row(ranks, f"{1e3 * latency:g} ms", name, *cells_of(r, ranks, best), f"{memory_mb(profile, dict(JOB, shard_items=1024), ranks, code=code):,.0f}")


def check(profile):
    """the measured machine itself: its cores, its files, the demo's models"""
    job = {k: profile[k] for k in ("items", "shard_items", "entries", "dimension", "topk")}
    job.update(measured_items=profile["shard_items"], model_mb=0)
    head("ranks on this machine", "stage", "measured, s", "simulated, s", "error")
    worst = 0.0
    for ranks in sorted(map(int, profile["real"])):
        real = profile["real"][str(ranks)]
        s = Simulation(profile, job, ranks, Files(None), cores=profile["cpu"]["cores"], busy=profile["busy"], net=Net(1e-6, 4e9)).run()
        s["all"] -= 0  # wall_seconds begins after MPI has
        for stage in ("embed", "retrieve", "generate", "all"):
            error = s[stage] / real[stage] - 1
            worst = max(worst, abs(error)) if stage == "all" else worst
            row(ranks, stage, f"{real[stage]:.2f}", f"{s[stage]:.2f}", f"{100 * error:+.0f} %")
    print(f"\nlargest error of a whole run: {100 * worst:.0f} %")


TABLES = {"ranks": table_ranks, "latency": table_latency, "shards": table_shards, "stragglers": table_stragglers, "arrays": table_arrays, "code": table_code}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--measured", default=HERE + "/measured.json")
    p.add_argument("--check", action="store_true")
    p.add_argument("--table", choices=list(TABLES))
    a = p.parse_args()
    profile = json.load(open(a.measured))
    print(f"Measured {profile['date']} on {profile['cpu']['name']} (model {profile['cpu']['model']}, {profile['cpu']['cores']} cores).\n")
    if a.check:
        check(profile)
        return
    for name in [a.table] if a.table else TABLES:
        print(f"### Simulated: {name}\n")
        TABLES[name](profile)
        print()


if __name__ == "__main__":
    main()
