"""The contract of everything that the training loop trains: its inputs, its loss, its state.

Letters: B samples, T rows of all samples end to end, N sampled rows, K at most of them, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic

from torch import Tensor, nn
from typing_extensions import TypeVar

from sslcli.config import Config
from sslcli.contracts.options import O
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
    """What a learnable is built from: model shape, tokenizer, labels."""

    architecture: TransformerSettings
    tokenizer: Tokenizer | None = None
    labels: Sequence[str] | None = None

    def special_token(self, name: SpecialToken) -> int:
        """Return the id of a special token that the learnable declares.

        Raises UsageError if the tokenizer has none.
        """
        found = {} if self.tokenizer is None else special_tokens_of(self.tokenizer)
        if name not in found:
            raise UsageError(
                f"a {worded([name])} is needed, and the tokenizer has none", "use another tokenizer"
            )
        return found[name]


@dataclass(frozen=True)
class ModelBatch:
    """One micro-batch, ready for the network.

    `counts` is the denominator of each loss term, known before forward. `progress`, filled in by
    the training loop, is the share of the training that is done: the step over the number of all
    steps, so neither ranks nor micro-batches nor a resume change it. Schedules read it. Outside
    training it is 1: every evaluation is of the objective that training ends with.
    """

    inputs: Inputs
    counts: Mapping[str, int]
    progress: float = field(default=1.0, kw_only=True)


@dataclass(frozen=True)
class Ratio:
    """A metric as a sum over a count, which adds up over micro-batches and ranks.

    `exponential`: reported as exp of the ratio, as for perplexity.
    """

    sum: Tensor | float
    count: Tensor | float
    exponential: bool = False


@dataclass(frozen=True)
class SampledRows:
    """Rows for `after_step`: the `at_most` rows of the global batch whose `order_N` is smallest.

    `rows_ND` [N, D]; `order_N` [N], different numbers that `collate` samples for each sample and
    position. The rows are a fair sample of the batch. Which rows are chosen depends neither on
    micro-batches nor on the number of ranks; their values do only up to rounding.
    """

    rows_ND: Tensor
    order_N: Tensor
    at_most: int


@dataclass(frozen=True)
class Loss:
    """Loss sums, metrics and state of one micro-batch.

    `sums` are never means: the trainer adds up sums[k] / (counts[k] of the whole global batch) over
    the terms k. `state` is passed to `after_step` without gradients: tensors are summed over
    micro-batches and ranks, SampledRows become a tensor [at most K, D]. The names in it must not
    depend on the data, because all ranks reduce the same ones.
    """

    sums: Mapping[str, Tensor]
    metrics: Mapping[str, Ratio] = field(default_factory=dict)
    state: Mapping[str, Tensor | SampledRows] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """A parameter group: parameters whose names match `match` (fnmatch; "backbone.*",
    "learnable.*").

    They are updated with `rate` times the learning rate, at steps with step % every == phase; at
    other steps their gradients are dropped.
    """

    match: str
    rate: float = 1.0
    every: int = 1
    phase: int = 0


@dataclass(frozen=True)
class Follower:
    """Parameters that are a moving average of others: Follower("learnable.teacher.*",
    leader="backbone.*").

    The * stands for the same words in both names. Before step 0 each matching parameter is a copy
    of its leader; after every applied step it becomes momentum · itself + (1 - momentum) · leader.
    `momentum` is a number, or (first, last): from one to the other along half a cosine over
    `progress`. No gradient reaches a follower, no optimizer holds it, and a module of followers
    alone has no dropout.
    """

    match: str
    leader: str
    momentum: float | tuple[float, float] = (0.996, 1.0)


V = TypeVar("V", bound=ModelBatch)


class Learnable(nn.Module, ABC, Generic[V, O]):
    """The base of objectives and tasks: a module with its own heads that borrows the backbone.

    All state is parameters and buffers.
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    architectures: ClassVar[frozenset[Architecture]] = frozenset({"encoder", "decoder"})
    modalities: ClassVar[frozenset[Modality]] = frozenset({"text"})
    # a tokenizer without one of them is refused
    special_tokens: ClassVar[frozenset[SpecialToken]] = frozenset()
    loss_unit: str = "nats"  # in reports: nats, "squared error", or "" for none
    couples: bool = False  # the loss ties samples together: no micro-batches, see api.gather

    def __init__(self, options: O, context: Context) -> None:
        super().__init__()
        self.options, self.context = options, context

    def begin(self, backbone: Transformer, first_batch: Callable[[], V]) -> None:
        """Initialise what depends on data, once before step 0, without gradients or dropout.

        `first_batch` gives the model batch of all samples of the first global batch, undivided and
        the same on every rank. Every rank ends with the values of rank 0. The backbone stays
        unchanged.
        """

    @abstractmethod
    def collate(self, batch: Batch, rng: Rng) -> V:
        """Corrupt and collate samples: the random half.

        It runs in the loader on a copy on the meta device, reads no parameter and samples from
        `rng` alone. `rng.progress` is what `ModelBatch.progress` will be.
        """

    @abstractmethod
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        """Compute the loss of one micro-batch: the differentiable half.

        It writes nothing and calls the network equally often on every rank.
        """

    def groups(self) -> Sequence[Group]:
        """Return parameter groups with a learning rate or a schedule of their own; none by
        default.
        """
        return ()

    def followers(self) -> Sequence[Follower]:
        """Return the moving averages that the loop updates after every step, sharded or not."""
        return ()

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        """Change buffers after an applied step, without gradients; not called after a skipped step.

        `state` is the same on all ranks, and so must the buffers be. Parameters stay unchanged: a
        rank may hold only a shard of them.
        """

    def examine(self, backbone: Transformer, batch: V) -> tuple[Loss, Sequence[Any]]:
        """Return the loss of a batch and one part of a prediction per sample; tasks alone can."""
        raise NotImplementedError(f"{type(self).__name__} has no answers to examine")

    def overrides(self, method: str) -> bool:
        """Tell whether the class has a method of its own in place of the contract's."""
        return getattr(type(self), method) is not getattr(Learnable, method)
