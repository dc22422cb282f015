"""n-grams of texts: characters, words of one rule for all scripts, and those of sacreBLEU."""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import chain

# Han, kana, and what stands beside them without blanks between words
CJK = "\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
_CJK = re.compile(f"[{CJK}]")
# What sacreBLEU's "zh" sets apart; its range of extension B is mistyped, and not followed here.
_CHINESE = re.compile(
    "([\u2e80-\u2eff\u2f00-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31bf\u31c0-\u31ef\u3200-\u4db5"
    "\u4e00-\u9fbb\uf900-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef\u2600-\u27bf"
    "\U00020000-\U0002fa1d])"
)
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
# mteval-v13a: symbols; full stop and comma but inside a number; a dash behind a digit
_APART = (
    (re.compile(r"([!-&(-+:-@\[-`{-~/ ])"), r" \1 "),
    (re.compile(r"([^0-9])([.,])"), r"\1 \2 "),
    (re.compile(r"([.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


def ngrams(units: Sequence[Hashable], size: int) -> Counter[Hashable]:
    """Count the n-grams of `size` neighbouring units."""
    return Counter(zip(*(units[start:] for start in range(size)), strict=False))


def script_words(text: str) -> list[str]:
    """Words in lower case, without punctuation: CJK characters one by one, other scripts by Unicode
    word.
    """
    return _WORD.findall(text.lower())


def is_cjk(texts: Sequence[str]) -> bool:
    """Whether most words of these texts are single CJK characters."""
    words = list(chain.from_iterable(map(script_words, texts)))
    return 2 * sum(bool(_CJK.match(word)) for word in words) > len(words)


def bleu_words(text: str, tokenizer: str) -> list[str]:
    """Words by mteval-v13a ("13a"), or by that with each Chinese character apart ("zh")."""
    if tokenizer == "zh":
        text = _CHINESE.sub(r" \1 ", text.strip())
    else:
        text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
        for entity, character in _ENTITIES.items():
            text = text.replace(entity, character)
        text = f" {text} "
    for pattern, spaced in _APART:
        text = pattern.sub(spaced, text)
    return text.split()
