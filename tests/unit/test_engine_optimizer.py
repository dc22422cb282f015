"""The optimizer against torch's AdamW and against what groups promise."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn

from sslcli.contracts.parameters import Group
from sslcli.engine import muon
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.settings import OptimizerSettings
from sslcli.errors import ModelError


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = torch.tanh(block(x))
        return self.head(x).square().mean()


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Tiny()


def named(model):
    return dict(model.named_parameters())


def train(model, optimizer, steps, first=0):
    for step in range(first, first + steps):
        model.backbone(torch.tensor([[1, 2, 3], [4, 5, 6]])).backward()
        optimizer.drop_idle_gradients(step)
        optimizer.step(1.0 / (step + 1), optimizer.norm())
        optimizer.zero()


def test_equals_torch_adamw_with_decay_on_matrices_only():
    model = Holder()
    oracle_model = copy.deepcopy(model)
    settings = OptimizerSettings(rate=0.01, weight_decay=0.1, clip=0.5)
    train(model, Optimizer(named(model), [Group("*")], settings), 5)
    matrices = [p for p in oracle_model.parameters() if p.ndim >= 2]
    vectors = [p for p in oracle_model.parameters() if p.ndim < 2]
    oracle = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.98),
    )
    for step in range(5):
        oracle_model.backbone(torch.tensor([[1, 2, 3], [4, 5, 6]])).backward()
        nn.utils.clip_grad_norm_(oracle_model.parameters(), 0.5)
        for group in oracle.param_groups:
            group["lr"] = 0.01 / (step + 1)
        oracle.step()
        oracle.zero_grad()
    for mine, theirs in zip(model.parameters(), oracle_model.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_state_taken_and_given_back_continues_to_the_bit(name):
    settings = OptimizerSettings(name=name, rate=0.01)
    model = Holder()
    optimizer = Optimizer(named(model), [Group("*")], settings)
    train(model, optimizer, 3)
    other = Holder()
    other.load_state_dict(model.state_dict())
    resumed = Optimizer(named(other), [Group("*")], settings)
    resumed.load({key: value.clone() for key, value in optimizer.state().items()})
    train(model, optimizer, 3, first=3)
    train(other, resumed, 3, first=3)
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_muon_moves_hidden_matrices_and_adamw_the_rest():
    model = Holder()
    optimizer = Optimizer(named(model), [Group("*")], OptimizerSettings(name="muon"))
    train(model, optimizer, 1)
    kinds = {key.rsplit("/", 1)[0]: key.rsplit("/", 1)[1] for key in optimizer.state()}
    assert kinds["backbone.blocks.0.weight"] == "momentum_buffer"
    assert all(
        "momentum" not in kind
        for name, kind in kinds.items()
        if name != "backbone.blocks.0.weight" and name != "backbone.blocks.1.weight"
    )


@pytest.mark.parametrize("most_numbers", [1, 3 * 24 * 8, 1 << 22])
@pytest.mark.parametrize("emulates", [False, True])
def test_stacked_muon_equals_torch_muon(most_numbers, emulates, monkeypatch):
    """Square, tall and wide matrices, one of them idle now and then.

    bf16 rounds in either; a CPU that would emulate it gets the same products in float32.
    """
    monkeypatch.setattr(muon, "MOST_NUMBERS", most_numbers)
    monkeypatch.setattr(muon, "emulates_bf16", lambda device: emulates)
    torch.manual_seed(0)
    shapes = [(16, 16)] * 3 + [(24, 8)] * 4 + [(8, 24)] * 2 + [(5, 7)]
    mine = [torch.randn(shape, requires_grad=True) for shape in shapes]
    theirs = [matrix.detach().clone().requires_grad_() for matrix in mine]
    before = [matrix.detach().clone() for matrix in mine]
    settings = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.9, "adjust_lr_fn": "match_rms_adamw"}
    optimizer, oracle = muon.StackedMuon(mine, **settings), torch.optim.Muon(theirs, **settings)
    for step in range(6):
        for place, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            one.grad = None if (step + place) % 5 == 0 else torch.randn_like(one)
            other.grad = None if one.grad is None else one.grad.clone()
        optimizer.step()
        with monkeypatch.context() as patch:
            if emulates:
                patch.setattr(torch.Tensor, "bfloat16", torch.Tensor.float)
            oracle.step()
    for one, other, start in zip(mine, theirs, before, strict=True):
        moved = (other - start).norm()
        assert moved > 0.1
        assert (one - other).norm() < (1e-5 if emulates else 0.01) * moved
        momenta = optimizer.state[one]["momentum_buffer"], oracle.state[other]["momentum_buffer"]
        torch.testing.assert_close(*momenta, rtol=1e-6, atol=1e-7)


def test_a_group_with_rhythm_moves_only_on_its_turn():
    model = Holder()
    groups = [Group("backbone.head.*", every=3, phase=1), Group("*")]
    optimizer = Optimizer(named(model), groups, OptimizerSettings(rate=0.01))
    for step in range(6):
        before = copy.deepcopy(model.state_dict())
        train(model, optimizer, 1, first=step)
        moved = not torch.equal(
            before["backbone.head.weight"], model.state_dict()["backbone.head.weight"]
        )
        assert moved == (step % 3 == 1)
        assert not torch.equal(
            before["backbone.embedding.weight"], model.state_dict()["backbone.embedding.weight"]
        )


def test_a_group_with_rate_zero_stays():
    model = Holder()
    before = copy.deepcopy(model.state_dict())
    train(
        model,
        Optimizer(
            named(model), [Group("backbone.embedding*", rate=0.0), Group("*")], OptimizerSettings()
        ),
        2,
    )
    assert torch.equal(
        before["backbone.embedding.weight"], model.state_dict()["backbone.embedding.weight"]
    )


def test_state_of_other_parameters_is_refused():
    model = Holder()
    optimizer = Optimizer(named(model), [Group("*")], OptimizerSettings())
    for strange in (
        {"nobody.weight/exp_avg": torch.Size([2])},
        {"backbone.head.weight/exp_avg": torch.Size([3, 1, 4])},
    ):
        with pytest.raises(ModelError, match=next(iter(strange))):
            optimizer.empty_state(strange)


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing(name, poison):
    model = Holder()
    optimizer = Optimizer(named(model), [Group("*")], OptimizerSettings(name=name, rate=0.01))
    train(model, optimizer, 2)
    weights = copy.deepcopy(model.state_dict())
    state = {key: value.clone() for key, value in optimizer.state().items()}
    model.backbone(torch.tensor([[1, 2, 3], [4, 5, 6]])).backward()
    model.backbone.blocks[0].weight.grad[0, 0] = poison
    optimizer.step(1.0, optimizer.norm())
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert state.keys() == optimizer.state().keys()
    assert all(torch.equal(value, state[key]) for key, value in optimizer.state().items())


WITHOUT_THE_COMPILER = """
import sys
import torch
from sslcli.contracts.learnable import Group
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.settings import OptimizerSettings

parameters = {"blocks.0.weight": torch.nn.Parameter(torch.ones(4, 4)), "bias": torch.nn.Parameter(torch.ones(4))}
for name in ("muon", "adamw"):
    optimizer = Optimizer(parameters, [Group("*")], OptimizerSettings(name=name))
    for parameter in parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(1.0, optimizer.norm())
    optimizer.zero()
assert all((parameter < 1).all() for parameter in parameters.values())
assert "torch._dynamo" not in sys.modules
"""


def test_a_step_imports_no_compiler():
    subprocess.run([sys.executable, "-c", WITHOUT_THE_COMPILER], check=True)
