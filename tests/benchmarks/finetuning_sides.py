"""One fine-tuning of a task, here and by Hugging Face's Trainer: the same examples, steps, rate and
seed. Both are timed alike.

Import it before torch: `workloads` says how waiting threads wait.
"""

import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import workloads  # noqa: F401

# isort: split
import torch
from finetuning_peers import PEERS, Padding, Peer
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging as transformers_logging

from sslcli.contracts.examples import Example
from sslcli.datasets.labelled import Labelled, examples_of
from sslcli.datasets.tasks import task_class, task_options
from sslcli.engine.events import Evaluated, Event, Stepped
from sslcli.engine.processes.process_group import ALONE
from sslcli.models.loading import load_pretrained
from sslcli.reports import Score
from sslcli.settings import FinetuneSettings, LabelledSettings
from sslcli.workflows.finetune.finetune import Finetuning
from sslcli.workflows.training.run import run_job

WARMUP = 0.1  # share of all steps
DRAW = 0  # the seed that draws examples: those of every run are the same

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


@dataclass(frozen=True)
class Job:
    """`train` and `evaluation`: files of SSLCLI_TEST_DATA. `longest`: tokens of a sequence, to
    which "max" is padded.
    """

    task: str
    train: str
    evaluation: str
    longest: int
    steps: int
    batch: int
    rate: float
    tests: int  # examples that are scored
    precision: str = "fp32"
    seed: int = 1


@dataclass(frozen=True)
class Fit:
    """`seconds` by the clock and `processor_seconds` of all threads: of the training steps alone.
    `tokens`: without padding.
    """

    seconds: float
    processor_seconds: float
    tokens: int
    scores: Sequence[Score]


class ComparedData:
    """The examples of a job, read once; the first of them are used by whoever needs fewer."""

    def __init__(self, job: Job, data: Path, model: Path, most: int | None = None) -> None:
        self.task, self.model = task_class(job.task), model
        options, none = task_options(job.task, {"sequence_tokens": job.longest}), LabelledSettings()
        self.train, self.tests = (
            _drawn(examples_of(self.task, options, [str(data / name)], split, none))
            for name, split in ((job.train, "train"), (job.evaluation, "test"))
        )
        self.train = self.train[:most]

    def examples(self, job: Job, one_epoch: bool) -> Labelled:
        """All training examples, or as many as the steps of one epoch read."""
        tests = self.tests[: job.tests]
        return Labelled(
            self.train[: job.steps * job.batch] if one_epoch else self.train, tests, tests
        )


class Clock:
    """What passes between two moments."""

    def start(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        ended = time.perf_counter(), time.process_time()
        self.seconds, self.processor_seconds = (
            end - begin for end, begin in zip(ended, self.began, strict=True)
        )


def ours(labelled: ComparedData, job: Job, one_epoch: bool = False) -> Fit:
    """A whole run of `ssl finetune`, with evaluations before the first and after the last step
    only, which are not timed.
    """
    clock = Clock()

    def observe(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step == 0:
            clock.start()
        elif isinstance(event, Stepped) and event.step == job.steps:
            clock.stop()

    pretrained = load_pretrained(str(labelled.model))
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(labelled, job, Path(folder) / "run")
        course = Finetuning(
            settings, pretrained, pretrained.tokenizer(), labelled.examples(job, one_epoch)
        )
        tokens = sum(
            work.tokens for work in islice(course.loader(None, ALONE, False).steps(0), job.steps)
        )
        report = run_job(settings, lambda *_: course, job.task, observe=observe).report
    return Fit(clock.seconds, clock.processor_seconds, tokens, report.scores)


def theirs(labelled: ComparedData, job: Job, padding: Padding, one_epoch: bool = False) -> Fit:
    """The Trainer, padding as asked; without `one_epoch` its answers are scored by our task's
    functions.
    """
    examples = labelled.examples(job, one_epoch)
    options = labelled.task.resolve_options(
        task_options(job.task, {"sequence_tokens": job.longest}),
        examples.train,
        load_pretrained(str(labelled.model)).tokenizer(),
    )
    labels = tuple(labelled.task.labels(options, examples.train))
    peer = PEERS[job.task](labelled.model, options, labels)
    set_seed(job.seed)
    model = peer.model()
    with tempfile.TemporaryDirectory() as folder:
        trainer = _Timed(model, _arguments(job, padding, folder), peer, padding, examples.train)
        trainer.train()
    predictions = [] if one_epoch else peer.predictions(model, examples.test)
    scores = (
        labelled.task.scorer(options, labels).score(predictions, examples.test)
        if predictions
        else ()
    )
    return Fit(trainer.clock.seconds, trainer.clock.processor_seconds, trainer.tokens, scores)


class _Timed(Trainer):
    """Counts the tokens that are no padding, and the time from the first step's begin to the last
    one's end.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        arguments: TrainingArguments,
        peer: Peer,
        padding: Padding,
        examples: Sequence[Example],
    ):
        self.clock, self.tokens = Clock(), 0
        watch = _Watch(self.clock, arguments.max_steps)
        super().__init__(
            model,
            arguments,
            peer.collate(padding),
            train_dataset=list(peer.features(examples)),
            callbacks=[watch],
        )
        self.remove_callback(PrinterCallback)

    def training_step(
        self, model: torch.nn.Module, inputs: Mapping[str, Any], *rest: Any
    ) -> torch.Tensor:
        self.tokens += int(inputs["attention_mask"].sum())
        return super().training_step(model, inputs, *rest)


class _Watch(TrainerCallback):
    def __init__(self, clock: Clock, steps: int) -> None:
        self.clock, self.steps = clock, steps

    def on_step_begin(self, arguments: Any, state: Any, control: Any, **_: object) -> None:
        if state.global_step == 0:
            self.clock.start()

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: object) -> None:
        if state.global_step == self.steps:
            self.clock.stop()


def _arguments(job: Job, padding: Padding, folder: str) -> TrainingArguments:
    return TrainingArguments(
        folder, per_device_train_batch_size=job.batch, max_steps=job.steps, learning_rate=job.rate,
        lr_scheduler_type="linear",
        warmup_steps=int(WARMUP * job.steps), weight_decay=0.01, max_grad_norm=1.0, seed=job.seed,
        bf16=job.precision == "bf16",
        train_sampling_strategy="group_by_length" if padding.grouped else "random",
        logging_steps=job.steps, save_strategy="no",
        report_to="none", disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
    )  # fmt: skip


def _settings(labelled: ComparedData, job: Job, folder: Path) -> FinetuneSettings:
    """All that is not said here is as it comes: AdamW's moments .9 and .999, epsilon 1e-8, clipping
    at 1.0, the model's own dropout.
    """
    return FinetuneSettings.model_validate(
        {
            "task": job.task,
            "options": {"sequence_tokens": job.longest},
            "model": {"source": str(labelled.model)},
            "optimizer": {"rate": job.rate, "weight_decay": 0.01},
            "schedule": {"name": "linear", "warmup": WARMUP},
            "training": {
                "max_steps": job.steps, "batch_size": job.batch, "seed": job.seed,
                "eval_every": job.steps, "save_every": job.steps, "log_every": job.steps,
            },
            "hardware": {"precision": job.precision},
            "run": {"folder": str(folder), "plot": False},
        }
    )  # fmt: skip


def _drawn(examples: Sequence[Example]) -> list[Example]:
    return random.Random(DRAW).sample(examples, len(examples))
