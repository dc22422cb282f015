"""The extension surface: what a plugin author implements. Everything here is also in sslcli.api.

Abstract classes are what an author writes (a missing method fails at once); Protocols are abilities that some
learnables have, and a workflow asks for the ability, never for a name.
Letters: B samples, T rows of all samples end to end, D width, N targets.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, final, runtime_checkable

import numpy as np
import tokenizers
from torch import Tensor, nn
from typing_extensions import TypeVar

from sslcli.config import Config
from sslcli.core.inputs import Hidden, Inputs
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import ARRANGEMENTS, Rows
from sslcli.data.batches import Batch, Sample
from sslcli.data.corpus import Corpus
from sslcli.data.documents import Document, Modality
from sslcli.data.draws import Draws, SampleDraws
from sslcli.data.tokenizer import Tokenizer
from sslcli.reports import Report


@dataclass(frozen=True)
class Frame:
    """All that a learnable learns at birth."""

    architecture: TransformerSettings
    tokenizer: Tokenizer | None = None
    labels: Sequence[str] | None = None


@dataclass(frozen=True)
class Views:
    """One micro-batch, ready for the network. `counts`: each term's denominator, known before forward.

    `progress`, which the loop fills in, is the share of the training that is done: the number of
    the step over that of all steps, so neither ranks nor micro-batches nor a resume change it.
    Schedules read it. Everywhere else it is 1, so every evaluation is of the objective that
    training ends with.
    """

    inputs: Inputs
    counts: Mapping[str, int]
    progress: float = field(default=1.0, kw_only=True)


@dataclass(frozen=True)
class Ratio:
    """A metric as a sum over a count, so that it adds up over micro-batches and ranks; `exponential`: shown as exp."""

    sum: Tensor | float
    count: Tensor | float
    exponential: bool = False


@dataclass(frozen=True)
class SampledRows:
    """Rows for `after_step`: of the whole batch those `at_most` whose `order_N` is smallest.

    `rows_ND` [N, D]; `order_N` [N], different numbers that `views` has drawn for each sample and
    place, by which they come. Then they are a fair sample of the batch, and which ones depends
    neither on micro-batches nor on the number of ranks; their values do so only as far as rounding
    goes.
    """

    rows_ND: Tensor
    order_N: Tensor
    at_most: int


@dataclass(frozen=True)
class Loss:
    """`sums` are never means: the trainer forms the sum over k of sums[k] / (counts[k] of the whole global batch).

    `state` is handed to `after_step`, without gradients: a tensor is summed over micro-batches and
    ranks, SampledRows become a tensor [at most K, D]. Which names there are must not depend on the
    data: all ranks add up the same ones.
    """

    sums: Mapping[str, Tensor]
    metrics: Mapping[str, Ratio] = field(default_factory=dict)
    state: Mapping[str, Tensor | SampledRows] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Parameters whose name matches `match` (fnmatch; "backbone.*", "learnable.*"). They are updated with `rate` times
    the learning rate, at steps with step % every == phase; at other steps their gradients are dropped."""

    match: str
    rate: float = 1.0
    every: int = 1
    phase: int = 0


@dataclass(frozen=True)
class Follower:
    """Parameters that follow others: Follower("learnable.teacher.*", leader="backbone.*").

    The one * stands for the same words in both names. Before step 0 each parameter that matches is
    a copy of its leader; after every step that was applied it becomes momentum · itself + (1 -
    momentum) · leader. `momentum` is a number, or (first, last): from one to the other along half a
    cosine over `progress`. No gradient reaches a follower, no optimizer holds it, and a module of
    followers alone has no dropout.
    """

    match: str
    leader: str
    momentum: float | tuple[float, float] = (0.996, 1.0)


V = TypeVar("V", bound=Views)
O = TypeVar("O", bound=Config, default=Any)  # noqa: E741 (options; the letter of the contracts)


class Learnable(nn.Module, ABC, Generic[V, O]):
    """Whatever the one loop trains. It owns its heads and borrows the backbone. All state: parameters and buffers."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    needs: ClassVar[frozenset[Architecture]] = frozenset({"encoder", "decoder"})
    reads: ClassVar[frozenset[Modality]] = frozenset({"text"})
    couples: bool = False  # ties samples together: batches are not split, see api.gather

    def __init__(self, options: O, frame: Frame) -> None:
        super().__init__()
        self.options, self.frame = options, frame

    def begin(self, backbone: Transformer, first_batch: Callable[[], V]) -> None:
        """Initialise what depends on data: once before step 0, without gradients or dropout.

        `first_batch` gives the views of all samples of the first global batch, in one piece and the
        same on every rank. Every rank ends with the values of rank 0. The backbone stays as it is.
        """

    @abstractmethod
    def views(self, batch: Batch, draws: Draws) -> V:
        """The random half: in the loader, on a meta-device twin; reads no parameter.

        `draws.progress` is what `Views.progress` will be.
        """

    @abstractmethod
    def forward(self, backbone: Transformer, views: V) -> Loss:
        """The differentiable half: writes nothing; equally many network calls on every rank."""

    def groups(self) -> Sequence[Group]:
        return ()

    def followers(self) -> Sequence[Follower]:
        """What the loop lets follow after every step, also where parameters are sharded."""
        return ()

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], draws: Draws) -> None:
        """Change buffers, without gradients; not after a skipped step.

        `state` is the same on all ranks, and so must the buffers be. Parameters stay as they are: a
        rank may hold a share of them alone.
        """


class Objective(Learnable[V, O]):
    """Labels made out of the data."""

    arranges: ClassVar[str] = "single"  # single | pairs | blocks | items
    reads_head: ClassVar[bool] = False  # whether it takes the language-model head of a model directory for its own

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        """Integer rows, one a sample, without randomness; written once beside the shards."""
        return ARRANGEMENTS[self.arranges].rows(corpus, self.frame.tokenizer)

    def sample(self, corpus: Corpus, row: np.ndarray, draws: SampleDraws) -> Sample:
        """The sample of one row, by number, in any order."""
        return ARRANGEMENTS[self.arranges].sample(corpus, row, self.frame.tokenizer)

    @abstractmethod
    def show(self, views: V) -> Report:
        """What was corrupted and what is to be predicted, in words or pictures (--show-batch)."""


class Readout(Objective[V, O]):
    """One pass of the backbone, then a reading. Joined with "+", all Readouts read one pass."""

    corrupts: ClassVar[bool] = False

    @abstractmethod
    def read(self, hidden: Hidden, views: V, backbone: Transformer) -> Loss: ...

    @final
    def forward(self, backbone: Transformer, views: V) -> Loss:
        return self.read(backbone(views.inputs), views, backbone)


class Reader(ABC, Generic[O]):
    """Documents out of a reference. Its entry point is named by what it opens: a suffix ("jsonl") or a scheme ("demo").

    `modality`: what all its documents hold; text, or arrays [t, F] of ready rows.
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    modality: ClassVar[Modality] = "text"

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def documents(self, reference: str) -> Iterator[Document]: ...

    def recipe(self, reference: str, objective: str) -> Mapping[str, Any]:
        """Settings (dotted key -> value) that were found to work for this data; they yield to a file and to flags."""
        return {}

    def task_recipe(self, reference: str, task: str) -> Mapping[str, Any]:
        """The same for fine-tuning."""
        return {}


@runtime_checkable
class HasLanguages(Protocol):
    """A reader of several languages, of which a tag chooses: "zh=demo:world" is its Chinese part, not all of it called Chinese."""

    def only(self, *languages: str) -> Reader:
        """The same reader for these languages alone. Raises DataError for one that it has not."""


class PieceTrainer(ABC, Generic[O]):
    """Learns a vocabulary of pieces."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    most_bytes: ClassVar[int] = 64_000_000  # of text to learn from, spread over the corpus: as many as fit into memory

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def train(self, texts: Iterable[str], size: int) -> tokenizers.Tokenizer: ...


@dataclass(frozen=True)
class Key:
    """One tensor of a foreign file and the tensors of ours that lie in it, one under the other along dimension 0.

    `{i}` stands for the layer. `transposed`: the file holds the transpose. Ours begin with "backbone." (the first key's do),
    "head." (LanguageModelHead), "pooler." or "classifier." (PooledClassifier of two sentences), or with what a head of a
    fine-tuned model answers: "sequence." (PooledClassifier), "tokens." or "spans." (RowClassifier). Of several keys for
    the same tensors of ours the first that a file has is read, and all are written; keys of ours that a shape does not
    have are passed over.
    """

    theirs: str
    ours: tuple[str, ...]
    transposed: bool = False


class Family(ABC):
    """A kind of model directory: a settings map and a key map, both ways. core does the reading and writing."""

    class Options(Config): ...

    summary: ClassVar[str]

    @abstractmethod
    def reads(self, config: Mapping[str, Any]) -> bool: ...

    @abstractmethod
    def settings(self, config: Mapping[str, Any]) -> TransformerSettings:
        """Raises ModelError, or pydantic's ValidationError, for what the core cannot do with equal numbers."""

    def notes(self, config: Mapping[str, Any]) -> Sequence[str]:
        """Sentences about what the config asks for and the core does without, such as dropout on attention."""
        return ()

    @abstractmethod
    def config(self, settings: TransformerSettings, heads: Collection[str]) -> Mapping[str, Any] | None:
        """config.json for this shape, or None where this family cannot hold it with equal numbers.

        `heads`: what is written beside the backbone: some of "head", "pooler" and "classifier", or one of "sequence",
        "tokens" and "spans". A model with one of these three is refused unless `architectures` names a class for it.
        """

    def alternatives(self, settings: TransformerSettings, heads: Collection[str]) -> Sequence[Mapping[str, Any]]:
        """Other files config.json for the same numbers, under another `model_type`.

        They are for tokenizers that transformers would replace in a directory of the first one.
        """
        return ()

    def zeros(self, config: Mapping[str, Any], settings: TransformerSettings) -> Mapping[str, int]:
        """Vectors that a directory holds and the core has not: their names, with {i}, and sizes.

        They are written as zeros. A directory where one of them is not zero is refused.
        """
        return {}

    @abstractmethod
    def keys(self, settings: TransformerSettings) -> Sequence[Key]: ...


@dataclass(frozen=True)
class TokenTargets:
    """Tokens to be predicted [N] and their visible neighbours [N], -1 where none is visible."""

    tokens_N: np.ndarray
    left_N: np.ndarray
    right_N: np.ndarray


@runtime_checkable
class PredictsTokens(Protocol):
    """Its targets are tokens: the unigram and bigram floors can be computed beside it."""

    def targets(self, views: Any) -> TokenTargets: ...


@dataclass(frozen=True)
class Artifact:
    """One thing that was generated, with its score and whatever else is worth a column."""

    text: str
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Generates(Protocol):
    """`Request` (a Config) becomes flags of `ssl generate`; the bare word on the line is its field `text`."""

    Request: ClassVar[type[Config]]

    def generate(self, backbone: Transformer, request: Any, draws: Draws) -> Iterator[Artifact]: ...


@runtime_checkable
class Illustrates(Generates, Protocol):
    """A generator that makes requests of held-out samples itself: what it answers is shown while it learns."""

    def illustrations(self, samples: Sequence[Sample]) -> Sequence[tuple[str, Config]]:
        """How a request is shown, and the request; fewer than samples, or none, where one does not lend itself to it."""
