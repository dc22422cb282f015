"""Names of the files in a checkpoint. Imports no torch, which `ssl runs` does not need."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sslcli.errors import ModelError, RunError
from sslcli.folders import drop_from, read_sealed

BACKBONE, LEARNABLE = "backbone.safetensors", "learnable.safetensors"
FINAL = "final"  # in the manifest of the checkpoint with which a run came to its end
OPTIMIZER, STATE = "optimizer.safetensors", "state.json"
# A file, or the folder of its shards.
OPTIMIZER_PARTS = (OPTIMIZER, OPTIMIZER.partition(".")[0])
CHECKPOINTS, MILESTONES, BEST = "checkpoints", "milestones", "best"
_NAME = re.compile(r"step-(\d{6,})")


def step_name(step: int) -> str:
    """Return the folder name of a step: "step-000200"."""
    return f"step-{step:06d}"


def step_of(folder: Path) -> int | None:
    """Return the step in the name of a checkpoint or milestone; None if it has none."""
    match = _NAME.fullmatch(folder.name)
    return None if match is None else int(match[1])


def holds_optimizer(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a checkpoint has optimizer state, as a file or as shards."""
    return any(name.split("/")[0] in OPTIMIZER_PARTS for name in manifest["files"])


def drop_optimizer(path: Path) -> None:
    """Remove the optimizer state; a damaged checkpoint or a refusing disk is ignored."""
    if path.is_dir() and not path.is_symlink():
        with suppress(ModelError, RunError):
            drop_from(path, OPTIMIZER_PARTS)


def steps_in(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield step and path of every checkpoint or milestone in a folder, valid or damaged."""
    for path in folder.glob("step-*"):
        if (step := step_of(path)) is not None:
            yield step, path


def newest_whole(folder: Path, to_go_on: bool = False) -> tuple[Path | None, list[str]]:
    """Return the newest valid checkpoint, and a sentence for each newer one that is skipped.

    `to_go_on`: only one with everything that the next step needs.
    """
    passed = []
    for step, path in sorted(steps_in(folder), reverse=True):
        try:
            manifest = read_sealed(path)
        except ModelError as error:
            passed.append(f"{path.name} is skipped: {error.message}")
            continue
        if manifest.get("step") == step:
            if not to_go_on or holds_optimizer(manifest) or manifest.get(FINAL):
                return path, passed
            passed.append(f"{path.name} is skipped: it holds no optimizer state")
            continue
        passed.append(
            f"{path.name} is skipped: it holds step {manifest.get('step')} under another name"
        )
    return None, passed
