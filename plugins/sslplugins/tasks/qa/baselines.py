"""Baselines of question answering: random span, first sentence, most similar sentence."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sslcli.api import Example, Prediction

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+(?=\s)|[。！？]+|\Z)", re.DOTALL)
_SEED = 0  # fixed, so that the same data always has the same chance


def baselines_of(
    train: Sequence[Example], test: Sequence[Example]
) -> Mapping[str, Sequence[Prediction]]:
    """Predict each baseline for the test questions.

    A random span as long as a random training answer; the first sentence; the sentence most similar
    to the question. Where some questions have no answer, also "no answer" throughout.
    """
    lengths = [len(_words(example.gold[0].text)) for example in train if example.gold] or [1]
    generator = np.random.default_rng(_SEED)
    found = {
        "chance": [
            Prediction(_random_span(example.data.passage, lengths, generator)) for example in test
        ],
        "lead": [Prediction(_sentences(example.data.passage)[0]) for example in test],
        "alike": [
            Prediction(_most_alike(example.data.text, example.data.passage)) for example in test
        ],
    }
    if any(example.gold == () for example in (*train, *test)):
        found["no answer"] = [
            Prediction("", details={"no_answer_probability": 1.0, "text": ""}) for _ in test
        ]
    return found


def _random_span(passage: str, lengths: Sequence[int], generator: np.random.Generator) -> str:
    words = _words(passage)
    first = int(generator.integers(max(len(words), 1)))
    length = max(1, lengths[int(generator.integers(len(lengths)))])
    chosen = words[first : first + length]
    return passage[chosen[0].start() : chosen[-1].end()] if chosen else passage


def _most_alike(question: str, passage: str) -> str:
    """Return the sentence that shares most words with the question, weighted by their rarity.

    Rarity is that among the passage's sentences; of equals the first is taken (Richardson et al.
    2013).
    """
    asked, sentences = _vocabulary(question), _sentences(passage)
    vocabularies = [_vocabulary(sentence) for sentence in sentences]
    having = Counter(word for vocabulary in vocabularies for word in vocabulary)
    shares = [
        math.fsum(math.log(1 + 1 / having[word]) for word in asked & vocabulary)
        for vocabulary in vocabularies
    ]
    return sentences[shares.index(max(shares))]


def _sentences(passage: str) -> list[str]:
    return _SENTENCE.findall(passage)


def _vocabulary(text: str) -> set[str]:
    return {match[0].lower() for match in _words(text)}


def _words(text: str) -> list[re.Match[str]]:
    return list(_WORD.finditer(text))
