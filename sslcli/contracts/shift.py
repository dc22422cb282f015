"""The contract of a shift: the map from the hidden states of one language to those of another."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Generic

from torch import Tensor

from sslcli.config import Config
from sslcli.contracts.learnable import O
from sslcli.contracts.linear_shift import LinearShift


class Shift(ABC, Generic[O]):
    """A way to estimate how the hidden states of one language become those of another."""

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    paired: ClassVar[bool] = False  # needs translations: row i of the source belongs to row i of the target

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def fit(self, source: Iterator[Tensor], target: Iterator[Tensor]) -> LinearShift:
        """From the hidden states at one layer, [N, D] at a time, of each language. Raises DataError where there are too few."""
