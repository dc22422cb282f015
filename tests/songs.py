"""Recordings of singers, for tests."""

import numpy as np
import soundfile


def sung(folder, count=24, seconds=0.8, rate=8_000, hertz=None, seed=0):
    """Voices of two singers: tones that glide within `hertz` of each, and their overtones."""
    random, time_N = np.random.default_rng(seed), np.arange(round(rate * seconds)) / rate
    for number in range(count):
        singer = "ab"[number % 2]
        first, last = random.uniform(*(hertz or {}).get(singer, (150, 500)), 2)
        phase_N = 2 * np.pi * np.cumsum(np.linspace(first, last, len(time_N))) / rate
        tone_N = sum(np.sin(k * phase_N) / k for k in (1, 2, 3)) * 0.2
        path = folder / singer / f"{number}.wav"
        path.parent.mkdir(exist_ok=True, parents=True)
        soundfile.write(path, tone_N * (1 + 0.2 * np.sin(30 * time_N)), rate)


def melodies(folder, count, seed=0):
    """The same melodies by two singers, of whom one is lower and slower."""
    random = np.random.default_rng(seed)
    for number in range(count):
        notes = random.uniform(300, 1_500, 6)
        for singer, factor, seconds in (("a", 1.0, 0.10), ("b", 0.8, 0.13)):
            hertz_N = np.repeat(notes * factor, round(8_000 * seconds))
            path = folder / singer / f"{number}.wav"
            path.parent.mkdir(exist_ok=True, parents=True)
            soundfile.write(path, 0.3 * np.sin(2 * np.pi * np.cumsum(hertz_N) / 8_000), 8_000)


def parted_melodies(folder):
    """Melodies to learn from in `train`, and others, whose files have names of their own, in
    `test`.
    """
    melodies(folder / "train", 12, 0)
    melodies(folder / "test", 8, 1)
    for path in (folder / "test").rglob("*.wav"):
        path.rename(path.with_name(f"t{path.name}"))
