"""Tars of many tiny members, and a command's peak memory: for bench/archive_items.sh.

    archive_items.py make FOLDER ITEMS TARS     FOLDER/00000.tar …: members NUMBER.jpg of four bytes
    archive_items.py peak COMMAND…              runs it; the last line on stderr is its peak resident memory in MB
"""
import resource
import subprocess
import sys


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


def peak(command):
    code = subprocess.call(command)
    print("peak %d MB" % (resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024), file=sys.stderr)
    return code


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    sys.exit(peak(sys.argv[2:]))
