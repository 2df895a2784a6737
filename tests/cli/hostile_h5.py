"""hostile_h5.py PROGRAM CHECKSUM CORPUS DEMO: in a folder with whole (a run of caption), cache, dataset, images, job.yaml."""
import glob
import json
import os
import resource
import shutil
import subprocess
import sys

program, checksum, corpus, demo = sys.argv[1:5]
EVERY = int(os.environ.get("HOSTILE_EVERY", 40))  # of so many files one, for a command
PATIENCE = min(EVERY, 4)  # the same, for verify
SECONDS, MEMORY = 60, 8 << 30
# Whole files of other content, or with damage that nothing reads: no command needs to refuse them as HDF5.
SOUND = {"whole", "heap_whole", "zeros_compressed", "attributes_many"}
model = os.path.dirname(corpus) + "/golden/gguf/malformed/model_good.gguf"  # whole, tiny
clip, bart = f"clip.model={demo}/clip", f"bart.model={demo}/bart"
CACHE, RUN, DATA = "cache/shards/00000.h5", "whole/{}/00000.h5", "dataset/shards/00000.h5"


def run_commands(where):
    """(name, whether it must refuse, arguments, files that are removed before)"""
    stage = {"embeddings": 1, "tables": 2, "shards": 3, "captions": 4}[where]
    redo = ["DONE"]
    joined = [] if stage < 4 else [  # what of a run shows the others; other commands make it, none reads it
        ("verify captions.h5", True, ["verify", "whole/captions.h5"], []),
        ("inspect captions.h5", True, ["inspect", "whole/captions.h5"], []),
    ]
    return joined + [
        ("verify", stage < 4, ["verify", "whole"], []),
        ("inspect run", False, ["inspect", "whole"], []),
        ("status", False, ["status", "whole"], []),
        ("report", stage < 4, ["report", "whole"], []),
        ("export h5", False, ["export", "whole", "--format", "h5", "--out", "new.h5"], []),
        ("export csv", False, ["export", "whole", "--format", "csv", "--out", "new.csv"], []),
        ("export webdataset", False, ["export", "whole", "--format", "webdataset", "--out", "new"], []),
        ("export review", stage in (1, 2, 3), ["export", "whole", "--format", "review", "--out", "new.html"], []),
        ("import-review", False, ["import-review", "whole", "review.jsonl"], []),
        ("search", stage == 1, ["search", "whole", "--key", "scene_00"], []),
        ("dedupe", stage == 1, ["dedupe", "whole", "--threshold", "0.9", "--out", "new"], []),
        ("recaption", stage == 2, ["recaption", "whole", "scene_00"], []),
        ("resume", stage in (1, 2, 3), ["caption", "job.yaml", "--run", "whole"], redo),
        ("update", False, ["caption", "job.yaml", "--run", "whole", "--update"], []),
        ("evaluate", False, ["evaluate", "--run", "new", "--set", "evaluate.predictions=whole", "--set", "evaluate.references=images"], []),
        ("story", False, ["story", "--run", "new", "--set", "input.path=whole", "--set", f"story.model={model}", "--set", "story.max_new_tokens=2"], []),
    ]


CACHE_COMMANDS = [
    ("verify", True, ["verify", "cache"], []),
    ("inspect", False, ["inspect", "cache"], []),
    ("search", True, ["search", "cache", "--text", "zebra", "--model", f"{demo}/clip"], []),
    ("topk", True, ["topk", "--cache", "cache", "--model", f"{demo}/clip", "--text", "zebra"], []),
    ("export", True, ["export", "cache", "--out", "new"], []),
    ("cache-edit", True, ["cache-edit", "cache", "--remove", "remove.txt", "--out", "new"], []),
    ("cache-diff", True, ["cache-diff", "cache", "good_cache"], []),
    ("dedupe", True, ["dedupe", "cache", "--threshold", "0.9", "--out", "new"], []),
    ("extend-cache", False, ["extend-cache", "--run", "cache", "--set", "input.path=more.txt", "--set", clip], []),
    ("build-cache", False, ["build-cache", "--run", "cache", "--set", "input.path=cache.txt", "--set", clip], ["DONE"]),
    ("caption", True, ["caption", "job.yaml", "--run", "new"], []),
    ("tag", True, ["tag", "--run", "new", "--set", "input.path=images", "--set", clip, "--set", "cache.path=cache", "--set", "retrieval.topk=3"], []),
    ("train", True, ["train", "--run", "new", "--set", "input.train=images", "--set", "input.validation=images", "--set", clip, "--set", bart, "--set", "cache.path=cache"], []),
]
DATA_COMMANDS = [
    ("verify", True, ["verify", "dataset"], []),
    ("inspect", False, ["inspect", "dataset"], []),
    ("embed-images", True, ["embed-images", "--run", "new", "--set", "input.path=dataset", "--set", clip], []),
    ("caption", True, ["caption", "job.yaml", "--run", "new", "--set", "input.path=dataset"], []),
    ("tag", True, ["tag", "--run", "new", "--set", "input.path=dataset", "--set", clip, "--set", "cache.path=good_cache"], []),
    ("train", True, ["train", "--run", "new", "--set", "input.train=dataset", "--set", "input.validation=images", "--set", clip, "--set", bart, "--set", "cache.path=good_cache"], []),
    ("export", True, ["export", "dataset", "--format", "folder", "--out", "new"], []),
    ("ingest again", False, ["ingest", "images", "--out", "dataset"], ["DONE"]),
    ("ingest", True, ["ingest", "dataset", "--out", "new"], []),
    ("evaluate", False, ["evaluate", "--run", "new", "--set", "evaluate.predictions=lines.txt", "--set", "evaluate.references=dataset"], []),
]
# A file of itself, as an argument.
FILE_COMMANDS = [
    ("inspect FILE", True, ["inspect", "{}"], []),
    ("inspect --json FILE", True, ["inspect", "--json", "{}"], []),
    ("verify FILE", True, ["verify", "{}"], []),
    ("topk --cache FILE", True, ["topk", "--cache", "{}", "-k", "1", "--queries", "{}", "--out-ids", "i.npy", "--out-scores", "s.npy"], []),
    ("caption, a file as the input", True, ["caption", "job.yaml", "--run", "new", "--set", "input.path={}"], []),
    ("caption, a file as the cache", True, ["caption", "job.yaml", "--run", "new", "--set", "cache.path={}"], []),
    ("caption, a file as the model", True, ["caption", "job.yaml", "--run", "new", "--set", "clip.model={}"], []),
    ("ingest, a file as the input", True, ["ingest", "{}", "--out", "new"], []),
    ("evaluate, a file as predictions", True, ["evaluate", "--run", "new", "--set", "evaluate.predictions={}", "--set", "evaluate.references=lines.txt"], []),
]


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def sum_of(path):
    return subprocess.run([checksum, path], check=True, capture_output=True, text=True).stdout.strip()


class Place:
    """A folder with a hostile file in it, fresh for each command, and manifests that agree with it."""

    def __init__(self, folder, path):
        self.folder, self.path = folder, path
        self.old = sum_of(path)

    def put(self, hostile, removed):
        shutil.rmtree(self.folder)
        shutil.copytree("good_" + self.folder, self.folder)
        shutil.copyfile(hostile, self.path)
        new = sum_of(self.path).encode()
        for name in glob.glob(self.folder + "/**/*.json*", recursive=True) + glob.glob(self.folder + "/DONE"):
            data = open(name, "rb").read()
            if self.old.encode() in data:
                open(name, "wb").write(data.replace(self.old.encode(), new))
        for name in removed:
            if os.path.exists(f"{self.folder}/{name}"):
                os.remove(f"{self.folder}/{name}")

    def restore(self):
        shutil.rmtree(self.folder)
        shutil.copytree("good_" + self.folder, self.folder)


faults, tried, refused = 0, 0, 0


def fault(text):
    global faults
    faults += 1
    print(text, flush=True)


def attempt(what, must, arguments, hostile, names):
    global tried, refused
    for left in ("new", "new.h5", "new.csv", "new.html"):
        if os.path.isdir(left):
            shutil.rmtree(left)
        elif os.path.exists(left):
            os.remove(left)
    tried += 1
    try:
        p = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        fault(f"{what}: hangs")
        return
    said = (p.stdout + p.stderr).decode(errors="replace")
    stem = os.path.basename(hostile)[:-3]
    if p.returncode < 0 or p.returncode not in (0, 1, 2, 3):
        fault(f"{what}: exit {p.returncode}: {said[-300:]}")
    elif p.returncode != 0:
        refused += 1
        if not any(name in said for name in names):
            fault(f"{what}: exit {p.returncode}, and no file named: {said[-300:]}")
    elif must and stem not in SOUND:
        fault(f"{what}: not refused: {said[-300:]}")


def main():
    for folder in ("whole", "cache", "dataset"):
        shutil.copytree(folder, "good_" + folder)
    open("remove.txt", "w").write("zebra\n")
    open("more.txt", "w").write("a blue boat\n")
    open("lines.txt", "w").write("a\nb\nc\nd\n")
    page = subprocess.run([program, "export", "whole", "--format", "review", "--out", "page.html"], capture_output=True)
    assert page.returncode == 0, page.stderr
    facts = json.loads(open("page.html").read().split('id="review-facts">')[1].split("<")[0])
    open("review.jsonl", "w").write(json.dumps({"antarctic_review": 1, **{k: facts[k] for k in ("run", "input", "folder")}}) + "\n")
    files = sorted(glob.glob(corpus + "/*.h5"))
    assert len(files) > 100
    places = [(Place("whole", RUN.format(f)), run_commands(f)) for f in ("embeddings", "tables", "shards")]
    places += [(Place("whole", "whole/captions.h5"), run_commands("captions")), (Place("cache", CACHE), CACHE_COMMANDS), (Place("dataset", DATA), DATA_COMMANDS)]
    number = 0
    for place, commands in places:
        for name, must, arguments, removed in commands:
            number += 1
            for i, hostile in enumerate(files):
                if (i + 7 * number) % EVERY:
                    continue
                place.put(hostile, removed)
                attempt(f"{name} with {place.path} = {os.path.basename(hostile)}", must, arguments, hostile, (os.path.basename(place.path), place.folder))
        place.restore()
    for name, must, arguments, _ in FILE_COMMANDS:
        number += 1
        for i, hostile in enumerate(files):
            every = 1 if name == "inspect FILE" else PATIENCE if name == "verify FILE" else EVERY
            if (i + 7 * number) % every:
                continue
            attempt(f"{name}: {os.path.basename(hostile)}", must, [a.replace("{}", hostile) for a in arguments], hostile, (os.path.basename(hostile),))
    print(f"{len(files)} files, {tried} commands, {refused} refused")
    sys.exit(bool(faults))


main()
