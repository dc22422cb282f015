"""Weights in pickles and archives, under every name that they go by: never read, and never run.

    python tests/faults/inputs_pickles.py --cases 1000

Each payload would leave a marker file behind, were it ever unpickled, unpacked or executed.
"""

import gzip
import io
import os
import pickle
import random
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from inputs_models import write_tiny_model
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.data.settings import DataSettings
from sslcli.datasets.sources import documents, expand
from sslcli.models.file_names import SINGLE
from sslcli.models.loading import load_pretrained

NAMES = (
    SINGLE, "pytorch_model.bin", "model.pt", "model.pth", "model.pkl", "model.ckpt",
    "adapter.safetensors", "training_args.bin",
    "optimizer.pt", "model.7z", "model.zip", "model.tar.gz", "model.npy", "tokenizer.pkl",
    "model.safetensors.index.json",
)  # fmt: skip
DATA_NAMES = (
    "corpus.zip",
    "corpus.tar.gz",
    "corpus.tgz",
    "corpus.tar",
    "corpus.7z",
    "corpus.pkl",
    "corpus.txt",
    "corpus.jsonl",
    "corpus.gz",
)


class Payload:
    """Makes the marker when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


def payloads(marker: Path) -> Mapping[str, bytes]:
    """Name -> bytes: pickles of every protocol, alone and in what frameworks and packers put around
    them.
    """
    pickles = {
        f"a pickle of protocol {number}": pickle.dumps(Payload(marker), number)
        for number in range(pickle.HIGHEST_PROTOCOL + 1)
    }
    newest = pickles["a pickle of protocol 5"]
    zipped, saved, old, tarred = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", newest)
        archive.writestr(f"../../../../../../../..{marker}", "out of the folder")
    torch.save({"weight": torch.ones(2), "payload": Payload(marker)}, saved)
    torch.save(
        {"weight": torch.ones(2), "payload": Payload(marker)},
        old,
        _use_new_zipfile_serialization=False,
    )
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        for name, kind in (
            (str(marker), tarfile.REGTYPE),
            (f"../../..{marker}", tarfile.REGTYPE),
            ("device", tarfile.CHRTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type = kind
            archive.addfile(entry)
        link = tarfile.TarInfo("model.safetensors")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    header = len(newest).to_bytes(8, "little")
    return {
        **pickles,
        "a zip": zipped.getvalue(),
        "what torch saves": saved.getvalue(),
        "what torch once saved": old.getvalue(),
        "a tar that leaves its folder": tarred.getvalue(),
        "a packed pickle": gzip.compress(newest),
        "the head of a 7z": b"7z\xbc\xaf\x27\x1c\0\4" + newest,
        "a pickle with a length before it": header + newest,
        "a bomb of 64 MB": gzip.compress(bytes(64_000_000)),
        "a script": f"#!/bin/sh\nmkdir {marker}\n".encode(),
        "Python": f"import os\nos.mkdir({str(marker)!r})\n".encode(),
    }


def sweep(cases: int) -> Tally:
    """Payloads under every name, in the place of the weights and as data; then random mixtures of
    their bytes.
    """
    trial = Trial("pickles and archives")
    with tempfile.TemporaryDirectory() as name:
        folder, marker = Path(name).resolve() / "in", Path(name).resolve() / "ran"
        write_tiny_model(folder / "model")
        (folder / "model" / SINGLE).unlink()
        draw, contents = random.Random(7), payloads(marker)
        named = list(_named(contents, folder))
        for case, path, content in draw.sample(named, min(cases, len(named))):
            _attempt(trial, case, path, content, marker)
        for _ in range(cases - trial.tried):
            _attempt(trial, *_mixture(draw, contents, folder), marker)
    return trial.tally


def _named(contents: Mapping[str, bytes], folder: Path) -> Iterator[tuple[str, Path, bytes]]:
    for what, content in contents.items():
        for name in NAMES:
            yield f"{what} as {name}", folder / "model" / name, content
        for name in DATA_NAMES:
            yield f"{what} as {name}", folder / name, content


def _mixture(
    draw: random.Random, contents: Mapping[str, bytes], folder: Path
) -> tuple[str, Path, bytes]:
    first, second = draw.choices(list(contents.values()), k=2)
    mixed = first[: draw.randrange(len(first))] + second[draw.randrange(len(second)) :]
    name = draw.choice((*NAMES, *DATA_NAMES))
    return (
        f"a mixture as {name}",
        folder / ("model" if name in NAMES else "") / name,
        mixed[:100_000],
    )


def _attempt(trial: Trial, case: str, path: Path, content: bytes, marker: Path) -> None:
    path.write_bytes(content)
    before = _tree(marker.parent)
    action, wrong = (_load, "was loaded") if path.parent.name == "model" else (_read_data, "")
    trial.attempt(case, lambda: action(path), wrong=lambda result: wrong)
    if marker.exists() or _tree(marker.parent) != before:
        trial.fault(case, "something was run or unpacked")
    path.unlink()


def _load(path: Path) -> None:
    load_pretrained(str(path.parent))


def _read_data(path: Path) -> None:
    """What is a text by its name and its bytes is read, scripts too: as words."""
    data = DataSettings(train=(str(path),))
    for document in documents(expand(data.train, None), data):
        document.text.encode()


def _tree(folder: Path) -> frozenset[Path]:
    return frozenset(folder.rglob("*"))


if __name__ == "__main__":
    by_hand(sweep, 1_000)
