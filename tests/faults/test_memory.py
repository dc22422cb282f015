"""Out of memory: the batch is cut finer, the curve stays; what cannot be cut is said."""

import pytest
from harness import metrics
from poisons import OutOfMemoryAbove, inside

PLAIN = ["--set", "model.shape.dropout=0"]  # with dropout each micro-batch draws its own
MOST_DIFFERENCE = 1e-6


def losses(run):
    return [line["loss"] for line in metrics(run) if line["split"] in ("train", "eval")]


@pytest.fixture(scope="module")
def undisturbed(bench):
    run = bench.folder / "memory-whole"
    assert bench.here([*bench.words(run, max_steps=20), *PLAIN]).code == 0
    return losses(run)


@pytest.mark.parametrize("sequences", [5, 1])
def test_the_curve_stays_when_the_batch_is_cut(bench, undisturbed, sequences):
    run = bench.folder / f"memory-{sequences}"
    with inside(OutOfMemoryAbove(sequences)):
        ended = bench.here([*bench.words(run, max_steps=20), *PLAIN])
    assert ended.code == 0, ended.said
    assert "memory" in ended.said
    assert losses(run) == pytest.approx(undisturbed, abs=MOST_DIFFERENCE, rel=0)


@pytest.mark.parametrize(
    ("limit", "words"),
    [(OutOfMemoryAbove(0), "cannot be smaller"), (OutOfMemoryAbove(4, couples=True), "ties")],
)
def test_what_cannot_be_cut_is_said(bench, limit, words):
    run = bench.folder / f"memory-refused-{limit.sequences}"
    with inside(limit):
        ended = bench.here(bench.words(run, max_steps=20))
    assert ended.code == 1
    assert ended.is_clean, ended.said
    assert words in ended.said
