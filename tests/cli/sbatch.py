#!/usr/bin/env python3
"""A stand-in for Slurm's sbatch, for tests without a cluster. It reads #SBATCH lines as Slurm 22.05.8 was seen to (tests/slurm/paths.sh
holds the same paths against a real one), refuses what that refuses, and appends what it understood to the file $SBATCH_SEEN as JSON.

A line is split at blanks. Either quotes keep blanks, and inside quotes a backslash keeps the next character. An unquoted # begins a
comment. In the path of a log %% is a percent sign and %j, %A, %a are numbers; a backslash in it ends all that.
"""
import json
import os
import re
import subprocess
import sys

JOB = "4711"
WORD = re.compile(rb"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"'#])+""", re.S)


def unquoted(word):
    def plain(m):
        return re.sub(rb"\\(.)", rb"\1", m[0][1:-1], flags=re.S)

    return re.sub(rb"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""", plain, word, flags=re.S)


def options_of(script):
    for line in script.split(b"\n"):
        if line and not line.startswith(b"#"):
            return
        if not line.startswith(b"#SBATCH"):
            continue
        at = 7
        while at < len(line):
            m = WORD.match(line, at)
            if m:
                name, _, value = unquoted(m[0]).partition(b"=")
                if not re.fullmatch(rb"--[a-z-]+", name):
                    sys.exit("sbatch: error: Invalid directive found in batch script: %r" % m[0])
                yield os.fsdecode(name[2:]), value
                at = m.end()
            elif line[at : at + 1].isspace():
                at += 1
            elif line[at : at + 1] == b"#":
                break
            else:
                sys.exit("sbatch: fatal: Unmatched quote in [%r]" % line)


def expanded(path):
    if b"\\" in path:
        return path.replace(b"\\", b"")
    table = {b"%": b"%", b"j": JOB.encode(), b"A": JOB.encode(), b"a": b"0", b"x": b"?name?", b"u": b"?user?", b"N": b"?node?"}
    return re.sub(rb"%\d*(.)", lambda m: table.get(m[1], m[0]), path)


def main():
    scripts = [a for a in sys.argv[1:] if not a.startswith("-")]
    options = dict(options_of(open(scripts[0], "rb").read()))
    log = expanded(options["output"])
    seen = {
        "run": os.fsdecode(os.path.dirname(log)),
        "log": os.fsdecode(os.path.basename(log)),
        "folder": os.fsdecode(options["chdir"]),
        "name": os.fsdecode(options["job-name"]),
        "well": os.path.isdir(os.path.dirname(log)) and subprocess.run(["bash", "-n", scripts[0]]).returncode == 0,
    }
    with open(os.environ["SBATCH_SEEN"], "a") as f:
        f.write(json.dumps(seen) + "\n")
    print(JOB)


main()
