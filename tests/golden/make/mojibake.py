"""Golden data of ftfy's repair of mojibake: texts in wrong encodings, and what OpenAI's CLIP tokenizer makes of them.

    python mojibake.py --out MADE/clip_tokenizer --vocabulary FOLDER --seed 1 --cases 800

Each case is drawn so that at least one of ftfy's steps for encodings changes it; some look damaged and must stay as they are.
"""

import collections
import json
import os
import random

import ftfy
from ftfy import bad_codecs  # noqa: F401  registers sloppy-windows-*, utf-8-variants

from byte_bpe import load_vocabulary
from clip_tokenizer import CONTEXT, SimpleTokenizer, ftfy_steps
from common import arguments, truncated
from texts import EMOJI

ENCODINGS = ["latin-1", "sloppy-windows-1252", "sloppy-windows-1250", "sloppy-windows-1251", "sloppy-windows-1253",
             "sloppy-windows-1254", "sloppy-windows-1257", "iso-8859-2", "macroman", "cp437"]
PHRASES = ["l'été à la plage", "un café près de l'église", "niño con sombrero", "Übergröße für Mädchen", "señorita", "naïve façade",
           "smørrebrød på bordet", "žluťoučký kůň", "zażółć gęślą jaźń", "ığdır şehri", "καλημέρα κόσμε", "привет, мир", "съешь ещё булок",
           "красная машина", "日本の猫", "北京 2008", "서울의 밤", "שלום עולם", "مرحبا بالعالم", "“quoted” – dash…", "it’s a dog’s life",
           "5 € or £3", "25 °C, ½ cup", "a × b ÷ c", "© 2021 René", "™ and ® signs", "São Paulo", "Đà Nẵng", "Škoda", "ﬁne œuvre",
           "piñata – 3’ × 2’", "crème brûlée", "jalapeño", "Ångström", "Łódź", "résumé", "à propos", "Ελλάδα", "українська мова", "ß"]
NO_BREAK = [p for p in PHRASES if b"\xa0" in p.encode("utf-8")] + ["voilà", "città", "à la carte", "Šárka", "più là che qua", "Š", "déjà vu"]  # a byte A0 inside
AROUND = ["a photo of {}", "{} (2014)", "the sign says {} in red", "{}, {}", "{}", "two men at {} & a dog", "\"{}\" by Müller", "{} – original", "see {} | {}"]


def wrong(rng, text, encoding):
    """UTF-8 bytes read as `encoding`, or None where that does not work."""
    try:
        return text.encode("utf-8").decode(encoding)
    except UnicodeDecodeError:
        return None


def one(rng):
    kind = rng.choice(["whole", "whole", "whole", "twice", "part", "part", "space", "space", "lossy", "variant", "c1", "mixed", "clean"])
    phrase = rng.choice(NO_BREAK if kind == "space" else PHRASES)
    if rng.random() < 0.15:
        phrase += " " + rng.choice(EMOJI)
    if rng.random() < 0.1:
        phrase = phrase.upper()
    encoding = rng.choice(ENCODINGS[:2] * 4 + ENCODINGS)
    text = wrong(rng, phrase, encoding)
    if text is None:
        return None
    if kind == "twice":
        text = wrong(rng, text, rng.choice(ENCODINGS[:2]))
    elif kind == "space":  # the no-break space inside a sequence has become a blank
        text = text.replace("\u00a0", " ")
        text = text if rng.random() < 0.5 else rng.choice(["Je suis {} Paris", "{}, dit-il", "la {}"]).format(text)
    elif kind == "lossy" and len(text) > 3:
        i = rng.randrange(len(text))
        text = text[:i] + rng.choice(["\ufffd", "\ufffd\ufffd", "\x1a"]) + text[i + 1:]
    elif kind == "variant":  # CESU-8, or a zero byte as two
        raw = b"".join(c.encode("utf-16-be", "surrogatepass") and c.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass").encode("utf-8") if ord(c) < 0x10000
                       else b"".join(chr(u).encode("utf-8", "surrogatepass") for u in (0xD800 + ((ord(c) - 0x10000) >> 10), 0xDC00 + ((ord(c) - 0x10000) & 0x3FF)))
                       for c in phrase + " " + rng.choice(["😀", "🦓", "👍🏽"]))
        text = raw.decode(rng.choice(ENCODINGS[:2]))
    elif kind == "c1":
        text = "".join(rng.choice([c, c, chr(rng.randint(0x80, 0x9F))]) if c == " " else c for c in phrase)
    elif kind == "clean":
        text = phrase
    if kind in ("part", "mixed") or rng.random() < 0.3:
        frame = rng.choice(AROUND)
        text = frame.format(*[text if i == 0 else rng.choice(PHRASES) for i in range(frame.count("{}"))]) if text else None
    return (kind, text) if text else None


def main():
    parser = arguments(__doc__)
    parser.add_argument("--vocabulary", required=True)
    parser.add_argument("--cases", type=int, default=800)
    args = parser.parse_args()
    rng, tokenizer = random.Random(args.seed), SimpleTokenizer(*load_vocabulary(args.vocabulary))
    seen, cases, steps = set(), [], collections.Counter()
    while len(cases) < args.cases:
        drawn = one(rng)
        if not drawn or drawn[1] in seen:
            continue
        kind, text = drawn
        names = ftfy_steps(text)
        plan = [s for line in text.splitlines(keepends=True) for s in ftfy.fix_and_explain(line).explanation]
        detail = sorted({s.parameter for s in plan})
        touched = any(s.action in ("encode", "decode", "transcode") for s in plan) or "decode_inconsistent_utf8" in detail
        if not touched and "fix_c1_controls" not in detail and rng.random() > 0.03:
            continue
        seen.add(text)
        fixed, clean, ids = tokenizer.encode(text)
        cases.append({"class": kind, "text": text, "fixed": fixed, "ids": truncated(ids, CONTEXT), "length": len(ids), "ftfy": names, "steps": detail})
        steps.update(detail or ["(none)"])
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "mojibake_cases.jsonl"), "w", encoding="utf-8") as f:
        for c in cases:
            f.write(json.dumps(c, ensure_ascii=False) + "\n")
    print(len(cases), dict(steps))


if __name__ == "__main__":
    main()
