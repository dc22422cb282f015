"""`ssl evaluate`: predictions of a fine-tuned model beside the labels, scores beside baselines."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sslcli.contracts.examples import Example, Prediction
from sslcli.datasets.cut_texts import cut_counts, cut_in, cut_sentences
from sslcli.datasets.label_sets import with_labels
from sslcli.datasets.labelled import (
    Labelled,
    examples_of,
    fingerprint_of,
    labelled_data,
    overlap_of,
)
from sslcli.datasets.sifter import LEFT_OUT, Sifter, left_out_of
from sslcli.engine.precision import choose_hardware
from sslcli.errors import CheckError, SslError, UsageError
from sslcli.progress import working
from sslcli.reporting.saved_reports import (
    REPORT,
    SCORES,
    saved_together,
    write_report,
    write_scores,
)
from sslcli.reports import Report, Score
from sslcli.runs.catalogue import read_facts
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.score_names import refuse_missing_scores, score_called
from sslcli.workflows.evaluate.submission_files import official_files, share_ids
from sslcli.workflows.predict.predictor import Answerer

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True)
class TaskEvaluation:
    """`official`: file name -> content of what the task's own scorers or courses take."""

    report: Report
    examples: Sequence[Example]
    predictions: Sequence[Prediction]
    official: Mapping[str, str]


def evaluate(
    reference: str, task: str, settings: AnswerSettings, wanted: Collection[str] = ()
) -> TaskEvaluation:
    """Scores of a model (see workflows.models for references) on the examples of `data.evaluation`,
    or on those of its run.

    `wanted`: names of scores that there have to be. Raises DataError, ModelError, UsageError where
    one cannot be read, or they do not fit.
    """
    answerer = Answerer.load(reference, task, choose_hardware(settings.hardware), settings.options)
    working("reading the examples")
    if settings.data.evaluation:
        examples, sifter = _labelled_examples(answerer, settings)
        train, notes = _training_examples(answerer)
        how_read = [*sifter.remarks, *answerer.task.how_read(answerer.options, examples)]
        notes = [*sifter.sentences(), *_left_out_of_training(answerer), *notes]
        notes += filter(None, [overlap_of(answerer.task, train, examples, "scored")])
        left_out = sifter.left_out
    elif answerer.data is not None:
        own = labelled_data(answerer.task, answerer.options, answerer.data)
        train, examples = own.train, own.test[: settings.data.limit]
        notes, left_out, how_read = (
            [*own.notes, *_changed(answerer, own)],
            own.left_out,
            own.how_read,
        )
    else:
        raise UsageError(f"what to score {reference} on?", "give labelled data with --data")
    answerer.resolve_options(examples)
    found = scored(answerer, train, examples, settings.batch_size, wanted)
    notes = [*answerer.notes, *how_read, *notes, *answerer.remarks(), *found.report.notes]
    counts = {**found.report.counts, LEFT_OUT: left_out}
    return replace(found, report=replace(found.report, notes=notes, counts=counts))


def scored(
    answerer: Answerer,
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
    title = f"{answerer.name} · {len(examples):,} example{'s' * (len(examples) != 1)}"
    cuts = [cut_in(prediction) for prediction in predictions]
    official, said = official_files(scorer, examples, predictions)
    notes = [*errors.notes, *cut_sentences(answerer.task.records, cuts), *said]
    scores = [*beside, *errors.scores]
    report = replace(errors, title=title, scores=scores, notes=notes, counts=cut_counts(cuts))
    return TaskEvaluation(report, examples, predictions, official)


def refuse_below(scores: Sequence[Score], least: Mapping[str, float]) -> None:
    """Raises CheckError naming every score that is worse than asked for, UsageError for a name that
    is none.
    """
    problems = []
    for name, bound in least.items():
        score = score_called(name, scores)
        if score.unit == "%" and 0 < bound <= 1:
            raise UsageError(f"{name} is given in percent", f"write --min {name}={100 * bound:g}")
        if score.value < bound if score.higher_is_better else score.value > bound:
            problems.append(
                f"{name} is {score.value:.4g} and not "
                f"{'at least' if score.higher_is_better else 'at most'} {bound:g}"
            )
    if problems:
        raise CheckError("; ".join(problems), "")


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


def answer_line(example: Example, prediction: Prediction) -> dict[str, Any]:
    """A prediction as data, as `line_of` writes it."""
    return json.loads(line_of(example, prediction))


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


def _labelled_examples(
    answerer: Answerer, settings: AnswerSettings
) -> tuple[Sequence[Example], Sifter]:
    """Those of `data.evaluation`, and what knows of the records that are left out."""
    sifter = Sifter(settings.data.skip_bad_records)
    data = settings.data
    examples = examples_of(answerer.task, answerer.options, data.evaluation, "test", data, sifter)
    return with_labels(
        answerer.task, answerer.options, answerer.named_as_in(examples), examples, sifter
    ), sifter


def _changed(answerer: Answerer, data: Labelled) -> Sequence[str]:
    known = {} if answerer.run is None else read_facts(answerer.run)
    if known.get("data") in (None, fingerprint_of(data)):
        return []
    return [
        (
            "the data is not what the model was fine-tuned on any "
            "more: some of what is scored here may have been trained on"
        )
    ]


def _left_out_of_training(answerer: Answerer) -> Sequence[str]:
    return left_out_of(
        0 if answerer.run is None else read_facts(answerer.run).get("records_left_out", 0)
    )


def _training_examples(answerer: Answerer) -> tuple[Sequence[Example], Sequence[str]]:
    """What the model was fine-tuned on, where it is still there: the baselines are counted on
    it.
    """
    if answerer.data is None:
        return [], ["the training data of this model is not known, so there are no baselines"]
    try:
        return labelled_data(answerer.task, answerer.trained_options, answerer.data).train, []
    except SslError as error:
        return [], [
            f"there are no baselines, because the training data cannot be read: {error.message}"
        ]
