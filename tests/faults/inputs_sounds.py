"""Recordings that are wrong in every way: the file named in one sentence, exit code 2.

    python tests/faults/inputs_sounds.py --cases 300

Each case is a line of `ssl pretrain` of one step, of `ssl probe`, of `ssl finetune classify` or of
`ssl generate`. Files that only look wrong, and those that are left out aloud, are among them.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inputs_trying import by_hand
from item_cases import SMALL, TUNE, Workplace, swept
from sound_cases import CASES, make_sound
from tallies import Tally

TRAIN = ("pretrain", "--objective", "mask-frames", *SMALL)
FURTHER = (*TRAIN[:3], *SMALL[6:], "--model", "model", "--name", "run")
PROBE = ("probe", "layers", "--model", "model", "--device", "cpu", "--out", "out")
BESIDE = {"fast": "fast", "slow": "slow", "text": "words.txt", "images": "images.npy"}
LINES = {
    "train": (*TRAIN, "--name", "run"),
    "coded": ("pretrain", "--objective", "autoencoder", *SMALL, "--name", "run"),
    "masked": ("pretrain", "--objective", "mlm", *SMALL, "--name", "run"),
    "probe": PROBE,
    "tune": TUNE,
    "generate": ("generate", "--model", "model", "hello"),
    **{f"on_{name}": (*FURTHER, "--data", f"sound/{file}") for name, file in BESIDE.items()},
    **{f"probe_{name}": (*PROBE, "--data", f"sound/{file}") for name, file in BESIDE.items()},
    **{f"tune_{name}": (*TUNE, "--data", f"sound/{file}") for name, file in BESIDE.items()},
}


@contextlib.contextmanager
def workplace() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        making = (*TRAIN, "--data", "sound/voices")
        yield Workplace(Path(folder), make_sound, making, LINES)


def sweep(count: int) -> Tally:
    """The first cases, in turns over all of them."""
    return swept("recordings", CASES[:count], workplace)


if __name__ == "__main__":
    by_hand(sweep, 300)
