"""What every quantizer does: a vector becomes one of K codes, and a gradient goes past that.

Letters: N vectors (the positions of all samples end to end), W numbers of one, K codes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from sslcli.api import Histogram, SampledRows


@dataclass(frozen=True)
class Chance:
    """Random numbers of each vector, which `collate` has sampled: `order_N`, where it stands among
    those that dead codes begin anew at; `uniform_NK`, what its choice is blurred by, where it is.
    """

    order_N: Tensor
    uniform_NK: Tensor | None = None


@dataclass(frozen=True)
class Quantized:
    """`codes_NW`: the code of each vector, with the vector's gradient. `ids_N`: its number.

    `losses`: sums over all numbers, by term. `state`: for `after_step`.
    """

    codes_NW: Tensor
    ids_N: Tensor
    losses: Mapping[str, Tensor]
    state: Mapping[str, Tensor | SampledRows] = field(default_factory=dict)


class Quantizer(nn.Module, ABC):
    """K codes of W numbers, in float32 also where the networks are not.

    `terms`: names of its losses, whose mean is over all numbers. `samples_choices`: whether what it
    chooses is blurred in training.
    """

    terms: tuple[str, ...] = ("commitment",)
    samples_choices = False

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size, self.width = size, width

    def begin(self, z_NW: Tensor, order_N: Tensor) -> None:
        """Initialise what depends on the first batch; nothing by default."""

    @abstractmethod
    def forward(self, z_NW: Tensor, chance: Chance | None, progress: float) -> Quantized:
        """Quantize; without `chance` nothing is blurred and no state is given."""

    @abstractmethod
    def of_ids(self, ids_N: Tensor) -> Tensor:
        """The codes [N, W] of these numbers."""

    def histogram(self, ids_N: Tensor) -> dict[str, Histogram]:
        """What is reported of the codes that were chosen, by name."""
        return {"codes": Histogram(ids_N.bincount(minlength=self.size))}

    def after_step(self, state: Mapping[str, Tensor], progress: float) -> None:
        """Change buffers by the state of a step; nothing by default."""


def past(z_NW: Tensor, code_NW: Tensor) -> Tensor:
    """The code, with the gradient of what it is made of (Bengio 2013, "straight-through")."""
    return z_NW + (code_NW - z_NW).detach()


def distance(one_NW: Tensor, other_NW: Tensor) -> Tensor:
    """The sum of squared differences; no gradient reaches `other`."""
    return (one_NW - other_NW.detach()).square().sum()
