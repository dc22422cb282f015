"""The extension surface for labelled data: tasks that a pretrained model is fine-tuned for, and suites of them.

Everything here is also in sslcli.api. Letters: B samples of a micro-batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, final, runtime_checkable

from typing_extensions import TypeVar

from sslcli.config import Config, Count, setting
from sslcli.contracts import Learnable, Loss, O, V
from sslcli.core.inputs import Hidden
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample
from sslcli.data.documents import Where
from sslcli.data.reading import Parsed
from sslcli.data.records import Record, read_records
from sslcli.data.tokenizer import Tokenizer
from sslcli.errors import UsageError
from sslcli.reports import Report, Score

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled record. `data` is the task's own; `gold` is None where the record has no answer; `language`: where it says so.

    `note`: what was decided in reading it and is to be known, in the same words for all examples that it holds for.
    """

    id: str
    where: Where
    data: Any
    gold: Any = None
    language: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an example becomes: several samples where windows multiply, none where there is nothing to learn from.

    `whole_tokens`: before anything was cut off. `lost`: what of the text or of the gold answer was cut off, in words. `places`: whatever
    `merge` needs to find back from tokens to the text. `cut`: parts of the text of which the model sees the beginning only ("text",
    "first text", "second text", "question", "word"), and the tokens that each was cut at.
    """

    samples: Sequence[Sample]
    whole_tokens: int
    lost: str = ""
    places: Any = None
    cut: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and what is known of places in it: half open spans of characters, and the label of each; of the whole text, one."""

    text: str
    spans: Sequence[tuple[int, int]]
    labels: Sequence[str]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer as JSON can hold it. `confidence`: its probability, where there is one."""

    value: Any
    confidence: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Scorer(ABC, Generic[O]):
    """Compares a task's predictions with the labels, and says in words what was predicted.

    `options`: the task's. `labels`: what `Task.labels` gave; () for whoever asks of labels and predictions alone.
    """

    score_names: ClassVar[Sequence[str]] = ()  # all that `score` may give, so that one mistyped is refused at once

    def __init__(self, options: O, labels: Sequence[str] = ()) -> None:
        self.options, self.labels = options, labels

    @abstractmethod
    def score(self, predictions: Sequence[Prediction], examples: Sequence[Example]) -> Sequence[Score]:
        """Over the whole set, whose examples all have a gold answer. The first one decides which checkpoint is best."""

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Mapping[str, Sequence[Prediction]]:
        """Predictions for the test examples without a model, by name: "majority", "chance", ..."""
        return {}

    def error_report(self, predictions: Sequence[Prediction], examples: Sequence[Example]) -> Report:
        """Tables and passages beside the scores: confusions, scores by class, the worst errors as text."""
        return Report()

    def label_names(self, examples: Sequence[Example]) -> Sequence[Sequence[str]]:
        """The labels in each example's gold answer, for counting; nothing where answers are free."""
        return [()] * len(examples)

    def refuse_other_kinds(self, examples: Sequence[Example]) -> None:
        """Raises DataError naming the first example whose answer is of another kind than those of training."""
        return None

    def format_prediction(self, example: Example, prediction: Prediction) -> Report:
        """One answer for a terminal (ssl predict)."""
        return Report(notes=[f"{prediction.value}"])

    def submission_files(self, predictions: Mapping[str, Prediction]) -> Mapping[str, str]:
        """File name -> content of what an official scorer or a course takes, by example id; {} where there is none."""
        return {}


TO = TypeVar("TO", bound="Task.Options", default=Any)


class Task(Learnable[V, TO]):
    """Labels read from a file. The head starts at random; it and the backbone are trained together.

    A task can be exported to model directories where its state is one head of core: a PooledClassifier or a RowClassifier
    at `self.classifier`, or a RowClassifier of two at `self.spans`; an option `kind` of "classes", "labels" or "number" says
    what a PooledClassifier's numbers are.
    """

    class Options(Config):
        sequence_tokens: Count | None = setting(None, "longest sequence; as long as the model allows when not given", "--seq-len", gt=1)

    needs = frozenset({"encoder"})
    records: ClassVar[str]  # the kind of flat record that `parse` takes: "texts", "pairs", "words", "questions", ...
    scorer: ClassVar[type[Scorer]] = Scorer  # what compares predictions with labels; of a task without one the abstract class
    leaves_out_unlabelled: ClassVar[bool] = False  # whether training and scores pass over examples without a label, aloud

    @property
    def sequence_tokens(self) -> int:
        """The most that a sample may have, special tokens included. Raises UsageError where the model has no positions for it."""
        shape = self.frame.architecture
        wanted = self.options.sequence_tokens or shape.longest_tokens
        if wanted > shape.longest_tokens and shape.positions == "learned":
            raise UsageError(
                f"sequences of {wanted} tokens are longer than the {shape.longest_tokens} positions of the model",
                f"use --seq-len {shape.longest_tokens} or less",
            )
        return wanted

    @classmethod
    def typed(cls, options: TO) -> tuple[str, ...]:
        """Columns of a record that is typed on a line, or between tabs."""
        return ("text",)

    @classmethod
    @abstractmethod
    def parse(cls, options: TO, record: Record) -> Example:
        """One flat record of JSON lines, of a table or of a generated source. Raises DataError naming its place and field."""

    @classmethod
    def read(cls, options: TO, reference: str) -> Iterator[Example]:
        """All examples of one file. Override it for formats that are no list of flat records. Raises DataError.

        `Parsed` gives the next example even after one that cannot be used, where a generator has ended: --check finds all
        of these, and --skip-bad-records leaves them out.
        """
        return Parsed(partial(cls.parse, options), cls.chosen(options, read_records(reference), reference))

    @classmethod
    def chosen(cls, options: TO, records: Iterator[Record], reference: str) -> Iterator[Record]:
        """Those of a source's flat records that become examples. Raises DataError where none does."""
        return records

    @classmethod
    def label_hint(cls, example: Example) -> str:
        """How a label is written in the file of an example that has none; empty for the usual words."""
        return ""

    @classmethod
    def understand(cls, options: TO, examples: Sequence[Example]) -> tuple[TO, Sequence[str]]:
        """The options with what all training examples together say of how labels are written, and sentences about it.

        Asked before `settle`. Raises DataError or UsageError with the flag that decides what they leave open.
        """
        return options, ()

    @classmethod
    def plain(cls, options: TO, labels: Sequence[str], examples: Sequence[Example]) -> list[Example]:
        """The examples with labels as the task takes them, by options that `understand` has filled in; None for no label.

        `labels` are those of the model, () while they are being found. Raises DataError naming the example.
        """
        return list(examples)

    @classmethod
    def settle(cls, options: TO, examples: Sequence[Example], tokenizer: Tokenizer) -> TO:
        """The options with all that they leave to the training examples filled in, before anything else is asked of them.

        They are saved with the model and hold for every later example. Settling what is settled changes nothing.
        """
        return options

    @classmethod
    def labels(cls, options: TO, examples: Sequence[Example]) -> Sequence[str]:
        """The answers that there are, which size the head and are saved with the model; of the training examples."""
        return ()

    @abstractmethod
    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        """One for each example, in order. Raises DataError for a gold answer that training did not know."""

    @abstractmethod
    def predict(self, backbone: Transformer, views: V) -> Sequence[Any]:
        """One part a sample [B], on the host; without gradients, not in training. May generate."""

    def examine(self, backbone: Transformer, views: V) -> tuple[Loss, Sequence[Any]]:
        """Loss and parts of the same views."""
        return self(backbone, views), self.predict(backbone, views)

    @abstractmethod
    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        """The parts of an example's samples -> one answer."""

    @classmethod
    def how_read(cls, options: TO, examples: Sequence[Example]) -> Sequence[str]:
        """Sentences on how these examples were read, such as which column of the file was taken for what.

        Nothing where there was nothing to choose.
        """
        return ()

    @classmethod
    def key(cls, example: Example) -> str:
        """What makes two examples the same one, labels apart: of train and test no two may share it."""
        return repr(example.data)

    @classmethod
    def group(cls, example: Example) -> str:
        """Examples of one group are never torn apart when some are held out: the same text twice, questions about one passage."""
        return cls.key(example)


class ReadoutTask(Task[V, TO]):
    """One pass of the backbone, then a reading."""

    @abstractmethod
    def loss(self, hidden: Hidden, views: V) -> Loss: ...

    @abstractmethod
    def answers(self, hidden: Hidden, views: V) -> Sequence[Any]:
        """One part a sample [B], on the host."""

    @final
    def forward(self, backbone: Transformer, views: V) -> Loss:
        return self.loss(backbone(views.inputs), views)

    @final
    def predict(self, backbone: Transformer, views: V) -> Sequence[Any]:
        return self.answers(backbone(views.inputs), views)

    @final
    def examine(self, backbone: Transformer, views: V) -> tuple[Loss, Sequence[Any]]:
        hidden = backbone(views.inputs)
        return self.loss(hidden, views), self.answers(hidden, views)


@runtime_checkable
class Annotates(Protocol):
    """A task whose gold answers are labels of places in one text: a linear probe can be trained on them."""

    @classmethod
    def annotated(cls, options: Config, example: Example) -> Annotated: ...


@runtime_checkable
class Describes(Protocol):
    """A task that says its examples in words of its own: name of a part -> text, the label among them (--check shows them)."""

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]: ...


@runtime_checkable
class GivesRecords(Protocol):
    """A reader that has labelled material of a kind (`Task.records`). Raises DataError for a kind that it has not."""

    def records(self, reference: str, kind: str, split: Split) -> Iterator[Record]: ...


@runtime_checkable
class Computed(Protocol):
    """A reader whose documents and records follow from its options and its code: computed once a machine.

    Documents have text, fields of `where` beside file and record are empty, and values of records are
    those of JSON. `content_key`: another text wherever anything that the reader gives is another.
    """

    def content_key(self, reference: str) -> str: ...


@dataclass(frozen=True)
class SuitePart:
    """One task of a suite. `evaluations` and `tests`: names of the splits to score and to write answers for.

    `best_by`: the scores that count, joined by "+"; their mean on the first evaluation decides which checkpoint is best.
    """

    name: str
    task: str
    options: Mapping[str, Any]
    best_by: str
    evaluations: Sequence[str]
    tests: Sequence[str] = ()


class Suite(ABC, Generic[O]):
    """Several tasks with one table. Its data are referred to as SUITE:PART/SPLIT:FOLDER ("glue:cola/train:glue_data").

    `epochs`: the most that its protocol allows, None where there is none. Every part has a split "train".
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    epochs: ClassVar[float | None] = None

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def parts(self, folder: Path) -> Sequence[SuitePart]:
        """Those whose files are there. Raises DataError where none is."""

    @abstractmethod
    def records(self, folder: Path, part: str, split: str) -> Iterator[Record]:
        """Flat records as the part's task reads them. Raises DataError naming file and record for what cannot be used."""

    def passed_over(self, folder: Path, part: str, split: str) -> Sequence[str]:
        """Sentences about rows of a split that `records` leaves out."""
        return ()

    @abstractmethod
    def summarise(self, scores: Mapping[str, Mapping[str, Sequence[Sequence[Score]]]]) -> Report:
        """One table with its average, out of part -> evaluation -> the scores of every seed. The table comes first in the report."""

    def submission(self, part: str, split: str, predictions: Sequence[Prediction]) -> Mapping[str, str]:
        """File name -> content, as the leaderboard takes it, for a split of SuitePart.tests in the order of its records."""
        return {}

    def refusals(self, files: Mapping[str, str]) -> Sequence[str]:
        """Why the leaderboard would not take these files as one submission; empty where it would."""
        return ()
