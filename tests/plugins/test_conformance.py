"""The kit over every installed objective, over two more shapes, and over objectives with one defect
each.
"""

import importlib.util
import sys
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from codebook import Codebook
from masked_rows import MaskedRows
from reversal import Reversal
from rivals import Rivals
from teacher import Student
from two_views import TwoViews
from visible_rows import VisibleRows

from sslcli import registry
from sslcli.api import Config, Follower, Group, Loss, Report, SampledRows, setting
from sslcli.testing import CHECKS, check_objective, check_one

MaskedLanguageModel = registry.load("objectives", "mlm")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", registry.names("objectives"))
def test_installed_objectives(name, check):
    check_one(registry.load("objectives", name), check)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "cls", [Rivals, MaskedRows, Reversal, VisibleRows, TwoViews, Student, Codebook]
)
def test_other_shapes(cls, check):
    check_one(cls, check)


class Undeclared(MaskedLanguageModel):
    summary = " "


class TakesAnything(MaskedLanguageModel):
    class Options(MaskedLanguageModel.Options):
        model_config = {"extra": "allow"}


class TakesFlag(MaskedLanguageModel):
    class Options(MaskedLanguageModel.Options):
        lr: float = setting(1.0, "a name of the command's")


class Undescribed(MaskedLanguageModel):
    class Options(MaskedLanguageModel.Options):
        nameless: float = 1.0


class ShuffledRows(MaskedLanguageModel):
    def arrange(self, corpus):
        for rows in super().arrange(corpus):
            yield replace(rows, values=np.random.default_rng().permutation(rows.values))


class CountingSamples(MaskedLanguageModel):
    calls = count()

    def sample(self, corpus, row, rng):
        sample = super().sample(corpus, row, rng)
        return replace(sample, fields={"call": next(self.calls)})


class CountingStreams(MaskedLanguageModel):
    calls = count()

    def sample(self, corpus, row, rng):
        sample = super().sample(corpus, row, rng)
        return replace(
            sample, streams={"target": replace(sample, tokens=sample.tokens + next(self.calls))}
        )


class DrawsAnew(MaskedLanguageModel):
    def collate(self, batch, rng):
        return super().collate(
            batch, replace(rng, seed=int(np.random.default_rng().integers(1000)))
        )


class DrawsGlobally(MaskedLanguageModel):
    def collate(self, batch, rng):
        torch.rand(1)
        return super().collate(batch, rng)


class WritesIntoBatch(MaskedLanguageModel):
    def collate(self, batch, rng):
        views = super().collate(batch, rng)
        batch.tokens[:] = views.inputs.tokens_T.numpy()
        return views


class Uncounted(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return Loss({"other": super().read(hidden, views, backbone).sums["mlm"]})


class Noisy(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return Loss({"mlm": super().read(hidden, views, backbone).sums["mlm"] + torch.rand(())})


class NotANumber(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return Loss({"mlm": super().read(hidden, views, backbone).sums["mlm"] * float("inf")})


class Detached(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return super().read(replace(hidden, last_TD=hidden.last_TD.detach()), views, backbone)


class IdleParameter(MaskedLanguageModel):
    def __init__(self, options, context):
        super().__init__(options, context)
        self.idle = torch.nn.Linear(2, 2)


class SingleNumber(MaskedLanguageModel):
    def __init__(self, options, context):
        super().__init__(options, context)
        self.scale = torch.nn.Parameter(torch.ones(()))

    def read(self, hidden, views, backbone):
        return super().read(replace(hidden, last_TD=hidden.last_TD * self.scale), views, backbone)


class GroupOfNothing(MaskedLanguageModel):
    def groups(self):
        return [Group("learnable.nothing.*")]


class Averages(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return Loss(
            {"mlm": super().read(hidden, views, backbone).sums["mlm"] / views.counts["mlm"]}
        )


class RowsByPlace(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        order_T = torch.arange(len(hidden.last_TD))
        state = {"rows": SampledRows(hidden.last_TD, order_T, 4)}
        return replace(super().read(hidden, views, backbone), state=state)


class KnowsItsPlace(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        weight_T1 = torch.linspace(1, 2, len(hidden.last_TD))[:, None]
        return super().read(replace(hidden, last_TD=hidden.last_TD * weight_T1), views, backbone)


class HiddenState(MaskedLanguageModel):
    steps = 0

    def read(self, hidden, views, backbone):
        return Loss({"mlm": super().read(hidden, views, backbone).sums["mlm"] * (1 + self.steps)})

    def after_step(self, backbone, state, rng):
        self.steps += 1


class BeginsByChance(MaskedLanguageModel):
    def begin(self, backbone, first_batch):
        self.head.bias.copy_(
            torch.from_numpy(np.random.default_rng().normal(size=self.head.bias.shape))
        )


class DividesByWhatIsLeft(MaskedLanguageModel):
    def read(self, hidden, views, backbone):
        return Loss(
            {
                "mlm": super().read(hidden, views, backbone).sums["mlm"]
                / (1 - torch.tensor(views.progress))
            }
        )


class FollowsNothing(MaskedLanguageModel):
    def followers(self):
        return [Follower("learnable.teacher.*", leader="backbone.*")]


class ChangesParameters(MaskedLanguageModel):
    def after_step(self, backbone, state, rng):
        self.head.bias.mul_(0.9)


class NeverLearns(MaskedLanguageModel):
    def groups(self):
        return [Group("*", rate=0.0)]


class Mute(MaskedLanguageModel):
    def show(self, views):
        return Report("nothing to see")


class AsksByChance(MaskedLanguageModel):
    def illustrations(self, samples):
        return [
            (f"{shown} {np.random.default_rng().random()}", request)
            for shown, request in super().illustrations(samples)
        ]


class AsksForText(MaskedLanguageModel):
    def illustrations(self, samples):
        return [(shown, request.text) for shown, request in super().illustrations(samples)]


class AnswersNothing(MaskedLanguageModel):
    def generate(self, backbone, request, rng):
        return iter(())


class Raises(MaskedLanguageModel):
    def collate(self, batch, rng):
        raise ZeroDivisionError("on purpose")


class Undeclaring(MaskedLanguageModel):
    special_tokens = frozenset()


class DeclaresAStranger(MaskedLanguageModel):
    special_tokens = frozenset({"mask", "blank"})


class RestoresHalf(MaskedLanguageModel):
    def restore(self, backbone, views):
        return super().restore(backbone, views)[::2]


class RestoresTheCorrupted(MaskedLanguageModel):
    def restore(self, backbone, views):
        return [replace(each, input=each.corrupted) for each in super().restore(backbone, views)]


DEFECTS = {
    RestoresHalf: "restorations",
    RestoresTheCorrupted: "restorations",
    Undeclaring: "special tokens",
    DeclaresAStranger: "special tokens",
    Undeclared: "declarations",
    TakesAnything: "options round-trip",
    TakesFlag: "options as flags",
    Undescribed: "options as flags",
    ShuffledRows: "rows",
    CountingSamples: "samples by number",
    CountingStreams: "samples by number",
    DrawsAnew: "collate is pure",
    DrawsGlobally: "collate is pure",
    WritesIntoBatch: "collate is pure",
    Uncounted: "counts",
    Noisy: "forward is deterministic and finite",
    NotANumber: "forward is deterministic and finite",
    Detached: "gradients",
    IdleParameter: "gradients",
    SingleNumber: "gradients",
    GroupOfNothing: "groups",
    Averages: "micro-batches",
    RowsByPlace: "micro-batches",
    KnowsItsPlace: "order of samples",
    HiddenState: "state",
    BeginsByChance: "begin",
    DividesByWhatIsLeft: "progress",
    FollowsNothing: "followers",
    ChangesParameters: "after a step",
    NeverLearns: "learns a batch",
    Mute: "samples in words",
    AsksByChance: "illustrations",
    AsksForText: "illustrations",
    AnswersNothing: "illustrations",
    Raises: "collate is pure",
}


@pytest.mark.parametrize(
    ("cls", "check"), DEFECTS.items(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_defect_is_found(cls, check):
    failed = {
        finding.name: finding.detail for finding in check_objective(cls) if not finding.passed
    }
    assert failed[check]


def test_every_check_but_imports_has_a_defect_that_it_finds():
    assert set(DEFECTS.values()) | {"imports"} == set(CHECKS)


def test_inner_imports_are_found(tmp_path):
    path = tmp_path / "insider.py"
    path.write_text(
        "from sslplugins.objectives.mlm import MaskedLanguageModel\nimport "
        "sslcli.core.heads\n\nclass Insider(MaskedLanguageModel): ...\n"
    )
    specification = importlib.util.spec_from_file_location("insider", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["insider"] = module
    specification.loader.exec_module(module)
    (finding,) = [
        finding for finding in check_objective(module.Insider) if finding.name == "imports"
    ]
    assert "sslcli.core.heads" in finding.detail


def test_what_a_plugin_raises_is_a_finding():
    details = {finding.name: finding.detail for finding in check_objective(Raises)}
    assert details["counts"] == "ZeroDivisionError: on purpose"


def test_options_are_tried_as_given():
    class Needy(MaskedLanguageModel):
        class Options(Config):
            mask_rate: float = setting(..., "has no default")
            mask_share: float = setting(0.8, "as ever")
            random_share: float = setting(0.1, "as ever")
            whole_words: bool = setting(False, "as ever")

    check_one(Needy, "gradients", Needy.Options(mask_rate=0.5))
