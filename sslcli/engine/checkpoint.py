"""Checkpoints: step-000200/ with weights, optimizer and position, whole or not there; milestones: weights only.

Nothing but safetensors and JSON. The newest whole one counts; a damaged one is passed over, aloud.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.errors import ModelError
from sslcli.folders import read_sealed, sealed, write_atomically

BACKBONE, LEARNABLE, OPTIMIZER, STATE = "backbone.safetensors", "learnable.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{6,})")


@dataclass
class Progress:
    """Where a run stands. `position` counts the samples seen; `tally` is what was summed since the last log line."""

    step: int = 0
    position: int = 0
    evaluated_step: int = -1
    saved_step: int = -1
    best_loss: float | None = None
    best_step: int | None = None
    skipped_in_row: int = 0
    skipped: int = 0
    seconds: float = 0.0
    tally: dict[str, Any] = field(default_factory=dict)


def step_name(step: int) -> str:
    return f"step-{step:06d}"


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module on the host, each tensor with memory of its own."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in module.state_dict().items()}


def save_weights(learner: Learner, folder: Path) -> None:
    save_tensors(module_tensors(learner.backbone), folder / BACKBONE)
    save_tensors(module_tensors(learner.learnable), folder / LEARNABLE)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises OSError where the disk refuses, which safetensors gives a name of its own."""
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:
        raise OSError(f"{path.name}: {error}") from error


def load_weights(learner: Learner, folder: Path) -> None:
    """Raises ModelError where names or shapes are others than the model's."""
    for module, name in ((learner.backbone, BACKBONE), (learner.learnable, LEARNABLE)):
        try:
            module.load_state_dict(load_tensors(folder / name))
        except RuntimeError as error:
            raise ModelError(
                f"{folder / name} does not fit the model: {str(error).splitlines()[-1].strip()}", "resume with the settings of the run"
            ) from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {error}", "the file is missing or damaged") from error


class Checkpoints:
    """The checkpoints and milestones of one run folder."""

    def __init__(self, run_folder: Path, keep: int, facts: Mapping[str, Any]) -> None:
        self.folder, self.milestone_folder = run_folder / "checkpoints", run_folder / "milestones"
        self.best_file = run_folder / "best"
        self.keep, self.facts = keep, facts

    def save(self, learner: Learner, optimizer: Optimizer, progress: Progress) -> Path:
        final = self.folder / step_name(progress.step)
        with sealed(final, {"step": progress.step, "torch": torch.__version__, **self.facts}) as folder:
            save_weights(learner, folder)
            state = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in optimizer.state().items()}
            save_tensors(state, folder / OPTIMIZER)
            (folder / STATE).write_text(json.dumps(asdict(progress)), encoding="utf-8")
        if progress.best_step is not None:
            write_atomically(self.best_file, step_name(progress.best_step))
        self._prune(progress)
        return final

    def save_milestone(self, learner: Learner, step: int) -> Path:
        final = self.milestone_folder / step_name(step)
        with sealed(final, {"step": step, "torch": torch.__version__, **self.facts}) as folder:
            save_weights(learner, folder)
        return final

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest whole checkpoint, and a sentence for each newer one that had to be passed over."""
        passed = []
        for _, path in sorted(self._all(), reverse=True):
            try:
                read_sealed(path)
            except ModelError as error:
                passed.append(f"{path.name} is passed over: {error.message}")
                continue
            return path, passed
        return None, passed

    def load(self, path: Path, learner: Learner, optimizer: Optimizer) -> Progress:
        load_weights(learner, path)
        optimizer.load(load_tensors(path / OPTIMIZER))
        try:
            return Progress(**json.loads((path / STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{path / STATE} cannot be read", "it was written by another version; resume with that one") from error

    def _all(self) -> Iterator[tuple[int, Path]]:
        for path in self.folder.glob("step-*"):
            if match := _NAME.fullmatch(path.name):
                yield int(match[1]), path

    def _prune(self, progress: Progress) -> None:
        """Only now that a newer one stands; never the best, never the newest. What lies beyond it was damaged, or of another try."""
        found = sorted(self._all(), reverse=True)
        past = [(step, path) for step, path in found if step <= progress.step]
        for step, path in [*past[self.keep :], *(entry for entry in found if entry not in past)]:
            if step != progress.best_step:
                shutil.rmtree(path, ignore_errors=True)
