"""Baselines of rewriting: the source itself, its first sentence, another target, a dictionary."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.api import Document, Where, script_words, split_sentences

_WORD = re.compile(r"\w+")  # of texts with blanks between words, whatever their script
_SEED = 0  # fixed, so that the same data always has the same chance
_ROUNDS = 5  # of expectation and maximisation
_MOST_PAIRS = 5_000  # a dictionary is counted on: it changes little after
_SHARED = 0.5  # of the targets' words in their sources: above it, no translation
Pairs = Sequence[tuple[str, str]]


def baselines_of(train: Pairs, sources: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the texts of each baseline, by name.

    copy: the source. lead: its first sentence, where any has several. chance: the target of a
    random training example. word by word: each word as a dictionary has it that is counted on the
    training pairs (model 1 of Brown et al. 1993), where source and target share few words.
    """
    found: dict[str, Sequence[str]] = {"copy": sources}
    leads = [lead_of(source) for source in sources]
    if leads != [source.strip() for source in sources]:
        found["lead"] = leads
    if not train:
        return found
    places = np.random.default_rng(_SEED).integers(len(train), size=len(sources))
    found["chance"] = [train[place][1] for place in places]
    if _share_copied(train) < _SHARED:
        first, second = (_Side.of(texts) for texts in zip(*train, strict=True))
        pairs = [(first.words(a), second.words(b)) for a, b in train[:_MOST_PAIRS]]
        words = dictionary_of(pairs)
        found["word by word"] = [
            second.between.join(words.get(word, word) for word in first.words(source))
            for source in sources
        ]
    return found


@dataclass(frozen=True)
class _Side:
    """How the texts of one side are written: `between` their words are blanks, or nothing."""

    between: str

    @classmethod
    def of(cls, texts: Sequence[str]) -> "_Side":
        spaced = sum(len(text.split()) > 1 for text in texts)
        return cls(" " if 2 * spaced > len(texts) else "")

    def words(self, text: str) -> list[str]:
        return _WORD.findall(text.lower()) if self.between else script_words(text)


def lead_of(text: str) -> str:
    """Return the first sentence of a text."""
    sentences = split_sentences(Document(Where("source"), text=text))
    return next((each for each in map(str.strip, sentences) if each), text.strip())


def dictionary_of(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> Mapping[str, str]:
    """Return the likeliest word in the targets for each word of the sources."""
    likely: dict[str, dict[str, float]] = defaultdict(dict)
    for source, target in pairs:
        for word in source:
            likely[word].update(dict.fromkeys(target, 1.0))
    for _ in range(_ROUNDS):
        counts: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for source, target in pairs:
            for other in target:
                total = sum(likely[word][other] for word in source)
                for word in source:
                    counts[word][other] += likely[word][other] / total if total else 0.0
        likely = defaultdict(dict)
        for word, others in counts.items():
            total = sum(others.values())
            likely[word] = {other: count / total for other, count in others.items()}
    return {
        word: max(others, key=lambda other: (others[other], other))
        for word, others in likely.items()
        if others
    }


def _share_copied(train: Pairs) -> float:
    """The share of the targets' words that stand in their sources."""
    copied = total = 0
    for source, target in train:
        words = Counter(script_words(target))
        copied += (words & Counter(script_words(source))).total()
        total += words.total()
    return copied / max(total, 1)
