"""Objectives joined with "+" hold to what single ones do, and each part sees what it would see
alone.
"""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch
from codebook import Codebook
from teacher import Student
from two_views import TwoViews

from sslcli import registry
from sslcli.api import Rng, UsageError
from sslcli.engine.composite import Composite, build_objective, unit_of, without_copies
from sslcli.reports import Matrix, Plot, Report, Scatter
from sslcli.testing import CHECKS, Bench, check_one, tiny_context

PAIRS = [("mlm", "nsp"), ("mlm", "sop"), ("nsp", "mlm")]
RIVALS = {"two-views": TwoViews, "student": Student, "codebook": Codebook}
WITH_PASSES_OF_THEIR_OWN = [("student", "mlm"), ("two-views", "codebook")]


def class_of(name):
    return RIVALS.get(name) or registry.load("objectives", name)


@cache
def joined(*names):
    """A class of the usual shape for a Composite of these parts with their default options."""
    classes = {name: class_of(name) for name in names}

    class Joined(Composite):
        architectures = frozenset({"encoder"})
        special_tokens = frozenset().union(*(cls.special_tokens for cls in classes.values()))

        def __init__(self, options, context):
            super().__init__(
                classes, {name: cls.Options() for name, cls in classes.items()}, context
            )

    return Joined


@pytest.mark.parametrize("check", [check for check in CHECKS if check != "imports"])
@pytest.mark.parametrize("names", [*PAIRS, *WITH_PASSES_OF_THEIR_OWN], ids="+".join)
def test_joined_objectives_conform(names, check):
    check_one(joined(*names), check)


@pytest.mark.parametrize("names", PAIRS, ids="+".join)
def test_each_term_is_that_of_its_part_alone(names):
    """The corrupter's inputs are what the backbone reads; each part's loss is its own reading of
    them.
    """
    bench = Bench.of(joined(*names), None, "encoder")
    learner, batch = bench.learner(), bench.collate(range(6))
    loss = learner(batch)
    hidden = learner.backbone(batch.inputs)
    whole = learner.backbone(replace(batch.parts["mlm"].inputs, reads=None))
    for name, part in learner.learnable.parts.items():
        own = part.read(hidden, batch.parts[name], learner.backbone)
        assert loss.sums[name].item() == own.sums[name].item()
        of_all_rows = part.read(whole, batch.parts[name], learner.backbone)
        assert own.sums[name].item() == pytest.approx(of_all_rows.sums[name].item(), rel=1e-5)
        assert f"{name}.accuracy" in loss.metrics
        assert batch.counts[name] == batch.parts[name].counts[name]


@pytest.mark.parametrize("names", WITH_PASSES_OF_THEIR_OWN, ids="+".join)
def test_a_part_with_passes_of_its_own_has_the_loss_that_it_has_alone(names):
    bench = Bench.of(joined(*names), None, "encoder")
    learner, batch = bench.learner(), bench.collate(range(6), progress=0.5)
    loss = learner(batch)
    for name, part in learner.learnable.parts.items():
        own = part(learner.backbone, batch.parts[name])
        assert batch.parts[name].progress == 0.5
        for term, value in own.sums.items():
            whole = term if term == name else f"{name}.{term}"
            assert loss.sums[whole].item() == value.item()
            assert batch.counts[whole] == batch.parts[name].counts[term]


def test_each_part_says_the_unit_of_its_own_losses():
    class Measured(registry.load("objectives", "nsp")):
        loss_unit = "squared error"

    classes = {"mlm": registry.load("objectives", "mlm"), "measured": Measured}
    both = build_objective(
        classes, {name: cls.Options() for name, cls in classes.items()}, tiny_context()
    )
    assert (both.loss_unit, unit_of(both, "mlm"), unit_of(both, "measured.nsp")) == (
        "",
        "nats",
        "squared error",
    )
    assert unit_of(both.parts["mlm"], "mlm") == "nats"


def test_no_part_is_kept_twice_and_what_was_kept_twice_is_read():
    classes = {name: registry.load("objectives", name) for name in ("mlm", "nsp")}
    both = build_objective(
        classes, {name: cls.Options() for name, cls in classes.items()}, tiny_context()
    )
    state = both.state_dict()
    assert {name.split(".")[0] for name in state} == {"parts"}
    copies = {
        name.replace("parts.nsp.", "arranger."): value
        for name, value in state.items()
        if name.startswith("parts.nsp.")
    }
    assert copies
    assert without_copies({**state, **copies}).keys() == state.keys()


def test_a_part_has_the_followers_the_state_and_the_beginning_that_it_has_alone():
    """Under the names that the whole has for them."""
    learner = Bench.of(joined("student", "mlm"), None, "encoder").learner()
    student = learner.learnable.parts["student"]
    assert {leader for leader, _ in learner.leaders.values()} == {
        f"backbone.{name}" for name, _ in student.teacher.named_parameters()
    }
    assert all(name.startswith("learnable.parts.student.teacher.") for name in learner.leaders)
    bench = Bench.of(joined("two-views", "codebook"), None, "encoder")
    began, batch = bench.fresh(), bench.collate(range(8))
    part, model_batch = began.learnable.parts["codebook"], batch.parts["codebook"]
    part.begin(began.backbone.eval(), lambda: model_batch)
    expected = part.sums_KD.clone()
    part.sums_KD.zero_()
    began.begin(lambda: batch)
    assert torch.equal(part.sums_KD, expected)
    assert expected.abs().sum() > 0
    began.after_step(
        {"codebook.rows": torch.ones(8), "codebook.sums": expected, "codebook.fresh": expected[:0]},
        Rng(0, 0),
    )
    torch.testing.assert_close(part.sums_KD, expected)


def test_masks_of_joined_objectives_spare_the_separators():
    bench = Bench.of(joined("mlm", "nsp"), None, "encoder")
    batch, model_batch = bench.batch(range(8)), bench.collate(range(8))
    specials = bench.context.tokenizer.specials[batch.tokens]
    assert (model_batch.inputs.tokens_T.numpy()[specials] == batch.tokens[specials]).all()
    assert torch.equal(model_batch.inputs.segments_T, torch.from_numpy(batch.segments))


def test_parts_draw_apart():
    """The strangers that nsp draws do not depend on what stands beside it."""
    alone, together = (
        Bench.of(registry.load("objectives", "nsp"), None, "encoder"),
        Bench.of(joined("mlm", "nsp"), None, "encoder"),
    )
    assert np.array_equal(alone.batch(range(8)).tokens, together.batch(range(8)).tokens)
    masks = (
        together.collator()
        .parts["mlm"]
        .collate(together.batch(range(8)), Rng(0, 0).of("mlm"))
        .places_N
    )
    assert torch.equal(together.collate(range(8)).parts["mlm"].places_N, masks)


@pytest.mark.parametrize(
    ("names", "what"),
    [(("nsp", "sop"), "arrange the data"), (("mlm", "clm", "nsp"), "arrange the data")],
)
def test_two_arrangers_do_not_join(names, what):
    classes = {name: registry.load("objectives", name) for name in names}
    with pytest.raises(UsageError, match=what):
        build_objective(
            classes, {name: cls.Options() for name, cls in classes.items()}, tiny_context()
        )


def test_a_part_that_couples_samples_couples_the_whole():
    """Its batch is not split, or a contrastive part would learn another loss without a word."""
    plain, coupled = (
        registry.load("objectives", "mlm"),
        type("Coupled", (registry.load("objectives", "nsp"),), {"couples": True}),
    )
    for classes, expected in (({"mlm": plain}, False), ({"mlm": plain, "coupled": coupled}, True)):
        composite = Composite(
            classes, {name: cls.Options() for name, cls in classes.items()}, tiny_context("encoder")
        )
        assert composite.couples is expected


def test_all_that_parts_show_is_in_what_the_whole_shows():
    """Pictures too, which an objective of arrays shows in place of words."""
    picture = Matrix("pixels", ["row"], ["column"], [[1.0]])
    sop = registry.load("objectives", "sop")

    class Pictured(sop):
        def show(self, model_batch):
            return replace(
                super().show(model_batch),
                matrices=[picture],
                plots=[Plot("loss", "x", "y", [])],
                scatters=[Scatter("", [], [], [], [])],
            )

    classes = {"mlm": registry.load("objectives", "mlm"), "pictured": Pictured}
    whole = Bench.of(joined("mlm", "sop"), None, "encoder")
    composite = Composite(
        classes, {name: cls.Options() for name, cls in classes.items()}, whole.context
    )
    model_batch = composite.collate(whole.batch(range(3)), Rng(0, 0))
    shown, parts = (
        composite.show(model_batch),
        [part.show(model_batch.parts[name]) for name, part in composite.objectives.items()],
    )
    for field in fields(Report):
        if field.name not in ("title", "passages", "counts", "notes"):
            assert list(getattr(shown, field.name)) == [
                each for part in parts for each in getattr(part, field.name)
            ], field.name
    assert shown.matrices == [picture]
    assert shown.notes == [
        f"{name}: {note}" for name, part in zip(classes, parts, strict=True) for note in part.notes
    ]
    assert len(shown.passages) == sum(len(part.passages) for part in parts) > 0
