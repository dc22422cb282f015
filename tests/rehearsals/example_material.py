"""Stand-ins, tiny and made up, for every file and model that the examples' README files and scripts
name.
"""

import gzip
import json
import shutil
from pathlib import Path

from against_finetuning import JOBS
from finetuning_rehearsal import SENTENCES, write_data, write_model

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
    write_data(folder / "DATA", JOBS.values())
    write_model(folder / TINY_MODELS[0])
    for name in TINY_MODELS[1:]:
        shutil.copytree(folder / TINY_MODELS[0], folder / name)


def _packed(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))
