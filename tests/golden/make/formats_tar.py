"""The tars of golden/formats: headers of every dialect, webdataset's grouping, and damage; called by formats.py."""

import gzip
import hashlib
import io
import json
import tarfile

import numpy as np
from PIL import Image


def jpeg(rng):
    f = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((24, 18), Image.BICUBIC).save(f, "JPEG", quality=80)
    return f.getvalue()


def png(rng):
    f = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)).save(f, "PNG")
    return f.getvalue()


def member(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mtime = len(data), kind, link, 1600000000
    return info, data


def sample(rng, key, caption="a red car"):
    return [member(key + ".jpg", jpeg(rng)), member(key + ".txt", (caption + "\n").encode()),
            member(key + ".json", json.dumps({"caption": caption, "key": key}).encode())]


def archive(members, form=tarfile.USTAR_FORMAT):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return f.getvalue()


def why_skipped(info):
    base = info.name.rpartition("/")[2]
    if info.type != tarfile.REGTYPE:
        return "not a regular file"
    if base.startswith("__") and base.endswith("__"):
        return "__name__"
    if ".." in info.name.split("/") or info.name.startswith("/"):
        return "path leaves the folder (nothing is written from it; as a key it may be used or refused)"
    if "." not in base or base.startswith("."):
        return "no stem or no extension"
    return None


def grouped(members):
    """webdataset's rule: the key is the path to the first dot of the base name; members of a sample follow each other."""
    samples, skipped = [], []
    for info, data in members:
        if why_skipped(info):
            skipped.append([info.name, why_skipped(info)])
            continue
        folder, slash, base = info.name.rpartition("/")
        stem, _, extension = base.partition(".")
        key, extension = folder + slash + stem, extension.lower()
        if not samples or samples[-1]["key"] != key or extension in samples[-1]["files"]:
            samples.append({"key": key, "files": {}})
        samples[-1]["files"][extension] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {"samples": samples, "skipped": skipped}


def put_dialects(folder, rng, plain):
    long = [m for i in range(2) for m in sample(rng, "deep/" + "long-directory-name/" * 9 + "a-very-long-base-name-" * 6 + str(i))]
    accents = sample(rng, "café/naïve-猫")
    for name, members, form in (("ustar", plain, tarfile.USTAR_FORMAT), ("pax", plain, tarfile.PAX_FORMAT), ("gnu", plain, tarfile.GNU_FORMAT),
                                ("pax_long", long, tarfile.PAX_FORMAT), ("gnu_long", long, tarfile.GNU_FORMAT),
                                ("pax_utf8", accents, tarfile.PAX_FORMAT)):
        folder.put(name + ".tar", archive(members, form), **grouped(members))
    prefix = sample(rng, "p" * 90 + "/" + "q" * 80)
    folder.put("ustar_prefix.tar", archive(prefix), **grouped(prefix), note="name split between the prefix and name fields")


def put_groups(folder, rng):
    one, two = sample(rng, "a"), sample(rng, "b")
    tars = {
        "uppercase": [member("A.JPG", jpeg(rng)), member("A.TXT", b"upper\n"), member("b.Jpeg", jpeg(rng)), member("b.txt", b"mixed\n"),
                      member("c.PNG", png(rng)), member("c.txt", b"png\n")],
        "dots": [member("dir.v1/a.b.jpg", jpeg(rng)), member("dir.v1/a.b.txt", b"key is dir.v1/a, extension b.txt\n"),
                 member("./c.jpg", jpeg(rng)), member("./c.txt", b"leading dot folder\n"), member(".hidden", b"x"), member("noext", b"y")],
        "meta": [member("__meta__", b"{}"), *one, member("__index__", b"1"), *two],
        "not_contiguous": [one[0], two[0], one[1], two[1]],
        "duplicate": [*one[:2], *sample(rng, "a")[:2]],
        "links": [member("d", kind=tarfile.DIRTYPE), *sample(rng, "d/a"), member("d/link.jpg", kind=tarfile.SYMTYPE, link="../../outside.jpg"),
                  member("d/hard.jpg", kind=tarfile.LNKTYPE, link="d/a.jpg"), member("fifo.jpg", kind=tarfile.FIFOTYPE), *sample(rng, "d/b")],
        "path_escape": [*sample(rng, "good"), member("../evil.jpg", jpeg(rng)), member("../evil.txt", b"evil\n"), member("/absolute.jpg", jpeg(rng)),
                        *sample(rng, "good2")],
        "partial": [member("no_text.jpg", jpeg(rng)), member("no_image.txt", b"alone\n"), member("empty.jpg"), member("empty.txt"), *sample(rng, "whole")],
        "captions": [member("m.jpg", jpeg(rng)), member("m.txt", "one\r\ntwo\n\n  three  \nfour é".encode()), member("latin.jpg", jpeg(rng)),
                     member("latin.txt", b"caf\xe9\n")],
        "empty": [],
    }
    for name, members in tars.items():
        folder.put(name + ".tar", archive(members), **grouped(members))


def put_damage(folder, whole, first_size):
    second = 512 + (first_size + 511) // 512 * 512
    squeezed = gzip.compress(whole, 9, mtime=0)
    checksum = bytearray(whole)
    checksum[second + 148] ^= 1
    huge = bytearray(whole[:512])
    huge[124:136] = b"77777777777\0"
    huge[148:156] = b" " * 8
    huge[148:156] = b"%06o\0 " % sum(huge)
    for name, data, why in (("truncated_data", whole[:512 + first_size // 2], "cut inside the data of the first member"),
                            ("truncated_header", whole[:second + 200], "cut inside the second header"),
                            ("gzip_truncated", squeezed[:700], "gzip stream cut"), ("zero_bytes", b"", "no bytes: not a tar"),
                            ("text", b"hello\n" * 200, "not a tar"), ("bad_checksum", bytes(checksum), "header checksum of the second member"),
                            ("huge_size", bytes(huge) + b"x" * 100, "says 8 GiB, file ends")):
        folder.put(name + ".tar", data, "reject", why=why)


def make_tar(folder, rng):
    plain = [m for i in range(4) for m in sample(rng, f"{i:09d}", f"caption {i}")]
    whole = archive(plain)
    put_dialects(folder, rng, plain)
    put_groups(folder, rng)
    for name in ("gzip.tar.gz", "gzip_named.tar"):
        folder.put(name, gzip.compress(whole, 9, mtime=0), **grouped(plain), note="found by its content, not its name")
    folder.put("no_end_blocks.tar", whole[:len(whole.rstrip(b"\0")) // 512 * 512 + 512], **grouped(plain), note="the two zero blocks at the end are missing")
    put_damage(folder, whole, plain[0][0].size)
