"""The pieces of words that were cut before: text repeats its words, and a tokenizer that cuts each
alone need not do it again.

A word's pieces follow from the word where neither what is done to the text first nor how it is
parted into words looks past a space. Of the pipelines of which that is known, `KnownWords.of` gives
a memory; all others cut every text whole.

BERT's normalizer and pre-tokenizer look at single characters, make every white space a cut and set
every Chinese character apart. GPT-2's pattern and Metaspace part a text before a space wherever
what stands before it is no white space: no match of the pattern goes on over a space, and the
normal forms of Unicode compose nothing with one.
"""

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np

LONGEST_CHARACTERS = 32  # what is longer seldom comes again
MOST_WORDS = 1 << 18  # some fifty megabytes; then the memory begins anew
PIECE = np.dtype(np.uint32)
_HAN_OR_NOT = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]|[^ \u3400-\u4dbf\u4e00-\u9fff]+")
_NORMAL_FORMS = frozenset({"NFC", "NFD", "NFKC", "NFKD", "Lowercase"})

Cut = Callable[[Sequence[str]], list[list[int] | None]]


def as_bytes(ids: Sequence[int]) -> bytes:
    """PIECE numbers; for a handful of them an array of Python's is ten times faster than one of
    numpy's.
    """
    return array("I", ids).tobytes()


@dataclass(frozen=True)
class _Rule:
    """`part` gives the keys of a text's words, `spell` the text of a key, None where its pieces
    depend on what is around it.
    """

    part: Callable[[str], list[str]]
    spell: Callable[[str], str | None]


def _parted_before_spaces(text: str) -> list[str]:
    """Every word but the first stands after a space. No word holds one, so the space at its end
    tells the first from all others.
    """
    words = text.split(" ")
    words[0] += " "
    return words


def _spelt_with_space(word: str) -> str | None:
    """What ends in white space is no place to cut, nor is a space that another follows."""
    spelt = word[:-1] if word.endswith(" ") else f" {word}"
    return None if spelt[-1:].isspace() else spelt


_BEFORE_SPACES = _Rule(_parted_before_spaces, _spelt_with_space)
_AT_SPACES = _Rule(lambda text: text.split(" "), str)
_AT_SPACES_AND_HAN = _Rule(
    lambda text: text.split(" ") if text.isascii() else _HAN_OR_NOT.findall(text), str
)


class KnownWords:
    """Pieces by word, bounded in number. `cut` gives the pieces of texts, None for one that the
    memory must leave alone.
    """

    def __init__(self, rule: _Rule, cut: Cut) -> None:
        self._rule, self._cut = rule, cut
        self._pieces: dict[str, bytes] = {}

    @classmethod
    def of(cls, description: Mapping[str, Any], cut: Cut) -> Self | None:
        """Build it for a tokenizer.json that tokenizes words independently; None if that is
        unknown.
        """
        rule = _rule_of(description)
        return None if rule is None else cls(rule, cut)

    def encode(self, texts: Sequence[str]) -> list[bytes | None]:
        """PIECE numbers of every text as bytes; None for a text that must be cut as a whole."""
        parted = [self._rule.part(text) for text in texts]
        self._learn(set(chain.from_iterable(parted)).difference(self._pieces))
        return [self._joined(words) for words in parted]

    def _learn(self, words: set[str]) -> None:
        if len(self._pieces) + len(words) > MOST_WORDS:
            self._pieces.clear()
        spelt = {word: self._rule.spell(word) for word in words if len(word) <= LONGEST_CHARACTERS}
        known = {word: text for word, text in spelt.items() if text is not None}
        for word, pieces in zip(known, self._cut(list(known.values())), strict=True):
            if pieces is not None:
                self._pieces[word] = as_bytes(pieces)

    def _joined(self, words: Sequence[str]) -> bytes | None:
        pieces = self._pieces
        try:
            return b"".join([pieces[word] for word in words])
        except KeyError:
            return None


def _rule_of(description: Mapping[str, Any]) -> _Rule | None:
    normalizer, parting = (
        description.get("normalizer") or {},
        description.get("pre_tokenizer") or {},
    )
    if description["model"].get("dropout") or not all(
        token.get("special") for token in description.get("added_tokens") or ()
    ):
        return None
    if (
        parting.get("type") == "BertPreTokenizer"
        and normalizer.get("type") == "BertNormalizer"
        and normalizer.get("clean_text")
    ):
        return _AT_SPACES_AND_HAN if normalizer.get("handle_chinese_chars") else _AT_SPACES
    parts_before_spaces = parting.get("type") == "ByteLevel" and parting.get("use_regex") is True
    parts_before_spaces |= parting.get("type") == "Metaspace" and parting.get("split") is True
    return _BEFORE_SPACES if parts_before_spaces and _only_normal_forms(normalizer) else None


def _only_normal_forms(normalizer: Mapping[str, Any]) -> bool:
    steps = (
        normalizer.get("normalizers", [])
        if normalizer.get("type") == "Sequence"
        else [normalizer]
        if normalizer
        else []
    )
    return all(step.get("type") in _NORMAL_FORMS for step in steps)
