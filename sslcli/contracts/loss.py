"""What a learnable takes and gives in one step: a micro-batch, its loss, metrics and state.

Letters: N sampled rows, K at most of them, D width; G quantities, each of V values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from sslcli.core.inputs import Inputs


@dataclass(frozen=True)
class ModelBatch:
    """One micro-batch, ready for the network.

    `decoder_inputs` is what the decoder of an encoder-decoder reads, one sequence for each of
    `inputs`; a learnable that decodes otherwise leaves it out, and its cost is then not predicted.
    `counts` is the denominator of each loss term, known before forward. `progress`, filled in by
    the training loop, is the share of the training that is done: the step over the number of all
    steps, so neither ranks nor micro-batches nor a resume change it. Schedules read it. Outside
    training it is 1: every evaluation is of the objective that training ends with.
    """

    inputs: Inputs
    counts: Mapping[str, int]
    progress: float = field(default=1.0, kw_only=True)
    decoder_inputs: Inputs | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Ratio:
    """A metric as a sum over a count, which adds up over micro-batches and ranks.

    `exponential`: reported as exp of the ratio, as for perplexity.
    """

    sum: Tensor | float
    count: Tensor | float
    exponential: bool = False


Measure = Literal["usage", "perplexity", "entropy", "active"]


@dataclass(frozen=True)
class Histogram:
    """How often each value was met, [V], or [G, V] of several quantities; adds up as a Ratio does.

    "codes" is reported as "usage_of_codes" (the share of the values that were met at all),
    "perplexity_of_codes" (2 to the entropy) or "entropy_of_codes" (in bits): the mean over the
    quantities, of all that was met together, as no mean over batches is.
    """

    counts: Tensor
    measures: tuple[Measure, ...] = ("usage", "perplexity")


@dataclass(frozen=True)
class Moments:
    """Sum and sum of squares, [G] each, of G numbers of `count` samples; adds up as a Ratio does.

    "units" is reported as "active_units": how many of the numbers have a variance over all samples
    above 0.01 (Burda et al. 2015, "Importance weighted autoencoders").
    """

    sums_G: Tensor
    squares_G: Tensor
    count: int

    @property
    def columns_G3(self) -> Tensor:
        """Count, sum and sum of squares of each number."""
        counts_G = torch.full_like(self.sums_G, self.count)
        return torch.stack([counts_G, self.sums_G, self.squares_G], dim=1)


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
    metrics: Mapping[str, Ratio | Histogram | Moments] = field(default_factory=dict)
    state: Mapping[str, Tensor | SampledRows] = field(default_factory=dict)
