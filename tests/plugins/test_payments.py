"""demo:payments: what is usual in it holds, what is wrong is wrong as its name says, and it is found."""

import json
from collections import Counter

import numpy as np
import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.payments import COUNTRIES, KINDS, RECORDS, SHOPS, TEST, TRAIN

from sslcli.api import DataError
from sslcli.cli.app import run


def columns_of(reference, **options):
    """By name the values of each column, categories by name, and the labels."""
    documents = list(DemoReader(DemoReader.Options(**options)).documents(reference))
    values = np.stack([each.array.astype(np.float64).sum(axis=1) for each in documents])
    found = {}
    for place, column in enumerate(documents[0].table.columns):
        found[column.name] = values[:, place]
        if column.kind == "category":
            names = np.asarray([*column.categories, None], dtype=object)
            found[column.name] = names[np.nan_to_num(values[:, place], nan=-1).astype(int)]
    return found, np.asarray([each.label for each in documents])


@pytest.fixture(scope="module")
def made():
    return columns_of(TRAIN)


def test_one_in_a_hundred_is_of_a_kind_that_is_known(made):
    _, labels = made
    counts = Counter(labels.tolist())
    assert len(labels) == RECORDS
    assert set(counts) == {"ok", *KINDS}
    assert 1 - counts["ok"] / RECORDS == pytest.approx(0.01, abs=0.002)
    assert min(counts[kind] for kind in KINDS) > 20


def test_what_is_usual_holds_for_what_is_not_wrong(made):
    columns, labels = made
    is_ok = labels == "ok"
    currency = {country: currency for country, (currency, _) in COUNTRIES.items()}
    expected = np.asarray([currency[country] for country in columns["country"]], dtype=object)
    assert (columns["currency"] == expected)[is_ok].all()
    assert (columns["currency"] != expected)[labels == "mismatch"].all()
    assert (columns["share_of_limit"][is_ok] <= 0.9 + 1e-9).all()
    assert (columns["share_of_limit"][labels == "split"] > 0.96).all()
    np.testing.assert_allclose(columns["share_of_limit"], columns["amount"] / columns["limit"])
    far = np.abs(np.log(columns["amount"]) - [SHOPS[shop][1] for shop in columns["shop"]])
    assert far[is_ok].mean() < 0.5 < 1.5 < far[labels == "swapped"].min()
    missing = np.isnan(columns["hour"])
    assert missing[labels == "broken"].all()
    assert not missing[is_ok].any()
    assert ((columns["device"] == None)[is_ok]).mean() == pytest.approx(0.02, abs=0.005)  # noqa: E711


def test_most_wrong_ones_are_strange_in_no_column_by_itself(made):
    columns, labels = made
    for kind in ("mismatch", "swapped"):
        for name in ("amount", "hour", "distance_km"):
            low, high = np.quantile(columns[name][labels == "ok"], [0.0005, 0.9995])
            inside = (columns[name] >= low) & (columns[name] <= high)
            assert inside[labels == kind].mean() > 0.9, (kind, name)


def test_the_parts_differ_and_the_seed_decides(made):
    columns, _ = made
    again, _ = columns_of(TRAIN)
    assert all(np.array_equal(columns[name], again[name]) or name == "device" for name in columns
               if columns[name].dtype == object or not np.isnan(columns[name]).any())  # fmt: skip
    assert not np.array_equal(columns["amount"], columns_of(TEST)[0]["amount"])
    assert not np.array_equal(columns["amount"], columns_of(TRAIN, seed=1)[0]["amount"])
    with pytest.raises(DataError) as raised:
        columns_of("demo:payment")
    assert "did you mean 'demo:payments'?" in raised.value.hint


def test_its_recipe_finds_what_a_forest_does_not(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = ["--data", TRAIN, "--device", "cpu", "--no-plot", "-q", "--max-steps", "250"]
    assert run(["pretrain", "--objective", "autoencoder", *line, "--name", "pay"]) == 0
    assert run(["pretrain", "--objective", "mlm", "--data", TRAIN]) == 2
    assert f"'mlm' reads text, and {TRAIN} holds tables" in capsys.readouterr().err
    assert run(["probe", "anomaly", "--data", TEST, "--device", "cpu", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["report"]["scores"]
    (error,) = [score for score in scores if score["name"] == "AUROC of error"]
    assert error["value"] > max(0.93, error["baselines"]["isolation forest"] + 0.05)
