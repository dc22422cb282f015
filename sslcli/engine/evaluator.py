"""Held-out evaluation of the learner."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from sslcli.core.inputs import to_device
from sslcli.engine.events import HeldOutMetrics
from sslcli.engine.learner import Learner
from sslcli.engine.loader import Loader, StepBatch
from sslcli.engine.memory import is_out_of_memory, split_finer
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.gather import gathering
from sslcli.engine.processes.replicas import Replica

Agree = Callable[[StepBatch], StepBatch]


@dataclass(frozen=True)
class Evaluation:
    """Held-out loss and metrics.

    `cost` decides which checkpoint is best, the lower the better: the loss, or a score with its
    sign. `counts`: number of targets by term and metric. `languages`: metrics of each, if there are
    several.
    """

    loss: float
    terms: Mapping[str, float]
    metrics: Mapping[str, float]
    cost: float
    counts: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, HeldOutMetrics] = field(default_factory=dict)


# Called with the replica in evaluation mode, and with a function for every batch that may raise
# Stopping.
Evaluator = Callable[[Replica, Agree], Evaluation]
# Title and text of each example that is shown beside an evaluation.
Illustrate = Callable[[Learner], Sequence[tuple[str, str]]]


def held_out_loss(loaders: Mapping[str, Loader], hardware: Hardware) -> Evaluator:
    """Evaluate mean loss and metrics on all loaders' data, summed over all ranks, and by
    language.
    """

    def evaluate(replica: Replica, agree: Agree) -> Evaluation:
        by_language = {
            language: evaluate_learner(replica, loader, hardware, agree)
            for language, loader in loaders.items()
        }
        whole = MetricSums.total(by_language.values())
        loss, terms, metrics = whole.read()
        languages = {
            language: HeldOutMetrics(*sums.read(), sums.counts())
            for language, sums in by_language.items()
        }
        return Evaluation(
            loss, terms, metrics, loss, whole.counts(), languages if len(languages) > 1 else {}
        )

    return evaluate


def evaluate_learner(
    replica: Replica, loader: Loader, hardware: Hardware, agree: Agree
) -> MetricSums:
    """Sum loss and metrics over one pass; when out of memory, again in smaller micro-batches.

    The micro-batches of the training stay as they are.
    """

    def attempt(seen: list[Any]) -> MetricSums:
        sums = MetricSums()
        for work in loader.one_pass():
            work = agree(work)
            seen[:] = work.batches
            for index, part in enumerate(work.batches):
                with gathering(loader.process_group, counted := index < work.counted):
                    loss = replica.learner(to_device(part, hardware.device))
                sums.add(loss, part.counts, counted)
        return sums.over(loader.process_group)

    return _in_parts_that_fit(attempt, loader, hardware)


def examine(
    replica: Replica, loader: Loader, hardware: Hardware, agree: Agree
) -> tuple[MetricSums, dict[int, Any]]:
    """Return the loss sums of a task, and its partial predictions by sample number."""

    def attempt(seen: list[Any]) -> tuple[MetricSums, dict[int, Any]]:
        sums, found = MetricSums(), {}
        for work in loader.one_pass():
            work = agree(work)
            seen[:] = work.batches
            parts: list[Any] = []
            for batch in work.batches:
                loss, answers = replica.learner(to_device(batch, hardware.device), examines=True)
                sums.add(loss, batch.counts)
                parts += answers
            found.update(zip(work.samples, parts, strict=True))
        return sums, found

    return _in_parts_that_fit(attempt, loader, hardware)


def _in_parts_that_fit(
    attempt: Callable[[list[Any]], Any], loader: Loader, hardware: Hardware
) -> Any:
    """Call `attempt` with a list for its current batches, and split these when out of memory."""
    while True:
        batch: list[Any] = []
        try:
            with torch.no_grad(), hardware.autocast():
                return attempt(batch)
        except Exception as error:
            if not is_out_of_memory(error) or not batch:
                raise
        split_finer(loader, batch)
