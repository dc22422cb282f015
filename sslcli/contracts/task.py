"""The contract of a task: labelled examples in, a loss and predictions out.

Letters: B samples of a micro-batch.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Protocol, final, runtime_checkable

from typing_extensions import TypeVar

from sslcli.config import Config, Count, setting
from sslcli.contracts.examples import Annotated, Encoded, Example, Prediction
from sslcli.contracts.learnable import Learnable, V
from sslcli.contracts.loss import Loss
from sslcli.contracts.scorer import Scorer
from sslcli.core.inputs import Hidden
from sslcli.core.transformer import Transformer
from sslcli.data.records.continuing import Parsed
from sslcli.data.records.record import Record
from sslcli.data.records.records import read_records
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError

TO = TypeVar("TO", bound="Task.Options", default=Any)


class Task(Learnable[V, TO]):
    """A supervised learnable: labels are read from a file.

    The head is initialised at random; head and backbone are trained together. A task can be
    exported to model directories if its state is one head of the core: a PooledClassifier or a
    RowClassifier at `self.classifier`, or a RowClassifier of two at `self.spans`; an option `kind`
    of "classes", "labels" or "number" says what a PooledClassifier predicts.
    """

    class Options(Config):
        """Options that every task has."""

        sequence_tokens: Count | None = setting(
            None, "longest sequence; as long as the model allows when not given", "--seq-len", gt=1
        )

    architectures = frozenset({"encoder"})
    # the kind of flat record that `parse` takes: "texts", "pairs", "words", "questions", ...
    records: ClassVar[str]
    # what compares predictions with labels; of a task without one the abstract class
    scorer: ClassVar[type[Scorer]] = Scorer
    # whether its only head is the LanguageModelHead at `head`, which an encoder-decoder has already
    writes: ClassVar[bool] = False
    # streams of its samples that hold the label: the loss alone reads them
    label_streams: ClassVar[frozenset[str]] = frozenset()
    # whether training and scores pass over examples without a label, aloud
    leaves_out_unlabelled: ClassVar[bool] = False
    # options that mean nothing where a model reads rows of numbers
    text_options: ClassVar[frozenset[str]] = frozenset({"sequence_tokens"})

    @property
    def sequence_tokens(self) -> int:
        """The most tokens that a sample may have, special tokens included.

        Raises UsageError if the model has no positions for it.
        """
        shape = self.context.architecture
        wanted = self.options.sequence_tokens or shape.longest_tokens
        if wanted > shape.longest_tokens and shape.positions == "learned":
            raise UsageError(
                (
                    f"sequences of {wanted} tokens are longer than "
                    f"the {shape.longest_tokens} positions of the model"
                ),
                f"use --seq-len {shape.longest_tokens} or less",
            )
        return wanted

    def refuse_no_room(self, specials: int) -> None:
        """Raise UsageError where a sequence has no room beside so many special tokens."""
        if self.sequence_tokens <= specials:
            raise UsageError(
                f"sequences of {self.sequence_tokens} tokens leave no room beside "
                f"{specials} special ones",
                "use a larger --seq-len",
            )

    @classmethod
    def positional_fields(cls, options: TO) -> tuple[str, ...]:
        """Return the columns of a record that is typed on the command line, or between tabs."""
        return ("text",)

    @classmethod
    @abstractmethod
    def parse(cls, options: TO, record: Record) -> Example:
        """Parse one flat record of JSON lines, of a table or of a generated source.

        Raises DataError naming its position and field.
        """

    @classmethod
    def read(cls, options: TO, reference: str) -> Iterator[Example]:
        """Yield all examples of one file; override it for formats that are no list of flat records.

        Raises DataError. `Parsed` yields the next example even after a record that cannot be used,
        where a generator would have ended: --check finds all of these, and --skip-bad-records
        leaves them out.
        """
        return Parsed(
            partial(cls.parse, options), cls.chosen(options, read_records(reference), reference)
        )

    @classmethod
    def together(cls, references: Sequence[str]) -> Sequence[str | tuple[str, ...]]:
        """Group the references that are read as one, such as two files line by line.

        Each by itself where the task reads none together. Raises UsageError for references that do
        not go together.
        """
        return references

    @classmethod
    def read_together(cls, options: TO, references: tuple[str, ...]) -> Iterator[Example]:
        """Yield the examples of references that `together` made one. Raises DataError."""
        raise NotImplementedError(f"{cls.__name__} reads no files together")

    @classmethod
    def chosen(cls, options: TO, records: Iterator[Record], reference: str) -> Iterator[Record]:
        """Filter the flat records of a source that become examples. Raises DataError if none
        does.
        """
        return records

    @classmethod
    def label_hint(cls, example: Example) -> str:
        """Return how a label is written in the file of an unlabelled example; empty for the
        usual words.
        """
        return ""

    @classmethod
    def understand(cls, options: TO, examples: Sequence[Example]) -> tuple[TO, Sequence[str]]:
        """Infer options from how labels are written in all training examples together.

        Returns the options and sentences about them; called before `resolve_options`. Raises
        DataError or UsageError that names the flag to set where the labels are ambiguous.
        """
        return options, ()

    @classmethod
    def plain(
        cls, options: TO, labels: Sequence[str], examples: Sequence[Example]
    ) -> list[Example]:
        """Return the examples with labels in the task's own form, None for no label.

        `options` come from `understand`; `labels` are those of the model, () while they are being
        collected. Raises DataError naming the example.
        """
        return list(examples)

    @classmethod
    def tokenizer_to_train(cls, tokenizer: Tokenizer) -> tuple[Tokenizer, Sequence[str]]:
        """Return the tokenizer as a fine-tuned model keeps it, with a chat template say, and
        sentences about it. Of its own result it changes nothing.
        """
        return tokenizer, ()

    @classmethod
    def resolve_options(
        cls, options: TO, examples: Sequence[Example], tokenizer: Tokenizer | None
    ) -> TO:
        """Fill in the options that depend on the training examples, before any other call.

        The result is saved with the model and holds for every later example. Resolving twice
        changes nothing.
        """
        return options

    @classmethod
    def labels(cls, options: TO, examples: Sequence[Example]) -> Sequence[str]:
        """Return the possible answers in the training examples; they size the head and are saved
        with it.
        """
        return ()

    @abstractmethod
    def encode(self, examples: Sequence[Example], training: bool) -> Iterator[Encoded]:
        """Yield the samples of each example, in order.

        Raises DataError for a label that is not among those of training.
        """

    @abstractmethod
    def predict(self, backbone: Transformer, batch: V) -> Sequence[Any]:
        """Return one partial prediction per sample [B], on the host, without gradients. May
        generate.
        """

    def examine(self, backbone: Transformer, batch: V) -> tuple[Loss, Sequence[Any]]:
        """Return loss and partial predictions of the same batch."""
        return self(backbone, batch), self.predict(backbone, batch)

    @abstractmethod
    def merge(self, example: Example, encoded: Encoded, parts: Sequence[Any]) -> Prediction:
        """Merge the partial predictions of an example's samples into one."""

    @classmethod
    def how_read(cls, options: TO, examples: Sequence[Example]) -> Sequence[str]:
        """Return sentences on how these examples were read, such as which column was taken for
        what.

        Empty where there was no choice.
        """
        return ()

    @classmethod
    def key(cls, example: Example) -> str:
        """Return what identifies an example, labels apart: train and test may share no key."""
        return repr(example.data)

    @classmethod
    def group(cls, example: Example) -> str:
        """Return the unit of the held-out split: examples of one unit stay on the same side.

        For instance the same text twice, or all questions about one passage.
        """
        return cls.key(example)


class ReadoutTask(Task[V, TO]):
    """A task with one backbone pass and a head on its hidden states.

    Both halves of an encoder-decoder read the same text, the decoder one place later, and its
    hidden states are read (Lewis et al. 2020, "BART", section 3). A row of a decoder has read what
    stands before it and no more: what is asked of a whole sequence is read from its last row.
    """

    architectures = frozenset({"encoder", "decoder", "encoder_decoder"})

    @abstractmethod
    def loss(self, hidden: Hidden, batch: V) -> Loss:
        """Compute the loss from the hidden states of `batch`."""

    @abstractmethod
    def answers(self, hidden: Hidden, batch: V) -> Sequence[Any]:
        """Return one partial prediction per sample [B], on the host."""

    @final
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        return self.loss(self._hidden(backbone, batch), batch)

    @final
    def predict(self, backbone: Transformer, batch: V) -> Sequence[Any]:
        return self.answers(self._hidden(backbone, batch), batch)

    def _hidden(self, backbone: Transformer, batch: V) -> Hidden:
        if not self.context.architecture.has_memory:
            return backbone(batch.inputs)
        assert self.context.tokenizer is not None, "what reads both halves reads text"
        decoder_inputs = batch.inputs.shifted(self.context.tokenizer.start_of_decoder())
        return backbone.decode(decoder_inputs, backbone.encode(batch.inputs))

    @final
    def examine(self, backbone: Transformer, batch: V) -> tuple[Loss, Sequence[Any]]:
        hidden = self._hidden(backbone, batch)
        return self.loss(hidden, batch), self.answers(hidden, batch)


@runtime_checkable
class Annotates(Protocol):
    """A task whose labels belong to spans of one text: a linear probe can be trained on them."""

    @classmethod
    def annotated(cls, options: Config, example: Example) -> Annotated:
        """Return the example as a text with labelled spans."""


@runtime_checkable
class Describes(Protocol):
    """A task that describes its examples in its own words, for --check."""

    @classmethod
    def described(cls, example: Example) -> Mapping[str, str]:
        """Return name of a part -> text, with the label among them."""


@runtime_checkable
class SaysAnswers(Protocol):
    """A task that says in a sentence what its answers are, from resolved options, for --check."""

    @classmethod
    def answers_said(cls, options: Config, labels: Sequence[str]) -> str:
        """Return the sentence, from resolved options and the labels."""
