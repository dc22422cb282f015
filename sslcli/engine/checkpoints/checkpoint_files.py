"""What a checkpoint holds, by its names. Without torch, which `ssl runs` does not need."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sslcli.errors import ModelError, RunError
from sslcli.folders import drop_from

BACKBONE, LEARNABLE = "backbone.safetensors", "learnable.safetensors"
OPTIMIZER, STATE = "optimizer.safetensors", "state.json"
# A file, or the folder of its shards.
OPTIMIZER_PARTS = (OPTIMIZER, OPTIMIZER.partition(".")[0])
CHECKPOINTS, MILESTONES, BEST = "checkpoints", "milestones", "best"
_NAME = re.compile(r"step-(\d{6,})")


def step_name(step: int) -> str:
    return f"step-{step:06d}"


def step_of(folder: Path) -> int | None:
    """The step in the name of a checkpoint or milestone; None where it has none."""
    match = _NAME.fullmatch(folder.name)
    return None if match is None else int(match[1])


def holds_optimizer(manifest: Mapping[str, Any]) -> bool:
    """Whether a checkpoint has the state of the optimizer, as a file or as shards."""
    return any(name.split("/")[0] in OPTIMIZER_PARTS for name in manifest["files"])


def drop_optimizer(path: Path) -> None:
    """What cannot be dropped now, because it is damaged or the disk refuses, does no harm."""
    if path.is_dir() and not path.is_symlink():
        with suppress(ModelError, RunError):
            drop_from(path, OPTIMIZER_PARTS)
