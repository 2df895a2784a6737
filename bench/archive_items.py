"""Many tiny images, and a command's peak memory: for bench/archive_items.sh.

    archive_items.py make FOLDER ITEMS TARS     FOLDER/00000.tar …: members NUMBER.jpg of four bytes
    archive_items.py files FOLDER ITEMS         FOLDER/NNNN/NUMBER.jpg: files of four bytes, links to a few
    archive_items.py list FILE FOLDER ITEMS     a list of them
    archive_items.py peak COMMAND…              runs it; the last line on stderr is what it had at most, in MB: resident memory, its own
                                                memory (RssAnon), and its share of all (Pss). The latter two are asked for 20 times per second
"""
import os
import re
import resource
import subprocess
import sys
import time


def member(number):
    header = bytearray(1024)
    header[0:13] = b"%09d.jpg" % number
    header[100:107] = b"0000644"
    header[108:115] = header[116:123] = b"0000000"
    header[124:135] = b"%011o" % 4
    header[136:147] = b"0" * 11
    header[148:156] = b" " * 8
    header[156:157] = b"0"
    header[257:265] = b"ustar\x0000"
    header[148:155] = b"%06o\x00" % sum(header[:512])
    header[512:516] = b"byte"
    return header


def make(folder, items, tars):
    for tar in range(tars):
        with open(f"{folder}/{tar:05d}.tar", "wb", buffering=1 << 22) as out:
            for number in range(tar * items // tars, (tar + 1) * items // tars):
                out.write(member(number))
            out.write(bytes(1024))


def name(number):
    return "%04d/%09d.jpg" % (number // 10000, number)


def files(folder, items):
    for number in range(items):
        path = f"{folder}/{name(number)}"
        if number % 10000 == 0:
            os.makedirs(os.path.dirname(path))
            first = path
            with open(path, "wb") as out:
                out.write(b"byte")
        else:
            os.link(first, path)


def write_list(path, folder, items):
    with open(path, "w") as out:
        for number in range(items):
            out.write(f"{folder}/{name(number)}\n")


def asked(pid, file, field):
    try:
        found = re.search(rf"^{field}:\s*(\d+) kB", open(f"/proc/{pid}/{file}").read(), re.M)
        return int(found[1]) if found else 0
    except OSError:
        return 0


def peak(command):
    process = subprocess.Popen(command)
    own = share = 0
    while process.poll() is None:
        own = max(own, asked(process.pid, "status", "RssAnon"))
        share = max(share, asked(process.pid, "smaps_rollup", "Pss"))
        time.sleep(0.05)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print("peak %d MB, own %d MB, share %d MB" % (most // 1024, own // 1024, share // 1024), file=sys.stderr)
    return process.returncode


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
elif sys.argv[1] == "files":
    files(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1] == "list":
    write_list(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    sys.exit(peak(sys.argv[2:]))
