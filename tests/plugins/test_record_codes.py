"""Auto-encoders of records: what `vae` and `vq` make of tables against slow references, codes as
wide as a table allows, what of several ways is set in vain, and that they learn and make records.

Letters: N records, L columns, F numbers of a record, K numbers of a code.
"""

import csv
import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sslplugins.objectives.autoencoder import AutoEncoder
from sslplugins.objectives.distil_self import DistilSelf
from sslplugins.objectives.vae import VariationalAutoEncoder
from sslplugins.objectives.vq.objective import VectorQuantized
from torch.distributions import Normal, kl_divergence

from sslcli.api import Context, Rng, Schema, TableColumn, UsageError
from sslcli.cli.app import run
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import Sample, collate

TABLE = Schema(
    (
        TableColumn("a"), TableColumn("b", centre=5.0, scale=2.0), TableColumn("c"),
        TableColumn("city", "category", categories=("Oslo", "Rome")),
    )
)  # fmt: skip
SHAPE = TransformerSettings(
    row_features=TABLE.features, table=TABLE, width=16, depth=1, heads=2, feedforward_width=32,
    longest_tokens=TABLE.rows, norm_place="pre", initial_deviation=0.1,
)  # fmt: skip


def records(count, seed=0):
    """float32 [count, F]: a, b and c that hang together, one in five without b."""
    random = np.random.default_rng(seed)
    found = np.zeros((count, TABLE.features), dtype=np.float32)
    found[:, [0, 2, 4]] = random.normal(size=(count, 1)) + 0.3 * random.normal(size=(count, 3))
    missing = random.random(count) < 0.2
    found[missing, 2], found[missing, 3] = 0, 1
    found[np.arange(count), 6 + random.integers(0, 2, count)] = 1
    return found


def rows_of(found):
    """[N, L, F] of records [N, F]."""
    rows = np.zeros((len(found), TABLE.rows * TABLE.features), dtype=np.float32)
    rows[:, TABLE.places] = found
    return rows.reshape(len(found), TABLE.rows, TABLE.features)


def batch_of(found):
    return collate(list(range(len(found))), [Sample(rows=rows) for rows in rows_of(found)])


def begun(cls, found, **options):
    backbone = Transformer(SHAPE)
    objective = cls(cls.Options(**options), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(0), 0.1)
    batch = objective.collate(batch_of(found), Rng(0, 0))
    with torch.no_grad():
        objective.begin(backbone, lambda: batch)
    return backbone, objective, batch


def own(rows_TF):
    """[N, F] of rows of all records."""
    rows = torch.as_tensor(rows_TF).reshape(-1, TABLE.rows * TABLE.features)
    return rows[:, TABLE.places]


def test_the_bound_is_of_the_numbers_that_are_there():
    found = records(30)
    backbone, objective, batch = begun(VariationalAutoEncoder, found, code=3)
    with torch.no_grad():
        loss = objective(backbone, batch)
        mean, log_variance = objective.code_of(backbone, batch.inputs)
        code = Normal(mean, (log_variance / 2).exp())
        told = own(objective.decoded(mean + batch.noise_BK.float() * code.scale))
    deviation = (objective.log_variance_1 / 2).exp().item()
    nats = -Normal(told, deviation).log_prob(torch.from_numpy(found))
    there = torch.ones(30, TABLE.features)
    there[found[:, 3] == 1, 2] = 0
    divergence = kl_divergence(code, Normal(0.0, 1.0)).sum()
    expected = (nats * there).sum() + divergence
    torch.testing.assert_close(loss.sums["vae"], expected)
    assert float(loss.metrics["squared_error"].count) == there.sum()
    around = np.square(found - found.mean(axis=0)).mean()
    assert deviation**2 == pytest.approx(around, rel=1e-4)


def test_probabilistic_components_are_a_normal_density_of_what_is_there():
    """By scipy, with the rows and columns of missing numbers taken out of the covariance."""
    train, held_out = records(300, 1), records(40, 2)
    objective = begun(VariationalAutoEncoder, held_out, code=2)[1]
    batch = objective.collate(batch_of(held_out), Rng(0, 0))
    told = objective.baseline_losses(list(rows_of(train)), [batch])
    mean = train.mean(axis=0).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(train.T, bias=True))
    for name, axes in (("mean of each column", 0), ("probabilistic PCA of 2", 2)):
        rest = values[: len(values) - axes].mean()
        kept = vectors[:, len(values) - axes :]
        top = values[len(values) - axes :]
        covariance = kept @ np.diag(top - rest) @ kept.T + rest * np.eye(len(values))
        nats = []
        for record in held_out:
            there = np.ones(len(record), dtype=bool)
            there[2] = record[3] == 0
            normal = multivariate_normal(mean[there], covariance[np.ix_(there, there)])
            nats.append(-normal.logpdf(record[there]))
        assert told[name] == pytest.approx(np.mean(nats), rel=1e-3), name


@pytest.mark.parametrize("cls", [AutoEncoder, VectorQuantized])
def test_errors_and_baselines_are_of_the_numbers_that_are_there(cls):
    found = records(25)
    options = {"positions": 2, "codebook_size": 8} if cls is VectorQuantized else {"code": 2}
    backbone, objective, batch = begun(cls, found, **options)
    there = np.ones_like(found)
    there[found[:, 3] == 1, 2] = 0
    with torch.no_grad():
        restored = objective.restore(backbone, batch)
        loss = objective(backbone, batch)
    slow = [np.square(own(each.restored)[0].numpy() - record) for each, record in zip(
        restored, found, strict=True
    )]  # fmt: skip
    assert restored[3].error == pytest.approx((slow[3] * there[3]).sum() / there[3].sum(), rel=1e-4)
    name = next(iter(loss.sums))
    assert loss.sums[name].item() == pytest.approx((np.stack(slow) * there).sum(), rel=1e-4)
    assert batch.counts[name] == there.sum()
    train = records(200, 5)
    told = objective.baseline_losses(list(rows_of(train)), [batch])
    usual = train.mean(axis=0)
    usual[2] = train[train[:, 3] == 0, 2].mean()
    expected = (np.square(usual - found) * there).sum() / there.sum()
    assert told["mean of each column"] == pytest.approx(expected, rel=1e-4)
    assert told["PCA of 2"] < told["mean of each column"]


@pytest.mark.parametrize(
    ("cls", "name", "usual"),
    [(AutoEncoder, "code", 32), (VariationalAutoEncoder, "code", 16),
     (VectorQuantized, "positions", 32)],
)  # fmt: skip
def test_a_code_that_nobody_sized_is_as_wide_as_the_table_allows(cls, name, usual):
    objective = cls(cls.Options(), Context(SHAPE))
    assert getattr(objective.options, name) == TABLE.numbers // 4 == 2
    (said,) = objective.remarks_on(None, None)
    assert said == (
        f"a record has {TABLE.numbers} numbers, so --{name} is 2 where nothing is said, and not "
        f"{usual}"
    )
    asked = cls(cls.Options(**{name: 3}), Context(SHAPE))
    assert getattr(asked.options, name) == 3
    assert not list(asked.remarks_on(None, None))
    columns = tuple(TableColumn(f"{number}") for number in range(100))
    wide = Schema(columns)
    shape = SHAPE.model_copy(
        update={"table": wide, "row_features": wide.features, "longest_tokens": 100}
    )
    of_wide = cls(cls.Options(), Context(shape))
    assert getattr(of_wide.options, name) == usual
    assert not list(of_wide.remarks_on(None, None))


@pytest.mark.parametrize("cls", [AutoEncoder, VariationalAutoEncoder])
def test_a_code_as_large_as_a_record_is_refused(cls):
    with pytest.raises(UsageError, match="a code of 10 numbers leaves nothing to learn: a record"):
        cls(cls.Options(code=10), Context(SHAPE))


@pytest.mark.parametrize(("hide", "small", "counts"), [(0.4, 2, [2, 2, 1, 1]), (0.01, 0, [3, 3])])
def test_views_of_records_are_some_of_their_columns(hide, small, counts):
    objective = DistilSelf(DistilSelf.Options(hide=hide, small_views=small), Context(SHAPE))
    found = records(5)
    batch = objective.collate(batch_of(found), Rng(0, 0))
    assert list(batch.inputs.packing.lengths) == [count for count in counts for _ in range(5)]
    assert list(batch.seen.packing.lengths) == [counts[0]] * 10
    parts = zip(
        batch.inputs.ready_TF.split(batch.inputs.packing.lengths),
        batch.inputs.positions_T.split(batch.inputs.packing.lengths),
        strict=True,
    )
    for view, (shown, places) in enumerate(parts):
        assert len(set(places.tolist())) == len(places)
        assert np.array_equal(shown.numpy(), rows_of(found)[view % 5][places.numpy()])
    first = batch.seen.positions_T[: counts[0] * 5]
    assert not torch.equal(first, batch.seen.positions_T[counts[0] * 5 :])
    titles = objective.show(batch).tables[0].columns
    assert list(titles) == ["column", *(f"view {n}" for n in range(1, 3 + small))]


def test_a_table_of_one_column_has_no_views():
    table = Schema((TableColumn("a"),))
    shape = SHAPE.model_copy(update={"table": table, "row_features": 2, "longest_tokens": 1})
    with pytest.raises(UsageError, match="no table of several columns"):
        DistilSelf(DistilSelf.Options(), Context(shape))


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({}, {"levels"}),
        ({"codebook": "linear"}, {"levels", "decay", "fewest"}),
        ({"codes": "fsq"}, {"codebook_size", "codebook", "code_width", "decay", "fewest",
                            "commitment"}),
        ({"codes": "binary"}, {"codebook", "code_width", "decay", "fewest", "levels"}),
        ({"codes": "one-hot"}, {"codebook", "code_width", "decay", "fewest", "levels",
                                "commitment"}),
    ],
)  # fmt: skip
def test_what_other_codes_have_is_not_listed(options, idle):
    objective = VectorQuantized(VectorQuantized.Options(**options), Context(SHAPE))
    found = set(objective.idle_options())
    assert found - {"commitment"} == idle - {"commitment"}
    assert ("commitment" in found) == ("commitment" not in objective.quantizer.terms)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("records")
    random = np.random.default_rng(0)
    with open(place / "t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "city"])
        for _ in range(800):
            first, second = random.normal(size=2)
            cells = [first, second, first + second, first - second]
            noisy = [f"{cell + 0.05 * random.normal():.4f}" for cell in cells]
            noisy[1] = "" if random.random() < 0.1 else noisy[1]
            writer.writerow([*noisy, ["Oslo", "Rome"][int(first > 0)]])
    return place


LINE = (
    "pretrain --data t.csv --arch tiny --batch-size 64 --device cpu --no-plot --lr 3e-3 "
    "-s model.shape.width=32 -s model.shape.heads=2 -s data.held_out=0.1"
)


@pytest.mark.parametrize(
    ("objective", "flags"), [("vae", ["--code", "3"]), ("vq", ["--positions", "4"])]
)
def test_they_learn_of_records_more_than_what_is_usual(
    objective, flags, place, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    line = [*LINE.split(), "--objective", objective, *flags, "--max-steps", "150"]
    assert run([*line, "--name", objective]) == 0
    said = capsys.readouterr()
    assert "a record" in said.out
    facts = json.loads((place / "runs" / objective / "run.json").read_text())
    lines = (place / "runs" / objective / "metrics.jsonl").read_text().splitlines()
    last = [each for each in map(json.loads, lines) if each["split"] == "eval"][-1]
    assert last["loss"] < facts["baselines"]["losses"]["mean of each column"]


def test_records_are_made_and_stand_beside_the_nearest_training_records(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    line = [*LINE.split(), "--objective", "vae", "--max-steps", "120", "--name", "makes"]
    assert run(line) == 0
    assert "so --code is" in capsys.readouterr().err
    assert run(["generate", "--model", "makes", "--n", "7", "--out", "made"]) == 0
    out = capsys.readouterr().out
    assert "7 records made by makes" in out
    assert "distance to the nearest training record" in out
    made = list(csv.DictReader((place / "made" / "records-that-were-made.csv").open()))
    assert len(made) == 7
    train = list(csv.DictReader((place / "t.csv").open()))
    assert {each["city"] for each in made} <= {"Oslo", "Rome"}
    for name in "acd":
        usual = [float(each[name]) for each in train]
        bound = 4 * np.std(usual)
        assert all(math.isfinite(float(each[name])) for each in made)
        assert all(abs(float(each[name])) < bound for each in made)
    (place / "t.csv").rename(place / "away.csv")
    try:
        assert run(["generate", "--model", "makes", "--n", "7", "--out", "alone"]) == 0
    finally:
        (place / "away.csv").rename(place / "t.csv")
    assert "no file or folder t.csv: how near these are to" in capsys.readouterr().out
    alone = list(csv.DictReader((place / "alone" / "records-that-were-made.csv").open()))
    assert alone == [{key: each[key] for key in each if key != "distance"} for each in made]


def test_an_option_in_vain_is_remarked_on_and_a_header_has_at_most_100_columns(
    place, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    line = [*LINE.split(), "--objective", "vq", "--codes", "fsq", "--levels", "4,4"]
    assert run([*line, "--codebook-size", "64", "--max-steps", "1", "--name", "vain"]) == 0
    said = capsys.readouterr().err
    assert "vq: codebook_size is set, and the other options leave it without effect" in said
    (options,) = [each for each in said.splitlines() if each.lstrip().startswith("objective")]
    assert "levels [4, 4]" in options
    assert "codebook size" not in options
    header = said[: said.index("columns are read")].splitlines()[:-1]
    assert max(map(len, header)) <= 100, header
    assert any(each.startswith(" " * 12) for each in header)  # what goes on below itself
