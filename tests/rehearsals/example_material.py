"""Stand-ins, tiny and made up, for every file and model that the examples' README files and scripts
name.
"""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
from against_finetuning import JOBS
from finetuning_rehearsal import SENTENCES, write_data, write_model
from PIL import Image
from songs import melodies

from sslcli.data.files import zstd

ROOT = Path(__file__).parents[2]

TINY_MODELS = ("models/minilm", "minilm", "e5", "e5-head", "english")
ENGLISH = [f"{sentence} on day {number}" for number in range(8) for sentence in SENTENCES]
CHINESE = [
    f"第{number}天猫看见花园里的第{place}只鸟"
    for number in range(8)
    for place in range(len(SENTENCES))
]


def write_material(folder: Path) -> None:
    """A folder to stand in, with the examples themselves under their own names."""
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    prose = "\n\n".join(f"{sentence}." for sentence in ENGLISH)
    records = "".join(json.dumps({"text": f"{sentence}."}) + "\n" for sentence in ENGLISH)
    _packed(folder / "PROSE.txt.gz", prose)
    _packed(folder / "ARTICLES.jsonl.gz", records)
    _packed(folder / "NEWS.txt.gz", "\n\n".join(f"{sentence}。" for sentence in CHINESE))
    _packed(folder / "help.en.gz", "\n".join(ENGLISH))
    _packed(folder / "help.zh.gz", "\n".join(CHINESE))
    (folder / "words.txt").write_text("cat 猫\nbird 鸟\nfish 鱼\n", encoding="utf-8")
    (folder / "corpus").mkdir()
    (folder / "corpus" / "one.jsonl.zst").write_bytes(zstd.compress(records.encode()))
    write_images(folder)
    melodies(folder / "voices", 8)
    write_anomalies(folder / "DATA")
    write_data(folder / "DATA", JOBS.values())
    for name in ("train", "dev"):
        english = folder / "DATA" / "sentiment" / f"en-{name}.jsonl.gz"
        shutil.copy(english, english.with_name(f"zh-{name}.jsonl.gz"))
    (folder / "DATA" / "dict").mkdir()
    pairs = "".join(f"cat{number}\t猫{number}\n" for number in range(12))
    _packed(folder / "DATA" / "dict" / "en-zh.txt.gz", pairs)
    write_model(folder / "smollm2", "decoder")
    turn = {"instruction": "What is seen?", "input": ENGLISH[0], "output": "the cat"}
    for name in ("questions-train", "questions-dev"):
        (folder / f"{name}.jsonl").write_text(f"{json.dumps(turn | {'system': name})}\n" * 20)
    write_model(folder / TINY_MODELS[0])
    for name in TINY_MODELS[1:]:
        shutil.copytree(folder / TINY_MODELS[0], folder / name)


def write_images(folder: Path) -> None:
    """Grey noise as arrays and as files."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    np.savez(folder / "fashion-train.npz", images=pixels[:30], labels=np.arange(30) % 10)
    np.savez(folder / "fashion-dev.npz", images=pixels[30:], labels=np.arange(10))
    for number, image in enumerate(pixels):
        place = folder / "pictures" / ("dark" if number % 2 else "bright")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")


def write_anomalies(folder: Path) -> None:
    """A table with a column `anomaly`, and images of two classes."""
    random = np.random.default_rng(1)
    for name, share in (("train", 0), ("dev", 0.5)):
        (folder / "anomaly").mkdir(parents=True, exist_ok=True)
        rows = [[*random.normal(size=9).round(3), int(random.random() < share)] for _ in range(60)]
        header = ",".join([*(f"V{number}" for number in range(1, 10)), "anomaly"])
        lines = "\n".join([header, *(",".join(map(str, row)) for row in rows)])
        _packed(folder / "anomaly" / f"shuttle-{name}.csv.gz", lines)
        (folder / "images").mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (80, 28, 28), dtype=np.uint8)
        np.savez(folder / "images" / f"fashion-{name}.npz", images=pixels, labels=np.arange(80) % 2)


def _packed(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))
