"""Error report of question answering: scores by question word, and the worst predictions."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby

from sslcli.api import AnswerRule, Example, Passage, Prediction, Report, Span, Table
from sslplugins.tasks.qa.scores import texts_of

WORST = 5
_ENGLISH = re.compile(
    r"\b(how (?:many|much|long|old|far|often)|how|what|which|whose|whom|who|when|where|why)\b"
)
_CHINESE = re.compile(
    "为什么|為什麼|什么时候|什麼時候|多少|怎么|怎麼|如何|什么|什麼|何时|何時|哪里|哪裡|哪|谁|誰|几|幾|何"
)


def report_of(
    predictions: Sequence[Prediction], examples: Sequence[Example], rule: AnswerRule
) -> Report:
    """Build the error report: scores by question word, and the worst predictions in context."""
    figures = [
        rule.agreement(prediction.value, texts_of(example))
        for prediction, example in zip(predictions, examples, strict=True)
    ]
    return Report(
        tables=[_by_question_word(examples, figures)],
        passages=_worst(predictions, examples, [f1 for _, f1 in figures]),
    )


def marked_passage(example: Example, prediction: Prediction) -> Passage:
    """Mark an answer in its passage.

    It is "target"; where the label is known, a right answer is "correct" and a wrong one
    "corrupted".
    """
    marks: dict[int, str] = {}
    if prediction.value and "start" in prediction.details:
        given = range(prediction.details["start"], prediction.details["end"])
        marks.update(dict.fromkeys(given, "target" if example.gold is None else "corrupted"))
    for answer in (example.gold or ())[:1]:
        marks.update(dict.fromkeys(range(answer.start, answer.stop), "correct"))
    return Passage(example.data.text, _marked(example.data.passage, marks), excerpt=True)


def question_word(text: str) -> str:
    """Return the first question word of a question, "other" where there is none."""
    found = _ENGLISH.search(text.lower()) or _CHINESE.search(text)
    return found[0] if found else "other"


def _by_question_word(examples: Sequence[Example], figures: Sequence[tuple[float, float]]) -> Table:
    groups: Mapping[str, list[tuple[float, float]]] = defaultdict(list)
    for example, figure in zip(examples, figures, strict=True):
        groups[question_word(example.data.text)].append(figure)
    rows = [
        [
            word,
            100 * sum(f1 for _, f1 in group) / len(group),
            100 * sum(exact for exact, _ in group) / len(group),
            len(group),
        ]
        for word, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    return Table("scores by question word, %", ["asks", "f1", "exact match", "questions"], rows)


def _worst(
    predictions: Sequence[Prediction], examples: Sequence[Example], f1s: Sequence[float]
) -> list[Passage]:
    """Return the most confident of the lowest-scoring predictions."""
    order = sorted(
        range(len(f1s)), key=lambda place: (f1s[place], -(predictions[place].confidence or 0.0))
    )
    passages = []
    for place in [place for place in order if f1s[place] < 1][:WORST]:
        example, prediction = examples[place], predictions[place]
        sure = "" if prediction.confidence is None else f", {prediction.confidence:.0%} sure"
        right = next(iter(texts_of(example)), "no answer")
        title = f"{example.where}: f1 {100 * f1s[place]:.0f}{sure}: {example.data.text}"
        head = [
            Span(prediction.value or "no answer", "corrupted"),
            Span(" instead of "),
            Span(right, "correct"),
            Span(": "),
        ]
        passages.append(
            Passage(title, [*head, *marked_passage(example, prediction).spans], excerpt=True)
        )
    return passages


def _marked(passage: str, marks: Mapping[int, str]) -> list[Span]:
    """Mark the whole passage; `marks` are roles by character."""
    alike = groupby(enumerate(passage), lambda item: marks.get(item[0], "plain"))
    return [Span("".join(letter for _, letter in run), role) for role, run in alike]
