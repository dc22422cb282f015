"""Probes of images by layer, beside scikit-learn on slowly read vectors, and where nothing is to be
read.

Letters: N images, D width, L patches.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sslplugins.probes.layers import Layers

from sslcli.api import DataError, Inputs, Items, Rng, neighbor_probe, untrained
from sslcli.conformance.subjects import tiny_frozen_model

GRID = tiny_frozen_model("encoder", "images").settings.grid
RNG = Rng(0, 0, "probe")


@dataclass(frozen=True)
class Known:
    """Images [N, L, F] and their labels: the first half to learn from."""

    rows: np.ndarray
    labels: list[str | None]

    def items(self, part):
        half = len(self.rows) // 2
        numbers = np.arange(half) if part == "train" else np.arange(half, len(self.rows))
        rows_of, label_of = self.rows.__getitem__, self.labels.__getitem__
        return Items(numbers, rows_of, label_of, f"the {part} part", GRID)


def known(count=300, seed=0, noise=0.5):
    """Dim, medium and bright images: a mean that pooling keeps."""
    random = np.random.default_rng(seed)
    classes_N = random.integers(0, 3, count)
    rows = random.normal(0, noise, (count, GRID.rows, GRID.features))
    rows[:, :, 0] += classes_N[:, None]
    return Known(rows.astype(np.float32), ["abc"[number] for number in classes_N])


def model_of(data):
    return replace(tiny_frozen_model("encoder", "images"), probe_data=data)


def read_slowly(model, rows):
    """[N, D] by layer, an image at a time."""
    found = []
    for rows_LF in rows:
        with torch.no_grad():
            hidden = model.backbone(Inputs.pack([rows_LF]), keep=range(model.depth + 1))
        found.append([hidden.kept[layer].mean(dim=0).numpy() for layer in range(model.depth + 1)])
    return [np.stack(own) for own in zip(*found, strict=True)]


def sides(rows, data):
    half = len(data.rows) // 2
    return rows[:half], data.labels[:half], rows[half:], data.labels[half:]


def logistic(rows, data):
    train, labels, test, asked = sides(rows, data)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, tol=1e-8, max_iter=5000))
    return np.mean(peer.fit(train, labels).predict(test) == np.asarray(asked))


def nearest(rows, data, count=5):
    train, labels, test, asked = sides(rows, data)
    peer = KNeighborsClassifier(count).fit(train, labels)
    return np.mean(peer.predict(test) == np.asarray(asked))


def test_every_figure_is_that_of_scikit_learn_on_slowly_read_means():
    data = known()
    model = model_of(data)
    report = Layers(Layers.Options()).run(model, RNG)
    (table,) = report.tables
    by_name = {row[0]: row for row in table.rows}
    pixels = data.rows.reshape(len(data.rows), -1)
    half, width = len(pixels) // 2, model.settings.width
    pca = PCA(min(width, pixels.shape[1]), svd_solver="full").fit(pixels[:half]).transform(pixels)
    expected = {"numbers of the items": pixels, f"PCA of {pca.shape[1]}": pca}
    expected |= dict(enumerate(read_slowly(model, data.rows)))
    assert list(by_name) == list(expected)
    one = 1.01 / half
    for name, rows in expected.items():
        assert by_name[name][1] == pytest.approx(logistic(rows, data), abs=one), name
        assert by_name[name][4] == pytest.approx(nearest(rows, data), abs=one), name
    fresh = untrained(model, RNG)
    for layer, rows in enumerate(read_slowly(fresh, data.rows)):
        assert by_name[layer][5] == pytest.approx(logistic(rows, data), abs=one)


def test_the_untrained_network_is_another_one_of_the_same_shape_and_always_the_same():
    model = tiny_frozen_model("encoder", "images")
    states = [untrained(model, rng).backbone.state_dict() for rng in (RNG, RNG, Rng(1, 0, "probe"))]
    own = model.backbone.state_dict()
    weight = "blocks.0.attention.output.weight"
    assert all(state.keys() == own.keys() for state in states)
    assert torch.equal(states[0][weight], states[1][weight])
    assert not torch.equal(states[0][weight], states[2][weight])
    assert not torch.equal(states[0][weight], own[weight])


def test_the_layer_is_chosen_without_the_test_and_stands_beside_what_needs_no_model():
    data = known(noise=2)
    model = model_of(data)
    report = Layers(Layers.Options()).run(model, RNG)
    linear, neighbors = report.scores
    half = len(data.rows) // 2
    train = Known(data.rows[:half], data.labels[:half])
    chosen = []
    for rows in read_slowly(model, train.rows):
        asks = np.arange(half) % 5 == 0
        order = np.concatenate([np.flatnonzero(~asks), np.flatnonzero(asks)])
        peer = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8, max_iter=5000))
        labels = np.asarray(train.labels)
        peer.fit(rows[order[: (~asks).sum()]], labels[~asks])
        chosen.append(np.mean(peer.predict(rows[asks]) == labels[asks]))
    best = int(np.argmax(chosen))
    assert linear.name == f"linear, layer {best}"
    assert neighbors.name == f"5 neighbours, layer {best}"
    for score in (linear, neighbors):
        assert {"majority", "numbers of the items", "untrained, same layer"} < set(score.baselines)
        assert score.count == half


def test_labels_that_nothing_tells_have_not_emerged():
    data = known()
    random = np.random.default_rng(1)
    report = Layers(Layers.Options()).run(
        model_of(replace(data, labels=random.choice(list("abc"), len(data.labels)).tolist())), RNG
    )
    assert report.notes[-1].startswith("not emerged")


@pytest.mark.parametrize(
    ("labels", "said"),
    [([None] * 300, "nothing in the train part has a label"), (["a"] * 300, "has the label 'a'")],
)
def test_items_without_labels_to_tell_apart_are_refused(labels, said):
    with pytest.raises(DataError, match=said):
        Layers(Layers.Options()).run(model_of(replace(known(), labels=labels)), RNG)


def test_some_items_are_spread_over_all_that_have_a_label():
    data = known()
    labels = [label if number % 3 else None for number, label in enumerate(data.labels)]
    report = Layers(Layers.Options(limit=60)).run(model_of(replace(data, labels=labels)), RNG)
    assert report.scores[0].count == 30
    assert report.notes[0].startswith("learnt from 60 items")


@pytest.mark.parametrize("count", [1, 3, 7])
def test_neighbours_are_those_of_scikit_learn(count):
    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(90, 5)), random.choice(list("pqr"), 90)
    test, asked = random.normal(size=(70, 5)), random.choice(list("pqr"), 70).tolist()
    peer = KNeighborsClassifier(count).fit(rows, labels)
    score = neighbor_probe(rows, labels.tolist(), test, asked, count)
    assert score.value == pytest.approx(np.mean(peer.predict(test) == np.asarray(asked)))
    with pytest.raises(DataError, match="no 91 nearest"):
        neighbor_probe(rows, labels.tolist(), test, asked, 91)
