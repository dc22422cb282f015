"""What a step of a training costs, in operations and in seconds, and what comes beside the steps.

Operations are counted over the first batches. Seconds are measured: real steps on a learner that
is thrown away, and one evaluation.
"""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

from sslcli.engine.evaluator import Evaluator, Illustrate
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.workflows.compare.planned import Price
from sslcli.workflows.training.trial import (
    Trainable,
    first_steps,
    left_uncounted,
    step_arithmetic,
    try_steps,
)

COUNTED_STEPS, TIMED_STEPS = 16, 8
J = TypeVar("J", bound="Priced")


class Priced(Trainable, Protocol):
    """A job whose evaluations are part of what it costs."""

    def evaluator(self, hardware: Hardware, process_group: ProcessGroup) -> Evaluator:
        """Return the evaluator."""

    def illustrate(self) -> Illustrate:
        """Return the function that makes examples at each evaluation."""


def priced(
    make: Callable[[], J],
    hardware: Hardware,
    *,
    timed: bool,
    preparations: int,
    evaluations: Callable[[J], float],
) -> tuple[J, Price]:
    """Return a job and its price; it is of no use for training afterwards.

    `preparations`, `evaluations`: how often a training makes its data ready and is evaluated.
    """
    begun = time.perf_counter()
    job = make()
    preparing = time.perf_counter() - begun
    counted = step_arithmetic(job.learner, list(first_steps(job, COUNTED_STEPS)))
    uncounted = left_uncounted(job.learner, counted.counts_decoder).removeprefix(", ")
    price = Price(counted.flops, counted.rows, counted.tokens, uncounted=uncounted)
    if not timed:
        return job, price
    seconds = try_steps(job, hardware, TIMED_STEPS).seconds_per_step
    around = preparations * preparing + evaluations(job) * _evaluation_seconds(job, hardware)
    return job, Price(*(price.flops, price.rows, price.tokens), seconds, around, uncounted)


def _evaluation_seconds(job: Priced, hardware: Hardware) -> float:
    begun = time.perf_counter()
    job.learner.eval()
    job.evaluator(hardware, ALONE)(Replica(job.learner), lambda work: work)
    with torch.no_grad(), hardware.autocast():
        job.illustrate()(job.learner)
    job.learner.train()
    return time.perf_counter() - begun
