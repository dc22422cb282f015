"""What the header says of the disk, against what a run weighs there."""

import os

import pytest

from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.prepare import prepare
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.disk_space import disk_space
from sslcli.workflows.training.plan import plan_for

PARTS = ("checkpoints", "milestones")
# Headers of safetensors files, manifests and positions; the model itself is far larger.
REST_BYTES = 8_000


def settings_for(corpus, folder, optimizer="adamw", **training):
    trained = {"batch_size": 8, "eval_samples": 8, "log_every": 99}
    return PretrainSettings.model_validate(
        {
            "objective": "mlm",
            "data": {"train": [str(corpus)], "sequence_tokens": 24, "held_out": 0.1},
            "tokenizer": {"vocabulary": 150},
            "model": {
                "preset": "tiny",
                "shape": {"width": 64, "heads": 2, "feedforward_width": 128},
            },
            "optimizer": {"name": optimizer},
            "training": {**trained, **training},
            "run": {"folder": str(folder), "plot": False},
        }
    )


def weight_of(folder):
    """Bytes and number of the tensor files, each inode once."""
    seen = {}
    for part in PARTS:
        for path in (folder / part).rglob("*"):
            if path.is_file():
                stat = os.stat(path)
                seen[stat.st_ino] = stat.st_size
    return sum(seen.values()), len(seen)


CASES = {
    "one save": {"max_steps": 6},
    "milestones and checkpoints that are the same": {"max_steps": 8, "save_every": 4},
    "no milestones": {"max_steps": 9, "save_every": 2, "milestones": False},
    "many": {"max_steps": 12, "save_every": 1, "keep": 3},
    "one is kept": {"max_steps": 12, "save_every": 3, "keep": 1},
    "muon": {"max_steps": 9, "save_every": 2, "optimizer": "muon"},
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_weighs_what_was_said(case, text_corpus, tmp_path, module_cache, monkeypatch):
    settings = settings_for(text_corpus, tmp_path, **CASES[case])
    prepared = prepare(settings)
    plan = plan_for(settings.training, prepared.train.lengths)
    space = disk_space(prepared.learner, settings.optimizer, plan, settings.training.keep)
    most, prune = [0], Checkpoints._prune

    def weighed(self, *arguments, **named):
        most.append(weight_of(tmp_path)[0])
        prune(self, *arguments, **named)

    monkeypatch.setattr(Checkpoints, "_prune", weighed)
    assert pretrain(settings, observe=lambda event: None).outcome.reason == "done"
    found, files = weight_of(tmp_path)
    weights = sum(path.stat().st_size for path in max(tmp_path.glob("checkpoints/*")).iterdir())
    expected = (space.end_bytes, space.end_bytes - weights)  # the best may be one of the newest
    assert min(abs(found - each) for each in expected) < files * REST_BYTES < weights
    assert max(most) <= space.most_bytes + files * REST_BYTES
