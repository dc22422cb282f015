"""`ssl evaluate`: predictions of a fine-tuned model beside the labels, scores beside baselines."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sslcli.contracts.examples import Example
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
from sslcli.reports import Score
from sslcli.runs.catalogue import read_facts
from sslcli.settings import AnswerSettings
from sslcli.workflows.evaluate.score_names import score_called
from sslcli.workflows.evaluate.scoring import TaskEvaluation, scored
from sslcli.workflows.predict.predictor import Answerer


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


def _labelled_examples(
    answerer: Answerer, settings: AnswerSettings
) -> tuple[Sequence[Example], Sifter]:
    """Those of `data.evaluation`, and what knows of the records that are left out."""
    sifter = Sifter(settings.data.skip_bad_records)
    data = answerer.reading(settings.data)
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
