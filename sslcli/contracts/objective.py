"""The contract of an objective: samples from a corpus, and a loss that needs no labels.

Letters: B samples, T rows, D width, N targets.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, final, runtime_checkable

import numpy as np

from sslcli.contracts.learnable import Learnable, V
from sslcli.contracts.loss import Loss
from sslcli.contracts.options import O
from sslcli.core.inputs import Hidden
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.arrangements import ARRANGEMENTS, Rows
from sslcli.data.batches import Sample
from sslcli.data.corpus import Corpus
from sslcli.data.rng import SampleRng
from sslcli.reports import Report


class Objective(Learnable[V, O]):
    """A self-supervised learnable: its labels are made from the data."""

    arranges: ClassVar[str] = "single"  # single | pairs | blocks | items
    reads_head: ClassVar[bool] = False  # takes over the LM head of a model directory
    # of one that `Generates`: what it generates, and the words of a line that ask for it
    generates: ClassVar[str] = ""
    request_example: ClassVar[str] = ""

    @classmethod
    def of_shape(cls, architecture: TransformerSettings) -> "type[Objective]":
        """The class that is built for a model of this shape: another one with the same options,
        where an objective means something else on rows than on tokens.
        """
        return cls

    @classmethod
    def resolve_options(cls, options: O, corpus: Corpus) -> O:
        """Fill in the options that depend on the training samples, before it is built for them.

        The result is saved with the model. Resolving twice changes nothing.
        """
        return options

    def arrange(self, corpus: Corpus) -> Iterator[Rows]:
        """Yield integer rows, one a sample, without randomness; written once beside the shards."""
        return ARRANGEMENTS[self.arranges].rows(corpus, self.context.tokenizer)

    def sample(self, corpus: Corpus, row: np.ndarray, rng: SampleRng) -> Sample:
        """Return the sample of one row; rows are asked for by number, in any order."""
        return ARRANGEMENTS[self.arranges].sample(corpus, row, self.context.tokenizer)

    @abstractmethod
    def show(self, batch: V) -> Report:
        """Show what was corrupted and what is to be predicted, as text or pictures
        (--show-batch).
        """


class Readout(Objective[V, O]):
    """An objective with one backbone pass and a loss on its hidden states.

    Readouts joined with "+" share one pass.
    """

    corrupts: ClassVar[bool] = False

    @abstractmethod
    def read(self, hidden: Hidden, batch: V, backbone: Transformer) -> Loss:
        """Compute the loss from the hidden states of `batch`."""

    @final
    def forward(self, backbone: Transformer, batch: V) -> Loss:
        return self.read(backbone(batch.inputs), batch, backbone)


@dataclass(frozen=True)
class TokenTargets:
    """Target tokens [N] and their visible neighbours [N], -1 where a neighbour is not visible.

    `kind`: of which targets, where they are not all: "touched" for those of the metrics
    touched_loss and touched_accuracy, beside which their baselines then stand.
    """

    tokens_N: np.ndarray
    left_N: np.ndarray
    right_N: np.ndarray
    kind: str = ""


@runtime_checkable
class PredictsTokens(Protocol):
    """An objective whose targets are tokens: unigram and bigram baselines can be computed for
    it.
    """

    def targets(self, batch: Any) -> TokenTargets:
        """Return the targets of a batch, for the baselines."""
