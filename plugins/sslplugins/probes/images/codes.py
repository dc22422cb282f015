"""What the codes of a model stand for: the images that have them, and how well they agree with
labels that the model has not seen.

Purity grows with the number of codes; so k-means on pixels with as many clusters stands beside it,
and the same codes with shuffled labels. Normalised mutual information does not grow so.

Letters: N images, H and W pixels, C channels, G codes of an image, V values of a code.
"""

from collections.abc import Sequence

import numpy as np

from sslcli.api import (
    Config,
    Count,
    FrozenModel,
    Gallery,
    Items,
    Probe,
    Report,
    Rng,
    Score,
    Table,
    UsageError,
    contingency,
    decoded_ids,
    gallery,
    item_code_ids,
    item_images,
    kmeans,
    nearest_centre,
    normalized_mutual_information,
    purity,
    quantizer_of,
    setting,
)

MOST_CLUSTERED = 4_000  # training images that k-means is fitted on
MOST_CLUSTERS = 512
SEEDS = 3  # of k-means
MOST_TABLED = 64  # codes of an image


class Codes(Probe["Codes.Options"]):
    """Images of the commonest values of one code, and agreement of its values with labels."""

    class Options(Config):
        place: Count = setting(1, "which of an image's codes is looked at, counted from 1", gt=0)
        limit: Count = setting(5_000, "held-out images", gt=1)
        values: Count = setting(10, "values of the code that are drawn, the commonest first", gt=0)
        images: Count = setting(8, "images of each", gt=0, le=64)

    summary = "what codes stand for: images of each value, usage, purity against labels"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        sizes = list(quantizer_of(model).code_sizes)
        place = self.options.place - 1
        if place >= len(sizes):
            raise UsageError(
                f"there is no code {place + 1}: an image has {len(sizes)}",
                f"use --place 1 to {len(sizes)}",
            )
        items = model.probe_data.items("held_out").some(self.options.limit)
        images, ids_NG = item_images(items), item_code_ids(model, items)
        restored = np.clip(decoded_ids(model, ids_NG), 0, 1)
        scores, notes = _agreement(model, items, images, ids_NG[:, place], sizes[place], rng)
        return Report(
            title=f"code {place + 1} of {len(sizes)}, {sizes[place]:,} values, of {model.name}",
            scores=[*_usage(ids_NG, sizes, place), *scores],
            tables=[_table(ids_NG, sizes, items.labels)],
            galleries=[self._drawn(images, restored, ids_NG[:, place], place)],
            notes=notes,
        )

    def _drawn(
        self, images: np.ndarray, restored: np.ndarray, ids_N: np.ndarray, place: int
    ) -> Gallery:
        """Of each value the mean of what is restored of its images, then those nearest to it."""
        values, counts = np.unique(ids_N, return_counts=True)
        rows: dict[str, list[np.ndarray | None]] = {}
        for at in np.argsort(-counts, kind="stable")[: self.options.values]:
            own = np.flatnonzero(ids_N == values[at])
            middle = restored[own].mean(axis=0)
            apart = np.square(images[own] - middle).mean(axis=(1, 2, 3))
            nearest = own[np.argsort(apart, kind="stable")[: self.options.images]]
            missing = self.options.images - len(nearest)
            rows[f"value {values[at]}, {counts[at]:,} images"] = [
                middle, *images[nearest], *[None] * missing
            ]  # fmt: skip
        columns = ["mean", *map(str, range(1, self.options.images + 1))]
        return gallery(f"images by the value of code {place + 1}", rows, columns)


def _shares(ids_N: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(ids_N, minlength=size) / len(ids_N)


def _perplexity(shares_V: np.ndarray) -> float:
    some = shares_V[shares_V > 0]
    return float(np.exp(-(some * np.log(some)).sum()))


def _usage(ids_NG: np.ndarray, sizes: Sequence[int], place: int) -> list[Score]:
    """Of all codes of an image together, where they are of one codebook, and of the one."""
    found = []
    own = _shares(ids_NG[:, place], sizes[place])
    whole = _shares(ids_NG.ravel(), max(sizes))
    for name, shares_V, count, most in (
        ("all codes", whole, ids_NG.size, max(sizes)),
        (f"code {place + 1}", own, len(ids_NG), sizes[place]),
    ):
        most = min(most, count)  # of few images no more can be met
        found += [
            Score(
                f"usage, {name}", float((shares_V > 0).sum() / most), count=count,
                baselines={"one value": 1 / most},
            ),
            Score(
                f"perplexity, {name}", _perplexity(shares_V), count=count,
                baselines={"one value": 1.0, "all alike": float(most)},
            ),
        ]  # fmt: skip
    return found if len(sizes) > 1 else found[2:]


def _numbered(labels: Sequence[str | None]) -> np.ndarray:
    """int64 [N], by the order of the labels; -1 without one."""
    known = {label: number for number, label in enumerate(sorted({*labels} - {None}, key=str))}
    return np.asarray([known.get(label, -1) for label in labels], dtype=np.int64)


def _table(ids_NG: np.ndarray, sizes: Sequence[int], labels: Sequence[str | None]) -> Table:
    """Each code of an image: how its values are used, and how they agree with labels."""
    classes_N = _numbered(labels)
    labelled = bool((classes_N >= 0).all()) and len(set(classes_N.tolist())) > 1
    rows = []
    for place, size in list(enumerate(sizes))[:MOST_TABLED]:
        shares_V = _shares(ids_NG[:, place], size)
        row: list[str | int | float | None] = [
            place + 1,
            int((shares_V > 0).sum()),
            round(_perplexity(shares_V), 2),
            round(float(np.log2(_perplexity(shares_V))), 3),
        ]
        if labelled:
            table = contingency(ids_NG[:, place], classes_N)
            row += [round(purity(table), 3), round(normalized_mutual_information(table), 3)]
        rows.append(row)
    columns = ["code", "values met", "perplexity", "entropy, bits"]
    return Table("codes of an image", columns + ["purity", "NMI"] * labelled, rows)


def _agreement(
    model: FrozenModel,
    items: Items,
    images: np.ndarray,
    ids_N: np.ndarray,
    size: int,
    rng: Rng,
) -> tuple[list[Score], list[str]]:
    """Purity and NMI of the labelled images, beside k-means on pixels and shuffled labels."""
    classes_N = _numbered(items.labels)
    some = np.flatnonzero(classes_N >= 0)
    if len(set(classes_N[some].tolist())) < 2:
        return [], ["without labels of two kinds there is no purity; folders are labels of files"]
    classes, ids = classes_N[some], ids_N[some]
    rivals: dict[str, list[np.ndarray]] = {"shuffled labels": [contingency(ids, classes[
        np.argsort(rng.bits("labels", np.arange(len(some))), kind="stable")
    ])]}  # fmt: skip
    train = item_images(model.probe_data.items("train").some(MOST_CLUSTERED))
    notes = []
    if size <= min(len(train), MOST_CLUSTERS):
        train_NP, own_NP = (x.reshape(len(x), -1) for x in (train, images[some]))
        centres = [kmeans(train_NP, size, seed) for seed in range(SEEDS)]
        tables = [contingency(nearest_centre(own_NP, each), classes) for each in centres]
        rivals[f"k-means of {size} on pixels"] = tables
        spread = [purity(table) for table in tables]
        notes.append(
            f"k-means: the mean of {SEEDS} seeds, whose purity is {min(spread):.3f} to "
            f"{max(spread):.3f}, on {len(train):,} training images"
        )
    found = [
        Score(
            name,
            measure(contingency(ids, classes)),
            count=len(some),
            baselines={
                rival: float(np.mean([measure(table) for table in tables]))
                for rival, tables in rivals.items()
            },
        )
        for name, measure in (("purity", purity), ("NMI", normalized_mutual_information))
    ]
    best = max(found[1].baselines.values())
    if found[1].value <= best:
        notes.append(
            f"not emerged: as classes the values are no better than these, of NMI {best:.3f}"
        )
    return found, [*notes, "NMI is normalised by the arithmetic mean of both entropies"]
