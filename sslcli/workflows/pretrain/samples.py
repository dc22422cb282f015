"""Restored images and recordings as a report that shows and plays them.

Letters: L rows of an item, F numbers of a row, T frames, M mel bands.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from sslcli.contracts.abilities import Restoration
from sslcli.core.settings import TransformerSettings
from sslcli.grid import Grid
from sslcli.kits.images import gallery
from sslcli.kits.sound import as_sound, heard
from sslcli.modalities import Frames
from sslcli.reports import Gallery, Report

AS_IT_IS, AS_READ, RESTORED = "as it is", "as read", "restored"
MOST_NUMBERS = 1_000_000  # of all images together: a picture shows no more, and its files hold it
MOST_SECONDS = 10  # of a recording that is played
Ways = Mapping[str, Sequence[np.ndarray]]


def samples_report(
    found: Sequence[Restoration], shape: TransformerSettings, title: str
) -> Report | None:
    """Each item as it is, as the model read it where that is something else, and as restored; None
    where they are neither images nor recordings.
    """
    grid, frames = shape.grid, shape.frames
    rows = [each for each in found if isinstance(each.input, np.ndarray)]
    if not rows or (grid is None and frames is None):
        return None
    ways = {
        AS_IT_IS: [np.asarray(each.input) for each in rows],
        AS_READ: [np.asarray(each.corrupted) for each in rows],
        RESTORED: [np.asarray(each.restored) for each in rows],
    }
    if all(map(np.array_equal, ways[AS_IT_IS], ways[AS_READ])):
        del ways[AS_READ]
    if grid is not None:
        return _of_images(ways, grid, title)
    assert frames is not None, "one of the two is there"
    return _of_recordings(ways, frames, title)


def _of_images(ways: Ways, grid: Grid, title: str) -> Report:
    count = max(1, MOST_NUMBERS // (grid.numbers * len(ways)))
    shown = {
        name: [grid.joined(rows_LF) for rows_LF in each[:count]] for name, each in ways.items()
    }
    return Report(title, galleries=[gallery("held-out images", shown)])


def _of_recordings(ways: Ways, frames: Frames, title: str) -> Report:
    most = frames.count(MOST_SECONDS * frames.rate)
    cut = {name: [rows_TM[:most] for rows_TM in each] for name, each in ways.items()}
    notes = [
        "phases are made up (Griffin-Lim), which can be heard: also what is as it is has gone"
        " through its frames"
    ]
    longest = max(len(rows_TM) for rows_TM in ways[AS_IT_IS])
    if longest > most:
        notes.append(f"of each recording the first {MOST_SECONDS} seconds are shown and played")
    sounds = [
        as_sound(f"recording {number}, {name}", heard(rows_TM, frames), frames.rate)
        for number in range(1, len(cut[AS_IT_IS]) + 1)
        for name, rows_TM in ((name, each[number - 1]) for name, each in cut.items())
    ]
    return Report(title, galleries=[spectrograms(cut)], sounds=sounds, notes=notes)


def spectrograms(ways: Ways) -> Gallery:
    """Frames [T, M] as images, time from left to right, high bands on top; all in one scale, and
    black behind the end of the shorter ones.
    """
    everything = np.concatenate([rows_TM for each in ways.values() for rows_TM in each])
    low, high = float(everything.min()), max(float(everything.max()), float(everything.min()) + 1)
    longest = max(len(rows_TM) for each in ways.values() for rows_TM in each)

    def image(rows_TM: np.ndarray) -> np.ndarray:
        shares_TM = (rows_TM - low) / (high - low)
        return np.pad(shares_TM, ((0, longest - len(rows_TM)), (0, 0))).T[::-1, :, None]

    count = len(next(iter(ways.values())))
    return gallery(
        "mel bands over time",
        {name: list(map(image, each)) for name, each in ways.items()},
        [f"recording {number}" for number in range(1, count + 1)],
    )
