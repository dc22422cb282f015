"""How well sets of labels agree, where an example may have several or none. Letters: N examples, K labels, R resamples."""

from collections.abc import Collection, Sequence

import numpy as np

from sslcli.errors import DataError, did_you_mean
from sslcli.reports import Score
from sslcli.scoring.agreement import f1_of
from sslcli.scoring.figures import mean_score, sums_score


def multilabel_scores(gold: Sequence[Collection[str]], predicted: Sequence[Collection[str]], labels: Sequence[str]) -> Sequence[Score]:
    """Micro F1, macro F1 and exact match (the whole set is right); fractions.

    Macro F1 is the mean over all labels; one that is neither there nor given adds 0. Raises DataError for what is no label,
    or where there is no example; ValueError where an example has no prediction.
    """
    there, given = _indicators(gold, labels), _indicators(predicted, labels)
    if len(there) != len(given):
        raise ValueError(f"{len(there)} examples, {len(given)} predictions")
    counts = np.stack([there & given, given, there], axis=1)  # [N, 3, K]
    return [
        sums_score("micro f1", lambda sums: f1_of(*sums.T), counts.sum(axis=2)),
        sums_score(
            "macro f1",
            lambda sums: f1_of(*np.moveaxis(sums.reshape(len(sums), 3, -1), 1, 0)).mean(axis=-1),
            counts.reshape(len(counts), -1),
        ),
        mean_score("exact match", (there == given).all(axis=1)),
    ]


def _indicators(sets: Sequence[Collection[str]], labels: Sequence[str]) -> np.ndarray:
    """bool [N, K]."""
    if unknown := {label for own in sets for label in own} - set(labels):
        stranger = min(unknown)
        raise DataError(
            f"'{stranger}' is none of the {len(labels)} labels", did_you_mean(stranger, labels) or f"labels: {', '.join(labels)}"
        )
    return np.array([[label in own for label in labels] for own in sets], dtype=bool).reshape(len(sets), len(labels))
