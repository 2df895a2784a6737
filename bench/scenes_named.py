"""Which of the things drawn in the scenes do captions name, and do the retrieved entries hold?

    python scenes_named.py --captions RUN/captions.jsonl [--scenes bench/scenes.json] [--held-out]

scenes.json holds the kinds of things (noun, plural, whether no training caption has it) and what each image of models/demo/validation shows.
A kind is named where its noun or plural stands in the caption as whole words, any case. --held-out: only kinds that no training caption has.
One line of output: "named N/M = share (in the retrieved entries: share)".
"""

import argparse
import json
import os
import re


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", required=True)
    parser.add_argument("--scenes", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenes.json"))
    parser.add_argument("--held-out", action="store_true")
    args = parser.parse_args()
    with open(args.scenes, encoding="utf-8") as f:
        scenes = json.load(f)
    kinds = scenes["kinds"]
    patterns = {k: re.compile(r"\b(?:%s|%s)\b" % (re.escape(v["noun"]), re.escape(v["plural"])), re.IGNORECASE) for k, v in kinds.items()}
    total = named = retrieved = 0
    with open(args.captions, encoding="utf-8") as f:
        for record in map(json.loads, f):
            entries = " | ".join(e["entry"] for e in record["table"])
            for kind in scenes["objects"][record["key"]]:
                if args.held_out and not kinds[kind]["held_out"]:
                    continue
                total += 1
                named += bool(patterns[kind].search(record["caption"]))
                retrieved += bool(patterns[kind].search(entries))
    print(f"named {named}/{total} = {named / max(total, 1):.3f} (in the retrieved entries: {retrieved / max(total, 1):.3f})")


if __name__ == "__main__":
    main()
