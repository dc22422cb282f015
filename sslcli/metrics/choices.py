"""Which of several choices a language model takes, by what their log-probabilities are compared.

Letters: N prompts, C choices, F content-free prompts of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChoiceScores:
    """Log-probabilities in nats, sums over the tokens of a choice.

    `own_NC`: behind the prompts. `free_NFC`: behind the same prompts with content-free texts, the
    last of which is empty. `words`: the choices.
    """

    own_NC: np.ndarray
    free_NFC: np.ndarray
    words: Sequence[str]

    def raw(self) -> np.ndarray:
        """[N, C]: the sums."""
        return self.own_NC

    def per_character(self) -> np.ndarray:
        """[N, C]: the sums over the choices' lengths in characters."""
        return self.own_NC / np.asarray([len(word) for word in self.words])

    def per_byte(self) -> np.ndarray:
        """[N, C]: the sums over the choices' lengths in bytes of UTF-8."""
        return self.own_NC / np.asarray([len(word.encode()) for word in self.words])

    def pmi(self) -> np.ndarray:
        """[N, C]: the sums less those behind an empty text: pointwise mutual information (Holtzman
        et al. 2021, arXiv 2104.08315, equation 2).
        """
        return self.own_NC - self.free_NFC[:, -1]

    def calibrated(self) -> np.ndarray:
        """[N, C]: log of the choices' shares over their mean shares behind the content-free texts
        (Zhao et al. 2021, arXiv 2102.09690, section 5).
        """
        mean_NC = np.exp(_log_shares(self.free_NFC)).mean(axis=1)
        return _log_shares(self.own_NC) - np.log(np.maximum(mean_NC, np.finfo(float).tiny))


def _log_shares(sums: np.ndarray) -> np.ndarray:
    """log softmax over the last axis."""
    shifted = sums - sums.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
