"""Recordings: log-mel frames beside librosa's, in one process, turn by turn; then ten minutes of
speech-like sound read into shards and masked frames trained on them, with what each part takes.

`python tests/benchmarks/sound_speed.py`: medians in processor time, and the ratio of each turn.
That both frames are equal is a test of tests/unit/test_sound.py. Where librosa is not installed it
says so. `--rehearse`: a size of seconds.
"""

import argparse
import importlib
import importlib.util
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from sslcli.cli.app import run
from sslcli.kits.sound import log_mel
from sslcli.modalities import FLOOR, Frames

RATE, CLIP_SECONDS = 16_000, 4


def theirs(samples_N, frames):
    """The same frames by librosa."""
    found_MT = importlib.import_module("librosa").feature.melspectrogram(
        y=samples_N, sr=frames.rate, n_fft=frames.transform, win_length=frames.window,
        hop_length=frames.hop, power=1, n_mels=frames.bands, fmin=frames.low, fmax=frames.high,
        htk=True, norm=None,
    )  # fmt: skip
    return np.log(np.maximum(found_MT.T, FLOOR))


def processor_seconds(work):
    began = time.process_time()
    done = work()
    assert not isinstance(done, int) or done == 0, "what is timed was refused"
    return time.process_time() - began


def frames_beside(seconds, rounds):
    frames = Frames.at(RATE)
    samples_N = np.random.default_rng(0).normal(size=RATE * seconds).astype(np.float32) * 0.1
    if importlib.util.find_spec("librosa") is None:
        own = statistics.median(
            processor_seconds(lambda: log_mel(samples_N, frames)) for _ in range(rounds)
        )
        print(
            f"librosa is not installed; log-mel of {seconds} s of sound takes {own * 1000:.0f} ms"
        )
        return
    apart = np.abs(log_mel(samples_N, frames) - theirs(samples_N, frames)).max()
    print(f"largest difference of the frames: {apart:.1e}")
    turns = [
        (
            processor_seconds(lambda: log_mel(samples_N, frames)),
            processor_seconds(lambda: theirs(samples_N, frames)),
        )
        for _ in range(rounds)
    ]
    own, other = (statistics.median(each) for each in zip(*turns, strict=True))
    ratios = [librosa / ours for ours, librosa in turns]
    print(
        f"log-mel of {seconds} s of sound: {own * 1000:.0f} ms here, {other * 1000:.0f} ms in librosa, "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) times ours"
    )


def spoken(folder, seconds):
    """Clips of noise that is shaped and comes in syllables, by two speakers."""
    random, samples = np.random.default_rng(1), RATE * CLIP_SECONDS
    for number in range(seconds // CLIP_SECONDS):
        loud_N = np.abs(np.sin(np.arange(samples) * random.uniform(8, 14) / RATE))
        noise_N = np.convolve(random.normal(size=samples), np.hanning(9), "same")
        path = folder / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, (0.1 * loud_N * noise_N).astype(np.float32), RATE)


def trained(seconds, steps):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SSLCLI_CACHE_DIR"] = str(folder / "cache")
        spoken(folder / "speech", seconds)
        line = (
            f"pretrain --objective mask-frames --data {folder / 'speech'} --arch tiny --batch-size 8"
            f" --lr 2e-3 --device cpu --no-plot --quiet --out {folder / 'run'}"
        ).split()
        first = processor_seconds(lambda: run([*line, "--max-steps", "1"]))
        again = [*line, "--overwrite", "--max-steps", str(steps)]
        took = processor_seconds(lambda: run(again))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds} s of sound read, and one step: {first:.1f} s of the processor")
    print(
        f"{steps:,} steps of 8 clips, read from the cache: {took:.1f} s; peak memory {peak:,.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rehearse", action="store_true")
    given = parser.parse_args()
    seconds, steps = (120, 2) if given.rehearse else (600, 1_000)
    frames_beside(seconds, 2 if given.rehearse else given.rounds)
    trained(seconds, steps)


if __name__ == "__main__":
    main()
