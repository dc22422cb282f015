"""On a GPU: no step synchronises with the device (it may wait for the end of the step before the
last), and memory that does not suffice splits the batch.
"""

import json
import os
import subprocess
import sys

import pytest
import torch

from sslcli.engine.events import Noted
from sslcli.engine.trainer import Trainer
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def settings_for(corpus, folder, shape=None, hardware=None, **training):
    return PretrainSettings.model_validate(
        {
            "objective": "mlm+nsp",
            "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
            "tokenizer": {"vocabulary": 150},
            "model": {"preset": "tiny", "shape": {"dropout": 0.0, **(shape or {})}},
            "training": {
                "max_steps": 30,
                "batch_size": 64,
                "log_every": 100,
                "eval_every": 30,
                "milestones": False,
                **training,
            },
            "hardware": {"device": "cuda", **(hardware or {})},
            "run": {"folder": str(folder), "plot": False},
        }
    )


def losses(folder):
    return [
        line["loss"]
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if line["split"] == "train"
    ]


def test_no_step_waits_for_the_device(text_corpus, tmp_path, module_cache, monkeypatch):
    steps = []

    def watched(self, take_step=Trainer._take_step):
        is_watched = 5 <= self.progress.step < 25
        torch.cuda.set_sync_debug_mode("error" if is_watched else "default")
        try:
            take_step(self)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        steps.append(is_watched)

    monkeypatch.setattr(Trainer, "_take_step", watched)
    pretrain(settings_for(text_corpus, tmp_path), observe=lambda event: None)
    assert sum(steps) == 20


def test_too_little_memory_halves_the_micro_batch_and_keeps_the_curve(
    text_corpus, tmp_path, module_cache
):
    wide = {"width": 512, "heads": 8, "feedforward_width": 2048}
    training = {"max_steps": 4, "batch_size": 512, "log_every": 1}
    heard = []
    pretrain(
        settings_for(text_corpus, tmp_path / "whole", wide, {"precision": "fp32"}, **training),
        observe=heard.append,
    )
    needed = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    share = 0.75 * needed / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(share)
    try:
        pretrain(
            settings_for(text_corpus, tmp_path / "split", wide, {"precision": "fp32"}, **training),
            observe=heard.append,
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any(isinstance(event, Noted) and "out of memory" in event.text for event in heard)
    assert losses(tmp_path / "split") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_two_gpus_train_what_one_does(text_corpus, tmp_path, module_cache, parallel):
    words = (
        f"pretrain --objective mlm+nsp --data {text_corpus} "
        "--vocabulary 150 --arch tiny --max-steps 10 --batch-size 32"
    ).split()
    words += ["--log-every", "1", "--precision", "fp32", "--set", "model.shape.dropout=0"]
    for name, more in (("one", ()), ("two", ("--gpus", "2", "--parallel", parallel))):
        line = [*words, "--out", str(tmp_path / name), *more]
        subprocess.run(
            [sys.executable, "-m", "sslcli", *line], check=True, env=os.environ, timeout=600
        )
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
