"""Log-mel frames, the way back, and warped distances: beside librosa and plain loops."""

import numpy as np
import pytest

from sslcli.kits import sound
from sslcli.metrics.warping import warped_distances, warped_error
from sslcli.modalities import FLOOR, Frames

RATES = (8_000, 16_000, 22_050, 44_100)


def noise(seconds, rate, seed=0):
    return np.random.default_rng(seed).normal(size=round(seconds * rate)).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def librosa():
    return pytest.importorskip("librosa")


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")  # of librosa, on the shortest ones
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [1, 79, 80, 81, 12_345])
def test_log_mel_is_librosas(librosa, rate, samples):
    frames, samples_N = Frames.at(rate), noise(2, rate)[:samples]
    theirs_MT = librosa.feature.melspectrogram(
        y=samples_N,
        sr=rate,
        n_fft=frames.transform,
        win_length=frames.window,
        hop_length=frames.hop,
        power=1,
        n_mels=frames.bands,
        fmin=frames.low,
        fmax=frames.high,
        htk=True,
        norm=None,
    )
    ours_TM = sound.log_mel(samples_N, frames)
    assert ours_TM.shape == (frames.count(samples), frames.bands)
    np.testing.assert_allclose(ours_TM, np.log(np.maximum(theirs_MT.T, FLOOR)), atol=1e-5)


def test_a_long_recording_is_that_of_its_parts(monkeypatch):
    frames, samples_N = Frames.at(8_000), noise(3, 8_000)
    whole_TM = sound.log_mel(samples_N, frames)
    monkeypatch.setattr(sound, "FRAMES_AT_ONCE", 7)
    np.testing.assert_allclose(sound.log_mel(samples_N, frames), whole_TM, atol=1e-5)


def test_a_tone_is_in_its_band():
    frames = Frames.at(8_000)
    tone_N = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 8_000)
    middle_M = sound.log_mel(tone_N, frames)[50]
    mels = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (50, 4_000)), frames.bands + 2)
    tops_M = 700 * (10 ** (mels[1:-1] / 2595) - 1)
    assert abs(tops_M[middle_M.argmax()] - 1_000) < 60
    # A tone of amplitude 1 gives W / 4 at its frequency and half of it beside; triangles sum to 1.
    assert np.exp(middle_M).sum() == pytest.approx(frames.window / 2, rel=0.01)


def test_silence_is_the_floor():
    frames = Frames.at(16_000)
    assert (sound.log_mel(np.zeros(1_000), frames) == np.log(np.float32(FLOOR))).all()


@pytest.mark.parametrize("rate", RATES)
def test_a_spectrum_gives_its_recording_back(rate):
    frames, samples_N = Frames.at(rate), noise(1, rate)
    back_N = sound.recording_of(sound.spectrum(samples_N, frames), frames)
    np.testing.assert_allclose(back_N, samples_N[: len(back_N)], atol=1e-5)
    assert len(samples_N) - len(back_N) < frames.hop


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_griffin_lim_is_librosas(librosa, rate):
    frames = Frames.at(rate)
    amplitudes_TK = np.abs(sound.spectrum(noise(1, rate), frames))
    theirs_N = librosa.griffinlim(
        amplitudes_TK.T,
        n_iter=20,
        hop_length=frames.hop,
        win_length=frames.window,
        n_fft=frames.transform,
        init=None,
        momentum=0.99,
    )
    ours_N = sound.griffin_lim(amplitudes_TK, frames, turns=20, seed=None)
    np.testing.assert_allclose(ours_N[: len(theirs_N)], theirs_N, atol=1e-3)


def test_phases_are_those_of_the_seed():
    frames = Frames.at(8_000)
    amplitudes_TK = np.abs(sound.spectrum(noise(0.2, 8_000), frames))
    first, again, other = (
        sound.griffin_lim(amplitudes_TK, frames, turns=2, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_is_heard_has_the_same_frames():
    """Bands of a sum of tones, through frequencies and a recording, are nearly those of before."""
    frames, time_N = Frames.at(8_000), np.arange(8_000) / 8_000
    tones_N = sum(
        np.sin(2 * np.pi * hertz * time_N * (1 + time_N / 4)) for hertz in (220, 700, 1900)
    )
    wanted_TM = sound.log_mel(0.2 * tones_N + noise(1, 8_000) * 0.1, frames)
    found_TM = sound.log_mel(sound.heard(wanted_TM, frames), frames)
    shifted_TM = np.roll(wanted_TM, 10, axis=0)
    error, beside = (np.abs(each - wanted_TM).mean() for each in (found_TM, shifted_TM))
    assert error < 0.35 * beside


def slowly_warped(first, second):
    """Cost and steps, cell by cell."""
    cost = ((first[:, None] - second[None]) ** 2).sum(axis=2)
    best = {}
    for s, t in np.ndindex(cost.shape):
        ways = [best[way] for way in ((s - 1, t - 1), (s - 1, t), (s, t - 1)) if way in best]
        before = min(ways, key=lambda way: way[0]) if ways else (0.0, 0)
        best[s, t] = (before[0] + cost[s, t], before[1] + 1)
    return best[len(first) - 1, len(second) - 1]


def some_pairs(count=20):
    rng = np.random.default_rng(3)
    return [
        tuple(rng.normal(size=(length, 4)) for length in rng.integers(1, 25, size=2))
        for _ in range(count)
    ]


def test_warped_distances_are_those_of_a_plain_loop(monkeypatch):
    monkeypatch.setattr("sslcli.metrics.warping.CELLS_AT_ONCE", 2_000)  # several batches
    pairs = some_pairs()
    costs_P, steps_P = warped_distances(pairs)
    for pair, cost, steps in zip(pairs, costs_P, steps_P, strict=True):
        assert (cost, steps) == (pytest.approx(slowly_warped(*pair)[0]), slowly_warped(*pair)[1])


def test_warped_distances_are_librosas(librosa):
    for first, second in some_pairs():
        total, path = librosa.sequence.dtw(X=first.T, Y=second.T, metric="sqeuclidean")
        (cost,), (steps,) = warped_distances([(first, second)])
        assert (cost, steps) == (pytest.approx(total[-1, -1]), len(path))


def test_the_same_sequence_slower_is_at_no_distance():
    rows_TF = np.random.default_rng(0).normal(size=(9, 3))
    assert warped_error(rows_TF, np.repeat(rows_TF, 2, axis=0)) == 0
    assert warped_error(rows_TF, rows_TF + 1) <= 1
