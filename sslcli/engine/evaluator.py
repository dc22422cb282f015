"""How good the learner is by now: what the loop asks whenever an evaluation is due."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from sslcli.core.inputs import to_device
from sslcli.engine.events import HeldOutMetrics
from sslcli.engine.loader import Loader, StepBatch
from sslcli.engine.memory import is_out_of_memory, split_finer
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.gather import gathering
from sslcli.engine.processes.replicas import Replica

Agree = Callable[[StepBatch], StepBatch]


@dataclass(frozen=True)
class Evaluation:
    """`cost` decides which checkpoint is best, the lower the better: the loss itself, or what a score makes of it.

    `counts`: by term and metric, over how many targets it is. `languages`: the figures of each, where there are several.
    """

    loss: float
    terms: Mapping[str, float]
    metrics: Mapping[str, float]
    cost: float
    counts: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, HeldOutMetrics] = field(default_factory=dict)


# Called with the replica, not in training, and with what is to be called for every batch, which may raise Stopping.
Evaluator = Callable[[Replica, Agree], Evaluation]


def held_out_loss(loaders: Mapping[str, Loader], hardware: Hardware) -> Evaluator:
    """The mean loss and the metrics of all of the loaders' data, summed over all ranks; where there are several, also of each."""

    def judge(replica: Replica, agree: Agree) -> Evaluation:
        tallies = {language: evaluate_learner(replica, loader, hardware, agree) for language, loader in loaders.items()}
        whole = MetricSums.total(tallies.values())
        loss, terms, metrics = whole.read()
        figures = {language: HeldOutMetrics(*tally.read(), tally.counts()) for language, tally in tallies.items()}
        return Evaluation(loss, terms, metrics, loss, whole.counts(), figures if len(figures) > 1 else {})

    return judge


def evaluate_learner(replica: Replica, loader: Loader, hardware: Hardware, agree: Agree) -> MetricSums:
    """Where memory does not suffice, once more in finer micro-batches: those of the training have nothing to do with it."""

    def attempt(seen: list[Any]) -> MetricSums:
        tally = MetricSums()
        for work in loader.one_pass():
            work = agree(work)
            seen[:] = work.batches
            for index, part in enumerate(work.batches):
                with gathering(loader.process_group, counted := index < work.counted):
                    loss = replica.learner(to_device(part, hardware.device))
                tally.add(loss, part.counts, counted)
        return tally.over(loader.process_group)

    return _in_parts_that_fit(attempt, loader, hardware)


def examine(replica: Replica, loader: Loader, hardware: Hardware, agree: Agree) -> tuple[MetricSums, dict[int, Any]]:
    """Loss of a task, and its parts by the number of their sample."""

    def attempt(seen: list[Any]) -> tuple[MetricSums, dict[int, Any]]:
        tally, found = MetricSums(), {}
        for work in loader.one_pass():
            work = agree(work)
            seen[:] = work.batches
            parts: list[Any] = []
            for batch in work.batches:
                loss, answers = replica.learner(to_device(batch, hardware.device), examines=True)
                tally.add(loss, batch.counts)
                parts += answers
            found.update(zip(work.samples, parts, strict=True))
        return tally, found

    return _in_parts_that_fit(attempt, loader, hardware)


def _in_parts_that_fit(attempt: Callable[[list[Any]], Any], loader: Loader, hardware: Hardware) -> Any:
    """`attempt` is given a list to keep the views in that it works on."""
    while True:
        batch: list[Any] = []
        try:
            with torch.no_grad(), hardware.autocast():
                return attempt(batch)
        except Exception as error:
            if not is_out_of_memory(error) or not batch:
                raise
        split_finer(loader, batch)
