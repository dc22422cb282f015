"""Subtraction of the source language's mean, which leaves a word without its language.

Libovický, Rosa & Fraser 2020, "On the language neutrality of pre-trained multilingual
representations" (arXiv 2004.05160).
"""

from collections.abc import Iterator

from torch import Tensor

from sslcli.api import Config, LinearShift, Shift, mean_row


class CentredShift(Shift[Config]):
    """x - alpha (mean of the source); the target is not used."""

    summary = (
        "the source language's mean taken off, and nothing put in its place (Libovický et al. 2020)"
    )

    def fit(self, source: Iterator[Tensor], target: Iterator[Tensor]) -> LinearShift:
        """Fit the mean. Raises DataError where the source has no rows."""
        return LinearShift(-mean_row(source))
