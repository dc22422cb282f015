"""Recordings that are wrong in every way, and some that only look so."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from item_cases import Case

RATE, COUNT, LENGTH = 8_000, 24, 4_000
Make = Callable[[Path], None]


def tone(number: int = 0, length: int = LENGTH, rate: int = RATE) -> np.ndarray:
    """A tone with a little noise, float64 [length]."""
    random = np.random.default_rng(number)
    wave = np.sin(2 * np.pi * (200 + 20 * number) * np.arange(length) / rate)
    return 0.4 * wave + 0.01 * random.normal(size=length)


def recorded(samples: np.ndarray, kind: str = "WAV", subtype: str | None = None, rate: int = RATE):
    packed = io.BytesIO()
    soundfile.write(packed, samples, rate, format=kind, subtype=subtype)
    return packed.getvalue()


def wav(
    content: bytes, *, code: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16,
    said: int | None = None,
) -> bytes:  # fmt: skip
    """A wav file with this header, whatever it says."""
    each = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, min(rate * each, 2**32 - 1), each, bits)
    said = len(content) if said is None else said
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", said) + content
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


PCM = (tone() * 32_000).astype("<i2").tobytes()
SOUND = recorded(tone())


def make_sound(folder: Path) -> None:
    """What the model is trained on, and files that lines name beside a case's own."""
    for name, rate, parts in (("voices", RATE, "ab"), ("fast", 16_000, "c"), ("slow", 4_000, "d")):
        for number in range(COUNT):
            place = folder / name / parts[number % len(parts)]
            place.mkdir(parents=True, exist_ok=True)
            samples = tone(number, LENGTH * rate // RATE, rate)
            soundfile.write(place / f"{number:02}.wav", samples, rate)
    (folder / "words.txt").write_text("the cat sat\n" * 40)
    (folder / "t.csv").write_text("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(40)))
    np.save(folder / "images.npy", np.zeros((30, 8, 8), np.uint8))


def voices(folder: Path, count: int = COUNT) -> None:
    for number in range(count):
        soundfile.write(folder / f"v{number:02}.wav", tone(number), RATE)


def among(at: str, content: bytes) -> Make:
    """A recording that comes after sound ones."""

    def make(folder: Path) -> None:
        voices(folder)
        (folder / at).write_bytes(content)

    return make


def refused(name: str, content: bytes, *says: str, at: str = "x.wav", **more) -> Case:
    return Case(f"{at}: {name}", among(at, content), ".", (f"c/{at}", *says), **more)


def taken(name: str, content: bytes, *says: str, at: str = "x.wav", words: str = "") -> Case:
    return Case(f"taken: {at}: {name}", among(at, content), ".", says, tuple(words.split()), code=0)


def changed(place: int, value: float, subtype: str = "FLOAT") -> bytes:
    samples = tone()
    samples[place] = value
    return recorded(samples, subtype=subtype)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def headers() -> list[Case]:
    """Of wav files that say something else than they hold."""
    none, cut = "is no recording that can be read", "is cut off"
    return [
        refused("empty", b"", none),
        refused("text", b"hello, this is a recording", none),
        refused("a page of the web", b"<!DOCTYPE html><p>404", none),
        refused("random bytes", bytes(range(256)), none),
        refused("zeros", bytes(4_000), none),
        refused("a picture", b"\x89PNG\r\n\x1a\n" + bytes(60), none),
        refused("an array", b"\x93NUMPY\x01\x00" + bytes(60), none),
        refused("RIFF alone", b"RIFF", none),
        refused("magic alone", SOUND[:12], none),
        refused("header cut off", SOUND[:20], none),
        refused("no samples behind the header", SOUND[:44], cut),
        refused("cut off", SOUND[:-1_000], cut, "of 8,000 bytes"),
        refused("cut off by a byte", SOUND[:-1], cut, "7,999 of 8,000 bytes"),
        refused("its first half", SOUND[: len(SOUND) // 2], cut),
        refused("says too much", wav(PCM, said=10**9), cut, "1,000,000,000"),
        refused("says nothing", wav(b""), "is empty: it has no sample"),
        refused("holds nothing of what it says", wav(b"", said=8_000), cut),
        refused("no format", b"RIFF\x2c\0\0\0WAVEdata" + struct.pack("<I", 8) + PCM[:8], none),
        refused("another kind of RIFF", b"RIFF" + struct.pack("<I", 40) + b"AVI " + bytes(36), none),
        refused("no such code", wav(PCM, code=0x7777), none),
        refused("no channels", wav(PCM, channels=0), none),
        refused("no bits", wav(PCM, bits=0), none),
        refused("a rate that is none", wav(PCM, rate=2**31 - 1), "2,147,483,647 samples a second"),
        refused("a rate that is too high", wav(PCM, rate=800_000), "800,000 samples a second"),
        refused("no rate", wav(PCM, rate=0)),
        refused("a rate of one", wav(PCM, rate=1), "1 samples a second", "too few"),
        refused("a rate of 1,999", wav(PCM, rate=1_999), "1,999 samples a second"),
        refused("two channels", wav(PCM, channels=2), "2 channels"),
        refused("thousands of channels", wav(PCM, channels=5_000)),
        refused("another rate", wav(PCM, rate=16_000), "16,000 samples a second", "8,000 samples"),
        refused("a rate of CDs", wav(PCM, rate=44_100), "44,100 samples a second"),
        refused("another rate, as many bands", wav(PCM, rate=11_025), "11,025 samples a second",
                words=("--bands", "40")),
        taken("a chunk between", SOUND[:36] + b"LIST" + struct.pack("<I", 4) + b"INFO"
              + SOUND[36:]),
        taken("a chunk behind", SOUND + b"LIST" + struct.pack("<I", 4) + b"INFO"),
        taken("a size that nobody wrote", wav(PCM, said=0xFFFFFFFF)),
        taken("two channels, mixed", wav(PCM * 2, channels=2), words="--mix"),
        taken("another rate, brought to one", wav(PCM * 2, rate=16_000), words="--rate 8000"),
    ]  # fmt: skip


def samples() -> list[Case]:
    """What the samples are."""
    quiet = "is silent, and is left out"
    loud = np.clip(3 * tone(), -1, 1)
    return [
        refused("NaN", changed(3_999, np.nan), "no numbers (NaN or infinite)"),
        refused("NaN at the start", changed(0, np.nan), "no numbers"),
        refused("infinite", changed(1_000, np.inf), "no numbers"),
        refused("minus infinite", changed(1_000, -np.inf), "no numbers"),
        refused("NaN of 64 bits", changed(99, np.nan, "DOUBLE"), "no numbers"),
        refused("infinite of 64 bits", changed(99, np.inf, "DOUBLE"), "no numbers"),
        refused("all NaN", recorded(np.full(LENGTH, np.nan), subtype="FLOAT"), "no numbers"),
        refused("too large for 32 bits", changed(99, 1e300, "DOUBLE"), "no numbers"),
        refused("no samples", recorded(np.zeros(0)), "is empty"),
        refused("two tones", recorded(np.stack([tone(), tone(1)], 1)), "2 channels"),
        refused("eight channels", recorded(np.zeros((LENGTH, 8)), "WAV"), "8 channels"),
        refused("opposed channels", recorded(np.stack([tone(), tone()], 1)), "2 channels"),
        taken("silence", recorded(np.zeros(LENGTH)), f"c/x.wav {quiet}"),
        taken("a constant current alone", recorded(np.full(LENGTH, 0.5)), f"c/x.wav {quiet}"),
        taken("next to nothing", recorded(1e-5 * tone(), subtype="FLOAT"), f"c/x.wav {quiet}"),
        taken("channels that cancel", recorded(np.stack([tone(), -tone()], 1)), quiet,
              words="--mix"),
        taken("one sample", recorded(tone(length=1)), quiet),
        taken("two samples", recorded(np.asarray([0.5, -0.5]))),
        taken("a hundredth of a second", recorded(tone(length=80))),
        taken("recorded too loudly", recorded(loud), "recorded too loudly"),
        taken("all at full scale", recorded(np.sign(tone()) * 0.99999, subtype="FLOAT"),
              "recorded too loudly"),
        taken("beyond full scale", recorded(5 * tone(), subtype="FLOAT"), "recorded too loudly"),
        taken("beside zero", recorded(0.3 + tone()), "lie beside zero"),
        taken("8 bits", recorded(tone(), subtype="PCM_U8")),
        taken("24 bits", recorded(tone(), subtype="PCM_24")),
        taken("32 bits", recorded(tone(), subtype="PCM_32")),
        taken("decimal numbers", recorded(tone(), subtype="FLOAT")),
        taken("decimal numbers of 64 bits", recorded(tone(), subtype="DOUBLE")),
        taken("of telephones", recorded(tone(), subtype="ULAW")),
        taken("one segment is silent", recorded(np.concatenate([tone(), np.zeros(12_000)])),
              "segment", quiet, words="--segment 0.5"),
    ]  # fmt: skip


def packed() -> list[Case]:
    """Of other kinds of files, and of files with another kind's name."""
    flac, ogg, mp3 = (recorded(tone(length=16_000), kind) for kind in ("FLAC", "OGG", "MP3"))
    none = "is no recording that can be read"
    return [
        refused("empty", b"", none, at="x.flac"),
        refused("text", b"hello", none, at="x.flac"),
        refused("magic alone", flac[:4], none, at="x.flac"),
        refused("header alone", flac[:42], at="x.flac"),
        refused("cut off", flac[: len(flac) // 2], at="x.flac"),
        refused("cut off near the end", flac[:-500], at="x.flac"),
        refused("another rate", recorded(tone(), "FLAC", rate=16_000), "16,000", at="x.flac"),
        refused("two channels", recorded(np.stack([tone(), tone()], 1), "FLAC"), "2 channels",
                at="x.flac"),
        refused("no samples", recorded(np.zeros(0), "FLAC"), at="x.flac"),
        refused("empty", b"", none, at="x.ogg"),
        refused("text", b"OggS is a format", none, at="x.ogg"),
        refused("its beginning", ogg[:100], none, at="x.ogg"),
        refused("another rate", recorded(tone(), "OGG", rate=16_000), "16,000", at="x.ogg"),
        refused("two channels", recorded(np.stack([tone(), tone()], 1), "OGG"), "2 channels",
                at="x.ogg"),
        refused("empty", b"", none, at="x.mp3"),
        refused("text", b"hello", none, at="x.mp3"),
        refused("a name without music", b"ID3\x04\0\0\0\0\0\0", none, at="x.mp3"),
        refused("another rate", recorded(tone(length=32_000), "MP3", rate=16_000), "16,000",
                at="x.mp3"),
        taken("as it is", flac, at="x.flac"),
        taken("as it is", ogg, at="x.ogg"),
        taken("as it is", mp3, at="x.mp3"),
        taken("a FLAC file", flac),
        taken("an Ogg file", ogg),
        taken("a wav file", SOUND, at="x.flac"),
        taken("an AIFF file", recorded(tone(), "AIFF")),
        taken("upper case", SOUND, at="X.WAV"),
    ]  # fmt: skip


def said(name: str, make: Make, *what: str) -> Case:
    return Case(f"folder, said: {name}", make, ".", what, code=0)


def beside(*names: str, target: str = "", content: bytes = b"x", kind: str = "file") -> Make:
    """Sound recordings, and something else."""

    def make(folder: Path) -> None:
        voices(folder)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "link":
                path.symlink_to(target)
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                path.write_bytes(content)

    return make


def folders() -> list[Case]:
    """What lies in a folder."""

    def nothing(folder: Path) -> None:
        pass

    def silent(folder: Path) -> None:
        for number in range(5):
            soundfile.write(folder / f"{number}.wav", np.zeros(LENGTH), RATE)

    def few(folder: Path) -> None:
        voices(folder, 1)

    def rates(folder: Path) -> None:
        voices(folder)
        for number in range(5):
            soundfile.write(folder / f"x{number}.wav", tone(number, rate=16_000), 16_000)

    left = "not read, of what lies in c"
    return [
        Case("folder: empty", nothing, ".", ("the folder c", "no file that can be read")),
        Case("folder: absent", nothing, "nowhere", ("c/nowhere",)),
        Case("folder: no pattern fits", nothing, "*.wav", ("c/*.wav",)),
        Case("folder: all silent", silent, ".", ("there is no row",)),
        Case("folder: one alone", few, ".", ("too small",)),
        Case("folder: two rates", rates, ".", ("c/x0.wav", "16,000 samples a second")),
        Case("folder: pictures too", beside("x.png", content=b"\x89PNG"), ".", ("holds",)),
        Case("folder: texts too", beside("x.txt", content=b"hello\n"), ".", ("holds",)),
        Case("folder: hidden files alone", lambda c: (c / ".a.wav").write_bytes(SOUND), ".",
             ("no file that can be read",)),
        Case("folder: notes alone", lambda c: (c / "read.me").write_bytes(b"hi"), ".",
             ("no file that can be read", "read.me")),
        said("an unknown file", beside("x.m4a"), left, "x.m4a"),
        said("several", beside("a.m4a", "b.m4a", "c.m4a", "d.m4a"), left, "and 1 more"),
        said("a table of labels", beside("labels.csv", content=b"n,l\n1,2\n"), left, "labels.csv"),
        said("a link to nothing", beside("x.wav", target="nowhere.wav", kind="link"), left),
        said("a link to itself", beside("x.wav", target="x.wav", kind="link"), left),
        said("a link to a device", beside("x.wav", target="/dev/zero", kind="link"), left),
        said("a pipe", beside("x.wav", kind="pipe"), left),
        said("hidden files", beside("._v00.wav", ".cache/a.wav")),
        said("a folder called as a recording", beside("x.wav/a.wav", content=SOUND)),
    ]  # fmt: skip


def option(name: str, words: str, *says: str, data: str = ".", **more) -> Case:
    return Case(f"option: {name}", voices, data, says, tuple(words.split()), **more)


def options() -> list[Case]:
    """Flags that do not fit the recordings."""
    return [
        option("no segment", "--segment 0", "--segment"),
        option("a segment below nothing", "--segment -1", "--segment"),
        option("a segment of nothing", "--segment 0.05", "--segment"),
        option("a segment that is no number", "--segment long", "--segment"),
        option("a segment of no number", "--segment nan", "--segment"),
        option("a segment without end", "--segment inf", "--segment"),
        option("no rate", "--rate 0", "--rate"),
        option("a rate below nothing", "--rate -8000", "--rate"),
        option("too low a rate", "--rate 1999", "--rate"),
        option("half a rate", "--rate 8000.5", "--rate"),
        option("a rate in kilohertz", "--rate 8k", "--rate"),
        option("too high a rate", "--rate 1000000000", "--rate"),
        option("no bands", "--bands 0", "--bands"),
        option("too few bands", "--bands 7", "--bands"),
        option("too many bands", "--bands 513", "--bands"),
        option("more bands than the rate allows", "--bands 200", "200 mel bands", "would hold"),
        option("bands in words", "--bands many", "--bands"),
        option("mix of something", "--mix twice", "twice"),
        option("no share", "--mask-rate 0", "--mask-rate"),
        option("all of it", "--mask-rate 1.5", "--mask-rate"),
        option("tokens", "--seq-len 64", "--seq-len is for text"),
        option("a tokenizer", "--tokenizer bpe", "--tokenizer is for text"),
        option("a vocabulary", "--vocabulary 99", "--vocabulary is for text"),
        option("no such label", "--only d", "no row of d"),
        option("no such reader", "--reader m4a", "m4a"),
        option("the reader of images", "--reader png", "holds images"),
        option("held out: another rate", "--eval-data sound/fast", "16,000 samples a second",
               "8,000 samples a second"),
        option("held out: a lower rate", "--eval-data sound/slow", "4,000 samples a second"),
        option("held out: text", "--eval-data sound/words.txt", "holds text"),
        option("held out: images", "--eval-data sound/images.npy", "holds images"),
        option("held out: a table", "--eval-data sound/t.csv", "holds tables"),
        option("held out: absent", "--eval-data c/u.wav", "c/u.wav"),
        option("twice", "--data c/v00.wav", "given twice"),
        option("with a table", "--data sound/t.csv", "holds tables"),
        option("with another rate", "--data sound/fast", "16,000 samples a second"),
        option("further: another rate", "", "16,000 samples a second", data="", way="on_fast"),
        option("further: text", "", "holds text", data="", way="on_text"),
        option("further: images", "", "holds images", data="", way="on_images"),
        option("another objective", "", "'autoencoder' reads", way="coded"),
        option("an objective of text", "", "'mlm' reads text", way="masked"),
        option("tuning: another rate", "", "16,000 samples", data="", way="tune_fast"),
        option("tuning: text", "", "holds text", data="", way="tune_text"),
        option("tuning: a column", "--label-field a", "a column of a table", way="tune"),
        option("tuning: tokens", "--seq-len 8", "--seq-len is for texts", way="tune"),
        option("probe: another rate", "", "16,000 samples", data="", way="probe_fast"),
        option("probe: a lower rate", "", "4,000 samples", data="", way="probe_slow"),
        option("probe: text", "", "holds text", data="", way="probe_text"),
        option("probe: absent", "", "c/u.wav", data="u.wav", way="probe"),
        option("generating", "", "does not generate", data="", way="generate"),
    ]  # fmt: skip


CASES = [*headers(), *samples(), *packed(), *folders(), *options()]
