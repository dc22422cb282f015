"""The contract of a shift: a map between the hidden states of two languages."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic

from torch import Tensor

from sslcli.config import Config
from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.options import O


class Shift(ABC, Generic[O]):
    """A method to estimate the map from the hidden states of one language to those of another."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    is_usual: ClassVar[bool] = False  # taken where none is named
    # needs translations: row i of the source belongs to row i of the target
    paired: ClassVar[bool] = False

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def fit(self, source: Iterator[Tensor], target: Iterator[Tensor]) -> LinearShift:
        """Fit a map from hidden states at one layer, in chunks [N, D], of each language.

        Raises DataError if there are too few.
        """
