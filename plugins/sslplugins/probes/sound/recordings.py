"""Recordings of sentences, by who speaks them: those that a probe learns from, and those that it is
tested with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslcli.api import DataError, FrozenModel, Items


@dataclass(frozen=True)
class Recordings:
    """Recordings of sentences that have no other recording by the same speaker here."""

    items: Items
    speakers: tuple[str, ...]
    sentences: tuple[str, ...]

    @classmethod
    def of(cls, items: Items) -> "Recordings":
        """The first recording of each speaker and sentence: the name of its folder, and of its
        file.
        """
        first: dict[tuple[str, str], int] = {}
        for place, (label, file) in enumerate(zip(items.labels, items.files, strict=True)):
            if label is not None:
                first.setdefault((label, Path(file).stem), place)
        chosen = items.among(np.asarray(list(first.values()), dtype=np.int64))
        return cls(chosen, *(tuple(key[part] for key in first) for part in (0, 1)))

    def rows(self) -> list[np.ndarray]:
        """The frames [T, M] of each."""
        return [self.items.rows(item) for item in range(len(self.items))]

    def where(self, chosen: Sequence[bool]) -> "Recordings":
        """Those of them."""
        return self.at(np.flatnonzero(chosen).tolist())

    def at(self, places: Sequence[int]) -> "Recordings":
        """Those at these places, in this order."""
        parts = (
            tuple(names[place] for place in places) for names in (self.speakers, self.sentences)
        )
        return Recordings(self.items.among(np.asarray(places, dtype=np.int64)), *parts)


def parted(model: FrozenModel, most: int) -> tuple[Recordings, Recordings]:
    """Training recordings, none of a sentence that is tested, and held-out ones of sentences that
    two speak at least.
    """
    test = Recordings.of(model.probe_data.items("held_out"))
    spoken = {sentence: test.sentences.count(sentence) for sentence in sorted({*test.sentences})}
    shared = [sentence for sentence, count in spoken.items() if count > 1][:most]
    if len(shared) < 2:
        raise DataError(
            "held-out recordings have no two sentences that two speakers say",
            "hold out such with --data: folders named after speakers, in them the same names of"
            " files for the same words",
        )
    test = test.where([sentence in shared for sentence in test.sentences])
    train = Recordings.of(model.probe_data.items("train"))
    train = train.where([sentence not in shared for sentence in train.sentences])
    if missing := {*test.speakers} - {*train.speakers}:
        raise DataError(
            f"'{sorted(missing)[0]}' says no other sentence in the training recordings",
            "a probe learns the voices of speakers from sentences that it is not tested with",
        )
    return train, test
