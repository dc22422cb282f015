"""Recordings of singers, for tests."""

import numpy as np
import soundfile


def sung(folder, count=24, seconds=0.8):
    """Voices of two singers: tones that glide, and their overtones."""
    random, time_N = np.random.default_rng(0), np.arange(round(8_000 * seconds)) / 8_000
    for number in range(count):
        first, last = random.uniform(150, 500, 2)
        phase_N = 2 * np.pi * np.cumsum(np.linspace(first, last, len(time_N))) / 8_000
        tone_N = sum(np.sin(k * phase_N) / k for k in (1, 2, 3)) * 0.2
        path = folder / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(exist_ok=True, parents=True)
        soundfile.write(path, tone_N * (1 + 0.2 * np.sin(30 * time_N)), 8_000)
