"""Scores of predictions beside their baselines, and the files that hold them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sslcli.contracts.examples import Example, Prediction
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.task import Task
from sslcli.datasets.cut_texts import cut_counts, cut_in, cut_sentences
from sslcli.progress import working
from sslcli.reporting.saved_reports import (
    REPORT,
    SCORES,
    saved_together,
    write_report,
    write_scores,
)
from sslcli.reports import Report, amount
from sslcli.workflows.evaluate.score_names import refuse_missing_scores
from sslcli.workflows.evaluate.submission_files import official_files, share_ids

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True)
class TaskEvaluation:
    """`official`: file name -> content of what the task's own scorers or courses take."""

    report: Report
    examples: Sequence[Example]
    predictions: Sequence[Prediction]
    official: Mapping[str, str]


class Answering(Protocol):
    """A task with a model, as far as its scores go."""

    @property
    def name(self) -> str:
        """Name of the task."""

    @property
    def task(self) -> type[Task]:
        """Class of the task."""

    @property
    def scorer(self) -> Scorer:
        """What compares predictions with labels."""

    def predictions(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        """Return one prediction per example."""


@runtime_checkable
class TellsOfLabels(Protocol):
    """One that knows how likely its model finds the labels."""

    def said_of_labels(self, examples: Sequence[Example], batch_size: int) -> list[str]:
        """Return sentences on that; none where it does not tell."""


def scored(
    answerer: Answering,
    train: Sequence[Example],
    examples: Sequence[Example],
    batch_size: int,
    wanted: Collection[str] = (),
) -> TaskEvaluation:
    """Predictions of all examples, and their scores; without training examples there are no
    baselines.
    """
    scorer = answerer.scorer
    working("answering without a model")
    guessed = scorer.baselines(train, examples) if train else {}
    baselines = {name: scorer.score(guesses, examples) for name, guesses in guessed.items()}
    for without_model in list(baselines.values())[:1]:
        refuse_missing_scores(scorer, wanted, without_model)
    predictions = answerer.predictions(examples, batch_size)
    working("scoring")
    scores = scorer.score(predictions, examples)
    reached: dict[str, dict[str, float]] = {score.name: {} for score in scores}
    for name, without_model in baselines.items():
        for score in without_model:
            if score.name in reached:
                reached[score.name][name] = score.value
    beside = [
        replace(score, baselines={**score.baselines, **reached[score.name]}) for score in scores
    ]
    errors = scorer.error_report(predictions, examples)
    title = f"{answerer.name} · {amount(len(examples), 'example')}"
    cuts = [cut_in(prediction) for prediction in predictions]
    official, said = official_files(scorer, examples, predictions)
    if isinstance(answerer, TellsOfLabels):
        said = [*said, *answerer.said_of_labels(examples, batch_size)]
    notes = [*errors.notes, *cut_sentences(answerer.task.records, cuts), *said]
    scores = [*beside, *errors.scores]
    report = replace(errors, title=title, scores=scores, notes=notes, counts=cut_counts(cuts))
    return TaskEvaluation(report, examples, predictions, official)


def write_evaluation(evaluation: TaskEvaluation, folder: Path) -> None:
    """predictions.jsonl, scores.json, report.json with what else was found, and what official
    scorers take.

    All of them or, where it was interrupted, no scores and no report. Raises RunError where the
    disk refuses.
    """
    with_file = share_ids(evaluation.examples)
    pairs = zip(evaluation.examples, evaluation.predictions, strict=True)
    lines = [line_of(*pair, with_file=with_file) for pair in pairs]
    texts = {PREDICTIONS: "".join(f"{line}\n" for line in lines), **evaluation.official}
    with saved_together(folder, (SCORES, REPORT)) as aside:
        for name, content in texts.items():
            (aside / name).write_text(content, encoding="utf-8")
        write_scores(evaluation.report.scores, aside)
        write_report(evaluation.report, aside, files=[*texts, SCORES])


def answer_line(
    example: Example, prediction: Prediction, *, with_file: bool = False
) -> dict[str, Any]:
    """A prediction as data, as `line_of` writes it."""
    return json.loads(line_of(example, prediction, with_file=with_file))


def line_of(example: Example, prediction: Prediction, *, with_file: bool = False) -> str:
    """Return a prediction as a line of JSON, with its label if there is one.

    The file is added where ids alone are ambiguous.
    """
    gold = {} if example.gold is None else {"gold": example.gold}
    names = {"id": example.id, **({"file": example.where.file} if with_file else {})}
    answer = {
        **names,
        "prediction": prediction.value,
        "confidence": prediction.confidence,
        **prediction.details,
        **gold,
    }
    return json.dumps(answer, ensure_ascii=False, default=asdict)
