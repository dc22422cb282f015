"""Orthogonal Procrustes: the rotation between the languages with least squared error.

Schönemann 1966, "A generalized solution of the orthogonal Procrustes problem"; between languages
Conneau, Lample, Ranzato, Denoyer & Jégou 2017, "Word translation without parallel data" (arXiv
1710.04087, eq. 2), here on translations, after centring, so that it goes beyond the mean.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from sslcli.api import Config, DataError, LinearShift, Shift, in_double


class ProcrustesShift(Shift[Config]):
    """x + alpha ((x - mean of the source) W + mean of the target - x).

    W is the orthogonal matrix of least squared error over the translations.
    """

    summary = (
        "an orthogonal map fitted to translations, after "
        "centring (Schönemann 1966, Conneau et al. 2017)"
    )
    paired = True

    def fit(self, source: Iterator[Tensor], target: Iterator[Tensor]) -> LinearShift:
        """Fit means and W to pairs of rows.

        Raises DataError for fewer than two pairs, or unequal numbers of rows.
        """
        sides = [list(rows) for rows in (source, target)]
        counts = [sum(map(len, rows)) for rows in sides]
        if min(counts) < 2 or counts[0] != counts[1]:
            raise DataError(
                (
                    "a map between languages needs two pairs at "
                    f"least, not {counts[0]} and {counts[1]} rows"
                ),
                "give more translations",
            )
        source_ND, target_ND = (in_double(torch.cat(rows)) for rows in sides)
        source_D, target_D = source_ND.mean(dim=0), target_ND.mean(dim=0)
        left_DD, _, right_DD = torch.linalg.svd((source_ND - source_D).T @ (target_ND - target_D))
        return LinearShift(target_D, matrix_DD=left_DD @ right_DD, origin_D=source_D)
