"""The official rules for answers once more, letter by letter and loop by loop, and cases that try
them.

After evaluate-v1.1.py and evaluate-v2.0.py of SQuAD and mlqa_evaluation_v1.py of MLQA: no
expressions, no arrays.
"""

import random
import string
import unicodedata
from itertools import groupby

ARTICLES = {
    "squad": "a an the",
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}
LANGUAGES = ["ar", "de", "en", "es", "hi", "vi", "zh"]
# What answers of every language are made of, with what is easily got wrong: articles, both kinds of
# punctuation, full-width letters, rare characters, letters that grow when lowered, spaces of other
# widths, and words joined without a space.
WORDS = """
    the The a an A. cat Cat's cats dog 1,000 $5 5% 1867 U.S. e-mail end-to-end the-cat _ - ... , " “the” ‘a’ – — İ ß É
    el La los gato niño unas der Die das Hund einen của là cái Chiếc mèo những số
    ال الكتاب والكتاب كتاب في، قطة؟ बिल्ली घर। की राम ॥
    北京 北 京大学 大學 〇 二〇〇八 龥 龦 㐀 㐁 𠀀 𠮷野家 吉野家 \uf900 ， 。 《北京》 「大學」 ＡＢＣ ａｂｃ （2008） 2008年 北京the 𠀀cat
"""
PIECES = WORDS.split()
SPACES = ["", "", " ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u3000"]


def normalised(text, rule):
    """`rule`: "squad" or a language of MLQA."""
    marks = string.punctuation
    kept = [
        one
        for one in text.lower()
        if one not in marks and (rule == "squad" or unicodedata.category(one)[0] != "P")
    ]
    if rule == "ar":
        words = "".join(kept).replace("ال", " ").split()
    elif rule == "zh":
        words = "".join(f" {one} " if 0x4E00 <= ord(one) <= 0x9FA5 else one for one in kept).split()
    else:
        articles = ARTICLES.get(rule, "").split()
        runs = ["".join(run) for _, run in groupby(kept, key=str.isalnum)]
        words = "".join(" " if run in articles else run for run in runs).split()
    return " ".join(words)


def exact(prediction, gold, rule):
    return float(normalised(prediction, rule) == normalised(gold, rule))


def f1(prediction, gold, rule, both_empty):
    given, left = normalised(prediction, rule).split(), normalised(gold, rule).split()
    if not given and not left:
        return both_empty
    given_count, right_count, common = len(given), len(left), 0
    for word in given:
        if word in left:
            left.remove(word)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / given_count, common / right_count
    return 2 * precision * recall / (precision + recall)


def first_version(prediction, golds, rule="squad"):
    """Exact match and F1 of SQuAD 1.1 and of MLQA."""
    return max(exact(prediction, gold, rule) for gold in golds), max(
        f1(prediction, gold, rule, 0.0) for gold in golds
    )


def second_version(prediction, golds):
    """Exact match and F1 of SQuAD 2.0."""
    golds = [gold for gold in golds if normalised(gold, "squad")] or [""]
    return max(exact(prediction, gold, "squad") for gold in golds), max(
        f1(prediction, gold, "squad", 1.0) for gold in golds
    )


def second_version_figures(predictions, golds, probabilities, threshold):
    """Every figure of evaluate-v2.0.py under its name there."""
    pairs = [second_version(*pair) for pair in zip(predictions, golds, strict=True)]
    figures = {}
    for place, name in enumerate(("exact", "f1")):
        raw = [pair[place] for pair in pairs]
        final = [
            float(not rights) if probability > threshold else value
            for value, rights, probability in zip(raw, golds, probabilities, strict=True)
        ]
        for prefix, wanted in (("", [True, False]), ("HasAns_", [True]), ("NoAns_", [False])):
            chosen = [
                value for value, rights in zip(final, golds, strict=True) if bool(rights) in wanted
            ]
            if chosen:
                figures[f"{prefix}{name}"] = 100 * sum(chosen) / len(chosen)
        best = total = sum(not rights for rights in golds)
        reached = 0.0
        for number in sorted(range(len(golds)), key=lambda number: probabilities[number]):
            if golds[number]:
                total += raw[number]
            elif predictions[number]:
                total -= 1
            if total > best:
                best, reached = total, probabilities[number]
        figures[f"best_{name}"], figures[f"best_{name}_thresh"] = 100 * best / len(golds), reached
    return figures


def cases(count, seed, with_none=False):
    """Predictions, and one to three right answers that are like them; with_none: a third has
    none.
    """
    draw = random.Random(seed)
    made = [_text(draw, draw.randrange(6)) for _ in range(count)]
    golds = [[_like(draw, text) for _ in range(draw.randint(1, 3))] for text in made]
    if with_none:
        golds = [[] if draw.random() < 1 / 3 else rights for rights in golds]
        made = ["" if draw.random() < 0.3 else text for text in made]
    return made, golds


def _text(draw, pieces):
    return "".join(draw.choice(PIECES) + draw.choice(SPACES) for _ in range(pieces))


def _like(draw, text):
    kind = draw.randrange(5)
    if kind == 0:
        return _text(draw, draw.randrange(4))
    if kind == 1:
        return text.upper()
    if kind == 2:
        return draw.choice(PIECES) + " " + text
    if kind == 3:
        return " ".join(word for word in text.split() if draw.random() < 0.7)
    return f"“{text}”."
