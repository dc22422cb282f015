"""Recordings parted by their sentences: apart.py VOICES OUT COUNT (OUT/held-out and OUT/train)."""

import sys
from pathlib import Path

import numpy as np

SEED = 0


def main(voices: str, out: str, count: int) -> None:
    speakers = sorted(path for path in Path(voices).iterdir() if path.is_dir())
    spoken = [{file.name for file in speaker.iterdir()} for speaker in speakers]
    shared = np.random.default_rng(SEED).permutation(sorted(set.intersection(*spoken)))
    held_out = set(shared[:count].tolist())
    for speaker in speakers:
        for file in speaker.iterdir():
            part = "held-out" if file.name in held_out else "train"
            link = Path(out) / part / speaker.name / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(file.resolve())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
