"""Which of the things drawn in the scenes do captions name, and do the retrieved tables hold?

    python scenes_named.py --scenes ../shared/scenes --split validation|held_out --captions RUN/captions.jsonl

A kind is named where its noun or plural stands in the caption as whole words, any case. For held_out only the kinds that no training
caption names are counted. One line of output: "named N/M = share (in table share)".
"""

import argparse
import json
import os
import re


def main():
    p = argparse.ArgumentParser(description=__doc__)
    for name in ("scenes", "split", "captions"):
        p.add_argument("--" + name, required=True)
    a = p.parse_args()
    kinds = json.load(open(os.path.join(a.scenes, "kinds.json"), encoding="utf-8"))
    objects = json.load(open(os.path.join(a.scenes, "objects.json"), encoding="utf-8"))[a.split]
    patterns = {k: re.compile(r"\b(?:%s|%s)\b" % (re.escape(v["noun"]), re.escape(v["plural"])), re.IGNORECASE) for k, v in kinds.items()}
    total = named = in_table = 0
    with open(a.captions, encoding="utf-8") as f:
        for record in map(json.loads, f):
            table = " | ".join(e["entry"] for e in record["table"])
            for kind in objects[record["key"]]:
                if a.split == "held_out" and not kinds[kind]["held_out"]:
                    continue
                total += 1
                named += bool(patterns[kind].search(record["caption"]))
                in_table += bool(patterns[kind].search(table))
    print(f"named {named}/{total} = {named / max(total, 1):.3f} (in table {in_table / max(total, 1):.3f})")


if __name__ == "__main__":
    main()
