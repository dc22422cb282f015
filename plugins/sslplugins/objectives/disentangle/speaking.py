"""What `ssl generate` asks of a model of voices, and the recordings that its files hold.

Letters: T frames of a recording, M mel bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslcli.api import Config, Frames, read_recordings, setting


class Conversion(Config):
    """Whose words, and whose voice."""

    content: tuple[str, ...] = setting(
        ..., "recordings of what is said, or folders of such", "--content", reads=True, min_length=1
    )
    style: tuple[str, ...] = setting(
        ...,
        "recordings of the voice that it is said in, or folders of such: several tell more of it",
        "--style",
        reads=True,
        min_length=1,
    )


@dataclass(frozen=True)
class Recording:
    """A file, and the frames [T, M] of its segments; there is one but in long ones."""

    file: Path
    segments: Sequence[np.ndarray]


def recordings(names: Sequence[str], frames: Frames | None) -> list[Recording]:
    """Read the files, and those in folders, in order. Raises DataError for silence, and for what
    the model does not read.
    """
    assert frames is not None, "a model of recordings knows how they lie in its rows"
    return [
        Recording(Path(file), segments)
        for name in names
        for file, segments in read_recordings(name, frames).items()
    ]
