"""Named damages of a run folder that was killed at step 15 of 16, with whole checkpoints of the
steps 5, 10 and 15.

`CUTS` are what a crash or a full disk leaves of the newest checkpoint; `SPOILT` what a bad disk, a
careless copy or a hasty hand makes of any file. A case of `heard` damage has to be said aloud; the
others only may not change what the run learns.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

NEWEST, OLDER = "checkpoints/step-000015", "checkpoints/step-000010"
WRITTEN = (
    "backbone.safetensors",
    "learnable.safetensors",
    "optimizer.safetensors",
    "state.json",
    "manifest.json",
)
Change = Callable[[Path], None]


@dataclass(frozen=True)
class Damage:
    name: str
    apply: Callable[[Path], None]
    heard: bool = False


def _absent(path: Path) -> None:
    path.unlink()


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x00extra bytes")


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(path.stat().st_size))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path) -> None:
    """A link to what was there may show other bytes at any time."""
    aside = path.with_name(f"real-{path.name}")
    path.rename(aside)
    path.symlink_to(aside)


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


def _flip_at(share: float, path: Path) -> None:
    flip(path, int(share * 8 * path.stat().st_size))


FILE_CHANGES: dict[str, Change] = {
    "absent": _absent,
    "half": _half,
    "zero-filled": _zeros,
    "longer": _longer,
}
MORE_FILE_CHANGES: dict[str, Change] = {
    "empty": _empty,
    "noise": _noise,
    "a folder": _folder,
    "a link": _link,
    "one bit near its start": partial(_flip_at, 0.02),
    "one bit in its middle": partial(_flip_at, 0.5),
    "one bit near its end": partial(_flip_at, 0.98),
}


def cuts() -> Iterator[Damage]:
    """Each file of the newest checkpoint spoilt by itself; then the files written so far, in the
    order of writing.
    """
    for file in WRITTEN:
        for what, change in FILE_CHANGES.items():
            yield Damage(
                f"{file} {what}", partial(_changed, f"{NEWEST}/{file}", change), heard=True
            )
    for count, file in enumerate(WRITTEN):
        yield Damage(f"cut before {file}", partial(_cut, count, False), heard=True)
        yield Damage(f"cut inside {file}", partial(_cut, count, True), heard=True)


def _changed(name: str, change: Change, run: Path) -> None:
    change(run / name)


def _cut(whole_files: int, with_half: bool, run: Path) -> None:
    for file in WRITTEN[whole_files + with_half :]:
        (run / NEWEST / file).unlink()
    if with_half:
        _half(run / NEWEST / WRITTEN[whole_files])


def spoilt() -> Iterator[Damage]:
    yield from _spoilt_files()
    yield from _spoilt_manifests()
    yield from _spoilt_folders()
    yield from _spoilt_settings()
    yield from _spoilt_records()


def _spoilt_files() -> Iterator[Damage]:
    for file in WRITTEN:
        for what, change in MORE_FILE_CHANGES.items():
            yield Damage(
                f"{file}: {what}", partial(_changed, f"{NEWEST}/{file}", change), heard=True
            )
        yield Damage(
            f"{file} of the step before",
            partial(_copied, f"{OLDER}/{file}", f"{NEWEST}/{file}"),
            heard=True,
        )
    yield Damage(
        "weights and head exchanged",
        partial(_exchanged, f"{NEWEST}/{WRITTEN[0]}", f"{NEWEST}/{WRITTEN[1]}"),
        heard=True,
    )
    for key, value in {
        "step": 14,
        "position": 0,
        "best_loss": None,
        "saved_step": -1,
        "evaluated_step": 0,
        "skipped": 3,
    }.items():
        yield Damage(
            f"state.json: {key} {value}",
            partial(_edited, f"{NEWEST}/state.json", partial(_set, key, value)),
            heard=True,
        )


def _copied(source: str, target: str, run: Path) -> None:
    shutil.copyfile(run / source, run / target)


def _exchanged(one: str, other: str, run: Path) -> None:
    aside = run / "aside"
    (run / one).rename(aside)
    (run / other).rename(run / one)
    aside.rename(run / other)


def _edited(name: str, edit: Callable[[Any], Any], run: Path) -> None:
    """A text of JSON, read, edited and written again; `edit` changes in place or gives what is
    written instead.
    """
    tree = json.loads((run / name).read_text(encoding="utf-8"))
    edited = edit(tree)
    (run / name).write_text(json.dumps(tree if edited is None else edited), encoding="utf-8")


def _set(key: str, value: Any, tree: dict[str, Any]) -> None:
    tree[key] = value


def _spoilt_manifests() -> Iterator[Damage]:
    edits: dict[str, Callable[[Any], Any]] = {
        "another step": partial(_set, "step", 10),
        "other data": partial(_set, "data", "0" * 32),
        "another tokenizer": partial(_set, "tokenizer", "0" * 32),
        "another torch": partial(_set, "torch", "0.0.1"),
        "another format": partial(_set, "format", "sslcli/9"),
        "a new fact": partial(_set, "note", "by hand"),
        "no files": partial(_set, "files", {}),
        "files in a list": partial(_set, "files", ["state.json"]),
        "a list": lambda tree: [tree],
        "a number": lambda tree: 3,
        "no seal": lambda tree: tree.pop("seal") and None,
        "a path that climbs": lambda tree: tree["files"].update(
            {"../../config.yaml": tree["files"]["state.json"]}
        ),
        **{f"without {file}": partial(_without, file) for file in WRITTEN[:-1]},
        **{f"size of {file} less one": partial(_shortened, file) for file in WRITTEN[:-1]},
        "hashes exchanged": _hashes_exchanged,
        "a size in words": lambda tree: tree["files"]["state.json"].update(bytes="many"),
    }
    for what, edit in edits.items():
        yield Damage(
            f"manifest with {what}", partial(_edited, f"{NEWEST}/manifest.json", edit), heard=True
        )
    yield Damage(
        "manifest nested 100,000 deep",
        partial(_written, f"{NEWEST}/manifest.json", "[" * 100_000),
        heard=True,
    )
    yield Damage("weights left out of the manifest and spoilt", _unlisted_and_spoilt, heard=True)


def _without(file: str, tree: dict[str, Any]) -> None:
    del tree["files"][file]


def _shortened(file: str, tree: dict[str, Any]) -> None:
    tree["files"][file]["bytes"] -= 1


def _hashes_exchanged(tree: dict[str, Any]) -> None:
    one, other = (tree["files"][file] for file in WRITTEN[:2])
    one["blake2b"], other["blake2b"] = other["blake2b"], one["blake2b"]


def _unlisted_and_spoilt(run: Path) -> None:
    _edited(f"{NEWEST}/manifest.json", partial(_without, WRITTEN[0]), run)
    flip(run / NEWEST / WRITTEN[0], 4_001)


def _written(name: str, text: str, run: Path) -> None:
    (run / name).write_text(text, encoding="utf-8")


def _spoilt_folders() -> Iterator[Damage]:
    yield Damage(
        "newest checkpoint without files",
        lambda run: (shutil.rmtree(run / NEWEST), (run / NEWEST).mkdir()),
        heard=True,
    )
    yield Damage(
        "newest checkpoint is a file",
        lambda run: (shutil.rmtree(run / NEWEST), _written(NEWEST, "", run)),
        heard=True,
    )
    yield Damage("newest checkpoint is gone", lambda run: shutil.rmtree(run / NEWEST))
    yield Damage("all checkpoints are gone", lambda run: shutil.rmtree(run / "checkpoints"))
    yield Damage(
        "names of two checkpoints exchanged", partial(_exchanged, NEWEST, OLDER), heard=True
    )
    yield Damage("the older checkpoint under the newest name", _older_as_newest, heard=True)
    yield Damage(
        "a checkpoint under a name beyond the end",
        lambda run: (run / NEWEST).rename(run / "checkpoints/step-000030"),
        heard=True,
    )
    yield Damage(
        "an unfinished folder left",
        lambda run: shutil.copytree(
            run / NEWEST, run / "checkpoints/.unfinished-step-000016-ab12cd34"
        ),
    )
    yield Damage("every checkpoint spoilt", _every_checkpoint_spoilt, heard=True)


def _older_as_newest(run: Path) -> None:
    shutil.rmtree(run / NEWEST)
    shutil.copytree(run / OLDER, run / NEWEST)


def _every_checkpoint_spoilt(run: Path) -> None:
    for path in (run / "checkpoints").glob("step-*"):
        _half(path / WRITTEN[0])


def _spoilt_settings() -> Iterator[Damage]:
    """What a run was started with; it is refused, or harmless."""
    for file in (
        "config.yaml",
        "run.json",
        "tokenizer/tokenizer.json",
        "tokenizer/tokenizer_config.json",
    ):
        for what, change in {**FILE_CHANGES, "empty": _empty, "noise": _noise}.items():
            yield Damage(f"{file} {what}", partial(_changed, file, change))
    replacements = {
        "rate: 0.003": "rate: 0.005",
        "seed: 42": "seed: 43",
        "batch_size: 8": "batch_size: 4",
        "dropout: 0.1": "dropout: 0.2",
    }
    replacements |= {
        "max_steps: 16": "max_steps: 25",
        "weight_decay: 0.01": "weight_decay: 0.1",
        "mask_rate: 0.15": "mask_rate: 0.4",
    }
    for before, after in replacements.items():
        yield Damage(f"config.yaml with {after}", partial(_replaced, "config.yaml", before, after))
    yield Damage(
        "run.json with other data", partial(_edited, "run.json", partial(_set, "data", "0" * 32))
    )
    yield Damage(
        "run.json with another tokenizer",
        partial(_edited, "run.json", partial(_set, "tokenizer", "0" * 32)),
    )
    yield Damage("two pieces of the tokenizer exchanged", _pieces_exchanged)


def _replaced(name: str, before: str, after: str, run: Path) -> None:
    text = (run / name).read_text(encoding="utf-8")
    assert before in text, f"{name} does not say {before}"
    (run / name).write_text(text.replace(before, after), encoding="utf-8")


def _pieces_exchanged(run: Path) -> None:
    def exchange(tree: dict[str, Any]) -> None:
        pieces = tree["model"]["vocab"]
        one, other = list(pieces)[-2:]
        pieces[one], pieces[other] = pieces[other], pieces[one]

    _edited("tokenizer/tokenizer.json", exchange, run)


def _spoilt_records() -> Iterator[Damage]:
    """What a run tells of itself; the weights do not depend on it."""
    for file in ("metrics.jsonl", "best"):
        for what, change in {**FILE_CHANGES, "noise": _noise}.items():
            yield Damage(f"{file} {what}", partial(_changed, file, change))
    for file in ("metrics.jsonl", "best", "log.txt", "lock"):
        yield Damage(f"{file} a folder", partial(_changed, file, _folder))
    yield Damage("best names what is not there", partial(_written, "best", "step-000003"))
    yield Damage("best climbs", partial(_written, "best", "../../../etc"))
    yield Damage("milestones are gone", lambda run: shutil.rmtree(run / "milestones"))


def random_flips(run: Path, count: int, seed: int) -> Iterator[Damage]:
    """One bit of one file, each file as likely as another and each of its bits likewise."""
    numbers = random.Random(seed)
    files = sorted(
        path.relative_to(run) for path in run.rglob("*") if path.is_file() and path.stat().st_size
    )
    for _ in range(count):
        file = numbers.choice(files)
        bit = numbers.randrange(8 * os.path.getsize(run / file))
        heard = file.as_posix().startswith(NEWEST)
        yield Damage(f"bit {bit} of {file}", partial(_flipped, file, bit), heard)


def _flipped(file: Path, bit: int, run: Path) -> None:
    flip(run / file, bit)
