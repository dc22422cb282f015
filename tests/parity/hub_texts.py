"""Texts of many scripts, and of what texts hold besides words; generated, always the same ones."""

import random

_LINES = """
    the cat sees a dog in Berlin and the Garden naïve café résumé Ångström Łódź übermäßig façade İstanbul
    кот видит собаку в саду Йод η γάτα βλέπει τον σκύλο الكلب في الحديقة كِتَاب כלב בגן कुत्ता बगीचे में हिन्दी
    แมวเห็นสุนัข 苹果 很好吃 今天 天气 犬 が 庭 に いる カタカナ ガ 강아지가 정원에 있다 각 ქართული հայերեն
    🙂 👨‍👩‍👧 ½ ﬁne Ⅳ x² 3.14 1,000,000 2024-11-29 007 ٣٤ ''quoted'' ``so'' don't I'll we're (a) [b] <c> {d}
    foo_bar a/b C++ #tag @user https://example.org/a?b=c&d=1 e-mail semi;colon … — ‘x’ “y” «z»
"""
WORDS = _LINES.split()
BLANKS = [" ", " ", " ", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u200b", "\r\n", " \n "]
ODD = [
    "",
    "a",
    "É",
    "的",
    " ",
    "\n",
    "  a",
    "a  ",
    "\u0301",
    "e\u0301",
    "\ufeffx",
    "\x00y",
    "A" * 120,
    "0" * 40,
    "▁a ▁",
    "Ġa",
    "##a",
]
# Special tokens of one family or another, as texts may spell them.
ROLES = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "<s>", "</s>", "<pad>", "<unk>", "<mask>"]
TURNS = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>",
    "<|begin_of_text|>", "<repo_name>",
]  # fmt: skip


def some_text(rng, most=14):
    words = rng.choices(WORDS, k=rng.randint(1, most))
    return (
        "".join(word + rng.choice(BLANKS) for word in words).rstrip()
        if rng.random() < 0.7
        else " ".join(words)
    )


def texts(count, seed=0):
    """Odd ones first, then turns of a chat among words, then words."""
    rng = random.Random(seed)
    turned = [
        rng.choice(["", " "]).join([some_text(rng, 3), turn, some_text(rng, 3)])
        for turn in TURNS * 2
    ]
    found = [*ODD, *turned]
    return [*found, *(some_text(rng) for _ in range(count - len(found)))]


CORPUS = texts(400, seed=1)[len(ODD) + 2 * len(TURNS) :]
