"""Labels of items, such as images, out of the means of their rows at every layer.

Beside them stand what needs no model: the numbers of the items, principal components of them, as
many as a hidden state has features, and the same network before it learns. The best layer is chosen
on a part of the training items, so that the test says nothing about the choice (Alain and Bengio
2016, arXiv 1610.01644; Wu et al. 2018, arXiv 1805.01978, for neighbours).

Letters: N items, D width, L rows of an item, F numbers of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sslcli.api import (
    DataError,
    FrozenModel,
    Items,
    Report,
    Rng,
    Score,
    Table,
    item_layers,
    linear_probe,
    neighbor_probe,
    principal_components,
    untrained,
)
from sslplugins.probes.bylayer.report import layer_plot, layer_table

NEIGHBOURS = 5
CHOOSES = 5  # of so many training items one chooses the layer
NUMBERS, UNTRAINED = "numbers of the items", "untrained, same layer"


@dataclass(frozen=True)
class Labelled:
    """Vectors [N, D] of items to learn from and to test with, and the labels of both."""

    train_ND: np.ndarray
    test_ND: np.ndarray
    labels: tuple[Sequence[str], Sequence[str]]

    def linear(self, name: str = "accuracy") -> Score:
        """Return the accuracy of a linear probe."""
        return linear_probe(self.train_ND, self.labels[0], self.test_ND, self.labels[1], name)

    def neighbors(self) -> Score:
        """Return the accuracy of the nearest neighbours."""
        own, asked = self.labels
        return neighbor_probe(self.train_ND, own, self.test_ND, asked, NEIGHBOURS)

    @property
    def choosing(self) -> "Labelled":
        """A part of the training items to test with, the others to learn from."""
        chosen_N = np.arange(len(self.train_ND)) % CHOOSES == 0
        own = np.asarray(self.labels[0])
        return Labelled(
            self.train_ND[~chosen_N],
            self.train_ND[chosen_N],
            (own[~chosen_N].tolist(), own[chosen_N].tolist()),
        )


def item_report(model: FrozenModel, limit: int, rng: Rng) -> Report:
    """Return probes of every layer. Raises DataError where items have no labels to tell apart."""
    train = _labelled(model.probe_data.items("train"), limit)
    test = _labelled(model.probe_data.items("held_out"), max(1, limit // 2))
    labels = list(map(str, train.labels)), list(map(str, test.labels))
    if len(set(labels[0])) < 2:
        raise DataError(
            f"every item of {train.name} has the label '{labels[0][0]}'",
            "there must be two at least to tell apart",
        )
    sides = zip(item_layers(model, train), item_layers(model, test), strict=True)
    layers = [Labelled(*side, labels) for side in sides]
    fresh = untrained(model, rng)
    sides = zip(item_layers(fresh, train), item_layers(fresh, test), strict=True)
    before = [Labelled(*side, labels) for side in sides]
    pixels = Labelled(_numbers(train), _numbers(test), labels)
    components = _components(pixels, layers[0].train_ND.shape[1])
    best = max(range(len(layers)), key=lambda layer: layers[layer].choosing.linear().value)
    bare = {NUMBERS: pixels, f"PCA of {components.train_ND.shape[1]}": components}
    return _report(model, layers, before, bare, best)


def _report(
    model: FrozenModel,
    layers: Sequence[Labelled],
    before: Sequence[Labelled],
    bare: dict[str, Labelled],
    best: int,
) -> Report:
    found, near = [each.linear() for each in layers], [each.neighbors() for each in layers]
    found_before = [each.linear() for each in before]
    near_before = before[best].neighbors()
    lines = {name: (each.linear(), each.neighbors()) for name, each in bare.items()}
    columns = {"linear": found, f"{NEIGHBOURS} neighbours": near, "linear, untrained": found_before}
    table = layer_table("labels by layer", columns)
    rows = [[name, line.value, *line.ends, own.value, ""] for name, (line, own) in lines.items()]
    beside = {name: line.value for name, (line, _) in lines.items()}
    beside_near = {name: own.value for name, (_, own) in lines.items()}
    linear = replace(
        found[best],
        name=f"linear, layer {best}",
        baselines={**found[best].baselines, **beside, UNTRAINED: found_before[best].value},
    )
    neighbors = replace(
        near[best],
        name=f"{NEIGHBOURS} neighbours, layer {best}",
        baselines={**near[best].baselines, **beside_near, UNTRAINED: near_before.value},
    )
    levels = {**beside, "majority": found[best].baselines["majority"]}
    return Report(
        title=f"labels: probes on every layer of {model.name}",
        scores=[linear, neighbors],
        tables=[Table(table.title, table.columns, [*rows, *table.rows])],
        plots=[layer_plot("labels by layer", "accuracy", columns, levels)],
        notes=[
            f"learnt from {len(layers[0].train_ND):,} items, a fifth of which chose the layer, and "
            f"tested on {linear.count:,} others; a vector is the mean of an item's rows",
            _reading(linear),
        ],
    )


def _reading(score: Score) -> str:
    """Against the best of what needs no training."""
    name, level = max(score.baselines.items(), key=lambda pair: pair[1])
    if score.ends[0] <= level:
        return f"not emerged: {score.value:.3f}, beside {level:.3f} without it ({name})"
    return f"{score.value:.3f}, which is {score.value - level:.3f} more than without it ({name})"


def _labelled(items: Items, limit: int) -> Items:
    """Those that have a label, evenly at most so many. Raises DataError where none has."""
    has_label_N = np.asarray([label is not None for label in items.labels], dtype=bool)
    if not has_label_N.any():
        raise DataError(
            f"nothing in {items.name} has a label",
            "give items in folders that are named after them, or an array of labels beside them",
        )
    return items.among(has_label_N).some(limit)


def _numbers(items: Items) -> np.ndarray:
    """[N, L * F]; of items of any length, such as recordings, the mean and the deviation of each
    number of a row, [N, 2 F].
    """
    found = [items.rows(item) for item in range(len(items))]
    if len({len(rows_LF) for rows_LF in found}) == 1:
        return np.stack([rows_LF.ravel() for rows_LF in found])
    return np.stack([np.concatenate([x_LF.mean(axis=0), x_LF.std(axis=0)]) for x_LF in found])


def _components(pixels: Labelled, count: int) -> Labelled:
    """Principal components of the training items, as many as there are at most."""
    mean_D = pixels.train_ND.mean(axis=0, dtype=np.float64)
    centred_ND = pixels.train_ND - mean_D
    directions_KD = principal_components(centred_ND, count)
    return replace(
        pixels,
        train_ND=centred_ND @ directions_KD.T,
        test_ND=(pixels.test_ND - mean_D) @ directions_KD.T,
    )
