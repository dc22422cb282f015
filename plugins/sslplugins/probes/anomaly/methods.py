"""Scores of how strange an item is, higher for stranger: by what a model makes of it, and by its
own numbers, without a model.

Each method is fitted on normal items alone and then scores any. scikit-learn is imported when one
is fitted that needs it.

Letters: N items, B of one batch, P numbers of an item, K numbers of a code.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sslcli.api import (
    Counting,
    Encodes,
    FrozenModel,
    Items,
    Restores,
    Rng,
    item_codes,
    part_with,
    principal_components,
    reconstructed_items,
    restored_items,
)

HIDDEN_OFTEN = 1_000  # items beyond which fewer passes tell the usual error of a hidden number
LEAST_SHARE = 0.01  # of the mean square of all numbers, that of one is taken to have at least
EXPLAINED = 0.95  # of the variance, by the components that are kept
WIDE = 2_048  # numbers of an item beyond which components are of fewer items
MOST_WIDE = 2_000
TREES = 200
Errors = Iterator[tuple[np.ndarray, np.ndarray]]  # squared errors and which of them count, [B, P]


@dataclass(frozen=True)
class Settings:
    """`neighbors` whose mean distance is a score; `passes` in which rows are hidden."""

    neighbors: int
    passes: int
    rng: Rng


@dataclass(frozen=True)
class Method:
    """`score` gives one number an item."""

    name: str
    summary: str
    score: Callable[[Items], np.ndarray]


def of_model(model: FrozenModel, normal: Items, settings: Settings) -> list[Method]:
    """The scores that the model can give, fitted on normal items."""
    found = []
    has_code = part_with(model, Encodes) is not None
    if has_code:
        usual = _usual(_reconstruction_errors(model, normal))
        errors = _Standardised(lambda items: _reconstruction_errors(model, items), usual)
        found.append(Method("error", "of the reconstruction from the code", errors))
    if _hides_rows(model, normal, settings):
        fewer = -(-settings.passes * HIDDEN_OFTEN // max(len(normal), HIDDEN_OFTEN))
        usual = _usual(_masked_errors(model, normal, settings, fewer))
        masked = _Standardised(
            lambda items: _masked_errors(model, items, settings, settings.passes), usual
        )
        found.append(Method("masked", f"error of hidden rows, {settings.passes} times", masked))
    codes = _Codes(model)
    codes_NK = codes(normal)
    what = "its code" if has_code else "its mean hidden state"
    spread = _Spread(codes_NK)
    found.append(
        Method(
            "latent",
            f"Mahalanobis distance of {what}, shrunk",
            lambda items: spread(codes(items)),
        )
    )
    near = _Neighbors(codes_NK, settings.neighbors)
    found.append(
        Method(
            "neighbors",
            f"mean distance of {what} to the nearest {settings.neighbors}",
            lambda items: near(codes(items)),
        )
    )
    return found


def without_model(normal: Items, settings: Settings) -> tuple[list[Method], "Components"]:
    """What needs no model: on the numbers of the items themselves."""
    numbers_NP = _numbers(normal)
    components = Components(numbers_NP)
    near, forest = _Neighbors(numbers_NP, settings.neighbors), _Forest(numbers_NP, settings.rng)
    found = {
        f"PCA of {components.kept}": (
            f"error of the components that explain {EXPLAINED:.0%} of the variance",
            components,
        ),
        "isolation forest": (f"of {TREES} trees, on the numbers", forest),
        "nearest neighbors": (f"mean distance to the nearest {settings.neighbors}", near),
    }
    return [
        Method(name, summary, _by_batch(score)) for name, (summary, score) in found.items()
    ], components


def _by_batch(score: Callable[[np.ndarray], np.ndarray]) -> Callable[[Items], np.ndarray]:
    return lambda items: np.concatenate([score(each) for each in _batches(items)])


def _batches(items: Items) -> Iterator[np.ndarray]:
    """float32 [B, P], the own numbers of each item."""
    assert items.layout is not None, "images and tables have a layout"
    own_LF = Counting(items.layout).own_LF
    for batch in items.batches(1_024):
        yield batch.values.reshape(len(batch), *own_LF.shape)[:, own_LF]


def _numbers(items: Items) -> np.ndarray:
    return np.concatenate(list(_batches(items)))


class _Standardised:
    """The mean over an item's numbers of the squared error of each, in that which normal items have
    there.
    """

    def __init__(self, errors_of: Callable[[Items], Errors], usual_P: np.ndarray) -> None:
        self.errors_of, self.usual_P = errors_of, usual_P

    def __call__(self, items: Items) -> np.ndarray:
        found = [
            (errors_BP * counted_BP / self.usual_P).sum(axis=1)
            / np.maximum(counted_BP.sum(axis=1), 1)
            for errors_BP, counted_BP in self.errors_of(items)
        ]
        return np.concatenate(found)


def _usual(errors: Errors) -> np.ndarray:
    """float64 [P]: the mean error of each number, and no less than LEAST_SHARE of the mean of
    all.
    """
    total_P, count_P = 0.0, 0.0
    for errors_BP, counted_BP in errors:
        total_P = total_P + (errors_BP * counted_BP).sum(axis=0, dtype=np.float64)
        count_P = count_P + counted_BP.sum(axis=0, dtype=np.float64)
    usual_P = np.asarray(total_P / np.maximum(count_P, 1))
    return np.maximum(usual_P, LEAST_SHARE * np.mean(usual_P) + 1e-12)


def _reconstruction_errors(model: FrozenModel, items: Items) -> Errors:
    assert items.layout is not None, "images and tables have a layout"
    counting = Counting(items.layout)
    for whole_BLF, made_BLF in reconstructed_items(model, items):
        counted_BLF = counting(whole_BLF.reshape(-1, whole_BLF.shape[2])).reshape(whole_BLF.shape)
        own_LF = counting.own_LF
        yield np.square(made_BLF - whole_BLF)[:, own_LF], counted_BLF[:, own_LF]


def _hides_rows(model: FrozenModel, items: Items, settings: Settings) -> bool:
    """Whether the objective hides rows and restores them, in a first item."""
    if part_with(model, Restores) is None:
        return False
    (first,) = restored_items(model, items.some(1), settings.rng)
    return first.hidden is not None


def _masked_errors(model: FrozenModel, items: Items, settings: Settings, passes: int) -> Errors:
    """Of each number the mean error of the passes in which it was hidden."""
    assert items.layout is not None, "images and tables have a layout"
    counting, size = Counting(items.layout), 1_024
    for start in range(0, len(items), size):
        some = items.among(np.arange(start, min(start + size, len(items)))).in_memory()
        shape = (len(some), *counting.own_LF.shape)
        totals_BLF, counts_BLF = np.zeros(shape), np.zeros(shape)
        for number in range(passes):
            found = list(restored_items(model, some, settings.rng.of(f"pass {number}")))
            whole_BLF, made_BLF = (
                np.stack([getattr(each, name) for each in found]) for name in ("input", "restored")
            )
            counted_BLF = counting(whole_BLF.reshape(-1, whole_BLF.shape[2])).reshape(
                whole_BLF.shape
            )
            hidden_BL = np.stack([np.asarray(each.hidden) for each in found])
            counted_BLF &= hidden_BL[:, :, None]
            totals_BLF += np.square(made_BLF - whole_BLF) * counted_BLF
            counts_BLF += counted_BLF
        errors_BLF = totals_BLF / np.maximum(counts_BLF, 1)
        own_LF = counting.own_LF
        yield errors_BLF[:, own_LF], (counts_BLF > 0)[:, own_LF]


class _Codes:
    """The codes of items [N, K], of the last ones that were asked for still known: several scores
    are made of them.
    """

    def __init__(self, model: FrozenModel) -> None:
        self.model = model
        self.known: tuple[Items, np.ndarray] | None = None

    def __call__(self, items: Items) -> np.ndarray:
        if self.known is None or self.known[0] is not items:
            self.known = items, item_codes(self.model, items)
        return self.known[1]


class _Spread:
    """Mahalanobis distance to the mean, by the covariance shrunk as in Ledoit and Wolf 2004."""

    def __init__(self, rows_NK: np.ndarray) -> None:
        covariance: Any = importlib.import_module("sklearn.covariance").LedoitWolf()
        rows_NK = rows_NK.astype(np.float64)
        self.mean_K = rows_NK.mean(axis=0)
        spread_KK = covariance.fit(rows_NK).covariance_
        least = 1e-9 * max(float(np.trace(spread_KK)), 1e-30)
        self.inverse_KK = np.linalg.inv(spread_KK + least * np.eye(len(spread_KK)))

    def __call__(self, rows_NK: np.ndarray) -> np.ndarray:
        centred_NK = rows_NK - self.mean_K
        return np.sqrt(np.einsum("nk,kl,nl->n", centred_NK, self.inverse_KK, centred_NK))


class _Neighbors:
    """Mean distance to the nearest normal rows."""

    def __init__(self, rows_NK: np.ndarray, neighbors: int) -> None:
        library: Any = importlib.import_module("sklearn.neighbors")
        count = min(neighbors, len(rows_NK))
        self.near = library.NearestNeighbors(n_neighbors=count).fit(rows_NK)

    def __call__(self, rows_NK: np.ndarray) -> np.ndarray:
        return self.near.kneighbors(rows_NK)[0].mean(axis=1)


class _Forest:
    """Isolation forest (Liu, Ting and Zhou 2008), whose sign is turned: higher is stranger."""

    def __init__(self, rows_NP: np.ndarray, rng: Rng) -> None:
        seed = int(rng.bits("forest", np.asarray([0]))[0] >> np.uint64(33))
        library: Any = importlib.import_module("sklearn.ensemble")
        self.forest = library.IsolationForest(n_estimators=TREES, random_state=seed).fit(rows_NP)

    def __call__(self, rows_NP: np.ndarray) -> np.ndarray:
        return -self.forest.score_samples(rows_NP)


class Components:
    """Squared error of the principal components that are kept: the fewest that explain EXPLAINED of
    the variance. No anomaly has a say in how many.
    """

    def __init__(self, rows_NP: np.ndarray) -> None:
        if rows_NP.shape[1] > WIDE:
            rows_NP = rows_NP[np.linspace(0, len(rows_NP) - 1, MOST_WIDE).astype(int)]
        rows_NP = rows_NP.astype(np.float64)
        self.mean_P = rows_NP.mean(axis=0)
        centred_NP = rows_NP - self.mean_P
        self.axes_KP = principal_components(centred_NP, min(rows_NP.shape))
        explained_K = np.square(centred_NP @ self.axes_KP.T).sum(axis=0)
        total = max(float(np.square(centred_NP).sum()), 1e-30)
        shares_K = np.cumsum(explained_K) / total
        self.kept = int(np.searchsorted(shares_K, EXPLAINED)) + 1
        self.kept = min(self.kept, len(self.axes_KP))
        self.axes_KP = self.axes_KP[: max(self.kept, int((explained_K > 1e-9 * total).sum()))]

    def errors(self, rows_NP: np.ndarray) -> np.ndarray:
        """float64 [N, K]: by the first component, by the first two, and so on."""
        centred_NP = rows_NP.astype(np.float64) - self.mean_P
        squares_NK = np.square(centred_NP @ self.axes_KP.T)
        left_NK = np.square(centred_NP).sum(axis=1, keepdims=True) - np.cumsum(squares_NK, axis=1)
        return np.maximum(left_NK, 0)

    def __call__(self, rows_NP: np.ndarray) -> np.ndarray:
        return self.errors(rows_NP)[:, self.kept - 1]

    def by_count(self, items: Items) -> Mapping[int, np.ndarray]:
        """The errors of several numbers of components, for their curve."""
        counts = np.arange(1, len(self.axes_KP) + 1)
        if len(counts) > 32:
            counts = np.unique(np.geomspace(1, len(counts), 24).round().astype(int))
        found = [self.errors(each)[:, counts - 1] for each in _batches(items)]
        return dict(zip(counts.tolist(), np.concatenate(found).T, strict=True))
