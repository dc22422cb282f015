"""Recordings: what is read of each kind of file, and what is refused, by name and in one sentence."""

import numpy as np
import pytest
import soundfile
from sslplugins.readers.sound import SoundReader

from sslcli.data.records.read_context import Reading, reading_with
from sslcli.errors import DataError
from sslcli.kits.sound import log_mel
from sslcli.modalities import Frames

RATE = 8_000


def tone(seconds=0.5, rate=RATE, hertz=440.0, loud=0.3):
    time_N = np.arange(round(seconds * rate)) / rate
    return (loud * np.sin(2 * np.pi * hertz * time_N)).astype(np.float32)


def written(path, samples, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def read(path, **options):
    """Documents, and the remarks on them."""
    reading, reader = Reading(), SoundReader(SoundReader.Options(**options))
    return list(reading_with(reading, lambda: reader.documents(str(path)))), list(reading.notes)


@pytest.mark.parametrize(
    ("suffix", "subtype", "near"),
    [
        ("wav", "PCM_16", 1e-4),
        ("wav", "PCM_24", 1e-6),
        ("wav", "FLOAT", 1e-7),
        ("wav", "ULAW", 0.02),
        ("flac", "PCM_16", 1e-4),
        ("ogg", "VORBIS", 0.05),
        ("mp3", "MPEG_LAYER_III", 0.2),
    ],
)
def test_every_kind_of_file_has_its_frames(tmp_path, suffix, subtype, near):
    samples_N = tone(1)
    path = written(tmp_path / "anna" / f"a.{suffix}", samples_N, subtype=subtype)
    (document,), notes = read(path)
    assert (document.label, document.frames, notes) == ("anna", Frames.at(RATE), [])
    kept_N = soundfile.read(path, dtype="float32")[0][: len(samples_N)]
    assert np.abs(kept_N - samples_N).max() < near
    whole_N = soundfile.read(path, dtype="float32")[0]
    wanted_TM = log_mel(whole_N - whole_N.mean(), Frames.at(RATE))
    np.testing.assert_allclose(document.array, wanted_TM, atol=0.03 if suffix == "mp3" else 2e-3)


def test_a_long_recording_is_cut_and_nothing_is_lost(tmp_path):
    samples_N = np.random.default_rng(0).normal(size=RATE * 5 + 123).astype(np.float32) * 0.1
    path = written(tmp_path / "a.wav", samples_N, subtype="FLOAT")
    found, _ = read(path, segment=1.0)
    (whole,), _ = read(path)
    assert [len(each.array) for each in found] == [101, 101, 101, 101, 51, 51]
    np.testing.assert_allclose(found[1].array[5:95], whole.array[105:195], atol=1e-5)
    assert [each.where.record for each in found] == [1, 2, 3, 4, 5, 6]


def test_bands_that_would_hold_nothing_are_refused(tmp_path):
    path = written(tmp_path / "a.wav", tone())
    with pytest.raises(DataError, match=r"of 400 mel bands lie between two frequencies") as error:
        read(path, bands=400)
    assert "fewer --bands" in error.value.hint


def test_rates_are_brought_to_one(tmp_path):
    path = written(tmp_path / "a.wav", tone(1, rate=16_000), rate=16_000)
    (document,), _ = read(path, rate=8_000)
    assert document.frames == Frames.at(8_000)
    wanted_TM = log_mel(tone(1), Frames.at(8_000))
    assert len(document.array) == len(wanted_TM)
    loud = wanted_TM > wanted_TM.max() - 3
    assert np.abs(document.array - wanted_TM)[5:-5][loud[5:-5]].max() < 0.05


def test_channels_are_mixed_when_asked_for(tmp_path):
    path = written(tmp_path / "a.wav", np.stack([tone(), 0 * tone()], axis=1), subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav has 2 channels") as error:
        read(path)
    assert "--mix" in error.value.hint
    (document,), _ = read(path, mix=True)
    np.testing.assert_allclose(document.array, log_mel(tone() / 2, Frames.at(RATE)), atol=1e-5)


def test_what_is_too_loud_or_lies_beside_zero_is_said(tmp_path):
    loud = written(tmp_path / "loud.wav", np.clip(tone(loud=2.0), -1, 1))
    assert "recorded too loudly" in read(loud)[1][0]
    beside = written(tmp_path / "beside.wav", tone() + 0.25, subtype="FLOAT")
    (document,), notes = read(beside)
    assert notes == ["recordings that lie beside zero (a constant current) are moved to it"]
    (alone,), _ = read(written(tmp_path / "alone.wav", tone(), subtype="FLOAT"))
    np.testing.assert_allclose(document.array, alone.array, atol=0.05)


@pytest.mark.parametrize("samples_N", [np.zeros(800), np.full(800, 0.01), tone(0.1, loud=5e-5)])
def test_silence_is_left_out_and_said(tmp_path, samples_N):
    path = written(tmp_path / "a.wav", samples_N)
    assert read(path) == ([], [f"{path} is silent, and is left out"])


def test_a_silent_part_is_left_out(tmp_path):
    path = written(tmp_path / "a.wav", np.concatenate([tone(1), np.zeros(RATE), tone(1)]))
    found, notes = read(path, segment=1.0)
    assert [each.where.record for each in found] == [1, 3]
    assert notes == [f"{path}, segment 2 is silent, and is left out"]


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


BAD = {
    "nothing in it": (
        lambda p: (p.write_bytes(b"") and p) or p,
        "is no recording that can be read",
    ),
    "text": (lambda p: p.write_text("no sound at all") and p, "is no recording that can be read"),
    "no sample": (lambda p: written(p, np.zeros(0)), "is empty: it has no sample"),
    "NaN": (lambda p: written(p, tone() * np.nan, subtype="FLOAT"), "samples that are no numbers"),
    "infinite": (lambda p: written(p, tone() / 0, subtype="FLOAT"), "samples that are no numbers"),
    "cut off": (lambda p: cut(written(p, tone()), 0.5), "is cut off: it holds"),
    "a header alone": (lambda p: cut(written(p, tone()), 0.005), "can be read"),
    "a low rate": (lambda p: written(p, tone(), rate=1_000), "has 1,000 samples a second"),
    "six channels": (lambda p: written(p, np.zeros((800, 6))), "has 6 channels"),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(tmp_path, case):
    make, says = BAD[case]
    path = make(tmp_path / "bad.wav")
    with pytest.raises(DataError, match=r"bad\.wav") as error:
        read(path)
    assert says in str(error.value)
    assert error.value.hint


@pytest.mark.parametrize(
    ("suffix", "share"), [("flac", 0.5), ("ogg", 0.5), ("mp3", 0.5), ("flac", 0.9)]
)
def test_a_cut_compressed_file_is_refused(tmp_path, suffix, share):
    path = cut(
        written(tmp_path / f"a.{suffix}", np.random.default_rng(0).normal(size=RATE * 3) * 0.1),
        share,
    )
    with pytest.raises(DataError) as error:
        read(path)
    assert "cut off" in error.value.hint
