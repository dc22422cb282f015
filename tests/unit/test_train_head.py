"""A head for a model that stays as it is: what learns, what does not, and that it costs no way back
through the backbone.
"""

import pytest
import torch
from safetensors.torch import load_file
from stops import StopAtPoll

from sslcli.core.transformer import Transformer
from sslcli.engine.learner import Learner
from sslcli.errors import UsageError
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.prepare import prepare
from sslcli.workflows.pretrain.pretrain import dry_run_pretrain, pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

WORLD = {
    "train": ["demo:world"],
    "reader_options": {"sentences": 300},
    "sequence_tokens": 32,
    "unit": "sentence",
}


def settings_for(source, folder=None, objective="mlm", **model):
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            "data": WORLD,
            "model": {"source": None if source is None else str(source), "train": "head", **model},
            "optimizer": {"rate": 1e-2},
            "training": {
                "max_steps": 6,
                "batch_size": 12,
                "micro_batch_size": 5,
                "eval_every": 3,
                "save_every": 3,
                "eval_samples": 20,
            },
            "run": {"folder": None if folder is None else str(folder), "plot": False},
        }
    )


def ignore(event):
    pass


def saved(folder, part):
    return load_file(folder / "checkpoints" / "step-000006" / f"{part}.safetensors")


@pytest.mark.parametrize("objective", ["mlm", "mlm+nsp"])
def test_the_backbone_stays_to_the_bit_and_all_of_the_head_learns(objective, model, tmp_path):
    before = prepare(settings_for(model, objective=objective)).learner
    assert (
        pretrain(settings_for(model, tmp_path, objective), observe=ignore).outcome.reason == "done"
    )
    backbone, head = saved(tmp_path, "backbone"), saved(tmp_path, "learnable")
    assert backbone.keys() == before.backbone.state_dict().keys()
    assert all(
        torch.equal(value, backbone[name]) for name, value in before.backbone.state_dict().items()
    )
    assert all(
        not torch.equal(value, head[name]) for name, value in before.learnable.state_dict().items()
    )
    stopped = settings_for(model, tmp_path / "stopped", objective)
    assert pretrain(stopped, observe=ignore, stopper=StopAtPoll(16)).outcome.reason == "preempted"
    newest = max((tmp_path / "stopped" / "checkpoints").glob("step-*"))
    names = {name.rpartition("/")[0] for name in load_file(newest / "optimizer.safetensors")}
    assert names == {f"learnable.{name}" for name, _ in before.learnable.named_parameters()}


def test_no_gradient_is_computed_through_the_backbone(model):
    prepared = prepare(settings_for(model))
    learner, work = prepared.learner.train(), next(prepared.loader(None).steps(0))
    (batch,) = work.batches
    assert not learner.backbone(batch.inputs).last_TD.requires_grad
    learner(batch).sums["mlm"].backward()
    assert all(parameter.grad is None for parameter in learner.backbone.parameters())
    assert all(parameter.grad is not None for parameter in learner.learnable.parameters())


def test_what_is_frozen_is_read_without_dropout(model):
    prepared = prepare(settings_for(model))
    (batch,) = next(prepared.loader(None).steps(0)).batches
    backbone = Transformer(prepared.learner.backbone.settings.model_copy(update={"dropout": 0.5}))
    learner = Learner(backbone, prepared.learner.learnable)
    for learns in (True, False):
        learner.backbone.requires_grad_(learns)
        learner.train()
        one, other = (learner.backbone(batch.inputs).last_TD for _ in range(2))
        assert torch.equal(one, other) == (not learns)
        assert learner.learnable.training


def test_the_header_says_what_is_trained(model):
    header, report = dry_run_pretrain(settings_for(model))
    head = sum(
        parameter.numel()
        for parameter in prepare(settings_for(model)).learner.learnable.parameters()
    )
    assert header["objective"].endswith(f" · trains {head:,} parameters, the head only")
    assert "trains" not in dry_run_pretrain(settings_for(model, train="all"))[0]["objective"]
    disk = {name: figure for name, figure in report.tables[0].rows}["disk"]
    whole = {
        name: figure
        for name, figure in dry_run_pretrain(settings_for(model, train="all"))[1].tables[0].rows
    }["disk"]
    assert float(disk.split()[0].replace(",", "")) < float(whole.split()[0].replace(",", ""))


@pytest.mark.parametrize("polls", [4, 11])
def test_it_goes_on_to_the_bit(polls, model, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    pretrain(settings_for(model, whole), observe=ignore)
    assert (
        pretrain(settings_for(model, cut), observe=ignore, stopper=StopAtPoll(polls)).outcome.reason
        == "preempted"
    )
    asked = PretrainSettings.model_validate({"run": {"folder": str(cut)}})
    assert (
        pretrain(
            continued_settings(Resume(cut), asked), resume=Resume(cut), observe=ignore
        ).outcome.reason
        == "done"
    )
    for part in ("backbone", "learnable"):
        one, other = saved(whole, part), saved(cut, part)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_cannot_be_trained_so_is_refused(model, tmp_path):
    with pytest.raises(UsageError, match="a new one knows nothing"):
        prepare(settings_for(None))
    decoder = tmp_path / "decoder"
    shape = {"width": 16, "heads": 2, "depth": 1, "feedforward_width": 32}
    made = {
        "objective": "clm",
        "data": WORLD,
        "model": {"preset": "tiny", "shape": shape},
        "training": {"max_steps": 1},
    }
    pretrain(
        PretrainSettings.model_validate({**made, "run": {"folder": str(decoder), "plot": False}}),
        observe=ignore,
    )
    with pytest.raises(UsageError, match="'clm' has nothing of its own to train"):
        prepare(settings_for(decoder, objective="clm"))
