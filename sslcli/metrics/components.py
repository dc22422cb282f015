"""Principal components, without scikit-learn, which takes a second to import.

Letters: N samples, P numbers of one, K components.
"""

import numpy as np


def principal_components(centred_NP: np.ndarray, count: int) -> np.ndarray:
    """The first principal directions [K, P], at most as many as there are, of unit length; the
    samples are centred already.
    """
    samples, numbers = centred_NP.shape
    if numbers <= samples:
        return np.linalg.eigh(centred_NP.T @ centred_NP)[1][:, ::-1][:, :count].T
    values_N, vectors_NN = np.linalg.eigh(centred_NP @ centred_NP.T)
    count = min(count, int((values_N > 1e-9 * values_N[-1]).sum()))
    directions_KP = vectors_NN[:, ::-1][:, :count].T @ centred_NP
    return directions_KP / np.linalg.norm(directions_KP, axis=1, keepdims=True)
