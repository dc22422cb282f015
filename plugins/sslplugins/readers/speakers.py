"""demo:voices, generated recordings: two speakers say the same sentences of made-up syllables.

A voice is the overtones of a tone, whose loudness a vowel's three resonances shape (Fant 1960,
"Acoustic theory of speech production"); a consonant is noise before it. The speakers differ in
pitch, in the length of the throat, by which all resonances are shifted, and in pace, which is what
has to be taken apart from what is said. demo:voices-test has other sentences of the same two.

Letters: N samples, K overtones.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sslcli.api import Document, Frames, Where, log_mel

TRAIN, TEST = "demo:voices", "demo:voices-test"
RATE = 8_000
SENTENCES = {TRAIN: 150, TEST: 50}
SYLLABLES = (4, 5)
# resonances of vowels in hertz (after Peterson and Barney 1952), of a man
VOWELS = {"a": (730, 1_090, 2_440), "e": (530, 1_840, 2_480), "i": (270, 2_290, 3_010),
          "o": (570, 840, 2_410), "u": (300, 870, 2_240)}  # fmt: skip
BANDWIDTHS = (80.0, 100.0, 140.0)
# of consonants: where their noise lies, in hertz, and its loudness
CONSONANTS = {"s": (3_200, 0.10), "f": (2_200, 0.05), "k": (1_500, 0.12), "m": (250, 0.03)}
NOISE_WIDTH = 500.0
NOISE = 0.02  # of the room, beside vowels of 0.3


class Speaker(NamedTuple):
    """Pitch in hertz, by what resonances are multiplied, and seconds of a syllable."""

    pitch: float
    throat: float
    seconds: float


SPEAKERS = {"low": Speaker(110.0, 1.0, 0.22), "high": Speaker(210.0, 1.35, 0.16)}


def voices(reference: str, seed: int) -> Iterator[Document]:
    """Yield the recordings of one part as frames, labelled by who speaks; the same number is the
    same sentence.
    """
    frames = Frames.at(RATE)
    for name, speaker in SPEAKERS.items():
        for number in range(SENTENCES[reference]):
            keys = (seed, number, *reference.encode())
            said = np.random.Generator(np.random.Philox(np.random.SeedSequence(keys)))
            own = np.random.Generator(
                np.random.Philox(np.random.SeedSequence((*keys, *name.encode())))
            )
            yield Document(
                Where(f"{reference}/{name}/{number:03}", 1),
                array=log_mel(spoken(_sentence(said), speaker, own), frames),
                label=name,
                frames=frames,
            )


def _sentence(chance: np.random.Generator) -> list[str]:
    """Syllables, a consonant and a vowel each."""
    count = int(chance.integers(*SYLLABLES, endpoint=True))
    parts = [list(each) for each in (CONSONANTS, VOWELS)]
    return ["".join(str(chance.choice(part)) for part in parts) for _ in range(count)]


def spoken(syllables: list[str], speaker: Speaker, chance: np.random.Generator) -> np.ndarray:
    """float32 [N], what a speaker says; each time a little otherwise."""
    said = [_syllable(each, speaker, chance) for each in syllables]
    silence = np.zeros(RATE // 20)
    sound_N = np.concatenate([silence, *said, silence])
    sound_N += chance.normal(0, NOISE, len(sound_N))
    return (sound_N * (0.3 / np.abs(sound_N).max())).astype(np.float32)


def _syllable(name: str, speaker: Speaker, chance: np.random.Generator) -> np.ndarray:
    consonant, vowel = name
    size = round(RATE * speaker.seconds * chance.uniform(0.85, 1.15))
    noise = _noise(consonant, speaker, size // 4, chance)
    return np.concatenate([noise, _voiced(vowel, speaker, size - len(noise), chance)])


def _noise(consonant: str, speaker: Speaker, size: int, chance: np.random.Generator) -> np.ndarray:
    """Noise around a frequency: of random numbers, those far from it are taken away."""
    middle, loudness = CONSONANTS[consonant]
    spectrum = np.fft.rfft(chance.normal(size=size))
    away = np.fft.rfftfreq(size, 1 / RATE) - middle * speaker.throat
    shaped_N = np.fft.irfft(spectrum * np.exp(-np.square(away / NOISE_WIDTH) / 2), size)
    return shaped_N * (loudness / np.abs(shaped_N).max()) * np.hanning(size)


def _voiced(vowel: str, speaker: Speaker, size: int, chance: np.random.Generator) -> np.ndarray:
    """The overtones below half the rate, each as loud as the resonances let it through."""
    pitch = speaker.pitch * chance.uniform(0.92, 1.08)
    falling_N = pitch * np.linspace(1.06, 0.94, size)
    phase_N = 2 * np.pi * np.cumsum(falling_N) / RATE
    overtones_K = np.arange(1, int(RATE / 2 / (1.06 * pitch)) + 1)
    hertz_K, loud_K = overtones_K * pitch, 1 / overtones_K
    for resonance, width in zip(VOWELS[vowel], BANDWIDTHS, strict=True):
        middle = resonance * speaker.throat
        loud_K = loud_K * middle**2 / np.hypot(middle**2 - hertz_K**2, width * hertz_K)
    tone_N = loud_K @ np.sin(overtones_K[:, None] * phase_N)
    return 0.3 * tone_N / np.abs(tone_N).max() * np.hanning(size) ** 0.5
