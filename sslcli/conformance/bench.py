"""Objectives and tasks with their data on a tiny Transformer, as the training loop has them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from sslcli.config import Config
from sslcli.conformance.records import tiny_records
from sslcli.conformance.tiny import tiny_context, tiny_corpus
from sslcli.contracts.examples import Encoded, Example, Prediction
from sslcli.contracts.learnable import Context, Learnable
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.objective import Objective
from sslcli.contracts.probe import Probe
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.task import Task
from sslcli.core.initialize import initialize
from sslcli.core.settings import Architecture
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch, Sample, collate
from sslcli.data.corpus import Corpus
from sslcli.data.rng import Rng
from sslcli.engine.learner import Learner
from sslcli.errors import CheckError
from sslcli.modalities import Modality

FEWEST_EXAMPLES = 8
L = TypeVar("L", bound=Learnable)


@dataclass(frozen=True)
class LearnableBench(ABC, Generic[L]):
    """A learnable's class, its options and its context; subclasses provide the samples."""

    cls: type[L]
    options: Config
    context: Context

    @abstractmethod
    def batch(self, numbers: Sequence[int], epoch: int = 0) -> Batch:
        """Return a batch of these samples; numbers beyond the last begin again at the first."""

    def learner(self, seed: int = 0) -> Learner[L]:
        """Build backbone and learnable with initial weights of `seed`, and call `begin`."""
        learner = self.fresh(seed)
        learner.begin(self.first_batch)
        return learner

    def fresh(self, seed: int = 0) -> Learner[L]:
        """Build backbone and learnable with initial weights of `seed`, before `begin`."""
        backbone, learnable = (
            Transformer(self.context.architecture),
            self.cls(self.options, self.context),
        )
        generator = torch.Generator().manual_seed(seed)
        initialize(backbone, generator)
        initialize(learnable, generator)
        return Learner(backbone, learnable)

    def first_batch(self) -> ModelBatch:
        """Return the batch that `begin` is given."""
        return self.collate(range(FEWEST_EXAMPLES), progress=0.0)

    def collator(self) -> L:
        """Build the collator: the learnable on the meta device, whose parameters have no values."""
        with torch.device("meta"):
            return self.cls(self.options, self.context)

    def collate(self, numbers: Sequence[int], epoch: int = 0, progress: float = 1.0) -> ModelBatch:
        """Collate samples as the loader does: on the meta device, with seed 0."""
        rng = Rng(0, epoch, progress=progress)
        return replace(self.collator().collate(self.batch(numbers, epoch), rng), progress=progress)

    def total(self, loss: Loss, batch: ModelBatch) -> torch.Tensor:
        """Return the loss that the loop minimises, for a batch that is one micro-batch."""
        return sum(
            (value / batch.counts[term] for term, value in loss.sums.items() if batch.counts[term]),
            torch.zeros(()),
        )


@dataclass(frozen=True)
class Bench(LearnableBench[Objective]):
    """One objective with its data."""

    corpus: Corpus
    rows: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(
        cls, objective: type[Objective], options: Config | None, architecture: Architecture
    ) -> "Bench":
        """Build the bench of an objective on the tiny corpus of its modality.

        Options are the defaults where none are given.
        """
        modality: Modality = "text" if "text" in objective.modalities else min(objective.modalities)
        options = objective.Options() if options is None else options
        context, none = tiny_context(architecture, modality), np.empty(0, dtype=np.int64)
        return cls(objective, options, context, tiny_corpus(modality), none, none).arranged()

    def arranged(self) -> "Bench":
        """Return the bench with the rows that the objective cuts the corpus into."""
        chunks = list(self.cls(self.options, self.context).arrange(self.corpus))
        rows, lengths = (
            np.concatenate(each)
            for each in zip(*((chunk.values, chunk.lengths) for chunk in chunks), strict=True)
        )
        return replace(self, rows=rows, lengths=lengths)

    def batch(self, numbers: Sequence[int], epoch: int = 0) -> Batch:
        numbers = [number % len(self.rows) for number in numbers]
        return collate(numbers, [self.sample(number, epoch) for number in numbers])

    def sample(self, number: int, epoch: int = 0) -> Sample:
        """Build one sample of the corpus, counted on from the first beyond the last."""
        number %= len(self.rows)
        return self.collator().sample(self.corpus, self.rows[number], Rng(0, epoch).sample(number))


@dataclass(frozen=True)
class TaskBench(LearnableBench[Task]):
    """One task with labelled examples, its options and labels resolved as the workflow does."""

    given: Config
    examples: Sequence[Example]

    @classmethod
    def of(
        cls,
        task: type[Task],
        options: Config | None,
        architecture: Architecture,
        examples: Sequence[Example] | None,
    ) -> "TaskBench":
        """Build the bench, with generated examples where none are given.

        Raises CheckError where there are too few, or none can be generated for the task's kind.
        """
        given = task.Options() if options is None else options
        if examples is None:
            examples = [task.parse(given, record) for record in tiny_records(task.records)]
        if len(examples) < FEWEST_EXAMPLES or any(example.gold is None for example in examples):
            raise CheckError(
                "there are too few labelled examples",
                f"give {FEWEST_EXAMPLES} or more, each with a label",
            )
        context = tiny_context(architecture)
        assert context.tokenizer is not None, "a context of text has one"
        settled = task.resolve_options(given, examples, context.tokenizer)
        return cls(
            task,
            settled,
            replace(context, labels=list(task.labels(settled, examples))),
            given,
            examples,
        )

    @cached_property
    def samples(self) -> Sequence[Sample]:
        """The training samples of all examples."""
        return [
            sample
            for encoded in self.collator().encode(self.examples, True)
            for sample in encoded.samples
        ]

    def batch(self, numbers: Sequence[int], epoch: int = 0) -> Batch:
        numbers = [number % len(self.samples) for number in numbers]
        return collate(numbers, [self.samples[number] for number in numbers])

    @property
    def scorer(self) -> Scorer:
        """The task's scorer, with its resolved options and labels."""
        return self.cls.scorer(self.options, self.context.labels or ())

    def unlabelled(self) -> Sequence[Example]:
        """Return the examples without their labels."""
        return [replace(example, gold=None) for example in self.examples]

    def collated(self, samples: Sequence[Sample]) -> ModelBatch:
        """Collate encoded samples into one model batch."""
        return self.collator().collate(collate(range(len(samples)), samples), Rng(0, 0))

    def encoded(self, examples: Sequence[Example], training: bool = False) -> Sequence[Encoded]:
        """Encode examples with the collator, one `Encoded` per example."""
        return list(self.collator().encode(examples, training))

    @torch.no_grad()
    def parts(self, learner: Learner[Task], samples: Sequence[Sample]) -> Sequence[Any]:
        """Return one predicted part per sample, all in one batch."""
        learner.eval()
        return (
            learner.learnable.predict(learner.backbone, self.collated(samples)) if samples else []
        )

    def predictions(
        self, learner: Learner[Task], examples: Sequence[Example], together: bool = True
    ) -> Sequence[Prediction]:
        """Return one prediction per example; `together`, or each sample in a batch of its own."""
        encoded = self.encoded(examples)
        samples = [sample for each in encoded for sample in each.samples]
        batches = [samples] if together else [[sample] for sample in samples]
        parts = iter([part for batch in batches for part in self.parts(learner, batch)])
        return [
            learner.learnable.merge(example, each, [next(parts) for _ in each.samples])
            for example, each in zip(examples, encoded, strict=True)
        ]


def architectures(cls: type[Learnable] | type[Probe]) -> Iterator[Architecture]:
    """Return the architectures that a plugin declares."""
    yield from sorted(cls.architectures)
