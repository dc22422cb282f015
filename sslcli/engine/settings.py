"""Settings of the training loop, without torch. Steps are optimizer updates; batches are global."""

import re
from typing import Literal, Self

from pydantic import field_validator, model_validator

from sslcli.config import Config, Count, Seconds, setting
from sslcli.errors import did_you_mean

UNTESTED = "untested by this project"  # of a device that is offered all the same


class OptimizerSettings(Config):
    """The optimizer: AdamW or Muon."""

    name: Literal["adamw", "muon"] = setting(
        "adamw", "muon: hidden matrices by Muon, all else by AdamW", "--optimizer", panel="Training"
    )
    rate: float = setting(5e-4, "peak learning rate", "--lr", panel="Training", gt=0)
    weight_decay: float = setting(
        0.01, "decoupled weight decay of matrices", "--weight-decay", panel="Training", ge=0
    )
    beta1: float = setting(0.9, "decay of the first moment", ge=0, lt=1)
    beta2: float = setting(0.98, "decay of the second moment", ge=0, lt=1)
    epsilon: float = setting(1e-8, "added to the root of the second moment", gt=0)
    momentum: float = setting(0.95, "Nesterov momentum of Muon", ge=0, lt=1)
    clip: float = setting(
        1.0, "largest global gradient norm; 0 for no clipping", "--clip", panel="Training", ge=0
    )


class ScheduleSettings(Config):
    """The learning-rate schedule."""

    name: Literal["linear", "cosine", "constant", "wsd"] = setting(
        "linear",
        "decay after warm-up; wsd: warm-up, stable, decay",
        "--scheduler",
        panel="Training",
    )
    warmup: float = setting(
        0.06,
        "steps of warm-up, or a share of all steps when below 1",
        "--warmup",
        panel="Training",
        ge=0,
    )
    decay: float = setting(0.2, "share of all steps that the decay of wsd takes", gt=0, le=1)
    final: float = setting(0.0, "learning rate at the end, as a share of the peak", ge=0, le=1)


class TrainingSettings(Config):
    """Length of the training, batches, evaluation and checkpoints."""

    max_steps: Count | None = setting(
        None, "number of updates", "--max-steps", panel="Training", gt=0
    )
    epochs: float | None = setting(
        None,
        (
            "passes over the data; when neither steps nor epochs "
            "are given, one over raw and three over labelled data"
        ),
        "--epochs",
        panel="Training",
        gt=0,
    )
    max_time: Seconds | None = setting(
        None, "save and stop after this time (2h, 30m)", "--max-time", panel="Training", gt=0
    )
    batch_size: Count = setting(64, "global batch", "--batch-size", panel="Training", gt=0)
    batch_unit: Literal["sequences", "tokens"] = setting("sequences", "what batch sizes count")
    window_batches: Count = setting(
        64,
        "batches whose samples are sorted by length together; 1: every batch is of all lengths",
        gt=0,
    )
    micro_batch_size: Count | None = setting(
        None,
        "largest part of a batch that is computed at once",
        "--micro-batch-size",
        panel="Training",
        gt=0,
    )
    log_every: Count = setting(
        20, "steps between two lines of the log", "--log-every", panel="Output", gt=0
    )
    eval_every: Count | None = setting(
        None,
        "steps between evaluations; a tenth of the run when not given",
        "--eval-every",
        panel="Output",
        gt=0,
    )
    save_every: Count | None = setting(
        None,
        "steps between checkpoints; as eval-every when not given",
        "--save-every",
        panel="Output",
        gt=0,
    )
    patience: Count | None = setting(
        None,
        "end after this many evaluations in a row without a better one",
        "--patience",
        panel="Training",
        gt=0,
    )
    keep: Count = setting(
        2, "newest checkpoints to keep, besides the best", "--keep", panel="Output", gt=0
    )
    milestones: bool = setting(
        True,
        "keep the weights at steps 0, 1, 2, 4, 8, ...",
        "--milestones/--no-milestones",
        panel="Output",
    )
    eval_samples: Count = setting(2_000, "samples of the held-out data to evaluate on", gt=0)
    seed: int = setting(42, "everything random follows from it", "--seed", panel="Training", ge=0)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.max_steps is not None and self.epochs is not None:
            raise ValueError("give max_steps or epochs, not both")
        return self


class HardwareSettings(Config):
    """Devices, precision and processes."""

    device: str = setting("auto", "auto, cpu, cuda or mps", "--device", panel="Hardware")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", "auto: bf16 on a GPU that has it, else fp32", "--precision", panel="Hardware"
    )
    compile: bool = setting(
        False, "compile every block (pays on long runs)", "--compile/--no-compile", panel="Hardware"
    )
    deterministic: bool = setting(
        False,
        "only deterministic kernels, at some cost in speed",
        "--deterministic/--no-deterministic",
        panel="Hardware",
    )
    gpus: str | None = setting(
        None,
        (
            "number of processes, one per GPU ('all': as many "
            "as there are); on the CPU they share the cores"
        ),
        "--gpus",
        panel="Hardware",
    )
    parallel: Literal["ddp", "fsdp"] = setting(
        "ddp",
        "several processes: ddp: each has the whole model; fsdp: each has a shard of it",
        "--parallel",
        panel="Hardware",
    )
    timeout: Seconds = setting(
        600,
        "how long a process waits for the others before the run ends",
        "--timeout",
        panel="Hardware",
        gt=0,
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", value) is None:
            near = did_you_mean(value, ("auto", "cpu", "cuda", "mps"))
            raise ValueError(
                f"must be auto, cpu, mps, cuda or one of its numbers, as in cuda:1, "
                f"not {value!r:.60}" + (f"; {near}" if near else "")
            )
        return value

    @field_validator("gpus")
    @classmethod
    def _number_or_all(cls, value: str | None) -> str | None:
        if value not in (None, "all") and not re.fullmatch(r"[1-9][0-9]{0,3}", value):
            raise ValueError(f"must be a number from 1, or 'all', not {value!r:.60}")
        return value
