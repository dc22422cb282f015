"""Images that are wrong in every way: file, record and array named in one sentence, exit code 2.

    python tests/faults/inputs_images.py --cases 300

Each case is a line of `ssl pretrain` of one step, of `ssl probe anomaly`, or of `ssl finetune
classify`. Files that only look wrong are among them, and must work.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from image_cases import CASES, make_sound
from inputs_trying import by_hand
from item_cases import SMALL, TUNE, Workplace, swept
from tallies import Tally

TRAIN = ("pretrain", "--objective", "autoencoder", *SMALL)
PROBE = ("probe", "anomaly", "--model", "model", "--device", "cpu", "--out", "out")
BESIDE = {"wide": "wide.npy", "colour": "colour.npy", "table": "t.csv", "text": "words.txt"}
LINES = {
    "train": (*TRAIN, "--name", "run"),
    "probe": PROBE,
    "tune": TUNE,
    **{f"probe_{name}": (*PROBE, "--data", f"sound/{file}") for name, file in BESIDE.items()},
    **{f"tune_{name}": (*TUNE, "--data", f"sound/{file}") for name, file in BESIDE.items()},
}


@contextlib.contextmanager
def workplace() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        making = (*TRAIN, "--data", "sound/grey.npz")
        yield Workplace(Path(folder), make_sound, making, LINES)


def sweep(count: int) -> Tally:
    """The first cases, in turns over all of them."""
    return swept("images", CASES[:count], workplace)


if __name__ == "__main__":
    by_hand(sweep, 300)
