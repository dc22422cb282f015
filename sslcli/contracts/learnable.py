"""The contract of all that the one training loop trains: what it is built from, given and gives back.

Letters: B samples, T rows of all samples end to end, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic

from torch import Tensor, nn
from typing_extensions import TypeVar

from sslcli.config import Config
from sslcli.core.inputs import Inputs
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch
from sslcli.data.documents import Modality
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import SpecialToken, special_tokens_of, worded
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError


@dataclass(frozen=True)
class Context:
    """All that a learnable learns at birth."""

    architecture: TransformerSettings
    tokenizer: Tokenizer | None = None
    labels: Sequence[str] | None = None

    def special_token(self, name: SpecialToken) -> int:
        """The id of one that the learnable declares. Raises UsageError where the tokenizer has none."""
        found = {} if self.tokenizer is None else special_tokens_of(self.tokenizer)
        if name not in found:
            raise UsageError(f"a {worded([name])} is needed, and the tokenizer has none", "use another tokenizer")
        return found[name]


@dataclass(frozen=True)
class ModelBatch:
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

    `rows_ND` [N, D]; `order_N` [N], different numbers that `collate` has drawn for each sample and
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


V = TypeVar("V", bound=ModelBatch)
O = TypeVar("O", bound=Config, default=Any)  # noqa: E741 (options; the letter of the contracts)


class Learnable(nn.Module, ABC, Generic[V, O]):
    """Whatever the one loop trains. It owns its heads and borrows the backbone. All state: parameters and buffers."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    architectures: ClassVar[frozenset[Architecture]] = frozenset({"encoder", "decoder"})
    modalities: ClassVar[frozenset[Modality]] = frozenset({"text"})
    special_tokens: ClassVar[frozenset[SpecialToken]] = frozenset()  # a tokenizer without one of them is refused
    loss_unit: str = "nats"  # of its losses in reports: nats for negative log-likelihoods, "squared error", or "" for none
    couples: bool = False  # ties samples together: batches are not split, see api.gather

    def __init__(self, options: O, context: Context) -> None:
        super().__init__()
        self.options, self.context = options, context

    def begin(self, backbone: Transformer, first_batch: Callable[[], V]) -> None:
        """Initialise what depends on data: once before step 0, without gradients or dropout.

        `first_batch` gives the views of all samples of the first global batch, in one piece and the
        same on every rank. Every rank ends with the values of rank 0. The backbone stays as it is.
        """

    @abstractmethod
    def collate(self, batch: Batch, rng: Rng) -> V:
        """The random half: in the loader, on a meta-device twin; reads no parameter.

        `rng.progress` is what `ModelBatch.progress` will be.
        """

    @abstractmethod
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        """The differentiable half: writes nothing; equally many network calls on every rank."""

    def groups(self) -> Sequence[Group]:
        return ()

    def followers(self) -> Sequence[Follower]:
        """What the loop lets follow after every step, also where parameters are sharded."""
        return ()

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        """Change buffers, without gradients; not after a skipped step.

        `state` is the same on all ranks, and so must the buffers be. Parameters stay as they are: a
        rank may hold a share of them alone.
        """
