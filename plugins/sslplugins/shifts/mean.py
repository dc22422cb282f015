"""Difference of two language means, added to every hidden state.

Liu, Hsu, Chuang & Lee 2020, "What makes multilingual BERT multilingual?" (arXiv 2010.10041), and
Gonen, Ravfogel, Elazar & Goldberg 2020, "It's not Greek to mBERT" (arXiv 2010.08275).
"""

from collections.abc import Iterator

from torch import Tensor

from sslcli.api import Config, LinearShift, Shift, mean_row


class MeanShift(Shift[Config]):
    """x + alpha (mean of the target - mean of the source)."""

    is_usual = True
    summary = "the difference of the languages' mean hidden states (Liu et al. 2020)"

    def fit(self, source: Iterator[Tensor], target: Iterator[Tensor]) -> LinearShift:
        """Fit both means. Raises DataError where a language has no rows."""
        source_D = mean_row(source)
        return LinearShift(mean_row(target) - source_D)
