"""Tables: what is read of them and as what, how they are scaled, and what is learnt of them."""

import csv
import gzip
import json

import numpy as np
import pytest
import torch
from sslplugins.readers.tables.reader import TableReader

from sslcli.api import DataError, Rng, Schema, TableColumn
from sslcli.cli.app import run
from sslcli.data.corpus import SPLIT_SEED
from sslcli.data.rng import mix, name_key, unit
from sslcli.data.table_rows import TableCoder, gathered, in_two_parts, in_words, learn_columns
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.workflows.probe.frozen_model import load_frozen_model

HEADER = ["id", "amount", "city", "flag", "empty", "big", "label"]


def records(count, seed=0):
    """A table of each kind of column, with missing values; `big` is beyond float32."""
    random = np.random.default_rng(seed)
    cities = np.asarray(["Rome", "Oslo", "Lima"])
    found = []
    for number in range(count):
        amount = f"{random.normal(50, 10):.3f}" if random.random() > 0.1 else "NA"
        city = cities[random.integers(3)] if random.random() > 0.1 else ""
        big = str(1_700_000_000 + int(random.integers(1000)))
        found.append([f"r{number}", amount, city, "1", "", big, str(number % 5 == 0)])
    return found


def written(path, rows, header=HEADER, separator=","):
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows([header, *rows])
    return path


def rows_of(path):
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path, known=None, **options):
    reader = TableReader(TableReader.Options(**options))
    if known is not None:
        reader = reader.as_in(known)
    return list(reader.documents(str(path)))


def values_of(document):
    """By name the number or the category of each column; None where it is missing."""
    found = {}
    numbers = document.array.astype(np.float64).sum(axis=1)
    for column, number in zip(document.table.columns, numbers, strict=True):
        is_named = column.kind == "category" and not np.isnan(number)
        found[column.name] = column.categories[int(number)] if is_named else number
        if np.isnan(number):
            found[column.name] = None
    return found


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv"])
def test_columns_are_told_by_their_names_and_values(name, tmp_path):
    rows = records(60)
    path = written(tmp_path / name, rows, separator="\t" if name == "a.tsv" else ",")
    found = read(path)
    table = found[0].table
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds == {"amount": "number", "city": "category", "flag": "number", "big": "number"}
    assert table.columns[1].categories == ("Lima", "Oslo", "Rome")
    assert table.label == "label"
    assert {name: why.split()[-1] for name, why in table.left_out} == {
        "id": "records", "empty": "empty"
    }  # fmt: skip
    assert "amount, flag, big as numbers; city as categories; label as the label" in table.said
    for document, row in zip(found, rows, strict=True):
        assert document.label == row[-1]
        said = values_of(document)
        assert said["amount"] == (None if row[1] == "NA" else pytest.approx(float(row[1]), 1e-12))
        assert said["city"] == (row[2] or None)
        assert said["big"] == int(row[5])  # which float32 alone would round to 128
    assert found[3].where.record == 5


def test_options_choose_columns(tmp_path):
    path = written(tmp_path / "a.csv", records(30))
    names = [column.name for column in read(path, leave_out=["city,flag"])[0].table.columns]
    assert names == ["amount", "big"]
    (document, *_) = read(path, columns=["id", "amount"], categories=["id"], label="city")
    assert [column.kind for column in document.table.columns] == ["category", "number"]
    assert len(document.table.columns[0].categories) == 30
    assert document.table.label == "city"
    assert read(path, label="none")[0].label is None
    with pytest.raises(DataError, match="has no column 'citty', which --leave-out names") as raised:
        read(path, leave_out=["citty"])
    assert "did you mean 'city'?" in raised.value.hint


def test_known_columns_are_found_by_name_in_any_order(tmp_path):
    rows = records(40)
    table = read(written(tmp_path / "a.csv", rows))[0].table
    turned = [[*row[::-1], "x"] for row in rows]
    other = written(tmp_path / "b.csv", turned, [*HEADER[::-1], "more"])
    for first, second in zip(read(tmp_path / "a.csv"), read(other, table), strict=True):
        assert values_of(first) == values_of(second)
        assert first.label == second.label
    assert ("more", "the model does not know it") in second.table.left_out
    few = written(tmp_path / "c.csv", [row[2:] for row in rows], HEADER[2:])
    with pytest.raises(DataError, match=r"c.csv lacks column 'amount', which the model reads"):
        read(few, table)


def slowly_scaled(values):
    there = values[~np.isnan(values)]
    quarter, middle, third = np.quantile(there, [0.25, 0.5, 0.75])
    scale = (third - quarter) / 1.349 if third > quarter else there.std()
    return np.clip((values - middle) / scale, -10, 10)


def test_scales_are_learnt_of_quartiles_and_tails_are_cut():
    random = np.random.default_rng(1)
    heavy = random.standard_cauchy(500)
    rare = np.where(random.random(500) < 0.05, random.normal(0, 100, 500), 3.0)
    holes = np.where(random.random(500) < 0.2, np.nan, random.normal(7, 2, 500))
    same, codes = np.full(500, 4.0), random.integers(0, 3, 500).astype(float)
    values = np.stack([heavy, rare, holes, same, codes], axis=1)
    columns = [TableColumn(name) for name in ("heavy", "rare", "holes", "same")]
    read_as = Schema(
        (*columns, TableColumn("codes", "category", categories=("x", "y", "z", "unused")))
    )
    raw = np.stack([in_two_parts(row) for row in values])
    learnt = learn_columns(read_as, iter(np.array_split(raw, 7)), 500)
    table = learnt.table
    assert [column.name for column in table.columns] == ["heavy", "rare", "holes", "codes"]
    assert learnt.notes == ["not read, because always the same: same"]
    assert table.columns[3].categories == ("x", "y", "z")
    slots = TableCoder.of(read_as, table, "it").slots(raw)
    for place, name in enumerate(("heavy", "rare", "holes")):
        expected = slowly_scaled(values[:, place])
        is_missing = np.isnan(expected)
        np.testing.assert_allclose(
            slots[~is_missing, 2 * place], expected[~is_missing], atol=1e-5, err_msg=name
        )
        assert np.array_equal(slots[:, 2 * place + 1], is_missing.astype(np.float32))
        assert (slots[is_missing, 2 * place] == 0).all()
    assert np.abs(slots[:, 0]).max() == 10
    assert np.array_equal(slots[:, 6:9], np.eye(3)[codes.astype(int)])


def test_what_was_never_seen_has_a_slot_of_its_own():
    table = Schema((TableColumn("city", "category", categories=("Oslo", "Rome")), TableColumn("x")))
    own = Schema((TableColumn("x"), TableColumn("city", "category", categories=("Lima", "Rome"))))
    raw = np.stack([in_two_parts(np.asarray(row)) for row in ([1.0, 0], [2.0, 1], [3.0, np.nan])])
    coder = TableCoder.of(own, table, "it")
    slots = coder.slots(raw)
    assert slots[:, :4].tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    rows = coder.rows(raw[0])
    assert rows.tolist() == [[0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    assert np.array_equal(gathered(table, rows[None])[0], slots[0])
    assert [in_words(table, each) for each in slots] == [
        ["(unseen)", "1"], ["Rome", "2"], ["missing", "3"]
    ]  # fmt: skip
    with pytest.raises(DataError, match="column 'x' of it is read as category"):
        TableCoder.of(Schema((*own.columns[1:], TableColumn("x", "category"))), table, "it")


def test_rare_categories_are_read_as_one_and_that_is_said():
    codes = np.concatenate([np.arange(100), np.arange(64), np.arange(64)]).astype(float)
    read_as = Schema((TableColumn("c", "category", categories=tuple(map(str, range(100)))),))
    raw = codes[:, None, None] * np.asarray([1.0, 0.0], dtype=np.float32)
    learnt = learn_columns(read_as, iter([raw.astype(np.float32)]), len(codes))
    assert learnt.table.columns[0].categories == tuple(map(str, range(64)))
    assert "has 100 categories: the 64 most frequent are told apart" in learnt.notes[0]
    assert "15.8% of its values" in learnt.notes[0]
    slots = TableCoder.of(read_as, learnt.table, "it").slots(raw.astype(np.float32))
    assert slots[:, 64].sum() == 36


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    random = np.random.default_rng(3)
    rows = []
    for number in range(800):
        a = random.normal()
        city = ["Rome", "Oslo", "Lima"][int(a > 0) + int(a > 1)]
        third = "" if random.random() < 0.1 else f"{a * a + random.normal(0, 0.1):.4f}"
        rows.append([number, f"{a * 100:.3f}", f"{a + random.normal(0, 0.1):.4f}", third, city])
    header = ["id", "a", "b", "c", "city"]
    written(folder / "train.csv", rows[:700], header)
    written(folder / "dev.csv", [[*row[::-1], "x"] for row in rows[700:]], [*header[::-1], "new"])
    (folder / "parts").mkdir()
    written(folder / "parts" / "1.csv", rows[:300], header)
    written(folder / "parts" / "2.csv", [row[::-1] for row in rows[300:700]], header[::-1])
    return folder


LINE = [
    "--arch", "tiny", "--batch-size", "64", "--device", "cpu", "--no-plot", "--lr", "3e-3",
    "-s", "model.shape.width=32", "-s", "model.shape.heads=2", "-s", "data.held_out=0.2",
]  # fmt: skip
AUTO = ["pretrain", "--objective", "autoencoder", "--code", "2", *LINE]


def test_scales_are_those_of_the_training_part_and_go_with_the_model(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([*AUTO, "--data", "train.csv", "--max-steps", "300", "--name", "auto"]) == 0
    said = "".join(capsys.readouterr())
    assert "a, b, c as numbers; city as categories; not id: by its name" in said
    frozen = load_frozen_model("auto", ["dev.csv"], choose_hardware(HardwareSettings(device="cpu")))
    columns = {column.name: column for column in frozen.settings.table.columns}
    held_out = unit(mix(SPLIT_SEED, name_key("held-out"), np.arange(700))) < 0.2
    amounts = np.asarray([float(row["a"]) for row in rows_of("train.csv")])
    assert columns["a"].centre == pytest.approx(np.median(amounts[~held_out]), rel=1e-6)
    assert columns["a"].centre != pytest.approx(np.median(amounts), rel=1e-9)
    items = frozen.probe_data.items("held_out")
    assert "column 'new' is not read, for the model does not know it" in items.notes[0]
    slots = gathered(items.layout, items.rows(5)[None])[0]
    row = rows_of("dev.csv")[5]
    assert slots[0] == pytest.approx((float(row["a"]) - columns["a"].centre) / columns["a"].scale)
    assert in_words(items.layout, slots)[3] == row["city"]
    lines = (folder / "runs" / "auto" / "metrics.jsonl").read_text().splitlines()
    reached = [line["loss"] for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    baselines = json.loads((folder / "runs" / "auto" / "run.json").read_text())["baselines"]
    losses = baselines["losses"]
    assert (
        reached < losses["PCA of 2"] < losses["mean of each column"] < losses["mean or most common"]
    )
    parts = [items.rows(number) for number in range(3)]
    raw = [frozen.probe_data.items("train").rows(number) for number in range(3)]
    assert {each.shape for each in (*parts, *raw)} == {(4, 11)}


def test_several_files_are_one_table_in_the_order_of_the_first(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for data in ("parts", "train.csv"):
        assert run([*AUTO, "--data", data, "--max-steps", "2", "--name", f"of-{data[:5]}"]) == 0
    cpu = choose_hardware(HardwareSettings(device="cpu"))
    ours, theirs = (load_frozen_model(name, (), cpu) for name in ("of-parts", "of-train"))
    assert ours.settings.table.columns == theirs.settings.table.columns
    for part in ("train", "held_out"):
        a, b = (model.probe_data.items(part) for model in (ours, theirs))
        assert all(np.array_equal(a.rows(number), b.rows(number)) for number in range(len(a)))


@pytest.mark.parametrize("objective", ["autoencoder", "mae"])
def test_a_batch_is_shown_in_words(objective, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    options = ["--code", "2"] if objective == "autoencoder" else ["--mask-ratio", "0.5"]
    line = ["pretrain", "--objective", objective, *options, *LINE, "--data", "train.csv"]
    assert run([*line, "--show-batch"]) == 0
    said = capsys.readouterr().out
    amounts = {f"{float(row['a']):.6g}" for row in rows_of("train.csv")}
    assert amounts & set(said.split())
    assert {"Rome", "Oslo", "Lima"} & set(said.split())
    if objective == "mae":
        assert "2 of 4 columns of each record are seen" in said
        assert "?" in said.split()


def test_mae_restores_columns_better_than_their_means(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    line = ["pretrain", "--objective", "mae", "--mask-ratio", "0.25", *LINE, "--data", "train.csv"]
    assert run([*line, "--eval-data", "dev.csv", "--max-steps", "400", "--name", "masked"]) == 0
    capsys.readouterr()
    facts = json.loads((folder / "runs" / "masked" / "run.json").read_text())
    lines = (folder / "runs" / "masked" / "metrics.jsonl").read_text().splitlines()
    reached = [line["loss"] for line in map(json.loads, lines) if line["split"] == "eval"][-1]
    assert reached < 0.6 * facts["baselines"]["losses"]["mean of each column"]


def test_a_table_is_trained_further_with_the_scales_that_it_has(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run([*AUTO, "--data", "train.csv", "--max-steps", "2", "--name", "first"]) == 0
    line = ["pretrain", "--objective", "autoencoder", "--code", "2", "--model", "first"]
    line += ["--device", "cpu", "--max-steps", "2", "--no-plot"]
    assert run([*line, "--data", "dev.csv", "--name", "second"]) == 0
    cpu = choose_hardware(HardwareSettings(device="cpu"))
    first, second = (
        load_frozen_model(name, (), cpu).settings.table for name in ("first", "second")
    )
    assert first == second
    written(folder / "few.csv", [["1", "2"]] * 30, ["a", "b"])
    capsys.readouterr()
    assert run([*line, "--data", "few.csv", "--name", "third"]) == 2
    assert "few.csv lacks columns 'c', 'city'" in capsys.readouterr().err


def test_the_loss_counts_no_missing_number(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert run([*AUTO, "--data", "train.csv", "--max-steps", "1", "--name", "one", "-q"]) == 0
    frozen = load_frozen_model("one", (), choose_hardware(HardwareSettings(device="cpu")))
    items = frozen.probe_data.items("train")
    (batch, *_) = items.batches(64)
    made = frozen.learnable.collate(batch, Rng(0, 0))
    missing = gathered(items.layout, batch.rows.reshape(64, 4, 11))[:, 5].sum()
    assert missing > 0
    assert made.counts["reconstruction"] == 64 * 11 - missing
    with torch.no_grad():
        loss = frozen.learnable(frozen.backbone, made).sums["reconstruction"].item()
        restored = frozen.learnable.restore(frozen.backbone, made)
    slow = 0.0
    for each in restored:
        right, told = (
            gathered(items.layout, rows[None])[0] for rows in (each.input, each.restored)
        )
        counts = np.ones(11, bool)
        counts[[0, 2, 4]] = right[[1, 3, 5]] == 0
        slow += ((told - right)[counts] ** 2).sum()
        assert each.error == pytest.approx(((told - right)[counts] ** 2).mean(), rel=1e-4)
    assert loss == pytest.approx(slow, rel=1e-4)


def test_a_record_without_any_value_is_one_too(tmp_path):
    rows = [["1", "x"], ["", ""], ["2.5", "7"], ["4", "x"], ["", "y"]]
    found = read(written(tmp_path / "a.csv", rows, ["a", "b"]))
    assert [values_of(each) for each in found] == [
        {"a": 1, "b": "x"}, {"a": None, "b": None}, {"a": 2.5, "b": "7"}, {"a": 4, "b": "x"},
        {"a": None, "b": "y"},
    ]  # fmt: skip
    assert found[0].table.columns[1].categories == ("7", "x", "y")


def test_records_are_classified_by_columns_that_are_found_by_name(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    header = ["a", "b", "c", "city", "label"]
    labelled = [
        [row["a"], row["b"], row["c"], row["city"], "high" if float(row["a"]) > 30 else "low"]
        for row in rows_of("train.csv")
    ]
    written(folder / "labelled.csv", labelled[:500], header)
    written(folder / "turned.csv", [row[::-1] for row in labelled[500:]], header[::-1])
    written(folder / "few.csv", [row[1:] for row in labelled[:50]], header[1:])
    assert run([*AUTO, "--data", "train.csv", "--max-steps", "30", "--name", "start", "-q"]) == 0
    line = ["finetune", "classify", "--model", "start", "--data", "labelled.csv", "--device", "cpu"]
    line += ["--max-steps", "80", "--batch-size", "32", "--no-plot", "-q", "--name", "sorted"]
    assert run(line) == 0
    capsys.readouterr()
    ask = ["evaluate", "classify", "--model", "sorted", "--device", "cpu"]
    assert run([*ask, "--data", "turned.csv", "--min", "accuracy=0.9"]) == 0
    assert run([*ask, "--data", "few.csv"]) == 2
    assert "few.csv lacks column 'a', which the model reads" in capsys.readouterr().err
