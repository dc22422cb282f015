"""Metrics of question answering by the official rules, and the files that official scorers take."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from sslcli.api import (
    SQUAD_V1,
    SQUAD_V2,
    AnswerRule,
    Example,
    Prediction,
    Score,
    answer_scores,
    mean_score,
    mlqa_rule,
    squad_v2_scores,
    string_exact,
)

SCORE_NAMES = (
    "f1", "exact match", "answerable f1", "answerable exact match", "unanswerable f1",
    "unanswerable exact match",
    "best f1", "best exact match", "same text",
)  # fmt: skip
MetricLanguage = Literal["auto", "squad", "ar", "de", "en", "es", "hi", "vi", "zh"]
_CHINESE = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LETTER = re.compile(r"\w")


def rule_of(examples: Sequence[Example], language: str, strict: bool) -> AnswerRule:
    """Return SQuAD's rule, or MLQA's for a language.

    "auto" is MLQA's for Chinese where most letters of the labels are Chinese: to SQuAD's rule a
    Chinese answer is one long word.
    """
    if language == "auto":
        text = "".join(answer.text for example in examples for answer in example.gold or ())
        language = "zh" if 2 * len(_CHINESE.findall(text)) > len(_LETTER.findall(text)) else "squad"
    may_lack = any(example.gold == () for example in examples)
    if language == "squad":
        return SQUAD_V2 if may_lack else SQUAD_V1
    rule = mlqa_rule(language, strict)
    return replace(rule, both_empty_f1=1.0, skips_empty_golds=True) if may_lack else rule


def name_of(rule: AnswerRule) -> str:
    """Return the name of the evaluation rule: SQuAD 1.1, SQuAD 2.0 or MLQA."""
    return "SQuAD 1.1" if rule is SQUAD_V1 else "SQuAD 2.0" if rule is SQUAD_V2 else "MLQA"


def scores_of(
    predictions: Sequence[Prediction], examples: Sequence[Example], language: str, strict: bool
) -> Sequence[Score]:
    """Compute F1 and exact match in percent.

    With unanswerable questions and SQuAD's rule also both for each half, and at the best threshold.
    "same text" is the share of predictions equal to a label character by character.
    """
    rule = rule_of(examples, language, strict)
    given, golds = (
        [prediction.value for prediction in predictions],
        [texts_of(example) for example in examples],
    )
    if rule is SQUAD_V2:
        found = [prediction.details.get("no_answer_probability") for prediction in predictions]
        absent = [share for share in found if share is not None]
        # The answer that would have been given: a threshold is looked for between it and none.
        if len(absent) < len(found):
            scores = squad_v2_scores(given, golds)
        else:
            scores = _with_thresholds(
                given, [prediction.details["text"] for prediction in predictions], golds, absent
            )
    else:
        scores = answer_scores(rule, given, golds)
    same = [string_exact(text, rights) for text, rights in zip(given, golds, strict=True)]
    return [*scores, mean_score("same text", same, unit="%")]


def texts_of(example: Example) -> list[str]:
    """Return the texts of an example's reference answers; none where the label is "no answer"."""
    return [answer.text for answer in example.gold]


def submission_files(predictions: Mapping[str, Prediction]) -> Mapping[str, str]:
    """Return predictions.json for SQuAD's scripts and predictions.csv for course graders.

    na_prob.json is added for SQuAD 2.0. The graders take answers without commas, which would
    separate columns.
    """
    files = {
        "predictions.json": _json(
            {name: prediction.value for name, prediction in predictions.items()}
        )
    }
    absent = {
        name: prediction.details.get("no_answer_probability")
        for name, prediction in predictions.items()
    }
    if absent and None not in absent.values():
        files["na_prob.json"] = _json(absent)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(
        [
            ("ID", "Answer"),
            *(
                (name, prediction.value.replace(",", ""))
                for name, prediction in predictions.items()
            ),
        ]
    )
    return {**files, "predictions.csv": table.getvalue()}


def _with_thresholds(
    given: Sequence[str],
    taken: Sequence[str],
    golds: Sequence[Sequence[str]],
    absent: Sequence[float],
) -> Sequence[Score]:
    """Return the scores of the predictions, and the best that a no-answer threshold could reach."""
    best = [
        score for score in squad_v2_scores(taken, golds, absent) if score.name.startswith("best")
    ]
    return [*squad_v2_scores(given, golds), *best]


def _json(content: Mapping[str, object]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
