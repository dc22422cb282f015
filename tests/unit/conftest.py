"""A small pretraining run of the built-in world, for whatever starts from one."""

import pytest
from small_runs import ignore

from sslcli.workflows.pretraining import pretrain
from sslcli.workflows.settings import PretrainSettings


@pytest.fixture(scope="module")
def model(tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("runs") / "first"
    settings = {
        "data": {"train": ["demo:world"], "reader_options": {"sentences": 300}, "sequence_tokens": 32, "unit": "sentence"},
        "tokenizer": {"kind": "words", "vocabulary": 900},
        "model": {"preset": "tiny", "shape": {"width": 16, "heads": 2, "depth": 2, "feedforward_width": 32, "longest_tokens": 64}},
        "training": {"max_steps": 2, "batch_size": 8},
        "run": {"folder": str(folder), "plot": False},
    }
    pretrain(PretrainSettings.model_validate(settings), observe=ignore)
    return folder
