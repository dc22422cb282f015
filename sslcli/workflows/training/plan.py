"""Length and cost of a run, and the lines about them before it starts."""

import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch

from sslcli.contracts.objective import Readout
from sslcli.contracts.task import ReadoutTask
from sslcli.core.arithmetic import flops_per_token, parameters
from sslcli.core.heads import LanguageModelHead
from sslcli.core.settings import TransformerSettings
from sslcli.datasets.arrange import NOT_SAID
from sslcli.engine.gradients import accumulate_gradients
from sslcli.engine.learner import Learner
from sslcli.engine.loader import Loader
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.schedule import rate_factor, warmup_steps
from sslcli.engine.settings import TrainingSettings
from sslcli.engine.trainer import Plan
from sslcli.reports import Report, Table, printable
from sslcli.workflows.pretrain.prepare import Prepared
from sslcli.workflows.training.disk_space import disk_space

TRIAL_STEPS = 3
FEWEST_HELD_OUT_SAMPLES = 20
FEWEST_STEPS_BETWEEN = 20  # two evaluations, where nothing else was said


def plan_for(training: TrainingSettings, lengths: np.ndarray) -> Plan:
    """Steps from `max_steps` or `epochs`. An epoch has as many as its last, shorter batches make;
    with batches in tokens, whose number differs from epoch to epoch, the tokens over the batch,
    rounded up. `lengths` [n] of the training samples.
    """
    size = int(lengths.sum()) if training.batch_unit == "tokens" else len(lengths)
    steps = training.max_steps or max(
        1, math.ceil((training.epochs or 1.0) * math.ceil(size / training.batch_size))
    )
    eval_every = training.eval_every or max(steps // 10, min(steps, FEWEST_STEPS_BETWEEN))
    save_every = training.save_every or eval_every
    return Plan(
        steps,
        training.log_every,
        eval_every,
        save_every,
        training.milestones,
        training.seed,
        training.patience,
    )


def header(
    prepared: Prepared, plan: Plan, hardware: Hardware, process_group: ProcessGroup = ALONE
) -> dict[str, str]:
    """Title -> line: everything that was decided, in the order in which it is shown."""
    settings, shape = prepared.settings, prepared.learner.backbone.settings
    training = settings.training
    tokens, unit = (
        int(prepared.train.lengths.sum()),
        "tokens" if prepared.tokenizer is not None else "rows",
    )
    longest = (
        settings.data.sequence_tokens
        if prepared.tokenizer is not None
        else int(prepared.train.lengths.max())
    )
    micro = f" in parts of {training.micro_batch_size}" if training.micro_batch_size else ""
    return {
        "model": f"{shape.architecture} · {parameters(shape) / 1e6:.2f} "
        f"M parameters · {_layers(shape)} layers x {shape.width}"
        f" · {_read_by(shape)} · "
        + (f"from {settings.model.source}" if settings.model.source else "new"),
        "data": f"{', '.join(settings.data.train)} · {tokens:,} "
        f"{unit} · {len(prepared.train):,} samples of at most"
        f" {longest} · {len(prepared.evaluation):,} held out",
        **_how_languages_are_mixed(prepared),
        "objective": (
            f"{settings.objective} · {described_options(prepared)}{_what_learns(prepared)}"
        ),
        **({"head": prepared.head} if settings.model.source else {}),
        "batch": (
            f"{training.batch_size:,} {training.batch_unit}{micro} · {plan.total_steps:,} steps"
        ),
        **how_it_is_trained(settings, prepared.learner, plan, hardware, process_group),
    }


def _layers(shape: TransformerSettings) -> str:
    return f"{shape.depth} + {shape.layers_of_decoder}" if shape.has_memory else f"{shape.depth}"


def _read_by(shape: TransformerSettings) -> str:
    return (
        f"rows of {shape.row_features}"
        if shape.row_features
        else f"vocabulary {shape.vocabulary:,}"
    )


def _how_languages_are_mixed(prepared: Prepared) -> dict[str, str]:
    """Shares of the draws, beside those of the samples where they differ; nothing to say of one
    language.
    """
    members, mixture = prepared.train.languages, prepared.mixture
    if len(members) < 2:
        return {}
    there = _shares({language: len(numbers) for language, numbers in members.items()})
    if mixture is None:
        return {"languages": f"{there}, as they lie"}
    drawn = _shares(dict(zip(members, mixture.draws_L.tolist(), strict=True)))
    return {
        "languages": (
            f"{drawn} (exponent {prepared.settings.data.language_exponent:g}; of the data {there})"
        )
    }


def _shares(counts: Mapping[str, int]) -> str:
    return " · ".join(
        f"{printable(name)} {100 * count / sum(counts.values()):.3g} %"
        for name, count in counts.items()
    )


def _what_learns(prepared: Prepared) -> str:
    if prepared.settings.model.train == "all":
        return ""
    trained = sum(parameter.numel() for parameter in prepared.learner.trained_parameters().values())
    return f" · trains {trained:,} parameters, the head only"


def how_it_is_trained(
    settings: Any,
    learner: Learner,
    plan: Plan,
    hardware: Hardware,
    process_group: ProcessGroup,
) -> dict[str, str]:
    """The lines about optimizer, device and disk, from the settings that all runs have."""
    optimizer, schedule = settings.optimizer, settings.schedule
    space = disk_space(learner, optimizer, plan, settings.training.keep)
    return {
        "optimizer": f"{optimizer.name} · lr {optimizer.rate:g} {schedule.name} "
        f"· warm-up {warmup_steps(schedule, plan.total_steps)} steps"
        f" · weight decay {optimizer.weight_decay:g} · clip {optimizer.clip:g}",
        "device": hardware.describe()
        + (
            f" · {process_group.size} processes, {settings.hardware.parallel}"
            if process_group.size > 1
            else ""
        ),
        "disk": space.describe(),
    }


def warnings(prepared: Prepared, plan: Plan, hardware: Hardware) -> list[str]:
    """Return warnings for the user before a long wait."""
    warmup, held_out = (
        warmup_steps(prepared.settings.schedule, plan.total_steps),
        len(prepared.evaluation),
    )
    found = []
    if warmup >= plan.total_steps > 1:
        found.append(
            f"warm-up takes {warmup} steps, and the run has "
            f"{plan.total_steps}: the learning rate never reaches its peak"
        )
    if held_out < FEWEST_HELD_OUT_SAMPLES:
        found.append(
            f"only {held_out} samples are held out, so their figures "
            "are coarse; give --eval-data, or raise data.held_out"
        )
    return [*found, *_without_evaluation(prepared), *hardware_warnings(hardware)]


def _without_evaluation(prepared: Prepared) -> list[str]:
    """Return a warning for training languages without held-out samples.

    Held-out data without languages gives none.
    """
    trained, evaluated = prepared.train.languages, prepared.evaluation.languages
    missing = [printable(language) for language in trained if language not in evaluated]
    if not missing or NOT_SAID in evaluated:
        return []
    known = ", ".join(map(printable, evaluated))
    have = (
        "has no held-out samples, so it is"
        if len(missing) == 1
        else "have no held-out samples, so they are"
    )
    which = f"{', '.join(missing)} {have} not evaluated, and all metrics are of {known}"
    return [f"{which}; give --eval-data for each language, or raise data.held_out"]


def hardware_warnings(hardware: Hardware) -> list[str]:
    """Warn of bf16 on a CPU that emulates it."""
    emulated = (
        "this CPU has no instructions for bf16 and works around "
        "it: --precision fp32 is several times faster here"
    )
    return [emulated] if hardware.emulates_bf16() else []


def described_options(prepared: Prepared) -> str:
    """The objective's options in one line."""
    return (
        " · ".join(
            f"{name.replace('_', ' ')} {value}"
            for part in prepared.settings.options.values()
            for name, value in part.items()
        )
        or "no options"
    )


@dataclass(frozen=True)
class StepTrial:
    """`rows_per_step` are those that the backbone reads, each in company of `attended_rows`: all
    tokens, or what is visible.

    `target_share`: targets of the language-model head, of these rows; 0 where there is no such
    head.
    """

    seconds_per_step: float
    tokens_per_step: float
    rows_per_step: float
    attended_rows: float
    target_share: float
    peak_bytes: int


class Trainable(Protocol):
    """A job, as far as its cost goes; `lengths` [n] of its samples, in tokens."""

    settings: Any
    learner: Learner

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the training samples [n], in tokens."""

    def loader(
        self, micro_batch_size: int | None, process_group: ProcessGroup, pinned: bool
    ) -> Loader:
        """Return the training loader."""


def try_steps(job: Trainable, hardware: Hardware) -> StepTrial:
    """Three real updates on a learner that is thrown away afterwards, after one to warm up."""
    settings = job.settings
    learner = job.learner.to(hardware.device)
    replica, optimizer = (
        Replica(learner),
        Optimizer(learner.trained_parameters(), learner.groups(), settings.optimizer),
    )
    followers, seconds, tokens, targets, lengths = learner.followers(), [], [], [], []
    for step, work in enumerate(
        islice(
            job.loader(settings.training.micro_batch_size, ALONE, False).steps(0), TRIAL_STEPS + 1
        )
    ):
        start = time.perf_counter()
        for batch in work.batches:
            accumulate_gradients(replica, batch, work.counts, hardware)
        norm = optimizer.norm()
        optimizer.step(rate_factor(settings.schedule, step, TRIAL_STEPS + 1), norm)
        followers.update(0.0, torch.isfinite(norm))
        optimizer.zero()
        if hardware.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        tokens.append(work.tokens)
        targets.append(max(work.counts.values()))
        lengths += [length for batch in work.batches for length in batch.inputs.packing.lengths]
    rows, steps = sum(lengths), TRIAL_STEPS + 1
    attended = attended_tokens(np.asarray(lengths))
    has_head = any(isinstance(module, LanguageModelHead) for module in learner.learnable.modules())
    share = min(1.0, sum(targets) / rows) if has_head else 0.0
    return StepTrial(
        sum(seconds[1:]) / TRIAL_STEPS,
        sum(tokens) / steps,
        rows / steps,
        attended,
        share,
        peak_memory_bytes(hardware),
    )


def peak_memory_bytes(hardware: Hardware) -> int:
    """The most memory so far: of the GPU where there is one, else of this process."""
    if hardware.device.type == "cuda":
        return torch.cuda.max_memory_allocated(hardware.device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


def prediction(job: Trainable, plan: Plan, trial: StepTrial) -> Report:
    """Predict the whole run from the trial, and its disk use from checkpoints and milestones."""
    shape, training = job.learner.backbone.settings, job.settings.training
    space = disk_space(job.learner, job.settings.optimizer, plan, training.keep)
    flops = flops_per_token(shape, trial.attended_rows, trial.target_share) * trial.rows_per_step
    folders = f"{space.checkpoints} checkpoints, {space.milestones} milestones"
    rows: Mapping[str, str] = {
        "parameters": (
            f"{parameters(shape):,} of the backbone, "
            f"{learnable_parameters(job.learner):,} of the head"
        ),
        "step": f"{trial.seconds_per_step * 1e3:,.1f} ms (mean of {TRIAL_STEPS} real steps)",
        "tokens per second": f"{trial.tokens_per_step / trial.seconds_per_step:,.0f}",
        "useful arithmetic": (
            f"{flops / trial.seconds_per_step / 1e12:.3f} TFLOP/s{_counted(job.learner)}"
        ),
        "training time": (
            f"{duration(trial.seconds_per_step * plan.total_steps)} "
            f"for {plan.total_steps:,} steps, without evaluation"
        ),
        "memory": f"{trial.peak_bytes / 2**20:,.0f} MiB at the peak",
        "disk": f"{space.describe()}; {folders}",
    }
    return Report(
        "dry run: nothing is written",
        tables=[Table("prediction", ("what", "figure"), list(rows.items()))],
    )


def _counted(learner: Learner) -> str:
    """What the arithmetic leaves out: all that is no pass of the backbone over its inputs."""
    if learner.backbone.settings.has_memory:
        return ", of the encoder alone"
    return (
        ""
        if isinstance(learner.learnable, Readout | ReadoutTask)
        else ", of one pass of the backbone alone"
    )


def attended_tokens(lengths: np.ndarray) -> float:
    """The sequence length that attention pays for per token: the sum of squares over the sum of
    lengths.
    """
    lengths = lengths[:100_000].astype(float)
    return float((lengths**2).sum() / lengths.sum())


def learnable_parameters(learner: Learner) -> int:
    """Count the parameters of the learnable, the backbone's apart."""
    return sum(parameter.numel() for parameter in learner.learnable.parameters())


def duration(seconds: float) -> str:
    """1:02:03, or 4m 31s below an hour."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}m {rest:02d}s"
