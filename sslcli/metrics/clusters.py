"""What of rows is found without learning: clusters (k-means), how well these agree with labels, and
principal components.

Letters: N rows, P numbers of one, K clusters or components, C classes.
"""

import importlib

import numpy as np


def kmeans(rows_NP: np.ndarray, count: int, seed: int, restarts: int = 1) -> np.ndarray:
    """The centres [K, P] of scikit-learn's k-means; of several `restarts` the one of least error,
    which needs no labels.
    """
    cluster = importlib.import_module("sklearn.cluster")
    found = cluster.KMeans(count, n_init=restarts, random_state=seed).fit(rows_NP)
    return found.cluster_centers_


def nearest_centre(rows_NP: np.ndarray, centres_KP: np.ndarray) -> np.ndarray:
    """The place [N] of the nearest centre of each row; of equally near ones the first."""
    return (np.square(centres_KP).sum(axis=1) - 2 * rows_NP @ centres_KP.T).argmin(axis=1)


def contingency(clusters_N: np.ndarray, classes_N: np.ndarray) -> np.ndarray:
    """How many rows of each cluster are of each class, int64 [K, C]; both are counted from 0."""
    table_KC = np.zeros((clusters_N.max() + 1, classes_N.max() + 1), dtype=np.int64)
    np.add.at(table_KC, (clusters_N, classes_N), 1)
    return table_KC


def purity(table_KC: np.ndarray) -> float:
    """Share of the rows that are of the commonest class of their cluster; it grows with K."""
    return float(table_KC.max(axis=1).sum() / table_KC.sum())


def normalized_mutual_information(table_KC: np.ndarray) -> float:
    """Mutual information over the arithmetic mean of both entropies; 1 where both have one part."""
    joint_KC = table_KC / table_KC.sum()
    cluster_K, class_C = joint_KC.sum(axis=1), joint_KC.sum(axis=0)
    apart = entropy(cluster_K) + entropy(class_C)
    if apart == 0:
        return 1.0
    return float(max(0.0, 2 * (apart - entropy(joint_KC.ravel())) / apart))


def entropy(shares_V: np.ndarray) -> float:
    """In nats, of shares that add up to 1."""
    some = shares_V[shares_V > 0]
    return float(-(some * np.log(some)).sum())


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
