"""Makes engine/text/html_entities.inc from Python's table of HTML5's named character references.

    python3 tests/support/make_html_entities.py > engine/text/html_entities.inc

A row: the name without "&" and ";", its text, and when it is a reference: SEMICOLON as "&name;", BARE also as "&name",
CAPITALS only for ftfy 6.3.1, as "&NAME;": names that HTML has in lower case alone, which stand for the text in upper case.
"""

import html
import html.entities

rows = {}
for name, text in html.entities.html5.items():
    if name.endswith(";"):
        bare = html.entities.html5.get(name[:-1])
        assert bare in (None, text)
        rows[name[:-1]] = (text, "SEMICOLON | BARE" if bare else "SEMICOLON")
        upper = name.upper()
        if name == name.lower() and html.unescape("&" + upper) == "&" + upper:
            rows[upper[:-1]] = (text.upper(), "CAPITALS")


def quoted(text):
    return '"' + "".join("\\%03o" % b for b in text.encode("utf-8")) + '"'


print("/* Made by tests/support/make_html_entities.py. Sorted by name, bytewise. */")
line = ""
for name in sorted(rows):
    row = '{ "%s", %s, %s }, ' % (name, quoted(rows[name][0]), rows[name][1])
    if len(line) + len(row) > 118:
        print(line.rstrip())
        line = ""
    line += row
print(line.rstrip())
