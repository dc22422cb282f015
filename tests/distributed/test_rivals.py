"""What the contract has to carry, by rivals of tests/plugins: two processes train as one does.

two-views: a loss over the whole global batch. student: a teacher that follows it. codebook: codes
that begin as k-means, move after every step and begin anew at rows of the batch. reversal: an
encoder-decoder over two streams of a sample. visible-rows: array documents, of which the encoder
reads some rows, and a scale out of the first batch. Built in: bart and mass, whose evaluation makes
a pass that their training does not; vq of images with its codebooks and classes, whose metrics are
of whole histograms; contrast and variance, which gather the views of all processes; a student and
its teacher, and a masked auto-encoder, both with a class token and fixed positions; recordings, of
which frames are hidden, clustered, told ahead, or parted into codes and a style, with an adversary.
"""

import math
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from several import run, together
from songs import sung
from test_several_processes import (
    PARTS,
    assert_equal_tensors,
    logged,
    settings_for,
    tensors,
)

from sslcli import registry
from sslcli.engine.checkpoints.tensor_files import load_tensors
from sslcli.workflows.export.export import export

PLUGINS = Path(__file__).parents[1] / "plugins"
RIVALS = {
    "two-views": "two_views:TwoViews",
    "student": "teacher:Student",
    "codebook": "codebook:Codebook",
    "reversal": "reversal:Reversal",
    "visible-rows": "visible_rows:VisibleRows",
}
BOOK = {"codebook_size": 6, "code_width": 4, "positions": 3, "decoder_width": 16, "fewest": 0.8}
OF_IMAGES = {  # run -> the objective and its options
    "vae": ("vae", {"code": 4, "decoder_width": 16, "free_bits": 0.05}),
    "vq": ("vq", BOOK),
    "vq-linear": ("vq", {**BOOK, "codebook": "linear"}),
    "vq-classes": ("vq", {**BOOK, "codes": "one-hot"}),
    "contrast": ("contrastive", {"projection_width": 12}),
    "vicreg": ("contrastive", {"projection_width": 12, "loss": "vicreg"}),
    "distil": ("distil-self", {"outputs": 8, "head_width": 12, "small_views": 1}),
    "mae": ("mae", {"decoder_width": 16}),
}
OF_SOUND = {
    "mask-frames": ("mask-frames", {"band_share": 0.3}),
    "hubert": ("hubert", {"clusters": 6}),
    "ahead": ("clm", {"ahead": 3}),
    "disentangle": ("disentangle", {"code": 3, "decoder_width": 16, "style_clips": 2}),
}
OF_ROWS = {**OF_IMAGES, **OF_SOUND}
# of ViT-MAE: positions that nothing trains, and a token of its own
VIT = {"class_token": True, "positions": "sincos"}
BUILT_IN = ["bart", "mass", "text-autoencoder", *OF_ROWS]
READERS = {"waves": "visible_rows:Waves"}
DATA = {"visible-rows": "waves:300"}  # of the others: text
KINDS = ["ddp", "fsdp"]
STEPS = 6
CLOSE = 1e-6  # relative: everything is computed in float64, but FSDP adds gradients up in float32


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The rivals as a distribution, for this process and those that are forked for it."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "rivals-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rivals\nVersion: 1.0\n")
    groups = {"objectives": RIVALS, "readers": READERS}
    lines = [
        line
        for kind, found in groups.items()
        for line in (f"[sslcli.{kind}]", *(f"{k} = {v}" for k, v in found.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    # those of other tests stay
    modules = {value.partition(":")[0] for value in RIVALS.values()} - sys.modules.keys()
    with pytest.MonkeyPatch.context() as patch:
        for folder in (site, PLUGINS):
            patch.syspath_prepend(str(folder))
        yield
    for module in modules:
        sys.modules.pop(module, None)


def training(objective, corpus, folder, parallel="ddp"):
    """The last batch of an evaluation has one sample, which two processes cannot share.

    A line of the log is of one step: what is summed over several, a stop in between adds up in
    another order.
    """
    of_rows = objective in OF_ROWS
    rows = "songs" if objective in OF_SOUND else "images.npz"
    settings = settings_for(
        OF_ROWS[objective][0] if of_rows else objective,
        corpus.with_name(rows) if of_rows else DATA.get(objective, corpus),
        folder,
        parallel,
        max_steps=STEPS,
        eval_samples=23,
        log_every=1,
    )
    # With its own, Adam makes as much of the smallest gradients, which are rounding alone, as of
    # the largest.
    settings["optimizer"] = {"rate": 1e-2, "epsilon": 1e-3}
    if of_rows:
        settings["options"] = dict([OF_ROWS[objective]])
    if objective == "text-autoencoder":
        settings["options"] = {objective: {"code_tokens": 12}}
    if objective in ("mae", "distil"):
        settings["model"] = {**settings["model"], "shape": {**settings["model"]["shape"], **VIT}}
    return {"settings": settings, "double": f"{folder}.gradients"}


@pytest.fixture(scope="module")
def alone(installed, text_corpus, tmp_path_factory, module_cache):
    folder = tmp_path_factory.mktemp("alone")
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), dtype=np.uint8)
    np.savez(text_corpus.with_name("images.npz"), images=images)
    sung(text_corpus.with_name("songs"), 120, seconds=0.2)
    for name in [*RIVALS, *BUILT_IN, "mlm+two-views"]:
        assert run(training(name, text_corpus, folder / name)) == {"reason": "done", "step": STEPS}
    return folder


@pytest.fixture(scope="module")
def two(alone, text_corpus, tmp_path_factory):
    """(folder, answers) of all that two processes do here, in a start of them for each kind."""
    folder, answers = tmp_path_factory.mktemp("two"), {}
    for parallel in KINDS:
        jobs = {}
        for name in [*RIVALS, *BUILT_IN]:
            key = f"{name}-{parallel}"
            jobs[key] = training(name, text_corpus, folder / key, parallel)
            cut = training(name, text_corpus, folder / f"{key}-cut", parallel)
            jobs[f"{key}-cut"] = {**cut, "stop_at": [1, 6]}
            jobs[f"{key}-resumed"] = {**cut, "resume": str(folder / f"{key}-cut")}
        jobs[f"mlm+two-views-{parallel}"] = training(
            "mlm+two-views", text_corpus, folder / f"mlm+two-views-{parallel}", parallel
        )
        answers |= together(2, jobs, folder)
    return folder, answers


@pytest.mark.parametrize("parallel", KINDS)
@pytest.mark.parametrize("name", [*RIVALS, *BUILT_IN, "mlm+two-views"])
def test_two_processes_train_what_one_does(alone, two, name, parallel):
    """Losses, gradients of every step, and all weights and buffers at the end."""
    folder, answers = two
    key = f"{name}-{parallel}"
    assert answers[key] == ({"reason": "done", "step": STEPS},) * 2
    lines, others = (
        [line for line in logged(where) if line["split"] != "sample"]
        for where in (alone / name, folder / key)
    )
    assert len(lines) == len(others) > STEPS
    for line, other in zip(lines, others, strict=True):
        for kind in ("terms", "metrics"):
            assert other[kind] == pytest.approx(line[kind], rel=CLOSE)
    for step in range(STEPS):
        expected, found = (
            load_file(f"{where}.gradients/{step}.safetensors")
            for where in (alone / name, folder / key)
        )
        assert_close(expected, found)
    for expected, found in zip(
        tensors(alone / name, STEPS).values(), tensors(folder / key, STEPS).values(), strict=True
    ):
        assert_close(expected, found)


def assert_close(expected, found):
    """Each tensor within CLOSE of its largest number; the smallest gradients are sums of far larger
    ones.
    """
    assert expected.keys() == found.keys()
    # a tied head alone has no tensor
    largest = max((float(value.abs().max()) for value in expected.values()), default=0.0)
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name],
            value,
            rtol=CLOSE,
            atol=CLOSE * largest,
            msg=lambda text, name=name: f"{name}: {text}",
        )


@pytest.mark.parametrize("parallel", KINDS)
@pytest.mark.parametrize("name", [*RIVALS, *BUILT_IN])
def test_two_processes_go_on_to_the_bit(two, name, parallel):
    folder, answers = two
    key = f"{name}-{parallel}"
    assert [answer["reason"] for answer in answers[f"{key}-cut"]] == ["preempted"] * 2
    assert 0 < answers[f"{key}-cut"][0]["step"] < STEPS
    assert [answer["reason"] for answer in answers[f"{key}-resumed"]] == ["done"] * 2
    assert logged(folder / key) == logged(folder / f"{key}-cut")
    assert_equal_tensors(tensors(folder / key, STEPS), tensors(folder / f"{key}-cut", STEPS))


@pytest.mark.parametrize("parallel", ["alone", *KINDS])
def test_a_teacher_follows_from_milestone_to_milestone(alone, two, parallel):
    """It begins as its student; then half a cosine leads from 0.9 to 1, written out here."""
    folder = alone / "student" if parallel == "alone" else two[0] / f"student-{parallel}"
    milestones = [folder / "milestones" / f"step-{step:06d}" for step in range(3)]
    backbones, learnables = ([load_tensors(each / part) for each in milestones] for part in PARTS)
    for name, value in backbones[0].items():
        assert torch.equal(learnables[0][f"teacher.{name}"], value)
    for step in (1, 2):
        momentum = 0.95 - 0.05 * math.cos(math.pi * (step - 1) / STEPS)
        for name, value in backbones[step].items():
            expected = momentum * learnables[step - 1][f"teacher.{name}"] + (1 - momentum) * value
            torch.testing.assert_close(
                learnables[step][f"teacher.{name}"], expected, rtol=1e-12, atol=1e-12
            )
            assert value.numel() < 2 or not torch.equal(learnables[step][f"teacher.{name}"], value)


def test_no_export_holds_the_teacher(alone, tmp_path):
    export(str(alone / "student"), tmp_path / "exported")
    (exported,) = (tmp_path / "exported").glob("*.safetensors")
    names = list(load_file(exported))
    assert not [name for name in names if "teacher" in name]
    assert len(names) >= len(
        load_tensors(alone / "student" / "checkpoints" / f"step-{STEPS:06d}" / PARTS[0])
    )


def test_a_step_that_is_skipped_moves_no_teacher(installed, text_corpus, tmp_path, module_cache):
    student = registry.load("objectives", "student")
    calls, forward = count(), student.forward

    def poisoned(self, backbone, batch):
        loss = forward(self, backbone, batch)
        if self.training and torch.is_grad_enabled() and next(calls) == 1:
            return replace(loss, sums={"regression": loss.sums["regression"] * torch.inf})
        return loss

    job = {"settings": settings_for("student", text_corpus, tmp_path / "run", max_steps=4)}
    job["settings"]["training"]["micro_batch_size"] = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(student, "forward", poisoned)
        assert run(job) == {"reason": "done", "step": 4}
    parts = [
        [
            load_tensors(tmp_path / "run" / "milestones" / f"step-{step:06d}" / part)
            for part in PARTS
        ]
        for step in (1, 2, 4)
    ]
    before, skipped, after = ({**backbone, **learnable} for backbone, learnable in parts)
    assert before.keys() >= {"teacher.inputs.token.weight", "inputs.token.weight"}
    assert all(torch.equal(value, skipped[name]) for name, value in before.items())
    assert not torch.equal(
        skipped["teacher.inputs.token.weight"], after["teacher.inputs.token.weight"]
    )
