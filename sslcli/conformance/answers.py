"""Checks of a task's predictions, scores, baselines and reports.

A check is a function of a TaskBench; it raises CheckError where something does not hold.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch

from sslcli.conformance.bench import TaskBench
from sslcli.conformance.learnables import EIGHT, EXAMPLES, MOST_STEPS, learnt, train
from sslcli.conformance.plugin_class import demand
from sslcli.conformance.trees import copied, equal, global_generators
from sslcli.contracts.examples import Prediction
from sslcli.data.batches import Sample
from sslcli.engine.learner import Learner
from sslcli.errors import CheckError
from sslcli.reports import Report, Score

CLOSE = 1e-4  # of numbers in an answer that were computed in another company
PERFECT = {"": 1.0, "%": 100.0}  # the most that a share can be, by its unit


def demand_alike(
    first: Sequence[Prediction], second: Sequence[Prediction], message: str, hint: str = ""
) -> None:
    """Demand equal values and confidences, prediction by prediction.

    Raises CheckError at the first pair that differs.
    """
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        same = _alike([one.value, one.confidence], [other.value, other.confidence])
        demand(
            same,
            f"{message}: {one.value!r:.60} became {other.value!r:.60} (example {number})",
            hint,
        )


def predictions(bench: TaskBench) -> None:
    """predict is deterministic, gives one part per sample, and changes neither its batch, the
    network nor global state.
    """
    learner, batch = bench.learner().eval(), bench.collate(EIGHT)
    state, given, generators = copied(learner.state_dict()), copied(batch), global_generators()
    with torch.no_grad():
        first, second = (learner.learnable.predict(learner.backbone, batch) for _ in range(2))
    demand(
        len(first) == len(batch.inputs.packing.lengths),
        f"predict gives {len(first)} parts for {len(EIGHT)} samples",
    )
    demand(
        equal(first, second),
        "two predictions for the same batch differ",
        "use a generator with a seed of its own",
    )
    demand(equal(state, learner.state_dict()), "predict changes parameters or buffers")
    demand(equal(given, batch), "predict writes into its batch")
    demand(equal(generators, global_generators()), "predict uses a global generator")


def examining(bench: TaskBench) -> None:
    """examine gives what forward and predict give."""
    learner, batch = bench.learner().eval(), bench.collate(EIGHT)
    with torch.no_grad():
        loss, parts = learner.learnable.examine(learner.backbone, batch)
        demand(equal(loss.sums, learner(batch).sums), "the loss of examine is not that of forward")
        demand(
            equal(parts, learner.learnable.predict(learner.backbone, batch)),
            "the parts of examine are not those of predict",
        )


def company(bench: TaskBench) -> None:
    """The prediction for an example does not depend on the batch that it is in."""
    learner = bench.learner()
    together, alone = (
        bench.predictions(learner, bench.examples, together=each) for each in (True, False)
    )
    demand_alike(
        together, alone, "an answer depends on its batch", "read each sample's own rows alone"
    )


def unlabelled_answers(bench: TaskBench) -> None:
    """An example without a label has the same inputs and prediction, and adds nothing to the
    counts.
    """
    bare = bench.encoded(bench.unlabelled())
    for number, (with_gold, without) in enumerate(
        zip(bench.encoded(bench.examples), bare, strict=True)
    ):
        tokens = [
            [_read(sample, bench.cls.label_streams) for sample in each.samples]
            for each in (with_gold, without)
        ]
        demand(
            equal(*tokens),
            f"the label of example {number} is seen in its tokens",
            "put it into fields, per_token or one of label_streams",
        )
    learner, batch = (
        bench.learner(),
        bench.collated([sample for encoded in bare for sample in encoded.samples]),
    )
    counted = {term: count for term, count in batch.counts.items() if count}
    demand(
        not counted,
        f"examples without a label are counted: {counted}",
        "give them a label of -1 or a weight of 0",
    )
    loss = learner(batch)
    wrong = {term: value.item() for term, value in loss.sums.items() if value.item() != 0}
    demand(not wrong, f"examples without a label have a loss: {wrong}", "leave them out of the sum")
    ratios = {
        name: ratio
        for name, ratio in loss.metrics.items()
        if float(ratio.count) or float(ratio.sum)
    }
    demand(
        not ratios,
        f"examples without a label are in the metrics {', '.join(ratios)}",
        "leave them out of sum and count",
    )
    with_gold, without = (
        bench.predictions(learner, examples) for examples in (bench.examples, bench.unlabelled())
    )
    demand_alike(with_gold, without, "the prediction depends on the label")


def _read(sample: Sample, label_streams: Collection[str]) -> list[np.ndarray]:
    """Return the inputs of a sample, stream by stream; the loss alone reads `label_streams`."""
    read = [stream for name, stream in sample.streams.items() if name not in label_streams]
    return [sample.values, *(part for stream in read for part in _read(stream, ()))]


def merging(bench: TaskBench) -> None:
    """A prediction can be written as JSON, and its confidence is a probability or None."""
    for prediction in bench.predictions(bench.learner(), bench.examples):
        _demand_prediction(prediction)


def scores(bench: TaskBench) -> None:
    """score gives finite values with names, counts and intervals, whatever the predictions are."""
    found = _scores(bench, bench.predictions(bench.learner(), bench.examples))
    names = [score.name for score in found]
    demand(
        bool(names) and len({*names}) == len(names),
        f"scores are {names}",
        "give one at least, and each its own name",
    )
    for score in found:
        plain = score.name == score.name.strip() and score.name and not set(score.name) & set("=,")
        demand(
            bool(plain), f"'{score.name}' cannot be a score's name", "it is typed as in --min f1=80"
        )
        declared = (
            not bench.scorer.score_names
            or score.higher_is_better is None
            or score.name in bench.scorer.score_names
        )
        demand(declared, f"score_names lacks '{score.name}'", "name there all that score may give")
        demand(math.isfinite(score.value), f"score '{score.name}' is {score.value}")
        demand(
            score.count > 0,
            f"score '{score.name}' has a count of {score.count}",
            "say of how many answers it is",
        )
        low, high = score.interval or (score.value, score.value)
        demand(
            low <= score.value <= high,
            (
                f"score '{score.name}' is {score.value:.4g} "
                f"outside its interval of {low:.4g} to {high:.4g}"
            ),
        )
    again = [
        score.name
        for score in _scores(bench, bench.predictions(bench.learner(seed=1), bench.examples))
    ]
    demand(
        again == names,
        f"scores are called {names} and then {again}",
        "which ones there are may depend on options and examples alone",
    )


def best_possible(bench: TaskBench) -> None:
    """The labels themselves, as predictions, score the maximum, where they have the same form."""
    given = bench.predictions(bench.learner(), bench.examples)
    if not all(
        _has_form(prediction.value, example.gold)
        for prediction, example in zip(given, bench.examples, strict=True)
    ):
        return
    gold = [Prediction(_plain(example.gold)) for example in bench.examples]
    perfect, others = _scores(bench, gold)[0], _scores(bench, given)[0]
    sign = 1 if perfect.higher_is_better else -1
    same = all(
        _plain(one.value) == _plain(other.value) for one, other in zip(gold, given, strict=True)
    )
    better = sign * perfect.value > sign * others.value or same
    demand(
        better,
        f"the labels score {perfect.name} {perfect.value:.4g}, and others {others.value:.4g}",
        "mind higher_is_better",
    )
    most = PERFECT.get(perfect.unit, perfect.value) if perfect.higher_is_better else 0.0
    demand(
        math.isclose(perfect.value, most, abs_tol=1e-6),
        f"the labels score {perfect.name} {perfect.value:.4g} and not {most:g}",
    )


def baselines(bench: TaskBench) -> None:
    """Every baseline predicts each test example, and is scored as a model is."""
    half = len(bench.examples) // 2
    train, test = bench.examples[:half], bench.examples[half:]
    for name, given in bench.scorer.baselines(train, test).items():
        demand(
            len(given) == len(test),
            f"baseline '{name}' has {len(given)} answers for {len(test)} examples",
        )
        for prediction in given:
            _demand_prediction(prediction)
        try:
            found = bench.scorer.score(given, test)
        except Exception as error:  # a stranger's code: anything may come
            raise CheckError(
                f"baseline '{name}' cannot be scored: {type(error).__name__}: {error}"
            ) from error
        demand(
            all(math.isfinite(score.value) for score in found),
            f"baseline '{name}' has a score that is no number",
        )


def answers_after_learning(bench: TaskBench) -> None:
    """After training on some examples their loss has fallen clearly, and their first score has
    risen, if not at once, then after more steps on them.
    """
    learner = learnt(bench)
    before, after = (_first_score(bench, each) for each in (bench.learner(), learner))
    if not _is_better(after, before):
        train(bench, learner, bench.collate(range(EXAMPLES)), steps=MOST_STEPS)
        after = _first_score(bench, learner)
    message = f"{after.name} went from {before.value:.4g} to {after.value:.4g} while the loss fell"
    demand(
        _is_better(after, before), message, "answer what forward learns, and mind higher_is_better"
    )


def _first_score(bench: TaskBench, learner: Learner) -> Score:
    return _scores(bench, bench.predictions(learner, bench.examples))[0]


def _is_better(score: Score, than: Score) -> bool:
    return score.value > than.value if score.higher_is_better else score.value < than.value


def reports(bench: TaskBench) -> None:
    """Reports hold text and numbers; an example is the same one with and without its label."""
    cls, scorer, given = bench.cls, bench.scorer, bench.predictions(bench.learner(), bench.examples)
    found = scorer.error_report(given, bench.examples)
    demand(isinstance(found, Report), f"error_report gives {type(found).__name__}", "give a Report")
    named = scorer.label_names(bench.examples)
    wrong = [answer for each in named for answer in each if not isinstance(answer, str)]
    demand(
        len(named) == len(bench.examples) and not wrong,
        f"label_names gives {wrong or len(named)}",
        "give names for each example",
    )
    for example, bare, prediction in zip(bench.examples, bench.unlabelled(), given, strict=True):
        demand(
            cls.key(example) == cls.key(bare), "key depends on the label", "make it of `data` alone"
        )
        demand(
            cls.group(example) == cls.group(bare),
            "group depends on the label",
            "make it of `data` alone",
        )
        for each in (example, bare):
            shown = scorer.format_prediction(each, prediction)
            words = [
                *shown.notes,
                *(span.text for passage in shown.passages for span in passage.spans),
                *shown.tables,
                *shown.curves,
            ]
            demand(any(words), "format_prediction gives an empty report", "say what was answered")
    names = {
        example.id: prediction for example, prediction in zip(bench.examples, given, strict=True)
    }
    for name, content in scorer.submission_files(names).items():
        fits = isinstance(content, str) and bool(name) and "/" not in name
        demand(
            fits,
            f"submission_files gives {type(content).__name__} for '{name}'",
            "give the name of a file, and its text",
        )


def _scores(bench: TaskBench, given: Sequence[Prediction]) -> Sequence[Score]:
    found = bench.scorer.score(given, bench.examples)
    demand(bool(found), "there is no score", "the first one decides which checkpoint is best")
    return found


def _demand_prediction(prediction: Prediction) -> None:
    demand(
        isinstance(prediction, Prediction),
        f"merge gives {type(prediction).__name__}",
        "give a Prediction",
    )
    try:
        json.dumps([prediction.value, dict(prediction.details)], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckError(
            f"a prediction cannot be written as JSON: {error}",
            "use texts, Python's own numbers, lists and dicts",
        ) from error
    sure = prediction.confidence
    demand(sure is None or 0 <= sure <= 1, f"a confidence is {sure}", "give a probability, or None")


def _has_form(value: Any, gold: Any) -> bool:
    """Return whether both are texts, numbers, or lists of the same."""
    if isinstance(value, list | tuple) and isinstance(gold, list | tuple):
        return all(_has_form(one, other) for one, other in product(value, gold))
    return any(isinstance(value, form) and isinstance(gold, form) for form in (str, int | float))


def _plain(value: Any) -> Any:
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def _alike(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=CLOSE, abs_tol=CLOSE)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(_alike, first, second))
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(
            _alike(first[key], second[key]) for key in first
        )
    return first == second
