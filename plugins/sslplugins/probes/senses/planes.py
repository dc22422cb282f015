"""Projections of vectors onto a plane, and the distance of groups in all dimensions.

Letters: N points, D width.
"""

import importlib
from collections.abc import Sequence

import numpy as np

from sslcli.api import Rng, Score, cosines, mean_score

SEEDS = 2**31


def principal_plane(rows_ND: np.ndarray) -> tuple[np.ndarray, Sequence[float]]:
    """Project onto the first two principal components (Pearson 1901).

    Returns points [N, 2] and the share of the variance of each component.
    """
    pca = importlib.import_module("sklearn.decomposition").PCA(n_components=2, svd_solver="full")
    return pca.fit_transform(rows_ND.astype(np.float64)), pca.explained_variance_ratio_.tolist()


def neighbour_plane(rows_ND: np.ndarray, rng: Rng) -> np.ndarray:
    """Embed by t-SNE (van der Maaten and Hinton 2008), initialised with the principal plane: [N,
    2].

    Near points stay near; distances mean little.
    """
    perplexity = min(30.0, (len(rows_ND) - 1) / 3)
    seed = rng.sample(0).integer("t-SNE", SEEDS)
    # scikit-learn takes long to import, and few probes use it
    manifold = importlib.import_module("sklearn.manifold")
    return manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(
        rows_ND.astype(np.float64)
    )


def centred(rows_ND: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Subtract the mean of each group from its rows."""
    names = np.asarray(groups)
    rows = rows_ND.astype(np.float64)
    for name in set(groups):
        rows[names == name] -= rows[names == name].mean(axis=0)
    return rows


def alike_score(name: str, rows_ND: np.ndarray, groups: Sequence[str]) -> Score:
    """Compute the share of points whose nearest other point, by cosine, is of their own group.

    Baseline: the share that a random other point gives.
    """
    table_NN = cosines(rows_ND)
    np.fill_diagonal(table_NN, -np.inf)
    names = np.asarray(groups)
    score = mean_score(name, (names[table_NN.argmax(axis=1)] == names).astype(np.float64))
    counts = np.unique(names, return_counts=True)[1]
    chance = float((counts * (counts - 1)).sum() / (len(names) * (len(names) - 1)))
    return Score(
        score.name,
        score.value,
        count=score.count,
        interval=score.interval,
        baselines={"chance": chance},
    )
