"""Which labels mean that an item is normal."""

from collections.abc import Sequence

import numpy as np

from sslcli.api import DataError, UsageError, choices

NORMAL = ("normal", "false", "no", "n", "inlier", "good", "ok", "genuine", "legitimate", "benign",
          "negative", "-")  # fmt: skip
NORMAL_OF_TWO = "0"  # beside others than 1 it is one class of several


def normal_labels(
    asked: Sequence[str], labels: Sequence[str | None], trained: Sequence[str | None]
) -> tuple[str, ...]:
    """Those that are asked for; else the only one that the training data has;
    else one that says so by its name; none where none does. Raises UsageError for one that is asked
    for and is not there.
    """
    there = sorted({label for label in labels if label is not None})
    for each in asked:
        if each not in there:
            raise UsageError(
                f"no item has the label '{each}', which --normal names",
                choices(each, there[:20], "they have"),
            )
    if asked:
        return tuple(asked)
    own = {label for label in trained if label is not None}
    if len(own) == 1 and own <= set(there):
        return tuple(own)
    names = (*NORMAL, NORMAL_OF_TWO) if len({*there, NORMAL_OF_TWO}) <= 2 else NORMAL
    return tuple(label for label in there if label.lower() in names)[:1]


def is_anomaly(labels: Sequence[str | None], normal: Sequence[str], name: str) -> np.ndarray:
    """bool [N]. Raises DataError where some items have a label and others have none."""
    if gone := [place for place, label in enumerate(labels, 1) if label is None]:
        raise DataError(
            f"{name}: item {gone[0]:,} has no label, and {len(labels) - len(gone):,} have one",
            "give each a label, or none",
        )
    return np.asarray([label not in normal for label in labels])
