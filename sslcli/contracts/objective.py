"""The contract of an objective: samples out of a corpus, and a loss that needs no labels.

Letters: B samples, T rows, D width, N targets.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import numpy as np

from sslcli.contracts.learnable import Learnable, Loss, O, V
from sslcli.core.inputs import Hidden
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import ARRANGEMENTS, Rows
from sslcli.data.batches import Sample
from sslcli.data.corpus import Corpus
from sslcli.data.rng import SampleRng
from sslcli.reports import Report


class Objective(Learnable[V, O]):
    """Labels made out of the data."""

    arranges: ClassVar[str] = "single"  # single | pairs | blocks | items
    reads_head: ClassVar[bool] = False  # whether it takes the language-model head of a model directory for its own

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        """Integer rows, one a sample, without randomness; written once beside the shards."""
        return ARRANGEMENTS[self.arranges].rows(corpus, self.context.tokenizer)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        """The sample of one row, by number, in any order."""
        return ARRANGEMENTS[self.arranges].sample(corpus, row, self.context.tokenizer)

    @abstractmethod
    def show(self, batch: V) -> Report:
        """What was corrupted and what is to be predicted, in words or pictures (--show-batch)."""


class Readout(Objective[V, O]):
    """One pass of the backbone, then a reading. Joined with "+", all Readouts read one pass."""

    corrupts: ClassVar[bool] = False

    @abstractmethod
    def read(self, hidden: Hidden, batch: V, backbone: Transformer) -> Loss: ...

    @final
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        return self.read(backbone(batch.inputs), batch, backbone)


@dataclass(frozen=True)
class TokenTargets:
    """Tokens to be predicted [N] and their visible neighbours [N], -1 where none is visible."""

    tokens_N: np.ndarray
    left_N: np.ndarray
    right_N: np.ndarray


@runtime_checkable
class PredictsTokens(Protocol):
    """Its targets are tokens: the unigram and bigram floors can be computed beside it."""

    def targets(self, batch: Any) -> TokenTargets: ...
