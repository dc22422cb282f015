"""On a GPU: bf16 training goes on to the bit with --deterministic, and its loss follows the
CPU's.
"""

import json

import pytest
import torch

from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resume import Resume, continued_settings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def settings_for(objective, corpus, folder, **hardware):
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
            "tokenizer": {"vocabulary": 150},
            "model": {
                "preset": "tiny",
                "shape": {"width": 32, "heads": 2, "feedforward_width": 64},
            },
            "training": {
                "max_steps": 12,
                "batch_size": 24,
                "micro_batch_size": 10,
                "log_every": 1,
                "eval_every": 4,
                "save_every": 3,
            },
            "hardware": hardware,
            "run": {"folder": str(folder), "plot": False},
        }
    )


def losses(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["split"], line["step"], line["loss"]) for line in lines if "loss" in line]


class StopAfter:
    """An observer that asks to stop as a signal would."""

    def __init__(self, stopper, step):
        self.stopper, self.step = stopper, step

    def __call__(self, event):
        if getattr(event, "step", -1) == self.step:
            self.stopper.asked = "preempted"


@pytest.mark.parametrize("objective", ["mlm", "clm", "mlm+sop"])
def test_resume_equals_uninterrupted(objective, text_corpus, tmp_path, module_cache):
    from sslcli.engine.stopping import Stopper

    whole, cut = tmp_path / "whole", tmp_path / "cut"
    hardware = {"device": "cuda", "precision": "bf16", "deterministic": True}
    pretrain(settings_for(objective, text_corpus, whole, **hardware), observe=lambda event: None)
    stopper = Stopper()
    settings = settings_for(objective, text_corpus, cut, **hardware)
    assert (
        pretrain(settings, observe=StopAfter(stopper, 7), stopper=stopper).outcome.reason
        == "preempted"
    )
    pretrain(
        continued_settings(Resume(cut), settings), resume=Resume(cut), observe=lambda event: None
    )
    assert losses(whole) == losses(cut)


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_float32_losses_follow_the_cpu(objective, text_corpus, tmp_path, module_cache):
    found = {}
    for device in ("cpu", "cuda"):
        pretrain(
            settings_for(
                objective, text_corpus, tmp_path / device, device=device, precision="fp32"
            ),
            observe=lambda event: None,
        )
        found[device] = [loss for _, _, loss in losses(tmp_path / device)]
    assert found["cuda"] == pytest.approx(found["cpu"], rel=1e-3)
