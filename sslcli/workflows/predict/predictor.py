"""A task with its weights: examples in, predictions out. `ssl evaluate`, `ssl predict` and the
evaluations of a run share it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.examples import Encoded, Example, Prediction
from sslcli.contracts.learnable import Context
from sslcli.contracts.scorer import Scorer
from sslcli.contracts.task import Task
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.records.label_forms import LabelNames
from sslcli.data.rng import SampleRng
from sslcli.data.sampler import Sampler
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.data.text.unknowns import Unknowns
from sslcli.datasets.cut_texts import Cut, cut_of, with_cut
from sslcli.datasets.tasks import task_class, task_options
from sslcli.engine.evaluator import Agree, evaluate_learner, examine
from sslcli.engine.learner import Learner
from sslcli.engine.loader import EVALUATION, Loader, StepBatch
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.replicas import Replica
from sslcli.errors import ConfigError, ModelError, UsageError
from sslcli.models.answer_heads import AnswerHead
from sslcli.models.finite import watched
from sslcli.models.fitting import refuse_missing_tokens
from sslcli.models.loading import load_pretrained
from sslcli.models.rows_read import refuse_unread_data, rows_of
from sslcli.models.task_heads import load_head, named_as_in
from sslcli.models.weights import Pretrained, State, shapes_of
from sslcli.progress import working_on
from sslcli.settings import FinetuneSettings, LabelledSettings, RowsOfModel
from sslcli.workflows.predict.option_words import by_default, changed, differences


@dataclass(frozen=True)
class EncodedSet:
    """Examples and their samples; `owners` [n] are the indices of each sample's example."""

    examples: Sequence[Example]
    encoded: Sequence[Encoded]
    samples: Sequence[Sample]
    owners: np.ndarray

    @classmethod
    def of(cls, task: Task, examples: Sequence[Example], training: bool) -> "EncodedSet":
        """Encode examples with a task."""
        encoded = list(task.encode(examples, training))
        owners = np.repeat(np.arange(len(encoded)), [len(each.samples) for each in encoded])
        return cls(
            examples, encoded, [sample for each in encoded for sample in each.samples], owners
        )

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n]: tokens of every sample, in all its streams."""
        return np.asarray([sample.size for sample in self.samples], dtype=np.int64)

    def sample(self, number: int, rng: SampleRng) -> Sample:
        """Return sample `number`; nothing in it is random."""
        return self.samples[number]

    def merged(self, task: Task, parts: Mapping[int, Any]) -> list[Prediction]:
        """Merge partial predictions by sample number into one per example."""
        own: list[list[Any]] = [[] for _ in self.examples]
        for number, owner in enumerate(self.owners.tolist()):
            own[owner].append(parts[number])
        merged = [task.merge(*each) for each in zip(self.examples, self.encoded, own, strict=True)]
        return [with_cut(*each) for each in zip(merged, self.cuts, strict=True)]

    def unknowns(self, tokenizer: Tokenizer | None) -> Unknowns:
        """Count the tokens of the input that the tokenizer does not know; none of rows."""
        if tokenizer is None:
            return Unknowns()
        return Unknowns.of(tokenizer, (sample.tokens for sample in self.samples))

    @property
    def cuts(self) -> list[Cut]:
        """Return, for every example, what the model does not see of it."""
        return [cut_of(each) for each in self.encoded]


def evaluation_loader(
    data: EncodedSet, collator: Task, batch_size: int, micro_batch_size: int | None, seed: int
) -> Loader:
    """Return a loader in which every rank reads all data, sequences of similar length together.

    So all windows of an example are on one rank.
    """
    sampler = Sampler(data.lengths, batch_size, "sequences", seed, shuffle=False)
    return Loader(
        data.sample,
        collator,
        sampler,
        seed=seed,
        unit="sequences",
        micro_batch_size=micro_batch_size,
        epoch=EVALUATION,
    )


def answer(
    replica: Replica,
    loader: Loader,
    data: EncodedSet,
    hardware: Hardware,
    agree: Agree = lambda work: work,
) -> tuple[MetricSums, list[Prediction]]:
    """Held-out loss, and a prediction for each example."""
    task = loader.collator
    assert isinstance(task, Task), "only a task answers"
    if not len(data.samples):
        return MetricSums(), data.merged(task, {})
    sums, parts = examine(replica, loader, hardware, _counted(agree, len(data.samples)))
    return sums, data.merged(task, parts)


def _counted(agree: Agree, total: int) -> Agree:
    """Says how many of so many samples are answered."""
    done = 0

    def agreed(work: StepBatch) -> StepBatch:
        nonlocal done
        work = agree(work)
        working_on("answering", min(done, total), total, "samples")
        done += len(work.samples)
        return work

    return agreed


class Answerer:
    """A fine-tuned model that is ready to answer. `data`: what it was fine-tuned on, `run`: its
    folder; None where not known.
    """

    def __init__(
        self,
        name: str,
        options: Config,
        labels: Sequence[str],
        learner: Learner,
        hardware: Hardware,
        data: LabelledSettings | None,
    ) -> None:
        self.learner, self.hardware, self.data = learner.to(hardware.device).eval(), hardware, data
        self.name, self.task, self.options = name, type(self.learnable), options
        self.labels = LabelNames(labels)
        watched(self.learner)
        self.notes: Sequence[str] = ()
        self.run: Path | None = None
        self.trained_options = options  # before anybody asked for others
        self.is_open = False  # whether the options still follow the data where they say so
        self.tokenizer: Tokenizer | None = None
        self.rows: RowsOfModel | None = None  # what it reads that reads no text
        self._unknowns = Unknowns()

    @classmethod
    def load(
        cls, reference: str, name: str, hardware: Hardware, asked: Mapping[str, Any] | None = None
    ) -> "Answerer":
        """`asked`: options of the task that are to be others than those that the model was
        fine-tuned with.

        Raises ModelError or UsageError where the reference is no model that was fine-tuned for the
        task `name`, ConfigError for options that cannot be.
        """
        pretrained = load_pretrained(reference)
        trained, answers = pretrained.trained, pretrained.answers
        task, settings = task_class(name), None if trained is None else trained.settings
        if isinstance(settings, FinetuneSettings):
            if task is not task_class(settings.task):
                raise UsageError(
                    f"{reference} was fine-tuned for {settings.task}, not for {name}",
                    f"use ssl evaluate {settings.task}",
                )
            known, labels, data = settings.options, settings.labels, settings.data
            tuned = trained
        elif answers is not None or _writes(pretrained, task):
            # a directory of another tool: what it does not say of the task is as we would have it
            known, data, tuned = _said_by_directory(pretrained, task, answers), None, None
            labels = () if answers is None else answers.labels
        else:
            raise _unanswerable(reference, name, pretrained)
        before, options = task_options(name, known), task_options(name, {**known, **(asked or {})})
        tokenizer = pretrained.tokenizer() if pretrained.settings.vocabulary else None
        refuse_missing_tokens({name: task}, tokenizer)
        learnable = task(options, Context(pretrained.settings, tokenizer, labels))
        if tuned is not None:
            _load(learnable, tuned.learnable, pretrained)
        elif answers is not None:
            answers.load_into(learnable)
        else:
            load_head(learnable, pretrained)
        backbone = Transformer(pretrained.settings)
        backbone.load_state_dict(dict(pretrained.backbone))
        answerer = cls(name, options, labels, Learner(backbone, learnable), hardware, data)
        answerer.run = None if tuned is None else tuned.folder
        answerer.trained_options, answerer.is_open = before, tuned is None or bool(asked)
        said = tuned is not None or bool(pretrained.task_said[1])
        unsaid = [] if said else _unsaid(reference, pretrained, task, options, asked or {})
        answerer.notes = [*pretrained.notes, *unsaid, *(changed(before, options) if said else ())]
        answerer.tokenizer = tokenizer
        answerer.rows = rows_of(pretrained)
        return answerer

    @property
    def learnable(self) -> Task:
        """The task that the model was fine-tuned for."""
        learnable = self.learner.learnable
        assert isinstance(learnable, Task), "only what was fine-tuned for a task answers"
        return learnable

    @property
    def scorer(self) -> Scorer:
        """The scorer for the current options and labels, which `resolve_options` may change."""
        return self.task.scorer(self.options, self.labels)

    def resolve_options(self, examples: Sequence[Example]) -> None:
        """Resolve "auto" options, and the names of the head's classes, from these labelled
        examples.

        A model whose run is known has nothing to resolve, unless the user asked for it.
        """
        if not self.is_open:
            return
        self.is_open, learnable = False, self.learnable
        options = self.task.resolve_options(self.options, examples, learnable.context.tokenizer)
        labels, how = named_as_in(self.labels, self.task.scorer(options).label_names(examples))
        decided = [
            f"{name} is {value}, as these data have it"
            for name, value in differences(self.options, options).items()
        ]
        self.notes = [*self.notes, *decided, *([f"the classes of the model {how}"] if how else [])]
        labels = LabelNames(labels)
        if options == self.options and labels == self.labels:
            return
        renewed = self.task(options, replace(learnable.context, labels=labels))
        renewed.load_state_dict(learnable.state_dict())
        watched(renewed)
        self.options, self.labels = options, labels
        self.learner = Learner(self.learner.backbone, renewed).to(self.hardware.device).eval()

    def named_as_in(self, examples: Sequence[Example]) -> Sequence[str]:
        """The head's classes as `resolve_options` would name them after these examples, those
        without a label among them.
        """
        if not self.is_open:
            return self.labels
        plain = self.task.plain(self.options, self.labels, examples)
        labelled = [example for example in plain if example.gold is not None]
        return named_as_in(self.labels, self.scorer.label_names(labelled))[0]

    def reading(self, data: LabelledSettings) -> LabelledSettings:
        """The settings of data to answer, told what the model reads. Raises UsageError for data of
        another kind.
        """
        reads = "text" if self.rows is None else self.rows.modality
        refuse_unread_data("the model", reads, data.evaluation)
        return data.model_copy(update={"rows": self.rows})

    def remarks(self) -> list[str]:
        """Sentences about the texts that were answered since this was last asked."""
        unknowns, self._unknowns = self._unknowns, Unknowns()
        return [] if self.tokenizer is None else [*unknowns.remarks(), *self.tokenizer.remarks()]

    def said_of_labels(self, examples: Sequence[Example], batch_size: int) -> list[str]:
        """A sentence on the loss of the right answers, of a task that writes: how likely the model
        finds them, whatever it writes itself.
        """
        collator = self.learnable
        if not self.task.writes or any(example.gold is None for example in examples):
            return []
        data = EncodedSet.of(collator, examples, training=False)
        if not len(data.samples):
            return []
        loader = evaluation_loader(data, collator, batch_size, None, seed=0)
        replica = Replica(self.learner)
        sums = evaluate_learner(replica, loader, self.hardware, lambda work: work)
        loss, _, metrics = sums.read()
        measured = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        tokens = max(sums.counts().values(), default=0)
        return [f"of {tokens:,} tokens of right answers: loss {loss:.4g} nats a token, {measured}"]

    def predictions(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        """Return one prediction per example, in order, whatever their labels."""
        examples = [replace(example, gold=None) for example in examples]
        collator = self.learnable
        data = EncodedSet.of(collator, examples, training=False)
        self._unknowns += data.unknowns(self.tokenizer)
        # nothing of the texts is seen, and the task has its answer to that
        if not len(data.samples):
            return data.merged(collator, {})
        loader = evaluation_loader(data, collator, batch_size, None, seed=0)
        return answer(Replica(self.learner), loader, data, self.hardware)[1]


def _writes(pretrained: Pretrained, task: type[Task]) -> bool:
    """Whether the task writes texts with the head that a model has: that of a directory, or of a
    decoder as it was pretrained, to compare with. A run of an encoder-decoder restores noise.
    """
    settings = pretrained.settings
    fits = settings.architecture in task.architectures
    is_as_pretrained = pretrained.trained is None or settings.causal
    return task.writes and fits and is_as_pretrained and pretrained.head is not None


def _said_by_directory(
    pretrained: Pretrained, task: type[Task], answers: AnswerHead | None
) -> Mapping[str, Any]:
    """The options that a model directory tells: all of them where we wrote it, else what its head's
    numbers mean.
    """
    name, options = pretrained.task_said
    if name in registry.names("tasks") and task_class(name) is task:
        try:
            task_options(name, options)
        except ConfigError as error:
            problem = (
                f"{pretrained.folder}: its config.json has options that '{name}' does not have"
            )
            raise ModelError(
                f"{problem}: {error.problems[0]}", "it is of another version; export it again"
            ) from error
        return options
    problem = None if answers is None else answers.problem
    return {"kind": problem} if problem and "kind" in task.Options.model_fields else {}


def _unsaid(
    reference: str,
    pretrained: Pretrained,
    task: type[Task],
    options: Config,
    asked: Mapping[str, Any],
) -> list[str]:
    """What a model that was not fine-tuned here leaves open, in words."""
    how = by_default(options, asked)
    if pretrained.answers is not None:
        return [f"{reference} does not say all of how its task was set: {how}"]
    _, notes = task.tokenizer_to_train(pretrained.tokenizer())
    return [f"{reference} does not say that it was fine-tuned for this: {how}", *notes]


def _unanswerable(reference: str, name: str, pretrained: Pretrained) -> UsageError:
    """Why a directory without a head that we read does not answer, and what to do."""
    unread = pretrained.unread_head
    hint = f"fine-tune it first: ssl finetune {name} --model {reference} --data FILE"
    if not unread:
        return UsageError(f"{reference} was not fine-tuned for {name}", hint)
    problem = (
        f"{reference} was fine-tuned as {unread}, whose head "
        "computes what no head here does, so it cannot answer"
    )
    hint = f"its backbone can be fine-tuned anew, with a new head: {hint.partition(': ')[2]}"
    return UsageError(problem, hint)


def _load(task: Task, state: State, pretrained: Pretrained) -> None:
    if shapes_of(task.state_dict()) != shapes_of(state):
        raise ModelError(
            f"{pretrained.folder} does not fit its task any more",
            "install the version that trained it",
        )
    task.load_state_dict(dict(state))
