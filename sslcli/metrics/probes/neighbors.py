"""The label of the nearest neighbours, a probe that fits nothing (Cover and Hart 1967).

Letters: N training vectors, M test vectors, D width, K neighbours.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sslcli.errors import DataError
from sslcli.metrics.probes.linear import majority
from sslcli.metrics.scores import mean_score
from sslcli.reports import Score

_AT_ONCE = 1 << 24  # distances


def neighbor_probe(
    rows_ND: np.ndarray,
    labels: Sequence[str],
    test_MD: np.ndarray,
    test_labels: Sequence[str],
    neighbors: int = 5,
    name: str = "neighbours",
) -> Score:
    """Return the accuracy on test rows of the label that most of the nearest training rows have
    (Euclid's distance; of labels that are equally frequent the first in sorted order), beside that
    of the commonest training label.

    Raises DataError where there are fewer training rows than neighbours.
    """
    if len(rows_ND) < neighbors:
        raise DataError(
            f"{len(rows_ND)} items have no {neighbors} nearest neighbours", "give more of them"
        )
    names, numbers_N = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    rows, right = np.asarray(rows_ND, dtype=np.float64), []
    squares_N = np.square(rows).sum(axis=1)
    step = max(1, _AT_ONCE // len(rows))
    for start in range(0, len(test_MD), step):
        some_MD = np.asarray(test_MD[start : start + step], dtype=np.float64)
        # each test row's own square is the same for all of its neighbours
        far_MN = squares_N - 2 * some_MD @ rows.T
        near_MK = np.argpartition(far_MN, neighbors - 1, axis=1)[:, :neighbors]
        for own_K, label in zip(near_MK, test_labels[start : start + step], strict=True):
            counts_C = np.bincount(numbers_N[own_K], minlength=len(names))
            right.append(names[counts_C.argmax()] == label)
    return replace(mean_score(name, right), baselines={"majority": majority(labels, test_labels)})
