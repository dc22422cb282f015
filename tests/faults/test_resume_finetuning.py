"""A fine-tuning run that was stopped anywhere and resumed equals the run that was not, with
adapters and frozen parts too.
"""

import json

import pytest
import torch
from safetensors.torch import load_file
from stops import StopAtPoll
from test_resume import ignore, logged

from sslcli.errors import ConfigError, DataError
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume

FILES = ("backbone.safetensors", "learnable.safetensors")
VARIANTS = {
    "sentiment": {"task": "sentiment"},
    "pos, adapters": {"task": "pos", "adapters": {"rank": 2, "targets": ["all"], "dropout": 0.1}},
    "nli, frozen": {"task": "nli", "model": {"freeze": True}},
    "qa, layer decay": {
        "task": "qa",
        "options": {"sequence_tokens": 48, "stride": 12},
        "model": {"layer_decay": 0.7},
    },
}
STOPS = [3, 9, 16, 27]


def settings_for(variant, model, folder, **training):
    trained = {
        "max_steps": 10,
        "batch_size": 12,
        "micro_batch_size": 5,
        "log_every": 4,
        "eval_every": 3,
        "save_every": 2,
        "patience": 9,
    }
    said = VARIANTS[variant]
    return FinetuneSettings.model_validate(
        {
            **said,
            "model": {"source": str(model), "dropout": 0.1, **said.get("model", {})},
            "data": {"reader_options": {"sentences": 100}, "limit": 60},
            "optimizer": {"rate": 1e-3},
            "training": {**trained, **training},
            "run": {"folder": str(folder), "plot": False},
        }
    )


@pytest.fixture(scope="module", params=VARIANTS)
def uninterrupted(request, world_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert (
        finetune(settings_for(request.param, world_run, folder), observe=ignore).outcome.reason
        == "done"
    )
    return request.param, folder


@pytest.mark.parametrize("polls", STOPS)
def test_stopped_anywhere_and_resumed_equals_uninterrupted(
    uninterrupted, polls, world_run, tmp_path
):
    variant, whole = uninterrupted
    settings = settings_for(variant, world_run, tmp_path)
    first = finetune(settings, observe=ignore, stopper=StopAtPoll(polls))
    assert first.outcome.reason == "preempted"
    assert (
        finetune(
            continued_finetuning(Resume(tmp_path), settings),
            resume=Resume(tmp_path),
            observe=ignore,
        ).outcome.reason
        == "done"
    )
    assert logged(whole) == logged(tmp_path)
    assert (whole / "best").read_text() == (tmp_path / "best").read_text()
    assert (whole / "predictions.jsonl").read_bytes() == (
        tmp_path / "predictions.jsonl"
    ).read_bytes()
    for file in FILES:
        one, other = (
            load_file(folder / "checkpoints" / "step-000010" / file) for folder in (whole, tmp_path)
        )
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), file


def test_a_resume_takes_no_other_settings_and_no_other_data(uninterrupted, world_run, tmp_path):
    variant, _ = uninterrupted
    finetune(settings_for(variant, world_run, tmp_path), observe=ignore, stopper=StopAtPoll(9))
    with pytest.raises(ConfigError, match=r"training\.batch_size was 12 and would become 13"):
        finetune(
            continued_finetuning(
                Resume(tmp_path), settings_for(variant, world_run, tmp_path, batch_size=13)
            ),
            resume=Resume(tmp_path),
            observe=ignore,
        )
    facts = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**facts, "data": "of another set"}))
    with pytest.raises(DataError, match="the data changed since the run was started"):
        finetune(
            continued_finetuning(Resume(tmp_path), settings_for(variant, world_run, tmp_path)),
            resume=Resume(tmp_path),
            observe=ignore,
        )
