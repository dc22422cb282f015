"""The GPU of a Mac, which no machine of the tests has: what is refused, and that training asks it
for nothing in float64 and for no scale inside AdamW.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sslcli.cli.app import run
from sslcli.core import inputs
from sslcli.engine import optimizer, precision
from sslcli.engine.events import Stepped
from sslcli.engine.metric_sums import MetricSums
from sslcli.engine.settings import HardwareSettings
from sslcli.engine.trainer import Trainer
from sslcli.errors import UsageError
from sslcli.settings import PretrainSettings
from sslcli.workflows.pretrain.pretrain import pretrain


def test_without_one_it_is_refused_in_a_sentence(capfd, tmp_path):
    if torch.backends.mps.is_available():
        pytest.skip("this is a Mac")
    assert run(["pretrain", "--device", "mps", "--out", str(tmp_path / "run")]) == 2
    said = capfd.readouterr().err
    assert "device 'mps' is not on this machine" in said
    assert run(["pretrain", "--device", "mps", "--gpus", "2"]) == 2
    assert "a Mac has one GPU" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"precision": "bf16"}, "float32"), ({"compile": True}, "--compile")],
)
def test_what_it_cannot_do_is_refused(monkeypatch, settings, words):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(UsageError, match=words):
        precision.choose_hardware(HardwareSettings(device="mps", **settings))


def test_it_trains_in_float32_and_says_that_it_is_untested(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    found = precision.choose_hardware(HardwareSettings(device="mps"))
    assert found.autocast_type is None
    assert "mps" in found.describe()
    assert "untested" in found.describe()
    assert precision.choose_hardware(HardwareSettings(device="auto")).device.type != "mps"


class NoDouble(TorchDispatchMode):
    """Raises at the first operation that makes a tensor of float64, unless on the host."""

    on_host = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if NoDouble.on_host or function is torch.ops.aten.lift_fresh.default:
            return found  # of numpy; what is then made of it is looked at
        for each in tree_leaves(found):
            if isinstance(each, torch.Tensor) and each.dtype == torch.float64:
                raise AssertionError(f"{function} makes float64")
        return found


def settings_of(objective, folder, images):
    shape = {"width": 16, "heads": 2, "depth": 2, "feedforward_width": 32}
    text = {
        "data": {"train": ["demo:world"], "reader_options": {"sentences": 200}, "unit": "sentence",
                 "sequence_tokens": 32},
        "tokenizer": {"kind": "words", "vocabulary": 900},
    }  # fmt: skip
    data = {"data": {"train": [images]}} if images else text
    return PretrainSettings.model_validate(
        {
            "objective": objective,
            **data,
            "model": {"preset": "tiny", "shape": {**shape, **({} if images else {"longest_tokens": 64})}},
            "training": {"max_steps": 3, "batch_size": 8, "eval_every": 2, "log_every": 1},
            "hardware": {"device": "cpu", "precision": "fp32"},
            "run": {"folder": str(folder), "plot": False},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    import numpy as np

    path = tmp_path_factory.mktemp("images") / "images.npz"
    drawn = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(path, images=drawn)
    return str(path)


OBJECTIVES = ["mlm", "clm", "bart", "autoencoder", "mae", "vae", "vq", "contrastive", "distil-self"]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_and_its_sums_make_no_float64_on_the_device(
    objective, tmp_path, monkeypatch, module_cache, images
):
    of_images = objective not in ("mlm", "clm", "bart")
    monkeypatch.setattr(inputs, "WITHOUT_DOUBLE", frozenset({"cpu"}))
    monkeypatch.setattr(optimizer, "SCALED_BEFORE", frozenset({"cpu"}))
    for cls, name in ((Trainer, "_take_step"), (MetricSums, "add")):
        monkeypatch.setattr(cls, name, _without_double(getattr(cls, name)))
    monkeypatch.setattr(MetricSums, "read", _on_host(MetricSums.read))  # which moves them first
    losses = []

    def note(event):
        if isinstance(event, Stepped):
            losses.append(event.loss)

    pretrain(settings_of(objective, tmp_path / "run", images if of_images else None), observe=note)
    assert len(losses) == 3
    assert all(loss == loss for loss in losses)


def _on_host(method):
    def wrapped(*args, **more):
        NoDouble.on_host = True
        try:
            return method(*args, **more)
        finally:
            NoDouble.on_host = False

    return wrapped


def _without_double(method):
    def wrapped(*args, **more):
        with NoDouble():
            return method(*args, **more)

    return wrapped


def test_scaling_before_the_update_is_the_same_update(tmp_path, monkeypatch, module_cache):
    losses = {}
    for devices in (frozenset(), frozenset({"cpu"})):
        monkeypatch.setattr(optimizer, "SCALED_BEFORE", devices)
        found = losses.setdefault(bool(devices), [])
        settings = settings_of("mlm", tmp_path / str(bool(devices)), None)
        clipped = settings.optimizer.model_copy(update={"clip": 0.01, "rate": 1e-2})
        settings = settings.model_copy(update={"optimizer": clipped})
        pretrain(
            settings,
            observe=lambda event, found=found: (
                found.append(event.loss) if isinstance(event, Stepped) else None
            ),
        )
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
