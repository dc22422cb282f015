"""Shifts kept in a file and used again: the same numbers to the bit, and never on what they do not
fit.
"""

from dataclasses import replace

import pytest
import torch
import two_languages
from safetensors.torch import load_file, save_file
from two_languages import DEPTH, subject

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.linear_shift import LinearShift
from sslcli.data.rng import Rng
from sslcli.errors import DataError, UsageError
from sslcli.workflows.translate_shift.estimate import estimate
from sslcli.workflows.translate_shift.evaluation import evaluate_shift
from sslcli.workflows.translate_shift.settings import ShiftSettings
from sslcli.workflows.translate_shift.shift_files import (
    load_shift,
    pair_hashes,
    refuse_misfit,
    refuse_to_replace,
    save_shift,
)
from sslcli.workflows.translate_shift.translations import read_translations

SETTINGS = ShiftSettings(source="aa", target="bb", sentences=200, limit=20, random_vectors=3)


def shift(name="mean"):
    return registry.load("shifts", name)(Config())


def evaluated(of, name, fitted=None):
    found = read_translations((), of.probe_data, ("aa", "bb"), of.tokenizer)
    return evaluate_shift(shift(name), of, SETTINGS, found, Rng(0, 0, "test"), fitted)


@pytest.fixture
def kept(tmp_path):
    of, path = subject(), tmp_path / "aa-bb.safetensors"
    save_shift(path, "mean", {}, of, SETTINGS, estimate(shift(), of, SETTINGS, [0, DEPTH]), ())
    return path


@pytest.mark.parametrize("name", ["mean", "centred", "procrustes"])
def test_what_is_read_again_moves_to_the_bit_as_before(tmp_path, name):
    of = subject()
    first = evaluated(of, name)
    save_shift(tmp_path / "it", name, {}, of, SETTINGS, first.estimated, first.learning)
    loaded = load_shift(tmp_path / "it")
    x_ND = torch.randn(7, two_languages.WIDTH)
    assert list(loaded.shifts) == first.layers
    for layer, moved in loaded.shifts.items():
        assert torch.equal(moved(x_ND, 0.5), first.estimated.moves[layer](x_ND, 0.5))
    assert loaded.about.lengths == dict(first.estimated.lengths)
    again = evaluated(of, name, loaded.shifts)
    assert (
        again.words.by_cell[DEPTH, 1.0].ranks.accuracy[0].value
        == first.words.by_cell[DEPTH, 1.0].ranks.accuracy[0].value
    )
    assert {cell: score.value for cell, score in again.retrieval.items()} == {
        cell: score.value for cell, score in first.retrieval.items()
    }


def test_a_mean_that_stands_twice_in_a_shift_is_kept_twice(tmp_path):
    """A turn about one point, as a plugin may write it."""
    of = subject()
    mean_D, turn_DD = (
        torch.randn(two_languages.WIDTH),
        torch.randn(two_languages.WIDTH, two_languages.WIDTH),
    )
    found = LinearShift(mean_D, turn_DD, mean_D)
    estimated = replace(estimate(shift(), of, SETTINGS, [0, DEPTH]), moves={0: found, DEPTH: found})
    save_shift(tmp_path / "it", "mean", {}, of, SETTINGS, estimated, ())
    x_ND = torch.randn(7, two_languages.WIDTH)
    for loaded in load_shift(tmp_path / "it").shifts.values():
        assert torch.equal(loaded(x_ND, 0.5), found(x_ND, 0.5))


def test_what_could_not_be_read_again_is_not_kept(tmp_path):
    of = subject()
    found = LinearShift(torch.full((two_languages.WIDTH,), float("nan")))
    estimated = replace(estimate(shift(), of, SETTINGS, [0, DEPTH]), moves={0: found})
    with pytest.raises(DataError, match="at layer 0 holds a value that is no finite number"):
        save_shift(tmp_path / "it", "mean", {}, of, SETTINGS, estimated, ())
    assert not (tmp_path / "it").exists()


def test_pairs_that_it_was_fitted_on_are_known_again_and_no_others(tmp_path):
    of = subject()
    first = evaluated(of, "procrustes")
    assert first.learning
    save_shift(tmp_path / "it", "procrustes", {}, of, SETTINGS, first.estimated, first.learning)
    loaded = load_shift(tmp_path / "it")
    shouted = [(f"  {one.upper()} ", other) for one, other in first.learning]
    assert loaded.without_learnt(shouted) == []
    other = [("a1 a2", "b1 b2 b3"), *((second, first) for first, second in first.learning)]
    assert loaded.without_learnt(other) == other


def test_a_pair_is_not_taken_for_one_that_is_cut_elsewhere():
    assert (
        len(set(pair_hashes([("a b", "c"), ("a", "b c"), ("ab", "c"), ("c", "a b")]).tolist())) == 4
    )


def test_it_says_where_it_comes_from_and_that_other_weights_are_meant(kept):
    of = subject()
    loaded = load_shift(kept)
    (origin,) = loaded.notes(of)
    assert "--shift mean, estimated on 200 sentences of aa and 200 of bb" in origin
    with torch.no_grad():
        next(of.backbone.parameters()).add_(1e-3)
    assert "estimated with other weights" in loaded.notes(of)[1]


def test_layers_and_widths_that_it_does_not_have_are_refused(kept):
    of = subject()
    loaded = load_shift(kept)
    refuse_misfit(loaded, of, (0, DEPTH))
    with pytest.raises(UsageError, match="no shift at layer 1"):
        refuse_misfit(loaded, of, (1,))
    for about in ({"width": 16}, {}):
        shallow = replace(
            loaded,
            about=loaded.about.model_copy(update=about),
            shifts={DEPTH + 1: loaded.shifts[0]},
        )
        with pytest.raises(UsageError, match="moves"):
            refuse_misfit(shallow, of, ())


def _rewritten(path, change):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": "sslcli shift 1", "about": '{"width": 32}'})


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "cannot be read"),
        (lambda path: path.write_text("mean"), "cannot be read"),
        (lambda path: save_file({"x": torch.ones(1)}, path), "is no saved shift"),
        (
            lambda path: save_file({"x": torch.ones(1)}, path, {"format": "sslcli shift 1"}),
            "cannot be read",
        ),
        (lambda path: _rewritten(path, lambda tensors: tensors.clear()), "no shift of width 32"),
        (
            lambda path: _rewritten(
                path, lambda tensors: tensors.update({"layer.0.matrix": torch.ones(32, 32)})
            ),
            "come together",
        ),
        (
            lambda path: _rewritten(
                path, lambda tensors: tensors["layer.0.vector"].fill_(float("nan"))
            ),
            "is not finite",
        ),
        (
            lambda path: _rewritten(
                path, lambda tensors: tensors.update({"layer.x.vector": torch.ones(32)})
            ),
            "cannot be read",
        ),
    ],
)
def test_what_is_no_saved_shift_is_refused_and_never_written_over(kept, damage, says):
    damage(kept)
    before = kept.read_bytes()
    with pytest.raises(DataError, match=says) as caught:
        load_shift(kept)
    assert caught.value.hint
    with pytest.raises(UsageError, match="is no saved shift"):
        refuse_to_replace(kept)
    assert kept.read_bytes() == before


def test_a_saved_shift_and_an_empty_file_may_be_written_over(kept, tmp_path):
    of = subject()
    other = estimate(shift("centred"), of, SETTINGS, [DEPTH])
    (tmp_path / "empty").touch()
    for path in (kept, tmp_path / "empty", tmp_path / "new"):
        refuse_to_replace(path)
        save_shift(path, "centred", {}, of, SETTINGS, other, ())
        assert load_shift(path).about.shift == "centred"
