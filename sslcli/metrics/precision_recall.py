"""Precision, recall and F1 (van Rijsbergen 1979) of counts, with 0 where there is nothing to divide
by.
"""

import numpy as np


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Elementwise, of shapes that fit one another; 0 where `whole` is 0."""
    part, whole = np.broadcast_arrays(
        np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    )
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)


def f1_of(hits: np.ndarray, predicted: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Twice the hits of what was predicted and what was there together: the harmonic mean of
    precision and recall.
    """
    return ratio(2 * np.asarray(hits, dtype=np.float64), np.asarray(predicted) + np.asarray(there))
