"""Items that a probe is given of a run: its own parts, other files, their labels, codes and
restorations.
"""

import numpy as np
import pytest
import torch
from PIL import Image

from sslcli.api import (
    Encodes,
    Probe,
    Report,
    Rng,
    Score,
    item_codes,
    reconstructed_items,
    restored_items,
)
from sslcli.cli.app import run
from sslcli.data import items as items_of_data
from sslcli.data.corpus import SPLIT_SEED
from sslcli.data.items import Items
from sslcli.data.rng import mix, name_key, unit
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import DataError, UsageError
from sslcli.kits.items import part_with
from sslcli.testing import check_probe
from sslcli.workflows.probe.frozen_model import load_frozen_model

SIDE, COUNT = 8, 200
LABELS = np.asarray(["cat", "dog"])[np.arange(COUNT) % 2]
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("items")
    np.savez(folder / "train.npz", images=PIXELS, labels=LABELS)
    np.savez(folder / "dev.npz", images=PIXELS[:7, ::-1], labels=LABELS[:7])
    np.savez(folder / "wide.npz", images=np.zeros((9, SIDE, 12), np.uint8))
    np.savez(folder / "colour.npz", images=np.zeros((9, SIDE, SIDE, 3), np.uint8))
    for name in ("cat", "dog"):
        (folder / "pictures" / name).mkdir(parents=True)
        Image.fromarray(PIXELS[0]).save(folder / "pictures" / name / "0.png")
    (folder / "texts.txt").write_text("a cat sees a dog. the dog likes a cat.\n" * 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        short = ["--arch", "tiny", "--max-steps", "2", "--batch-size", "16", "--device", "cpu"]
        short += ["--no-plot", "-q", "-s", "model.shape.width=32", "-s", "model.shape.heads=2"]
        held = ["-s", "data.held_out=0.2", "--data", "train.npz", "--patch", "2"]
        code = ["--code", "5", "--corrupt", "mask"]
        assert run(["pretrain", "--objective", "mae", *held, *short, "--name", "masked"]) == 0
        words = ["pretrain", "--objective", "autoencoder", *held, *short, *code]
        assert run([*words, "--name", "auto"]) == 0
        words = ["pretrain", "--objective", "mlm", "--data", "texts.txt", *short]
        assert run([*words, "--vocabulary", "40", "--name", "words"]) == 0
    return folder


@pytest.fixture
def model(folder, monkeypatch):
    monkeypatch.chdir(folder)
    cpu = choose_hardware(HardwareSettings(device="cpu"))
    return lambda name, *given: load_frozen_model(name, given, cpu)


def test_parts_are_those_of_the_run_with_their_labels(model):
    data = model("auto").probe_data
    held_out = unit(mix(SPLIT_SEED, name_key("held-out"), np.arange(COUNT))) < 0.2
    for part, chosen in (("train", ~held_out), ("held_out", held_out)):
        items = data.items(part)
        assert items.labels == tuple(LABELS[chosen].tolist())
        rows = np.concatenate([batch.rows for batch in items.batches(16)])
        images = PIXELS[chosen].astype(np.float32) / np.float32(255)
        cut = [model("auto").settings.grid.cut(image[:, :, None]) for image in images]
        assert np.array_equal(rows, np.concatenate(cut))
    assert np.array_equal(items.some(3).documents, items.documents[[0, len(items) // 2, -1]])
    assert len(items.some(10_000)) == len(items)


def test_given_files_are_read_as_those_of_the_run_were(model):
    items = model("auto", "dev.npz").probe_data.items("held_out")
    assert items.layout.patch == 2  # the run's --patch holds for them
    assert items.labels == tuple(LABELS[:7].tolist())
    assert np.array_equal(
        items.layout.joined(items.rows(3))[:, :, 0], PIXELS[3, ::-1] / np.float32(255)
    )
    assert len(model("auto", "dev.npz").probe_data.items("train")) > 100  # still the run's
    pictures = model("auto", "pictures").probe_data.items("held_out")
    assert pictures.labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("wide.npz", DataError, "wide.npz holds images of 8 x 12 pixels, grey, and the model reads"
         " images of 8 x 8 pixels, grey"),
        ("colour.npz", DataError, "8 x 8 pixels, colour, and the model reads"),
        ("texts.txt", UsageError, "texts.txt holds text, and the model reads images"),
        ("gone.npz", DataError, "gone.npz"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_read_is_refused(model, name, error, message):
    with pytest.raises(error) as raised:
        model("auto", name).probe_data.items("held_out")
    assert message in raised.value.message
    assert raised.value.hint


def test_codes_are_those_of_the_bottleneck_or_the_mean_of_the_last_rows(model):
    for name, width in (("auto", 5), ("masked", 32)):
        frozen = model(name)
        items = frozen.probe_data.items("held_out")
        codes = item_codes(frozen, items)
        assert codes.shape == (len(items), width)
        alone = item_codes(frozen, items.among(np.asarray([3])))
        np.testing.assert_allclose(alone[0], codes[3], atol=1e-5)
    (batch,) = items.among(np.asarray([3])).batches()
    hidden = frozen.backbone(frozen.learnable.collate(batch, Rng(0, 0)).whole).last_TD
    np.testing.assert_allclose(codes[3], hidden.mean(dim=0).numpy(), atol=1e-5)


def test_items_are_reconstructed_whole_and_restored_as_they_are_corrupted(model):
    frozen = model("auto")
    items = frozen.probe_data.items("held_out")
    (whole, made), *_ = reconstructed_items(frozen, items)
    assert np.array_equal(whole[2], items.rows(2))
    auto = part_with(frozen, Encodes)
    codes = torch.from_numpy(item_codes(frozen, items))
    told = auto.decoded(codes).detach().numpy().reshape(whole.shape)
    np.testing.assert_allclose(made, told, atol=1e-5)
    found = list(restored_items(frozen, items, Rng(0, 0)))
    assert len(found) == len(items)
    assert any((each.corrupted != each.input).any() for each in found)
    masked = model("masked")
    with pytest.raises(UsageError, match="not trained to reconstruct from a code"):
        next(reconstructed_items(masked, masked.probe_data.items("train")))
    (first, *_) = restored_items(masked, items, Rng(0, 0))
    assert np.array_equal(first.input, items.rows(0))


def test_rows_in_memory_are_read_once_where_they_are_few(monkeypatch):
    asked = []

    def rows_of(document):
        asked.append(document)
        return np.full((2, 3), document, dtype=np.float32)

    items = Items(np.asarray([5, 9]), rows_of, lambda document: None, "two")
    kept = items.in_memory()
    for _ in range(2):
        np.testing.assert_array_equal(np.stack([kept.rows(0), kept.rows(1)])[:, 0, 0], [5, 9])
    assert asked == [5, 5, 9]  # the first tells how many bytes there are
    monkeypatch.setattr(items_of_data, "MOST_BYTES", 47)  # two records of six numbers have 48
    assert items.in_memory() is items


def test_text_probes_are_of_text_and_the_newest_such_model_is_taken(model, capsys):
    assert run(["probe", "similarity", "cat", "--model", "auto"]) == 2
    told = capsys.readouterr().err
    assert "'similarity' looks into models of text" in told
    assert "auto reads images" in told
    assert "Traceback" not in told
    assert run(["pretrain", "--objective", "mae", "--data", "train.npz", "--max-steps", "1",
                "--arch", "tiny", "--device", "cpu", "--no-plot", "-q", "--name", "newer"]) == 0  # fmt: skip
    assert run(["probe", "similarity", "cat", "--device", "cpu"]) == 0
    assert "words" in capsys.readouterr().err


class OfImages(Probe):
    """A sound probe of images."""

    summary = "how many numbers a code has"
    modalities = frozenset({"images"})

    def run(self, model, rng):
        codes = item_codes(model, model.probe_data.items("held_out"))
        return Report("codes", scores=[Score("numbers", float(codes.shape[1]), count=len(codes))])


def test_a_probe_of_images_is_tried_on_images():
    failed = [finding for finding in check_probe(OfImages) if not finding.passed]
    assert not [each for each in failed if each.name != "imports"], failed
