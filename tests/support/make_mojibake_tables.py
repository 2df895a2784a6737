"""Makes engine/text/mojibake_tables.inc from ftfy 6.3.1's character classes and code pages (Apache-2.0).

    python3 tests/support/make_mojibake_tables.py > engine/text/mojibake_tables.inc

A row of `characters`: the code point; its byte in each of ftfy's ten code pages, in ftfy's order (0: it has none there);
a bit for each set that it belongs to. Sets are those of the heuristic `badness` and of the detector of UTF-8 inside other
text. A row of `signs`: the sets that follow each other where text looks wrong.
"""

import re
import sys
from re import _parser as parser  # Python 3.11

import ftfy
from ftfy import bad_codecs, badness, chardata  # noqa: F401  bad_codecs registers the sloppy code pages

CLUES = ["utf8_first_of_2", "utf8_first_of_3", "utf8_first_of_4", "utf8_continuation", "utf8_continuation_strict"]
POINTS = [p for p in range(0x110000) if not 0xD800 <= p < 0xE000]


def members(item):
    """The code points that one item of a parsed expression matches."""
    kind, value = item
    if kind is parser.LITERAL:
        return frozenset([value])
    if kind is parser.ANY:
        return frozenset(p for p in POINTS if p != 10)
    assert kind is parser.IN
    found, negated = set(), False
    for kind, value in value:
        if kind is parser.NEGATE:
            negated = True
        elif kind is parser.LITERAL:
            found.add(value)
        elif kind is parser.RANGE:
            found.update(range(value[0], value[1] + 1))
        else:
            assert kind is parser.CATEGORY
            pattern = re.compile({parser.CATEGORY_SPACE: r"\s", parser.CATEGORY_WORD: r"\w"}[value])
            found.update(p for p in POINTS if pattern.match(chr(p)))
    return frozenset(p for p in POINTS if p not in found) if negated else frozenset(found)


def expanded(items):
    """The sequences of an alternative, with and without an optional item: (at the text's start, [members])."""
    sequences = [(False, [])]
    for kind, value in items:
        if kind is parser.AT:
            assert value is parser.AT_BEGINNING
            sequences = [(True, s) for _, s in sequences]
        elif kind is parser.MAX_REPEAT:
            assert value[:2] == (0, 1) and len(value[2]) == 1
            sequences += [(at, s + [members(value[2][0])]) for at, s in sequences]
        elif kind is parser.SUBPATTERN:
            raise AssertionError
        else:
            sequences = [(at, s + [members((kind, value))]) for at, s in sequences]
    return sequences


def branches(tree):
    """The alternatives, with what the parser drew out to their front put back."""
    prefix = list(tree[:-1]) if tree[-1][0] is parser.BRANCH else list(tree)
    if tree[-1][0] is not parser.BRANCH:
        return [prefix]
    return [prefix + list(b) for b in tree[-1][1][1]]




def main():
    signs = [s for b in branches(parser.parse(badness.BADNESS_RE.pattern, re.VERBOSE)) for s in expanded(b)]
    clues = [members(parser.parse("[" + chardata.UTF8_CLUES[c] + "]")[0]) for c in CLUES]
    assert not (clues[0] & clues[1] or clues[0] & clues[2] or clues[1] & clues[2])  # the first character tells the length
    word, space = members(parser.parse(r"[\w]")[0]), members(parser.parse(r"[\s]")[0])
    general = [word, space, frozenset(p for p in POINTS if p != 10), members(parser.parse("[^A-Za-z]")[0])]
    sets = general + clues
    for m in (m for _, s in signs for m in s):
        if m not in sets:
            sets.append(m)
    assert len(sets) <= 128
    pages = {}
    for encoding in chardata.CHARMAP_ENCODINGS:
        pages[encoding] = {}
        for p in range(0x10000):
            if 0xD800 <= p < 0xE000:
                continue
            possible = chardata.possible_encoding(chr(p), encoding)
            if possible:
                pages[encoding][p] = chr(p).encode(encoding)[0]
            if p < 0x80:
                assert pages[encoding].get(p) == (None if p == 0x1A and encoding.startswith("sloppy") else p)
    points = sorted({p for page in pages.values() for p in page} | {p for m in sets if m not in general for p in m} | set(range(0x80)))
    assert points[-1] <= 0xFFFF and all(page.get(p) != 0 for page in pages.values() for p in points[1:])

    print("/* Made by tests/support/make_mojibake_tables.py from ftfy %s:" % ftfy.__version__)
    print(" * Copyright Robyn Speer; Apache License, Version 2.0, http://www.apache.org/licenses/LICENSE-2.0.")
    print(" * Changed: its expressions and code pages are written out as tables. */")
    print("enum {")
    for i, name in enumerate(["WORD", "SPACE", "ANY_BUT_LINE_FEED", "NO_LATIN_LETTER", "FIRST_OF_2", "FIRST_OF_3", "FIRST_OF_4", "CONTINUATION",
                              "CONTINUATION_STRICT"]):
        print("    SET_%s = %d," % (name, i))
    print("};")
    print("/* Code pages: " + ", ".join(chardata.CHARMAP_ENCODINGS[:5]) + ",\n * " + ", ".join(chardata.CHARMAP_ENCODINGS[5:]) + " */")
    print("enum { PAGES = %d, MACROMAN = %d, SLOPPY_FIRST = 1, SLOPPY_LAST = 6 };" %
          (len(pages), chardata.CHARMAP_ENCODINGS.index("macroman")))
    assert [e.startswith("sloppy") for e in pages] == [False] + [True] * 6 + [False] * 3
    print("static const struct character characters[] = {")
    for p in points:
        bits = sum(1 << i for i, m in enumerate(sets) if p in m)
        codes = ", ".join("%d" % pages[e].get(p, 0) for e in chardata.CHARMAP_ENCODINGS)
        print("{ 0x%x, { %s }, { 0x%x, 0x%x } }," % (p, codes, bits & (1 << 64) - 1, bits >> 64))
    print("};")
    print("static const struct sign signs[] = {")
    for at_start, s in signs:
        print("{ %s, %d, { %s } }," % ("true" if at_start else "false", len(s), ", ".join(str(sets.index(m)) for m in s)))
    print("};")
    print(len(points), "characters", len(sets), "sets", len(signs), "signs", file=sys.stderr)


if __name__ == "__main__":
    main()
