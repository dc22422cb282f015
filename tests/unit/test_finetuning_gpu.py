"""Fine-tuning on a GPU: the curves of the CPU, no step that waits for the device, and answers that
come back to the host.
"""

import json

import pytest
import torch

from sslcli.engine.trainer import Trainer
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.finetune import finetune

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TASKS = {"sentiment": {}, "pos": {}, "nli": {}, "qa": {"sequence_tokens": 48, "stride": 12}}


def run(model, folder, task, device, precision="fp32", **groups):
    settings = {
        "task": task,
        "options": TASKS[task],
        "model": {"source": str(model)},
        "data": {"reader_options": {"sentences": 200}, "limit": 160},
        "optimizer": {"rate": 1e-3},
        "training": {"max_steps": 30, "batch_size": 16, "log_every": 10, "eval_every": 30},
        "hardware": {"device": device, "precision": precision},
        "run": {"folder": str(folder), "plot": False},
        **groups,
    }
    return finetune(FinetuneSettings.model_validate(settings), observe=lambda event: None).report


def losses(folder):
    return [
        line["loss"]
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if line["split"] == "train"
    ]


@pytest.mark.parametrize("task", TASKS)
def test_a_gpu_learns_as_a_cpu_does(model, tmp_path, task):
    scores = [
        run(model, tmp_path / device, task, device).scores[0].value for device in ("cpu", "cuda")
    ]
    assert losses(tmp_path / "cuda") == pytest.approx(losses(tmp_path / "cpu"), rel=1e-3)
    assert scores[1] == pytest.approx(scores[0], rel=0.02)


@pytest.mark.parametrize("task", TASKS)
def test_bf16_and_adapters_learn(model, tmp_path, task):
    run(model, tmp_path, task, "cuda", "bf16", adapters={"rank": 4, "targets": ["all"]})
    found = losses(tmp_path)
    assert found[-1] < found[0]


@pytest.mark.parametrize("task", TASKS)
def test_no_step_waits_for_the_device(model, tmp_path, task, monkeypatch):
    steps = []

    def watched(self, take_step=Trainer._take_step):
        is_watched = 12 <= self.progress.step < 18
        torch.cuda.set_sync_debug_mode("error" if is_watched else "default")
        try:
            take_step(self)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(is_watched)

    monkeypatch.setattr(Trainer, "_take_step", watched)
    run(model, tmp_path, task, "cuda")
    assert sum(steps) == 6
