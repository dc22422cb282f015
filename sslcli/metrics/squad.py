"""Exact match and word F1 of a predicted answer, by the rules of SQuAD and of courses.

SQuAD 1.1: Rajpurkar et al. 2016, "SQuAD: 100,000+ Questions for Machine Comprehension of Text".
SQuAD 2.0: Rajpurkar, Jia & Liang 2018, "Know What You Don't Know", for which no words against no
words are a full match. Letters: N questions.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sslcli.metrics.scores import mean_score
from sslcli.reports import Score

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class AnswerValues(NamedTuple):
    """Exact match and F1 of each question, between 0 and 1: float64 [N]."""

    exact_N: np.ndarray
    f1_N: np.ndarray


@dataclass(frozen=True)
class AnswerRule:
    """Rule for comparing answers.

    `normalised`: text -> its words with one space between them. `both_empty_f1`: the F1 if neither
    answer has a word. `skips_empty_golds`: whether right answers without a word are left out. A
    question without right answers has one that is empty.
    """

    normalised: Callable[[str], str]
    both_empty_f1: float = 0.0
    skips_empty_golds: bool = False

    def agreement(self, prediction: str, golds: Sequence[str]) -> tuple[float, float]:
        """Exact match and F1, each with the right answer that suits it best."""
        predicted, rights = self.normalised(prediction), self._rights(golds)
        return float(predicted in rights), max(
            self._f1(predicted.split(), right.split()) for right in rights
        )

    def values(self, predictions: Sequence[str], golds: Sequence[Sequence[str]]) -> AnswerValues:
        """Compare N predictions with the right answers of each."""
        pairs = [self.agreement(*pair) for pair in zip(predictions, golds, strict=True)]
        exact_and_f1 = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return AnswerValues(exact_and_f1[:, 0], exact_and_f1[:, 1])

    def _rights(self, golds: Sequence[str]) -> list[str]:
        rights = [self.normalised(gold) for gold in golds]
        return [right for right in rights if right or not self.skips_empty_golds] or [""]

    def _f1(self, predicted: list[str], right: list[str]) -> float:
        if not predicted and not right:
            return self.both_empty_f1
        common = sum((Counter(predicted) & Counter(right)).values())
        if not common:
            return 0.0
        precision, recall = common / len(predicted), common / len(right)
        return 2 * precision * recall / (precision + recall)


def squad_normalised(text: str) -> str:
    """Lower case, without ASCII punctuation and without a, an, the; one space between words."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


SQUAD_V1 = AnswerRule(squad_normalised)
SQUAD_V2 = AnswerRule(squad_normalised, both_empty_f1=1.0, skips_empty_golds=True)


def squad_exact(prediction: str, golds: Sequence[str]) -> float:
    """0 or 1, as SQuAD 2.0 counts. No right answer: there is none to be found, and only the empty
    answer is right.
    """
    return SQUAD_V2.agreement(prediction, golds)[0]


def squad_f1(prediction: str, golds: Sequence[str]) -> float:
    """0 to 1, as SQuAD 2.0 counts; see squad_exact."""
    return SQUAD_V2.agreement(prediction, golds)[1]


def squad_v1_scores(predictions: Sequence[str], golds: Sequence[Sequence[str]]) -> Sequence[Score]:
    """F1 and exact match in percent, as evaluate-v1.1.py computes them. Raises DataError where
    there is no question.
    """
    return answer_scores(SQUAD_V1, predictions, golds)


def answer_scores(
    rule: AnswerRule, predictions: Sequence[str], golds: Sequence[Sequence[str]]
) -> Sequence[Score]:
    """F1 and exact match in percent by any rule, N questions. Raises DataError where there is
    none.
    """
    values = rule.values(predictions, golds)
    return [
        mean_score("f1", values.f1_N, unit="%"),
        mean_score("exact match", values.exact_N, unit="%"),
    ]


def string_exact(prediction: str, golds: Sequence[str]) -> float:
    """0 or 1: whether the answer is one of the right ones letter by letter, as courses compare
    submissions.
    """
    return float(prediction in (golds or [""]))
