"""The contract of everything that the training loop trains."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

from torch import Tensor, nn
from typing_extensions import TypeVar

from sslcli.config import Config
from sslcli.contracts.loss import Loss, ModelBatch
from sslcli.contracts.options import O
from sslcli.contracts.parameters import Follower, Group
from sslcli.core.settings import Architecture, TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Batch
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import SpecialToken, worded
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import UsageError
from sslcli.modalities import Modality


@dataclass(frozen=True)
class Context:
    """What a learnable is built from: model shape, tokenizer, labels."""

    architecture: TransformerSettings
    tokenizer: Tokenizer | None = None
    labels: Sequence[str] | None = None

    def needed_tokenizer(self) -> Tokenizer:
        """Return the tokenizer, for a task that reads text. Raises UsageError if there is none."""
        if self.tokenizer is None:
            raise UsageError(
                "this task reads text, and the model has no tokenizer",
                "use a model that was pretrained on text",
            )
        return self.tokenizer

    def special_token(self, name: SpecialToken) -> int:
        """Return the id of a special token that the learnable declares.

        Raises UsageError if the tokenizer has none.
        """
        found = {} if self.tokenizer is None else self.tokenizer.special_tokens
        if name not in found:
            raise UsageError(
                f"a {worded([name])} is needed, and the tokenizer has none", "use another tokenizer"
            )
        return found[name]


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
