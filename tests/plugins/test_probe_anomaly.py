"""The probe of anomalies: its scores against slow ones, its thresholds, and what it finds."""

import csv
import json

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sslplugins.probes.anomaly.labels import is_anomaly, normal_labels
from sslplugins.probes.anomaly.methods import Settings, of_model, without_model
from sslplugins.probes.anomaly.probe import Anomaly

from sslcli.api import DataError, Rng, UsageError, auroc, item_codes, reconstructed_items
from sslcli.cli.app import run
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.workflows.probe.frozen_model import load_frozen_model

LINE = [
    "pretrain", "--arch", "tiny", "--batch-size", "64", "--device", "cpu", "--no-plot", "-q",
    "--lr", "3e-3", "-s", "model.shape.width=32", "-s", "model.shape.heads=2",
    "-s", "data.held_out=0.2",
]  # fmt: skip


def rows(count, kinds, seed):
    """b is twice a, c its square; a swapped row breaks that, a far one is large, and both hide among
    what is normal column by column or not.
    """
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        a = random.normal()
        b, c, kind = 2 * a + random.normal(0, 0.05), a * a + random.normal(0, 0.05), "ok"
        if number < kinds:
            b, c, kind = [(-b, c, "swapped"), (b + 9, c - 9, "far")][number % 2]
        found.append([f"{a:.4f}", f"{b:.4f}", f"{c:.4f}", kind])
    return found


def written(path, found, header=("a", "b", "c", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *found])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anomalies")
    written(folder / "train.csv", rows(900, 0, 0))
    written(folder / "dev.csv", rows(400, 40, 1))
    written(folder / "mixed.csv", rows(900, 300, 2))
    bare = [row[:3] for row in rows(60, 5, 3)]
    written(folder / "bare.csv", bare, ("a", "b", "c"))
    written(folder / "half.csv", [*rows(30, 3, 4), ["1", "2", "1", ""]])
    random = np.random.default_rng(5)
    images = random.uniform(0, 0.2, (300, 8, 8)).astype(np.float32)
    labels = np.arange(300) % 3
    images[labels == 0, :, 2:4] = 1
    images[labels == 1, 2:4] = 1
    np.savez(folder / "images.npz", images=images, labels=labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        data = ["--data", "train.csv", "--max-steps", "300"]
        code = ["--objective", "autoencoder", "--code", "1"]
        assert run([*LINE, *code, *data, "--name", "auto"]) == 0
        mask = ["--objective", "mae", "--mask-ratio", "0.34"]
        assert run([*LINE, *mask, *data, "--name", "masked"]) == 0
        only = ["--data", "images.npz", "--only", "0", "--max-steps", "60", "--code", "4"]
        assert run([*LINE, *code[:2], *only, "--name", "stripes"]) == 0
    return folder


@pytest.fixture
def probed(folder, monkeypatch):
    monkeypatch.chdir(folder)
    cpu = choose_hardware(HardwareSettings(device="cpu"))

    def at(name, *given, **options):
        model = load_frozen_model(name, given, cpu)
        return model, Anomaly(Anomaly.Options(**options)).run(model, Rng(0, 0, "probe"))

    return at


def test_anomalies_are_found_by_what_the_columns_have_to_do_with_each_other(probed):
    _, report = probed("auto", "dev.csv")
    assert report.score("AUROC of error").value > 0.97
    assert report.score("found by error").value > 0.8
    assert report.score("AUROC of error").baselines["chance"] == 0.5
    assert report.score("average precision of error").baselines["chance"] == 0.1
    (kinds,) = [table for table in report.tables if "kind" in table.title]
    assert [row[:2] for row in kinds.rows] == [("far", 20), ("swapped", 20)]
    by_kind = dict(
        zip(kinds.columns[2:], np.asarray([row[2:] for row in kinds.rows]).T, strict=True)
    )
    far, swapped = by_kind["error"]
    assert far > 0.99
    assert swapped > 0.9
    assert "normal: ok; 40 of 400 items are anomalies (10.00%)" in report.notes[0]


def test_masked_columns_find_them_too(probed):
    _, report = probed("masked", "dev.csv")
    assert report.score("AUROC of masked").value > 0.95
    assert "AUROC of error" not in [score.name for score in report.scores]


def test_where_all_are_normal_the_alarms_are_counted_and_are_false(probed):
    model, report = probed("stripes", false_alarms=0.5)
    held_out = model.probe_data.items("held_out")
    assert set(held_out.labels) == {"0"}
    (score,) = report.scores
    assert score.name == "alarms by error"
    assert (score.count, score.value) == (len(held_out), pytest.approx(0.5, abs=0.1))
    assert "every alarm is false" in report.notes[-1]


def test_scores_are_those_of_slow_formulas(probed):
    model, report = probed("auto", "dev.csv")
    data = model.probe_data
    items, normal = data.items("held_out"), data.items("train")
    table = items.layout

    def errors_of(some):
        found = [np.square(made - whole) for whole, made in reconstructed_items(model, some)]
        return np.concatenate(found).reshape(len(some), -1)[:, table.places]

    usual = errors_of(normal).mean(axis=0)
    usual = np.maximum(usual, 0.01 * usual.mean())
    expected = (errors_of(items) / usual).mean(axis=1)
    (sheet,) = report.sheets
    assert sheet.columns[:2] == ["ID", "score"]
    assert [row[0] for row in sheet.rows] == list(range(400))
    np.testing.assert_allclose([row[1] for row in sheet.rows], expected, rtol=1e-4)
    wrong = np.asarray([label != "ok" for label in items.labels])
    assert report.score("AUROC of error").value == pytest.approx(auroc(expected, wrong))
    codes, own = item_codes(model, normal), item_codes(model, items)
    near = NearestNeighbors(n_neighbors=5).fit(codes).kneighbors(own)[0].mean(axis=1)
    latent = np.abs(own[:, 0] - codes.mean()) / codes.std()
    scores = np.asarray([row[1:] for row in sheet.rows])
    np.testing.assert_allclose(scores[:, sheet.columns.index("neighbors") - 1], near, rtol=1e-4)
    np.testing.assert_allclose(scores[:, sheet.columns.index("latent") - 1], latent, rtol=1e-3)


def test_thresholds_are_those_of_held_out_normal_items_alone(probed):
    model, report = probed("auto", "dev.csv", false_alarms=0.05)
    held_out = model.probe_data.items("own_held_out")
    settings = Settings(5, 4, Rng(0, 0, "probe"))
    methods = {
        each.name: each for each in of_model(model, model.probe_data.items("train"), settings)
    }
    scores = methods["error"].score(held_out)
    threshold = np.sort(scores)[::-1][int(0.05 * len(scores))]
    items = model.probe_data.items("held_out")
    wrong = np.asarray([label != "ok" for label in items.labels])
    found = (methods["error"].score(items)[wrong] > threshold).mean()
    assert report.score("found by error").value == pytest.approx(found)
    assert f"at most 0.05 of {len(held_out)} items held out" in report.notes[1]


def test_baselines_are_those_of_scikit_learn(probed):
    model, _ = probed("auto", "dev.csv")
    data = model.probe_data
    settings = Settings(5, 4, Rng(0, 0, "probe"))
    methods, components = without_model(data.items("train"), settings)

    def numbers(part):
        items = data.items(part)
        flat = np.stack([items.rows(number).ravel() for number in range(len(items))])
        return flat[:, items.layout.places]

    train, dev = numbers("train"), numbers("held_out")
    pca = PCA(0.95).fit(train)
    kept = pca.n_components_
    assert methods[0].name == f"PCA of {kept}"
    expected = np.square(dev - pca.inverse_transform(pca.transform(dev))).sum(axis=1)
    items = data.items("held_out")
    np.testing.assert_allclose(methods[0].score(items), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(components.by_count(items)[kept], expected, rtol=1e-4, atol=1e-6)
    near = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(dev)[0].mean(axis=1)
    np.testing.assert_allclose(methods[2].score(items), near, rtol=1e-5)


def test_without_labels_there_are_scores_alone(probed):
    _, report = probed("auto", "bare.csv")
    assert [score.name for score in report.scores] == ["alarms by error"]
    assert len(report.sheets[0].rows) == 60
    assert "no labels" in report.notes[-1]
    with pytest.raises(UsageError, match="--normal names labels, and the items have none"):
        probed("auto", "bare.csv", normal=["ok"])


def test_one_label_of_images_is_normal_where_a_model_was_trained_on_it_alone(probed):
    model, report = probed("stripes", "images.npz")
    assert set(model.probe_data.items("train").labels) == {"0"}
    assert report.notes[0].startswith("normal: 0; 200 of 300")
    assert report.score("AUROC of error").value > 0.95
    assert (
        probed("stripes", "images.npz", normal=["0", "1"])[1].notes[0].startswith("normal: 0, 1;")
    )


@pytest.mark.parametrize(
    ("asked", "labels", "trained", "expected"),
    [
        ([], ["ok", "bad"], ["ok"], ("ok",)),
        ([], ["cat", "dog"], ["dog", "dog"], ("dog",)),
        ([], ["0", "1"], [None], ("0",)),
        ([], ["0", "yes", "no"], [None], ("no",)),
        ([], ["0", "1", "2"], ["0", "1", "2"], ()),
        (["dog"], ["cat", "dog"], ["cat"], ("dog",)),
        (["bird"], ["cat", "dog"], ["cat"], "no item has the label 'bird'"),
        ([], ["cat", "dog"], ["cat", "dog"], ()),
        ([], ["cat"], ["cat"], ("cat",)),
    ],
)
def test_which_labels_are_normal(asked, labels, trained, expected):
    if isinstance(expected, tuple):
        assert normal_labels(asked, labels, trained) == expected
        return
    with pytest.raises(UsageError, match=expected) as raised:
        normal_labels(asked, labels, trained)
    assert raised.value.hint


def test_items_are_labelled_all_or_none(probed):
    with pytest.raises(DataError, match="item 2 has no label, and 1 have one"):
        is_anomaly(["ok", None], ["ok"], "dev.csv")
    with pytest.raises(DataError, match=r"half.csv: item 31 has no label"):
        probed("auto", "half.csv", normal=["ok"])


def test_the_command_writes_scores_by_id(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = ["probe", "anomaly", "--model", "auto", "--data", "dev.csv", "--device", "cpu"]
    assert run([*line, "--out", "out"]) == 0
    said = capsys.readouterr().out
    assert "isolation forest" in said
    with (folder / "out" / "scores-of-items.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["ID"] for row in found[:3]] == ["0", "1", "2"]
    assert {path.suffix for path in (folder / "out").iterdir()} == {".json", ".csv", ".png", ".svg"}
    assert run([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["scores"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "gone.csv"], "gone.csv"),
        (["--data", "images.npz"], "images.npz holds images, and the model reads tables"),
        (["--normal", "good"], "no item has the label 'good'"),
        (["--false-alarms", "2"], "--false-alarms"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(
    folder, monkeypatch, capsys, words, message
):
    monkeypatch.chdir(folder)
    data = [] if "--data" in words else ["--data", "dev.csv"]
    assert run(["probe", "anomaly", "--model", "auto", *data, *words, "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_only_is_for_what_has_labels(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = [*LINE, "--objective", "autoencoder", "--max-steps", "1", "--code", "2", "--only", "x"]
    assert run([*line, "--data", "bare.csv"]) == 2
    assert "has no label, and only x is wanted" in capsys.readouterr().err
    assert run([*line, "--data", "dev.csv"]) == 2
    assert "there is no row of x in dev.csv" in capsys.readouterr().err


def test_labels_that_do_not_say_what_is_normal_are_asked_about(probed, folder):
    named = [[*row[:3], {"ok": "a", "far": "b"}.get(row[3], "c")] for row in rows(60, 6, 6)]
    written(folder / "odd.csv", named)
    # the label that the model was trained on alone is none of them
    _, report = probed("auto", "odd.csv")
    assert report.notes[-1] == "which labels are normal? name them with --normal; there are a, b, c"
