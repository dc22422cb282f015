"""One text as encoder and decoder get it, and a batch of them.

Letters: T tokens of all sources end to end, S of all that the decoder reads, N of those that have a
target; s and r: tokens of one source, and of its decoder's input.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sslcli.api import Inputs, ModelBatch
from sslplugins.objectives.mlm import MaskedAlike

NO_TARGET = -1


@dataclass(frozen=True)
class Broken:
    """One text as encoder and decoder get it.

    `source` [s], and `broken_s`: which of its tokens are no copies. `decoder_input` [r], what the
    decoder reads, at `positions` (counted from 0 where None); `targets` [r], what it is to predict
    at each, or NO_TARGET; `touched_r`: whether that cannot be copied from the source token by
    token. `hidden` of the text's `size` tokens do not stand in the source. `noises`: which it got.
    """

    source: np.ndarray
    broken_s: np.ndarray
    decoder_input: np.ndarray
    targets: np.ndarray
    touched_r: np.ndarray
    hidden: int
    size: int
    positions: np.ndarray | None = None
    noises: Collection[str] = ()


@dataclass(frozen=True)
class RestoringBatch(ModelBatch):
    """`inputs` are the sources, `decoder_inputs` what the decoder reads, `targets_S` what it is to
    predict.

    `touched_N` and `copied_N`: the decoder's rows of either kind of target. `broken_T` marks the
    tokens of the sources that are no copies; `texts` are the clean ones, end to end. `hidden` of
    the texts' `size` tokens stand in no source; `noises`: how many texts got each that not all get.
    In evaluation alone: `other`, each sample with the source of another document, and `alike`,
    the texts with single tokens masked, as mlm is measured on them.
    """

    targets_S: Tensor
    touched_N: Tensor
    copied_N: Tensor
    broken_T: Tensor
    texts: Inputs
    hidden: int
    size: int
    noises: Mapping[str, int]
    other: Inputs | None = None
    alike: MaskedAlike | None = None

    @property
    def decoder(self) -> Inputs:
        """The decoder's inputs."""
        assert self.decoder_inputs is not None, "a decoder is given what to continue"
        return self.decoder_inputs
