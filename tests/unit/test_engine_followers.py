"""Followers against the recurrence written out, and what cannot be followed."""

import math
import re
from types import SimpleNamespace

import pytest
import torch

from sslcli.api import (
    Config,
    Context,
    Follower,
    Loss,
    ModelBatch,
    Objective,
    PluginError,
    Transformer,
    TransformerSettings,
)
from sslcli.engine.followers import Followers, leaders_of, momentum_at
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.settings import OptimizerSettings

SHAPE = TransformerSettings(
    architecture="encoder",
    vocabulary=20,
    width=8,
    depth=1,
    heads=2,
    feedforward_width=16,
    longest_tokens=8,
    dropout=0.5,
)
APPLIED, SKIPPED = torch.tensor(True), torch.tensor(False)


class Pupil(Objective[ModelBatch]):
    summary = "follows"

    def __init__(self, options, context):
        super().__init__(options, context)
        self.teacher, self.head = Transformer(SHAPE), torch.nn.Linear(8, 8)
        self.began_with = None

    def followers(self):
        return [Follower("learnable.teacher.*", leader="backbone.*", momentum=(0.5, 1.0))]

    def begin(self, backbone, first_batch):
        self.began_with = all(
            torch.equal(value, backbone.state_dict()[name])
            for name, value in self.teacher.state_dict().items()
        )

    def collate(self, batch, rng): ...
    def forward(self, backbone, views):
        return Loss({})

    def show(self, views): ...


def learner():
    torch.manual_seed(1)
    return Learner(Transformer(SHAPE), Pupil(Config(), Context(SHAPE)))


def parts(learner):
    return dict(learner.backbone.named_parameters()), dict(
        learner.learnable.teacher.named_parameters()
    )


def test_momentum_goes_from_one_number_to_the_other_along_half_a_cosine():
    def at(progress, momentum=(0.9, 1.0)):
        return momentum_at(
            Follower("learnable.a", leader="backbone.a", momentum=momentum), progress
        )

    assert (at(0.0), at(1.0)) == (pytest.approx(0.9), pytest.approx(1.0))
    assert at(0.5) == pytest.approx(0.95)
    # BYOL's, in its own words
    assert at(0.25) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2)
    assert at(0.3, momentum=0.99) == 0.99


def test_they_begin_as_copies_and_whoever_begins_sees_them_so():
    made = learner()
    backbone, teacher = parts(made)
    assert not all(torch.equal(teacher[name], value) for name, value in backbone.items())
    made.begin(lambda: None)
    assert made.learnable.began_with
    assert all(torch.equal(teacher[name], value) for name, value in backbone.items())


def test_they_follow_what_was_applied_and_nothing_else():
    made = learner()
    made.begin(lambda: None)
    backbone, teacher = parts(made)
    followers = made.followers()
    expected = {name: value.detach().clone().double() for name, value in teacher.items()}
    for progress, applied in ((0.0, APPLIED), (0.4, SKIPPED), (0.6, APPLIED)):
        momentum = 1 - 0.5 * (math.cos(math.pi * progress) + 1) / 2
        with torch.no_grad():
            for value in backbone.values():
                value.add_(torch.randn_like(value))
        before = {name: value.detach().clone() for name, value in teacher.items()}
        followers.update(progress, applied)
        if not applied:
            assert all(torch.equal(teacher[name], value) for name, value in before.items())
            continue
        for name, value in backbone.items():
            expected[name] = momentum * expected[name] + (1 - momentum) * value.detach().double()
            torch.testing.assert_close(
                teacher[name].detach().double(), expected[name], rtol=1e-5, atol=1e-6
            )


def test_no_gradient_no_optimizer_and_no_dropout():
    made = learner().train()
    assert made.backbone.training
    assert made.learnable.head.training
    assert not any(module.training for module in made.learnable.teacher.modules())
    assert not any(value.requires_grad for value in made.learnable.teacher.parameters())
    optimizer = Optimizer(made.trained_parameters(), made.groups(), OptimizerSettings())
    assert not any("teacher" in name for name in optimizer.parameters)
    assert any("teacher" in name for name in made.learnable.state_dict())


def test_equal_shares_of_two_ranks_move_as_the_whole_does():
    """What FSDP leaves to a rank: the same rows of follower and leader."""
    own, leading = torch.randn(6, 3), torch.randn(6, 3)
    follower = Follower("learnable.a", leader="backbone.a", momentum=0.7)
    whole = {"learnable.a": own.clone(), "backbone.a": leading}
    Followers(whole, {"learnable.a": ("backbone.a", follower)}).update(0.0, APPLIED)
    shares = []
    for rows in (slice(0, 3), slice(3, 6)):
        share = {"learnable.a": own[rows].clone(), "backbone.a": leading[rows]}
        Followers(share, {"learnable.a": ("backbone.a", follower)}).update(0.0, APPLIED)
        shares.append(share["learnable.a"])
    assert torch.equal(torch.cat(shares), whole["learnable.a"])


WRONG = {
    "matches no parameter": [Follower("learnable.pupil.*", leader="backbone.*")],
    "there is no such parameter": [Follower("learnable.t.*", leader="backbone.head.*")],
    "their shapes differ": [Follower("learnable.t.*", leader="backbone.other.*")],
    "is no part of the learnable": [Follower("backbone.*", leader="learnable.t.*")],
    "needs one * in both names": [Follower("learnable.t.*", leader="backbone.b")],
    "has the momentum [0.9, 1.0]": [
        Follower("learnable.t.*", leader="backbone.*", momentum=[0.9, 1.0])
    ],
    "has the momentum (0.9,)": [Follower("learnable.t.*", leader="backbone.*", momentum=(0.9,))],
    "has the momentum 'slow'": [Follower("learnable.t.*", leader="backbone.*", momentum="slow")],
    "has the momentum (0.9, 1.1)": [
        Follower("learnable.t.*", leader="backbone.*", momentum=(0.9, 1.1))
    ],
    "learnable.t.a follows backbone.a and backbone.b": [
        Follower("learnable.t.*", leader="backbone.*"),
        Follower("learnable.t.a", leader="backbone.b"),
    ],
    "which follows another itself": [
        Follower("learnable.t.*", leader="backbone.*"),
        Follower("learnable.u.*", leader="learnable.t.*"),
    ],
}


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_followed_is_refused(words):
    shapes = {
        "backbone.a": 2,
        "backbone.b": 2,
        "backbone.other.a": 3,
        "learnable.t.a": 2,
        "learnable.u.a": 2,
    }
    parameters = {name: torch.zeros(size) for name, size in shapes.items()}
    with pytest.raises(PluginError, match=re.escape(words)):
        leaders_of(parameters, WRONG[words])


def test_a_star_stands_for_the_same_words_in_both_names():
    parameters = {
        f"{part}.{layer}.{end}": torch.zeros(1)
        for part in ("backbone.x", "learnable.y")
        for layer in "01"
        for end in "vw"
    }
    found = leaders_of(parameters, [Follower("learnable.y.*.w", leader="backbone.x.*.w")])
    assert {name: leader for name, (leader, _) in found.items()} == {
        f"learnable.y.{i}.w": f"backbone.x.{i}.w" for i in "01"
    }


def test_after_a_step_buffers_change_and_parameters_do_not():
    made = learner()
    made.learnable.register_buffer("seen", torch.zeros(()))
    made.learnable.after_step = lambda backbone, state, rng: made.learnable.seen.add_(state["rows"])
    made.after_step({"rows": torch.tensor(3.0)}, SimpleNamespace())
    assert float(made.learnable.seen) == 3.0
    made.learnable.after_step = lambda backbone, state, rng: made.learnable.head.bias.zero_()
    with pytest.raises(PluginError, match=r"learnable\.head\.bias"):
        made.after_step({}, SimpleNamespace())
