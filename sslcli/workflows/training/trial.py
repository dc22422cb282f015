"""A few real steps before a run, and what they predict of it: time, memory and disk."""

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch

from sslcli.contracts.objective import Readout
from sslcli.contracts.task import ReadoutTask
from sslcli.core.arithmetic import decoder_flops_per_token, flops_per_token, parameters
from sslcli.core.heads import LanguageModelHead
from sslcli.core.packing import Packing
from sslcli.core.settings import TransformerSettings
from sslcli.engine.composite import Composite
from sslcli.engine.gradients import accumulate_gradients
from sslcli.engine.learner import Learner
from sslcli.engine.loader import Loader, StepBatch
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.schedule import rate_factor
from sslcli.progress import duration
from sslcli.reports import Report, Table, amount
from sslcli.workflows.training.disk_space import disk_space

TRIAL_STEPS = 3


@dataclass(frozen=True)
class StepTrial:
    """What a step costs.

    `flops_per_step`: operations of the passes that can be counted, with the targets of the
    language-model head where there is one; `counts_decoder`: a decoder's too.
    """

    seconds_per_step: float
    tokens_per_step: float
    flops_per_step: float
    counts_decoder: bool
    peak_bytes: int


class Trainable(Protocol):
    """A job, as far as its cost goes; `lengths` [n] of its samples, in tokens."""

    settings: Any
    learner: Learner

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the training samples [n], in tokens."""

    @property
    def notes(self) -> Sequence[str]:
        """What a run says of its data before the first step."""

    def header(
        self, plan: Plan, hardware: Hardware, process_group: ProcessGroup
    ) -> Mapping[str, str]:
        """Title -> line of what is trained."""

    def loader(
        self, micro_batch_size: int | None, process_group: ProcessGroup, pinned: bool
    ) -> Loader:
        """Return the training loader."""


def try_steps(job: Trainable, hardware: Hardware, steps: int = TRIAL_STEPS) -> StepTrial:
    """So many real updates on a learner that is thrown away afterwards, after one to warm up."""
    settings = job.settings
    learner = job.learner.to(hardware.device)
    replica, optimizer = (
        Replica(learner),
        Optimizer(learner.trained_parameters(), learner.groups(), settings.optimizer),
    )
    followers, seconds, works = learner.followers(), [], list[StepBatch]()
    for step, work in enumerate(first_steps(job, steps + 1)):
        start = time.perf_counter()
        for batch in work.batches:
            accumulate_gradients(replica, batch, work.counts, hardware)
        norm = optimizer.norm()
        optimizer.step(rate_factor(settings.schedule, step, steps + 1), norm)
        followers.update(0.0, torch.isfinite(norm))
        optimizer.zero()
        if hardware.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        works.append(work)
    arithmetic = step_arithmetic(learner, works)
    return StepTrial(
        sum(seconds[1:]) / steps,
        arithmetic.tokens,
        arithmetic.flops,
        arithmetic.counts_decoder,
        peak_memory_bytes(hardware),
    )


def first_steps(job: Trainable, count: int) -> Iterator[StepBatch]:
    """Yield the first batches of a training."""
    return islice(job.loader(job.settings.training.micro_batch_size, ALONE, False).steps(0), count)


@dataclass(frozen=True)
class StepArithmetic:
    """Means of a step: tokens of the samples, rows that encoder and decoder compute, and operations
    of their passes. `counts_decoder`: whether what a decoder reads is known.
    """

    tokens: float
    rows: float
    flops: float
    counts_decoder: bool


def step_arithmetic(learner: Learner, works: Sequence[StepBatch]) -> StepArithmetic:
    """What these batches cost, without computing any of it."""
    batches = [batch for work in works for batch in work.batches]
    packings = [batch.inputs.packing for batch in batches]
    decoded = [batch.decoder_inputs for batch in batches]
    decoder_packings = [inputs.packing for inputs in decoded if inputs is not None]
    shape = learner.backbone.settings
    if shape.has_memory and isinstance(learner.learnable, ReadoutTask):
        decoder_packings = packings  # both halves read the same
    has_head = any(isinstance(module, LanguageModelHead) for module in learner.learnable.modules())
    targets = sum(max(work.counts.values()) for work in works) if has_head else 0
    rows = sum(sum(packing.lengths) for packing in [*packings, *decoder_packings])
    return StepArithmetic(
        sum(work.tokens for work in works) / len(works),
        rows / len(works),
        step_flops(shape, packings, decoder_packings, targets) / len(works),
        bool(decoder_packings),
    )


def step_flops(
    shape: TransformerSettings,
    read: Sequence[Packing],
    decoder_packings: Sequence[Packing],
    targets: int,
) -> float:
    """Count the operations of training over these packings.

    `decoder_packings` are what a decoder reads, one for each of `read` or none at all.
    """
    lengths = np.concatenate([packing.lengths for packing in read]).astype(float)
    attended = attended_tokens(lengths)
    if not decoder_packings:
        share = min(1.0, targets / lengths.sum())
        return lengths.sum() * flops_per_token(shape, attended, share)
    decoded = np.concatenate([packing.lengths for packing in decoder_packings]).astype(float)
    of_decoder = decoder_flops_per_token(
        shape,
        attended_tokens(decoded),
        float((decoded * lengths).sum() / decoded.sum()),
        float(lengths.sum() / decoded.sum()),
        min(1.0, targets / decoded.sum()),
    )
    return lengths.sum() * flops_per_token(shape, attended, 0.0) + decoded.sum() * of_decoder


def peak_memory_bytes(hardware: Hardware) -> int:
    """The most memory so far: of the GPU where there is one, else of this process."""
    if hardware.device.type == "cuda":
        return torch.cuda.max_memory_allocated(hardware.device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


def foretold(
    job: Trainable, plan: Plan, hardware: Hardware, warnings: Sequence[str]
) -> tuple[Mapping[str, str], Report]:
    """The header of a run, and what it will take and say, from three real steps."""
    trial = try_steps(job, hardware)
    return job.header(plan, hardware, ALONE), prediction(job, plan, trial, warnings)


def prediction(
    job: Trainable, plan: Plan, trial: StepTrial, warnings: Sequence[str] = ()
) -> Report:
    """Predict the whole run from the trial, and its disk use from checkpoints and milestones; with
    what the run itself would say before its first step.
    """
    shape, training = job.learner.backbone.settings, job.settings.training
    space = disk_space(job.learner, job.settings.optimizer, plan, training.keep)
    folders = f"{amount(space.checkpoints, 'checkpoint')}, {amount(space.milestones, 'milestone')}"
    rows: Mapping[str, str] = {
        "parameters": (
            f"{parameters(shape):,} of the backbone, "
            f"{learnable_parameters(job.learner):,} of the head"
        ),
        "step": f"{trial.seconds_per_step * 1e3:,.1f} ms (mean of {TRIAL_STEPS} real steps)",
        "tokens per second": f"{trial.tokens_per_step / trial.seconds_per_step:,.0f}",
        "useful arithmetic": (
            f"{trial.flops_per_step / trial.seconds_per_step / 1e12:.3f} TFLOP/s"
            f"{left_uncounted(job.learner, trial.counts_decoder)}"
        ),
        "training time": (
            f"{duration(trial.seconds_per_step * plan.total_steps)} "
            f"for {amount(plan.total_steps, 'step')}, without evaluation"
        ),
        "memory": f"{trial.peak_bytes / 2**20:,.0f} MiB at the peak",
        "disk": f"{space.describe()}; {folders}",
    }
    return Report(
        "dry run: nothing is written",
        tables=[Table("prediction", ("what", "figure"), list(rows.items()))],
        notes=[*job.notes, *warnings],
    )


def left_uncounted(learner: Learner, counts_decoder: bool) -> str:
    """What the arithmetic leaves out: all that is no pass of the backbone over its inputs."""
    if learner.backbone.settings.has_memory:
        return "" if counts_decoder else ", of the encoder alone"
    learnable = learner.learnable
    parts = learnable.objectives.values() if isinstance(learnable, Composite) else [learnable]
    shares_its_pass = all(isinstance(part, Readout | ReadoutTask) for part in parts)
    return "" if shares_its_pass else ", of one pass of the backbone alone"


def attended_tokens(lengths: np.ndarray) -> float:
    """The sequence length that attention pays for per token: the sum of squares over the sum of
    lengths.
    """
    lengths = lengths[:100_000].astype(float)
    return float((lengths**2).sum() / lengths.sum())


def learnable_parameters(learner: Learner) -> int:
    """Count the parameters of the learnable, the backbone's apart."""
    return sum(parameter.numel() for parameter in learner.learnable.parameters())
