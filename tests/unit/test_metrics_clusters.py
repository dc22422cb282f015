"""Agreement of clusters with labels, k-means and principal components against scikit-learn."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import normalized_mutual_info_score

from sslcli.api import (
    contingency,
    kmeans,
    nearest_centre,
    normalized_mutual_information,
    principal_components,
    purity,
)

random = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("clusters", "classes", "noise"), [(5, 3, 0.2), (3, 7, 0.9), (1, 4, 0), (4, 1, 0), (1, 1, 0)]
)
def test_agreement_is_that_of_scikit_learn(clusters, classes, noise):
    labels_N = random.integers(0, classes, 400)
    found_N = np.where(
        random.uniform(size=400) < noise, random.integers(0, clusters, 400), labels_N % clusters
    )
    table_KC = contingency(found_N, labels_N)
    slow = sum(
        max(((found_N == k) & (labels_N == c)).sum() for c in range(classes))
        for k in set(found_N.tolist())
    )
    assert purity(table_KC) == slow / 400
    expected = normalized_mutual_info_score(labels_N, found_N)
    assert normalized_mutual_information(table_KC) == pytest.approx(expected, abs=1e-12)


def test_centres_are_those_of_scikit_learn_and_the_nearest_is_taken():
    rows_NP = random.normal(size=(200, 5)) + random.integers(0, 3, (200, 1)) * 4
    centres_KP = kmeans(rows_NP, 3, seed=7, restarts=4)
    fitted = KMeans(3, n_init=4, random_state=7).fit(rows_NP)
    np.testing.assert_allclose(centres_KP, fitted.cluster_centers_)
    assert np.array_equal(nearest_centre(rows_NP, centres_KP), fitted.labels_)


@pytest.mark.parametrize("samples", [6, 40])
def test_directions_are_those_of_scikit_learn_but_for_their_sign(samples):
    rows_NP = random.normal(size=(samples, 10)) * np.linspace(1, 3, 10)
    centred_NP = rows_NP - rows_NP.mean(axis=0)
    found_KP = principal_components(centred_NP, 4)
    expected_KP = PCA(4, svd_solver="full").fit(rows_NP).components_
    np.testing.assert_allclose(np.abs((found_KP * expected_KP).sum(axis=1)), 1, atol=1e-9)
    assert len(principal_components(centred_NP, 99)) == min(10, samples - 1)
