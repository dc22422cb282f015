"""Counting neighbours does not solve the world; knowing its facts does much better."""

import numpy as np
import pytest
from sslplugins.readers.world.events import claims
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.lexicon import LANGUAGES

TRAIN, TEST = 40_000, 2_500
EDGE = 0  # the number of a sentence's beginning and end


class Counted:
    """Sentences as numbers, and the counts of a language's words and neighbours."""

    def __init__(self, world, language):
        self.numbers = {"": EDGE}
        train = [
            self._numbers(sentence) for sentence in sentences_of(world, language, TRAIN, "train")
        ]
        size = len(self.numbers)
        self.words, self.pairs = np.full(size, 0.01), np.full((size, size), 0.01)
        for row in train:
            np.add.at(self.words, row, 1)
            np.add.at(self.pairs, (row[:-1], row[1:]), 1)

    def _numbers(self, sentence):
        return np.array(
            [
                EDGE,
                *(self.numbers.setdefault(word.text, len(self.numbers)) for word in sentence.words),
                EDGE,
            ]
        )

    def accuracies(self, sentences):
        """Share of content words that unigram, bigram and two-sided bigram name, each as sure as it
        can be.
        """
        after = np.log(self.pairs / self.pairs.sum(1, keepdims=True))  # [left, word]
        before = np.log(self.pairs / self.pairs.sum(0, keepdims=True))  # [word, right]
        alone = np.log(self.words / self.words.sum())
        hits = []
        for sentence in sentences:
            row = self._numbers(sentence)
            for place, word in enumerate(sentence.words, start=1):
                if word.concept is not None:
                    scores = (
                        alone,
                        after[row[place - 1]],
                        after[row[place - 1]] + before[:, row[place + 1]] - alone,
                    )
                    hits.append([score.argmax() == row[place] for score in scores])
        return np.mean(hits, axis=0)


def sentences_of(world, language, count, part):
    return [
        sentence
        for paragraph in world.paragraphs(language, count, part)
        for sentence in paragraph.sentences
    ]


def knowing_accuracy(world, language):
    """Share of content words that the facts name: the likeliest filler of whatever the sentence
    makes a claim about.

    Subjects are given up, so this is no upper bound.
    """
    hits = content = 0
    for paragraph in world.paragraphs(language, TEST, "test"):
        for sentence in paragraph.sentences:
            content += sum(word.concept is not None for word in sentence.words)
            hits += sum(
                world.facts.one(claim.owner, claim.filler.type) == claim.filler
                for claim in claims(sentence.event, paragraph.subject, world.facts)
            )
    return hits / content


@pytest.mark.parametrize("language", LANGUAGES)
def test_counting_neighbours_does_not_solve_it_and_knowing_does_better(language):
    world = World()
    unigram, bigram, two_sided = Counted(world, language).accuracies(
        sentences_of(world, language, TEST, "test")
    )
    knowing = knowing_accuracy(world, language)
    assert unigram < 0.1
    assert unigram < bigram < 0.25
    assert bigram < two_sided < 0.45
    assert knowing > 1.4 * two_sided
