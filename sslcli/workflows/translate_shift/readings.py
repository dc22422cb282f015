"""Scores of a shift: tokens that changed language, and words translated, with intervals.

Letters: N tokens of sentences, Q of them with right answers, K samples (one, but for random
vectors), S sentences, G groups.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.metrics.bleu import bleu_1, bleu_1_rows
from sslcli.metrics.intervals import Interval, interval_of_mean, interval_of_sums
from sslcli.reports import Score
from sslcli.workflows.translate_shift.head_readings import Asked, HeadReading
from sslcli.workflows.translate_shift.sentences import Sentences, TokenLanguages

FIRSTS = (1, 5, 10)


@dataclass(frozen=True)
class Share:
    """Between 0 and 1, with its 95 % interval over groups that are right or wrong together, and of
    how many.
    """

    value: float
    interval: Interval
    count: int

    @classmethod
    def of(cls, values_Q: np.ndarray, groups_Q: np.ndarray) -> "Share":
        """Compute a share whose resampling unit is the word, weighted by its occurrences."""
        _, numbers_Q = np.unique(groups_Q, return_inverse=True)
        rows_G2 = np.stack([np.bincount(numbers_Q, values_Q), np.bincount(numbers_Q)], axis=1)
        value = float(values_Q.mean())
        if value in (0.0, 1.0):  # of which a resample never differs
            return cls(value, interval_of_mean(np.full(len(rows_G2), value)), len(values_Q))
        return cls(
            value,
            interval_of_sums(lambda sums_R2: sums_R2[:, 0] / sums_R2[:, 1], rows_G2),
            len(values_Q),
        )


@dataclass(frozen=True)
class WordRanks:
    """Ranks of words with a dictionary translation; `accuracy`: at 1, 5 and 10.

    `without_own`: at 1, with the source word as no candidate; None where it cannot be one.
    """

    accuracy: Sequence[Share]
    without_own: Share | None
    mean_rank: float
    reciprocal: float


@dataclass(frozen=True)
class ShiftScores:
    """None is what nothing was counted in: no token of the source language, dictionary or
    translations.
    """

    changed: Share | None
    ranks: WordRanks | None
    bleu: Score | None


@dataclass(frozen=True)
class ShiftTrial:
    """Test data: source sentences with right answers for their tokens, and translations if any."""

    sentences: Sentences
    languages: TokenLanguages
    asked: Asked
    references: Sequence[np.ndarray] | None

    def figures(
        self, readings: Sequence[HeadReading], *, within: bool = False, asked_alone: bool = False
    ) -> ShiftScores:
        """Means over the readings. `within`: of the target language's tokens alone; `asked_alone`:
        no other token was read.
        """
        best_KN = np.stack(
            [reading.best_within_N if within else reading.best_N for reading in readings]
        )
        ranks_KN = np.stack(
            [reading.ranks_within_N if within else reading.ranks_N for reading in readings]
        )
        without_own_KN = (
            None if within else np.stack([reading.ranks_without_own_N for reading in readings])
        )
        return ShiftScores(
            None if asked_alone else self._changed(best_KN),
            self._ranked(ranks_KN, without_own_KN),
            None if asked_alone else self._bleu(best_KN),
        )

    def _changed(self, best_KN: np.ndarray) -> Share | None:
        own_N = self.languages.source_V[self.sentences.tokens_N]
        if not own_N.any():
            return None
        return Share.of(
            self.languages.target_V[best_KN[:, own_N]].mean(axis=0), self.sentences.owners_N[own_N]
        )

    def _ranked(self, ranks_KN: np.ndarray, without_own_KN: np.ndarray | None) -> WordRanks | None:
        asked_N = self.asked.asked_N
        if not asked_N.any():
            return None
        words_Q, ranks_KQ = self.sentences.tokens_N[asked_N], ranks_KN[:, asked_N]
        accuracy = [Share.of((ranks_KQ <= first).mean(axis=0), words_Q) for first in FIRSTS]
        without_own = (
            None
            if without_own_KN is None
            else Share.of((without_own_KN[:, asked_N] == 1).mean(axis=0), words_Q)
        )
        return WordRanks(
            accuracy, without_own, float(ranks_KQ.mean()), float((1 / ranks_KQ).mean())
        )

    def _bleu(self, best_KN: np.ndarray) -> Score | None:
        """Words are compared as texts: a piece may be another token at the beginning of a text than
        within.
        """
        if self.references is None:
            return None
        rows = [
            bleu_1_rows(
                self._texts(np.split(best_N, self.sentences.starts[1:])),
                self._texts(self.references),
            )
            for best_N in best_KN
        ]
        return bleu_1(np.mean(rows, axis=0))

    def _texts(self, sentences: Sequence[np.ndarray]) -> list[list[Hashable]]:
        texts = self.sentences.tokenizer.texts
        return [[texts[token] for token in tokens_T if texts[token]] for tokens_T in sentences]
