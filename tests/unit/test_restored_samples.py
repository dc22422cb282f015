"""Held-out images and recordings as a run shows them when it ends."""

import numpy as np
import pytest

from sslcli.contracts.abilities import Restoration
from sslcli.core.settings import TransformerSettings
from sslcli.grid import Grid
from sslcli.modalities import Frames
from sslcli.workflows.pretrain.samples import (
    MOST_NUMBERS,
    MOST_SECONDS,
    samples_report,
    spectrograms,
)

FRAMES = Frames.at(8_000)


def image(rng, grid):
    return rng.uniform(0, 1, (grid.rows, grid.features)).astype(np.float32)


def shape(**fields):
    settings = {"vocabulary": 0, "width": 8, "heads": 1, "depth": 1, "feedforward_width": 8}
    return TransformerSettings(**settings, **fields)


@pytest.mark.parametrize("corrupted", [True, False])
def test_images_stand_as_they_are_as_read_and_as_restored(corrupted):
    rng, grid = np.random.default_rng(0), Grid(4, 4, 1, 2)
    wholes = [image(rng, grid) for _ in range(3)]
    found = [Restoration(each, each * (not corrupted), each / 2, 0.0) for each in wholes]
    report = samples_report(found, shape(grid=grid, row_features=4), "title")
    (gallery,) = report.galleries
    ways = {"as it is": 1, "as read": 0, "restored": 0.5}
    if not corrupted:
        del ways["as read"]
    assert list(gallery.rows) == list(ways)
    for times, images in zip(ways.values(), gallery.images, strict=True):
        for whole, shown in zip(wholes, images, strict=True):
            wanted = np.round(255 * times * grid.joined(whole))
            got = np.frombuffer(bytes.fromhex(shown), np.uint8).reshape(wanted.shape)
            assert np.abs(got - wanted).max() <= 1


def test_of_large_images_there_are_few():
    rng, grid = np.random.default_rng(0), Grid(256, 256, 3, 16)
    found = [Restoration(image(rng, grid), image(rng, grid), image(rng, grid), 0.0)] * 4
    (gallery,) = samples_report(found, shape(grid=grid, row_features=768), "title").galleries
    assert 1 <= len(gallery.images[0]) * 3 * grid.numbers <= MOST_NUMBERS


def test_recordings_are_played_and_their_bands_shown_high_ones_on_top():
    rng = np.random.default_rng(0)
    wholes = [rng.normal(size=(length, FRAMES.bands)).astype(np.float32) for length in (30, 50)]
    found = [Restoration(each, each, each + 1, 0.0) for each in wholes]
    report = samples_report(found, shape(frames=FRAMES, row_features=FRAMES.bands), "title")
    assert [sound.title for sound in report.sounds] == [
        f"recording {number}, {name}" for number in (1, 2) for name in ("as it is", "restored")
    ]
    assert report.sounds[0].seconds == pytest.approx(29 * FRAMES.hop / FRAMES.rate)
    (gallery,) = report.galleries
    shown = np.frombuffer(bytes.fromhex(gallery.images[0][0]), np.uint8).reshape(FRAMES.bands, 50)
    assert not shown[:, 30:].any()
    low, high = min(map(np.min, wholes)), max(map(np.max, wholes)) + 1
    wanted = (wholes[0] - low) / (high - low) * 255
    np.testing.assert_allclose(shown[::-1, :30].T, wanted, atol=0.51)


def test_of_a_long_recording_the_beginning_is_played_and_that_is_said():
    rows = np.zeros((FRAMES.count(12 * FRAMES.rate), FRAMES.bands), np.float32)
    found = [Restoration(rows, rows, rows, 0.0)]
    report = samples_report(found, shape(frames=FRAMES, row_features=FRAMES.bands), "title")
    assert {round(sound.seconds, 2) for sound in report.sounds} == {MOST_SECONDS}
    assert any("first 10 seconds" in note for note in report.notes)


def test_bands_that_are_all_alike_are_black():
    same = {"as it is": [np.ones((3, 2), np.float32)]}
    assert set(spectrograms(same).images[0][0]) == {"0"}


def test_texts_and_records_have_no_pictures():
    texts = [Restoration("a", "b", "c", 0.0)]
    assert samples_report(texts, shape(grid=Grid(4, 4, 1, 2), row_features=4), "t") is None
    rows = np.zeros((2, 3), np.float32)
    assert samples_report([Restoration(rows, rows, rows, 0.0)], shape(row_features=3), "t") is None
    assert samples_report([], shape(row_features=3), "t") is None
