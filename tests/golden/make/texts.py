"""Texts for the tokenizers' golden data: captions, and hard cases of many classes.

`draw(seed, captions, n)` gives n pairs (class, text) without repeats; another seed gives other texts. Only characters are used that Python's
own Unicode table knows, so that every implementation with Unicode 14 or later sees the same letters, digits and spaces.
`read(paths)` gives the pairs of golden files that exist.
"""

import json
import random
import unicodedata

SCRIPTS = {
    "latin": "café naïve jalapeño crème brûlée Zürich smörgåsbord Đà Nẵng fiancée São Paulo Łódź Ærøskøbing Straße STRAẞE İstanbul ıspanak Ǆ ŉ ﬁne oﬃce ſlow",
    "cyrillic": "красная машина на дороге Ёлка ЧЁРНАЯ кошка Київ Ѐ Ѝ",
    "greek": "ένα κόκκινο αυτοκίνητο ΟΔΟΣ ΣΊΣΥΦΟΣ ΑΣ Σ ΌΣΟΣ. λόγος",
    "hebrew": "מכונית אדומה ליד זברה שָׁלוֹם",
    "arabic": "سيارة حمراء بجانب حمار وحشي مُحَمَّد لا ﷺ",
    "devanagari": "एक लाल कार और ज़ेब्रा क्षि नमस्ते",
    "thai": "รถสีแดงข้างม้าลาย น้ำ ที่นี่",
    "chinese": "一辆红色的汽车 斑马 漢字 𠮷野家 〇 々 。，！？",
    "japanese": "赤い車とシマウマ ガギグ カ゛ ｱｲｳ ﾊﾟﾝ ー 〜 「猫」",
    "korean": "빨간 차 옆의 얼룩말 한국어 ㅋㅋㅋ",
    "georgian": "წითელი მანქანა ᲛᲐᲜᲥᲐᲜᲐ",
    "armenian": "կարմիր մեքենա և ԵՒ ﬓ",
    "tamil": "சிவப்பு கார் ௧௨௩",
    "tibetan": "དམར་པོ ༡༢༣",
    "ethiopic": "ቀይ መኪና ፩፪፫",
    "cherokee": "ᏣᎳᎩ ꭰꭱ",
    "math": "𝐛𝐨𝐥𝐝 𝒻𝒶𝓃𝒸𝓎 𝟘𝟙𝟚 ℝ ℵ ℃ Å K ∑∫√ ½ ⅓ ⅷ Ⅻ ① ⑳ ² ³ ₄",
    "digits": "٠١٢٣ ۴۵۶ ०१२ ๑๒๓ ５６７ 𝟗 ߁߂ ૩૪ ༤ 〇一二三 ㊀ 🄀 ⒈",
}
EMOJI = [
    "😀", "😂", "❤️", "❤", "👍🏽", "👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇫🇷", "🇺🇸🇩🇪", "1️⃣", "#️⃣", "☀", "☺️", "🦓", "🚗",
    "🧑🏿\u200d🦰", "🐈\u200d⬛", "👁️\u200d🗨️", "©", "™", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
]
ENTITIES = [
    "&amp;", "&amp;amp;", "&amp;amp;amp;", "&lt;b&gt;", "&quot;", "&#39;", "&#x27;", "&#x1F600;", "&nbsp;", "&eacute;", "&Eacute;",
    "&copy", "&copy;", "&notit;", "&notin;", "&hellip;", "&#128;", "&#x92;", "&#1114112;", "&#xD800;", "&#0;", "&#x;", "&#;",
    "&unknown;", "&", "& ", "&amp;lt;", "&ldquo;hi&rdquo;", "&frac12;", "&NewLine;", "&Tab;", "&zwj;", "&shy;", "&amp;#39;",
    "&amp;eacute;", "&times", "&ampamp;", "&LT;", "&CounterClockwiseContourIntegral;", "&EACUTE;", "&Ntilde;", "&nGt;",
]
CURLY = [
    "‘a’", "“red car”", "it’s", "don’t", "‚low‘", "„low“", "«quote»", "‹q›", "–", "—", "…", "′ ″", "´", "`", "ʼ", "＇", "l’été",
    "rock ’n’ roll", "1960’s", "″",
]
SPACES = [
    " ", "  ", "\t", "\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\xa0", "\u1680", "\u2000", "\u2003", "\u2009", "\u200a", "\u2028",
    "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\u2060", "\ufeff", "\u180e", "\x1c", "\x1d", "\x1e", "\x1f",
]
CONTROL = [
    "\x00", "\x01", "\x07", "\x08", "\x0e", "\x1b[31mred\x1b[0m", "\x1b", "\x7f", "\x80", "\x92", "\x9f", "\xad", "\u200c", "\u200d",
    "\u200e", "\u202a", "\u202e", "\u2066", "\u206a", "\u206f", "\ufff9", "￼", "�", "\U000e0001", "\ue000", "\ufffe", "\uffff",
    "\U0010ffff",
]
CONTRACTIONS = [
    "it's", "IT'S", "don't", "DON'T", "we're", "WE'RE", "I've", "I'VE", "I'm", "I'M", "they'll", "THEY'LL", "he'd", "HE'D", "'s", "'S",
    "'tis", "'TWAS", "o'clock", "rock'n'roll", "y'all'd've", "dogs'", "it''s", "'", "''", "'ll'll", "it'ſ", "'RE", "she'S", "X'Ve",
    "'d'D",
]
PUNCTUATION = [
    "...", "!!!", "?!", "--", "---", "___", "_", "a_b_c", "snake_case_name", "$5.99", "100%", "#1", "@home", "user@example.org", "(a)",
    "[b]", "{c}", "<d>", "a/b", "c:\\dir", "x=y+z", "~", "^^", "|", "a|b", "*bold*", "`code`", "1,000,000.50", "3x4", "12:30", "24/7",
    "2021-06-15", "1st", "U.S.A.", "e.g.", "C++", "F#", ":-)", "<3", "\\n", "\\u00e9", "'\"'", "https://example.org/a?b=c&d=e#f",
]
SPECIAL = [
    "<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<|StartOfText|>", "<|endoftext", "endoftext|>", "<s>", "</s>", "<pad>",
    "<unk>", "<mask>", "<MASK>", "< mask >", "<mask", "<start_of_text>", "</w>", "a</w>", "madeupword0000", "<|im_start|>",
]

# Always the first, where `fixed` is asked for.
FIXED = {
    "empty": ["", " ", "\n\t \r\n", "\u3000\u00a0", "\ufeff", "\u200b"],
    "nul": ["a\x00b", "\x00"],
    "sanity": ["a photo of a cat", "A photo depicts a cat", "Hello world", " Hello world", "red car | zebra | "],
    "digits": ["0123456789", "1000000 people", SCRIPTS["digits"]],
    "script": ["ΟΔΟΣ", "İ", "ǅ", "ﬀ", "K Å Ω"],
    "one": ["a", "é", "😀", "'"],
    "long": ["a" * 2000, "a " * 200, "😀" * 100, "ab" * 60 + " " + "é" * 150, "word " * 76, "word " * 75, "word " * 74, "1" * 300, "!" * 300, "." * 77],
}

SHARES = {"caption": 22, "case": 4, "fragment": 5, "script": 8, "nfc_nfd": 5, "emoji": 5, "fullwidth": 2, "html": 7, "curly": 5, "mojibake": 6,
          "control": 5, "contraction": 5, "space": 6, "long": 4, "special": 4, "punct": 6, "table": 5, "random": 4, "mixed": 4}
WRONG_ENCODINGS = ["latin-1", "cp1252", "cp1251", "cp437", "macroman", "cp1250", "iso-8859-2"]


def load_captions(path, half=None):
    """Captions of COCO's annotations ({"annotations": [{"caption"}]}), or of a list of {"captions": [...]}. half: 0 or 1 takes every second
    image of a list, so that two sets of data share none."""
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    if isinstance(data, dict):
        return [note["caption"] for note in data["annotations"]]
    return [caption for i, image in enumerate(data) if half is None or i % 2 == half for caption in image["captions"]]


def read(path):
    with open(path, encoding="utf-8") as f:
        return [(row["class"], row["text"]) for row in map(json.loads, f)]


class Drawer:
    """Draws texts of each class; a class is a method."""

    def __init__(self, rng, captions):
        self.rng, self.captions = rng, captions

    def draw(self, kind):
        self.text = self.rng.choice(self.captions).strip()  # the caption that the text is made of
        self.words = self.text.split()
        return getattr(self, kind)()

    def script_words(self, count):
        words = SCRIPTS[self.rng.choice(sorted(SCRIPTS))].split()
        return [self.rng.choice(words) for _ in range(count)]

    def salted(self, words, pool, share):
        """Words with items of the pool put between them or onto them."""
        out = []
        for word in words:
            out.append(word)
            if self.rng.random() < share:
                out.append(self.rng.choice(pool) if self.rng.random() < 0.6 else out.pop() + self.rng.choice(pool))
        return out

    def salted_text(self, count, pool, share):
        return " ".join(self.salted(self.words[:count], pool, share))

    def caption(self):
        return self.text

    def case(self):
        return self.rng.choice([str.upper, str.title, str.swapcase])(self.text)

    def fragment(self):
        first = self.rng.randrange(len(self.words))
        return " ".join(self.words[first : first + self.rng.randint(1, 3)])

    def script(self):
        return " ".join(self.script_words(self.rng.randint(1, 8)))

    def nfc_nfd(self):
        form = self.rng.choice(["NFC", "NFD", "NFKC", "NFKD"])
        return unicodedata.normalize(form, " ".join(self.script_words(3) + SCRIPTS["latin"].split()[: self.rng.randint(0, 6)]))

    def emoji(self):
        return self.salted_text(6, EMOJI, 0.7)

    def fullwidth(self):
        text = " ".join(self.words[: self.rng.randint(1, 5)])
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)

    def html(self):
        return self.salted_text(8, ENTITIES, 0.5)

    def curly(self):
        return self.salted_text(8, CURLY, 0.5)

    def mojibake(self):
        """UTF-8 bytes read as a single-byte encoding, once or twice."""
        text = self.rng.choice([self.salted_text(5, CURLY, 0.8), " ".join(self.script_words(3)), self.salted_text(5, EMOJI[:6], 0.6),
                                self.rng.choice(SCRIPTS["latin"].split())])
        for _ in range(self.rng.choice([1, 1, 1, 2])):
            encoding = self.rng.choice(WRONG_ENCODINGS)
            try:
                text = text.encode("utf-8").decode(encoding)
            except UnicodeDecodeError:
                text = text.encode("utf-8").decode("latin-1")
        return text

    def control(self):
        return self.salted_text(8, CONTROL[1:], 0.4)

    def contraction(self):
        return self.salted_text(6, CONTRACTIONS, 0.6)

    def space(self):
        first = self.rng.choice(["", self.rng.choice(SPACES)])
        return first + "".join(word + "".join(self.rng.choice(SPACES) for _ in range(self.rng.randint(1, 3))) for word in self.words[:7])

    def long(self):
        return " ".join(self.rng.choice(self.captions).strip() for _ in range(self.rng.randint(5, 14)))

    def special(self):
        if self.rng.random() < 0.3:
            return self.rng.choice(["", " "]).join(self.salted(self.words[:6], SPECIAL, 0.5))
        return self.salted_text(6, SPECIAL, 0.5)

    def punct(self):
        return self.salted_text(6, PUNCTUATION, 0.7)

    def table(self):
        """A prompt of retrieved entries."""
        return "".join(" ".join(self.rng.choice(self.captions).strip(" .\n").split()[: self.rng.randint(1, 3)]) + " | "
                       for _ in range(self.rng.randint(1, 20)))

    def random(self):
        """Code points from all over, most of them letters."""
        out, rng = [], self.rng
        while len(out) < rng.randint(1, 20):
            c = chr(rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x250, 0x3000), rng.randrange(0x3000, 0xD800), rng.randrange(0xE000, 0x20000)]))
            if unicodedata.category(c) not in ("Cn", "Cs"):
                out.append(c)
                if rng.random() < 0.2:
                    out.append(" ")
        return "".join(out)

    def mixed(self):
        pools = [EMOJI, ENTITIES, CURLY, CONTRACTIONS, PUNCTUATION, SPECIAL, self.script_words(5)]
        words = [word + self.rng.choice([" ", " ", "  ", ""]) for word in self.words[:8]]
        return "".join(self.salted(words, self.rng.choice(pools) + self.rng.choice(pools), 0.5))


def draw(seed, captions, n, fixed=True):
    """With fixed, FIXED and each hard item alone come first."""
    drawer, out, seen = Drawer(random.Random(seed), captions), [], set()

    def add(kind, text):
        if text not in seen and not any(0xD800 <= ord(c) < 0xE000 for c in text):
            seen.add(text)
            out.append((kind, text))

    if fixed:
        for kind, texts in FIXED.items():
            for text in texts:
                add(kind, text)
        for kind, pool in (("emoji", EMOJI), ("html", ENTITIES), ("curly", CURLY), ("control", CONTROL[1:]), ("contraction", CONTRACTIONS),
                           ("special", SPECIAL), ("punct", PUNCTUATION)):
            for item in pool:
                add(kind, item if drawer.rng.random() < 0.5 else f"a {item} b")
        for s in SPACES:
            add("space", f"a{s}b")
            add("space", f"{s}a{s}{s}b{s}")
        for name in sorted(SCRIPTS):
            add("script", SCRIPTS[name])
            add("nfc_nfd", unicodedata.normalize("NFD", SCRIPTS[name]))
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    while len(out) < n:
        kind = drawer.rng.choice(kinds)
        add(kind, drawer.draw(kind))
    return out[:n]
