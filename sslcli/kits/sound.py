"""Log-mel frames of a recording, a recording made of log-mel frames, and frames in characters.

Letters: N samples, T frames, W samples of a window, K frequencies, M mel bands.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy import fft

from sslcli.grid import SHADES
from sslcli.modalities import FLOOR, Frames
from sslcli.reports import Sound, Table

FRAMES_AT_ONCE = 512
FULL_SCALE = 32_767  # of 16 bits
INVERSION_TURNS = 40  # of the way back from bands to frequencies
MOST_SHOWN, MOST_COLUMNS, LINES = 3, 64, 8  # recordings in characters
LEAST = 1e-10  # amplitude, beside which nothing is divided


@lru_cache(maxsize=8)
def mel_filters(frames: Frames) -> np.ndarray:
    """Triangles on the mel scale of HTK, each 1 at its top: float32 [K, M]."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (frames.low, frames.high))
    edges = 700 * (10 ** (np.linspace(low, high, frames.bands + 2) / 2595) - 1)
    hertz_K1 = np.linspace(0, frames.rate / 2, frames.frequencies)[:, None]
    rising_KM = (hertz_K1 - edges[:-2]) / np.diff(edges[:-1])
    falling_KM = (edges[2:] - hertz_K1) / np.diff(edges[1:])
    filters_KM = np.maximum(0, np.minimum(rising_KM, falling_KM)).astype(np.float32)
    filters_KM.flags.writeable = False
    return filters_KM


@lru_cache(maxsize=8)
def _hann(frames: Frames) -> np.ndarray:
    """The periodic Hann window, in the middle of the samples of a transform: float64, so that
    transforms are computed in it, and bands without much in them are right too.
    """
    window_W = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frames.window) / frames.window)
    missing = frames.transform - frames.window
    return np.pad(window_W, (missing // 2, missing - missing // 2))


def spectrum(samples_N: np.ndarray, frames: Frames) -> np.ndarray:
    """Complex amplitudes of every frame, complex64 [T, K]."""
    found = [
        fft.rfft(part_TW * _hann(frames), axis=1)
        for part_TW in np.array_split(*_framed(samples_N, frames))
    ]
    return np.concatenate(found).astype(np.complex64, copy=False)


def log_mel(samples_N: np.ndarray, frames: Frames) -> np.ndarray:
    """Logarithms of the amplitudes of every band in every frame: float32 [T, M]."""
    filters_KM, window_W = mel_filters(frames), _hann(frames)
    found = []
    for part_TW in np.array_split(*_framed(samples_N, frames)):
        amplitudes_TK = np.abs(fft.rfft(part_TW * window_W, axis=1)).astype(np.float32)
        found.append(np.log(np.maximum(amplitudes_TK @ filters_KM, FLOOR)))
    return np.concatenate(found)


def _framed(samples_N: np.ndarray, frames: Frames) -> tuple[np.ndarray, int]:
    """The samples of each frame (a view), and in how many parts they are to be taken."""
    around = frames.transform // 2
    padded = np.pad(np.asarray(samples_N, dtype=np.float32), around)
    whole = np.lib.stride_tricks.sliding_window_view(padded, frames.transform)
    found_TW = whole[:: frames.hop][: frames.count(len(samples_N))]
    return found_TW, -(-len(found_TW) // FRAMES_AT_ONCE)


def recording_of(spectrum_TK: np.ndarray, frames: Frames) -> np.ndarray:
    """The recording whose frames come nearest to a spectrum: float32 [N].

    Griffin and Lim 1984, equation 6: windowed frames are added up, over the sum of the squared
    windows. N is what the frames are at least of, (T - 1) hops.
    """
    parts_TW = fft.irfft(spectrum_TK, n=frames.transform, axis=1) * _hann(frames)
    count = len(parts_TW)
    total = frames.transform + frames.hop * (count - 1)
    starts_T1 = frames.hop * np.arange(count)[:, None]
    places = (starts_T1 + np.arange(frames.transform)).ravel()
    summed = np.bincount(places, parts_TW.ravel(), total)
    squares = np.broadcast_to(_hann(frames) ** 2, parts_TW.shape)
    weights = np.bincount(places, squares.ravel(), total)
    # no sample within the recording is without weight, and those around it are cut off
    whole = summed / np.where(weights > np.finfo(np.float32).tiny, weights, 1)
    around = frames.transform // 2
    return whole[around : around + frames.hop * (count - 1)].astype(np.float32)


def griffin_lim(
    amplitudes_TK: np.ndarray,
    frames: Frames,
    *,
    turns: int = 60,
    momentum: float = 0.99,
    seed: int | None = 0,
) -> np.ndarray:
    """A recording whose spectrum has these amplitudes, nearly: float32 [N].

    Perraudin et al. 2013, "A fast Griffin-Lim algorithm": phases of a spectrum are taken that a
    recording can have, a step beyond where the last turn led. They begin at random, or at 0 where
    `seed` is None.
    """
    shape = amplitudes_TK.shape
    angles_TK = np.ones(shape, dtype=np.complex64)
    if seed is not None:
        angles_TK = np.exp(2j * np.pi * np.random.default_rng(seed).random(shape))
    before_TK = np.zeros(shape, dtype=np.complex64)
    for _ in range(turns):
        possible_TK = spectrum(recording_of(amplitudes_TK * angles_TK, frames), frames)
        beyond_TK = possible_TK - momentum / (1 + momentum) * before_TK
        angles_TK = beyond_TK / (np.abs(beyond_TK) + np.finfo(np.float32).tiny)
        before_TK = possible_TK
    return recording_of(amplitudes_TK * angles_TK, frames)


def amplitudes_of(log_mel_TM: np.ndarray, frames: Frames) -> np.ndarray:
    """Amplitudes of frequencies whose bands come nearest to these: float32 [T, K], none below 0.

    The least squares by the pseudo-inverse, cut off at 0, then by the multiplicative updates of Lee
    and Seung 2000.
    """
    filters_KM, wanted_TM = mel_filters(frames), np.exp(log_mel_TM.astype(np.float32))
    found_TK = np.maximum(wanted_TM @ np.linalg.pinv(filters_KM), LEAST)
    pull_TK = wanted_TM @ filters_KM.T
    for _ in range(INVERSION_TURNS):
        found_TK *= pull_TK / np.maximum(found_TK @ filters_KM @ filters_KM.T, LEAST)
    return found_TK


def heard(log_mel_TM: np.ndarray, frames: Frames, *, seed: int = 0) -> np.ndarray:
    """A recording that sounds like these frames: float32 [N] within [-1, 1]."""
    samples_N = griffin_lim(amplitudes_of(log_mel_TM, frames), frames, seed=seed)
    return samples_N / max(1.0, float(np.abs(samples_N).max(initial=0)))


def as_sound(title: str, samples_N: np.ndarray, rate: int) -> Sound:
    """A recording of samples from -1 to 1 for a report, which plays it."""
    loud_N = (np.clip(samples_N, -1, 1) * FULL_SCALE).round().astype("<i2")
    return Sound(title, rate, loud_N.tobytes().hex())


def frame_tables(rows: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[Table]:
    """The first recordings of a batch one above the other, in shades: by title their frames
    [T, M].
    """
    shown = list(lengths)[:MOST_SHOWN]
    ends = np.cumsum([0, *shown])
    return [
        Table(
            f"recording {number + 1}",
            ["", "frames"],
            [
                [title if line == 0 else "", text]
                for title, rows_TM in rows.items()
                for line, text in enumerate(_spectrogram(rows_TM[ends[number] : ends[number + 1]]))
            ],
        )
        for number in range(len(shown))
    ]


def _spectrogram(rows_TM: np.ndarray) -> list[str]:
    """Lines of bands, the highest first, as wide as a screen: means of neighbours."""
    columns = np.array_split(rows_TM, min(len(rows_TM), MOST_COLUMNS))
    bands = np.array_split(np.stack([each.mean(axis=0) for each in columns], axis=1), LINES)
    grey = np.stack([each.mean(axis=0) for each in bands])[::-1]
    low, high = rows_TM.min(), rows_TM.max()
    levels = ((grey - low) / max(high - low, LEAST) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] for level in line) for line in levels]
