"""The contract of a task: labelled examples in, a loss and predictions out.

Letters: B samples of a micro-batch.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol, final, runtime_checkable

from typing_extensions import TypeVar

from sslcli.config import Config, Count, setting
from sslcli.contracts.examples import Annotated, Encoded, Example, Prediction, Split
from sslcli.contracts.learnable import Learnable, Loss, V
from sslcli.contracts.scorer import Scorer
from sslcli.core.inputs import Hidden
from sslcli.core.transformer import Transformer
from sslcli.data.records.continuing import Parsed
from sslcli.data.records.records import Record, read_records
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError

TO = TypeVar("TO", bound="Task.Options", default=Any)


class Task(Learnable[V, TO]):
    """Labels read from a file. The head starts at random; it and the backbone are trained together.

    A task can be exported to model directories where its state is one head of core: a PooledClassifier or a RowClassifier
    at `self.classifier`, or a RowClassifier of two at `self.spans`; an option `kind` of "classes", "labels" or "number" says
    what a PooledClassifier's numbers are.
    """

    class Options(Config):
        sequence_tokens: Count | None = setting(None, "longest sequence; as long as the model allows when not given", "--seq-len", gt=1)

    architectures = frozenset({"encoder"})
    records: ClassVar[str]  # the kind of flat record that `parse` takes: "texts", "pairs", "words", "questions", ...
    scorer: ClassVar[type[Scorer]] = Scorer  # what compares predictions with labels; of a task without one the abstract class
    leaves_out_unlabelled: ClassVar[bool] = False  # whether training and scores pass over examples without a label, aloud

    @property
    def sequence_tokens(self) -> int:
        """The most that a sample may have, special tokens included. Raises UsageError where the model has no positions for it."""
        shape = self.context.architecture
        wanted = self.options.sequence_tokens or shape.longest_tokens
        if wanted > shape.longest_tokens and shape.positions == "learned":
            raise UsageError(
                f"sequences of {wanted} tokens are longer than the {shape.longest_tokens} positions of the model",
                f"use --seq-len {shape.longest_tokens} or less",
            )
        return wanted

    @classmethod
    def positional_fields(cls, options: TO) -> tuple[str, ...]:
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

        Asked before `resolve_options`. Raises DataError or UsageError with the flag that decides what they leave open.
        """
        return options, ()

    @classmethod
    def plain(cls, options: TO, labels: Sequence[str], examples: Sequence[Example]) -> list[Example]:
        """The examples with labels as the task takes them, by options that `understand` has filled in; None for no label.

        `labels` are those of the model, () while they are being found. Raises DataError naming the example.
        """
        return list(examples)

    @classmethod
    def resolve_options(cls, options: TO, examples: Sequence[Example], tokenizer: Tokenizer) -> TO:
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
    def predict(self, backbone: Transformer, batch: V) -> Sequence[Any]:
        """One part a sample [B], on the host; without gradients, not in training. May generate."""

    def examine(self, backbone: Transformer, batch: V) -> tuple[Loss, Sequence[Any]]:
        """Loss and parts of the same views."""
        return self(backbone, batch), self.predict(backbone, batch)

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
    def loss(self, hidden: Hidden, batch: V) -> Loss: ...

    @abstractmethod
    def answers(self, hidden: Hidden, batch: V) -> Sequence[Any]:
        """One part a sample [B], on the host."""

    @final
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        return self.loss(backbone(batch.inputs), batch)

    @final
    def predict(self, backbone: Transformer, batch: V) -> Sequence[Any]:
        return self.answers(backbone(batch.inputs), batch)

    @final
    def examine(self, backbone: Transformer, batch: V) -> tuple[Loss, Sequence[Any]]:
        hidden = backbone(batch.inputs)
        return self.loss(hidden, batch), self.answers(hidden, batch)


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
class SaysAnswers(Protocol):
    """A task that says in a sentence what an answer is, by options that are settled (--check shows it)."""

    @classmethod
    def answers_said(cls, options: Config, labels: Sequence[str]) -> str: ...


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
