"""What is timed: shapes, random sequences of lengths as in real text, and our own loop on them.

Import it before torch: it says how waiting threads wait.
"""

import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded

import numpy as np
import torch

from sslcli import registry
from sslcli.contracts.learnable import Context
from sslcli.core.initialize import initialize
from sslcli.core.presets import BART, BERT, GPT2
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.rng import SampleRng
from sslcli.data.sampler import Sampler
from sslcli.engine.checkpoints.checkpoint import Checkpoints, Progress
from sslcli.engine.evaluator import Agree, Evaluation
from sslcli.engine.events import Event, Stepped
from sslcli.engine.learner import Learner
from sslcli.engine.loader import Loader
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.replicas import Replica
from sslcli.engine.settings import OptimizerSettings, ScheduleSettings
from sslcli.engine.stopping import Stopper
from sslcli.engine.trainer import Trainer
from sslcli.models.loading import load_pretrained

PAD, BEGIN, END, MASK, SPECIALS = 0, 2, 3, 4, 5
RATE, SEED = 1e-4, 0
SETTLING_STEPS = 3  # of every round, not timed
SENTENCE, OUTSIDE = 16, -1  # tokens of a sentence, and the number of none
POOL_BATCHES = 64  # as many batches of different sequences there are
MEDIAN_FILL, SPREAD, SHORTEST = 0.42, 0.6, 8  # lognormal lengths: their mean is .47 of the longest


@dataclass(frozen=True)
class Workload:
    """`longest` in tokens; `batch` in sequences. Causal models read full rows, others rows of mixed
    lengths.
    """

    objective: str
    longest: int
    batch: int
    vocabulary: int
    depth: int = 4
    width: int = 256
    heads: int = 4

    @property
    def causal(self) -> bool:
        return self.objective == "clm"

    @property
    def has_memory(self) -> bool:
        return self.objective == "bart"

    @property
    def settings(self) -> TransformerSettings:
        family = GPT2 if self.causal else BART if self.has_memory else BERT
        return TransformerSettings(
            **{**family, "dropout": 0.0},
            vocabulary=self.vocabulary, depth=self.depth, width=self.width, heads=self.heads,
            feedforward_width=4 * self.width, longest_tokens=max(512, self.longest),
        )  # fmt: skip


WORKLOADS = {
    "mlm-128-small": Workload("mlm", 128, 8, 30_522),
    "mlm-128": Workload("mlm", 128, 32, 30_522),
    "mlm-512": Workload("mlm", 512, 8, 30_522),
    "clm-256": Workload("clm", 256, 4, 50_257),
    "bart-128": Workload("bart", 128, 16, 50_265),
}
TINY = {"depth": 2, "width": 64, "heads": 2, "vocabulary": 500, "longest": 32, "batch": 4}


def rehearsed(workload: Workload) -> Workload:
    """The same kind of work at a size that shows mistakes in seconds, and no speed."""
    return replace(workload, **TINY)


@dataclass(frozen=True)
class Moment:
    """`seconds` by the clock, `processor_seconds` of all threads of this process."""

    seconds: float
    processor_seconds: float

    @classmethod
    def now(cls) -> "Moment":
        return cls(time.perf_counter(), time.process_time())


@dataclass(frozen=True)
class Logged:
    """The end of a step whose loss was read."""

    step: int
    loss: float
    at: Moment


@dataclass(frozen=True)
class Timed:
    """Seconds of a step, by the clock and of the processor, over the steps after the first
    SETTLING_STEPS.

    Those took `settling_seconds` together.
    """

    losses: Sequence[float]
    step_seconds: float
    processor_seconds: float
    settling_seconds: float


class Words:
    """What an objective needs to know of a tokenizer."""

    def __init__(self, vocabulary: int) -> None:
        self.size, self.mask = vocabulary, MASK
        self.classify, self.separate, self.pad = BEGIN, END, PAD
        self.unknown = self.begin = self.end = None
        self.special_tokens = {"mask": MASK, "cls": BEGIN, "sep": END, "pad": PAD}
        self.specials = np.arange(vocabulary) < SPECIALS
        self.continues = np.zeros(vocabulary, dtype=bool)
        self.known = np.ones(vocabulary, dtype=bool)


def sequences(workload: Workload) -> list[np.ndarray]:
    random = np.random.default_rng(SEED)
    count = workload.batch * POOL_BATCHES
    lengths = np.full(count, workload.longest)
    if not workload.causal:
        drawn = random.lognormal(math.log(MEDIAN_FILL * workload.longest), SPREAD, count)
        lengths = np.clip(drawn, min(SHORTEST, workload.longest), workload.longest).astype(int)
    found = [random.integers(SPECIALS, workload.vocabulary, length) for length in lengths]
    if workload.has_memory:
        for tokens in found:
            tokens[[0, -1]] = BEGIN, END
    return found


@dataclass
class Ours:
    """Our loop on a workload, from the weights in `folder`, or from fresh ones."""

    workload: Workload
    hardware: Hardware
    folder: Path | None = None
    samples: list[np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        objective_class = registry.load("objectives", self.workload.objective)
        pretrained = None if self.folder is None else load_pretrained(str(self.folder))
        context = Context(
            self.workload.settings if pretrained is None else pretrained.settings,
            Words(self.workload.vocabulary),
        )
        with torch.device("meta"):
            self.collator = objective_class(objective_class.Options(), context)
        learnable = objective_class(objective_class.Options(), context)
        if pretrained is None:
            backbone = Transformer(context.architecture)
            initialize(backbone, torch.Generator().manual_seed(SEED))
            initialize(learnable, torch.Generator().manual_seed(SEED))
        else:
            backbone, head = pretrained.network()
            learnable.head.load_state_dict(head.state_dict())
        self.learner = Learner(backbone, learnable).to(self.hardware.device)
        if self.hardware.compile:
            for stack in backbone.stacks:
                for block in stack.blocks:
                    block.compile(dynamic=True)
        self.samples = sequences(self.workload)

    def sample(self, number: int, rng: SampleRng) -> Sample:
        tokens, per_token = self.samples[number], {}
        if self.workload.has_memory:  # its sentences have SENTENCE tokens each
            sentence_t = np.arange(len(tokens)) // SENTENCE
            sentence_t[[0, -1]] = OUTSIDE
            per_token = {"sentence": sentence_t}
        return Sample(tokens, fields={"bytes": float(len(tokens))}, per_token=per_token)

    def loader(self) -> Loader:
        lengths = np.asarray([len(tokens) for tokens in self.samples])
        sampler = Sampler(lengths, self.workload.batch, "sequences", SEED)
        return Loader(
            self.sample, self.collator, sampler, seed=SEED, unit="sequences", micro_batch_size=None
        )

    def optimizer(self) -> Optimizer:
        settings = OptimizerSettings(rate=RATE, beta2=0.999)
        return Optimizer(self.learner.trained_parameters(), self.learner.groups(), settings)

    def tokens(self, steps: int) -> list[int]:
        """How many are read in each of the first `steps`."""
        return [work.tokens for _, work in zip(range(steps), self.loader().steps(0), strict=False)]

    def train(self, steps: int, log_every: int = 1) -> Timed:
        """The product's own loop with clipping at 1.0; nothing is saved, as by the other side."""
        logged: list[Logged] = []

        def observe(event: Event) -> None:
            if isinstance(event, Stepped):
                logged.append(Logged(event.step, event.loss, Moment.now()))

        with tempfile.TemporaryDirectory() as folder:
            began = Moment.now()
            Trainer(
                Replica(self.learner), self.optimizer(), self.loader(), judge_nothing,
                schedule=ScheduleSettings(name="constant", warmup=0),
                plan=Plan(steps, log_every, steps, steps, False, SEED), hardware=self.hardware,
                checkpoints=Unsaved(Path(folder), 1, {}), stopper=Stopper(), observe=observe,
                illustrate=lambda learner: (),
            ).run(Progress(evaluated_step=0))  # fmt: skip
        return timed(logged, began)


class Unsaved(Checkpoints):
    """The Trainer is told to save nothing; a checkpoint's copy of everything would count as ours
    alone.
    """

    def save(self, *given: object) -> None:
        pass


def judge_nothing(replica: Replica, agree: Agree) -> Evaluation:
    """The evaluation after the last step, which is not timed."""
    return Evaluation(loss=0.0, terms={}, metrics={}, cost=0.0)


def timed(logged: Sequence[Logged], began: Moment) -> Timed:
    settled, last = (
        next((one for one in logged if one.step >= SETTLING_STEPS), logged[-1]),
        logged[-1],
    )
    steps = max(last.step - settled.step, 1)
    return Timed(
        losses=[one.loss for one in logged],
        step_seconds=(last.at.seconds - settled.at.seconds) / steps,
        processor_seconds=(last.at.processor_seconds - settled.at.processor_seconds) / steps,
        settling_seconds=settled.at.seconds - began.seconds,
    )
