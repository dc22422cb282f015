"""Checkpoints (step-000200/ with weights, optimizer, position) and milestones (weights only).

They are written atomically, as safetensors and JSON only. The newest valid one counts; a damaged
one is skipped with a message. The state is copied to the host, training goes on, and a thread
writes the copy; one is in flight at a time.

The optimizer state is kept in the newest two only, and in none once a run has ended. Equal files of
one run are hard links to one another.
"""

import json
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from sslcli import plainfiles
from sslcli.engine.background import Background
from sslcli.engine.checkpoints.checkpoint_files import (
    BACKBONE,
    BEST,
    CHECKPOINTS,
    FINAL,
    LEARNABLE,
    MILESTONES,
    OPTIMIZER,
    STATE,
    drop_optimizer,
    holds_optimizer,
    newest_whole,
    step_name,
    steps_in,
)
from sslcli.engine.checkpoints.tensor_files import (
    fill,
    is_sharded,
    on_host,
    save_shards,
    save_tensors,
    shapes_in,
)
from sslcli.engine.events import Saved
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.processes.process_group import ALONE, ProcessGroup
from sslcli.errors import ModelError
from sslcli.folders import read_sealed, refuse_gone, remove, sealed, write_atomically

RESUMABLE = 2  # of the newest, in case that one is damaged


@dataclass
class Progress:
    """State of a run at a step.

    `position` counts the samples seen; `tally` holds the metric sums since the last log line.
    `best_cost` decided the best checkpoint (see Evaluation), `worse_in_row` counts the evaluations
    since. `start_cost` is that of step 0, which has no checkpoint and so is never the best.
    `micro_batch_size` is what memory allowed, where that was less than the settings say.
    """

    step: int = 0
    position: int = 0
    evaluated_step: int = -1
    saved_step: int = -1
    best_cost: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    worse_in_row: int = 0
    skipped_in_row: int = 0
    skipped: int = 0
    seconds: float = 0.0
    micro_batch_size: int | None = None
    start_cost: float | None = None
    tally: dict[str, Any] = field(default_factory=dict)

    @property
    def is_behind_start(self) -> bool:
        """Whether no evaluation was better than that of step 0."""
        if self.start_cost is None or self.best_cost is None:
            return False
        return self.start_cost <= self.best_cost


class Checkpoints:
    """The checkpoints and milestones of one run folder.

    Every rank calls the same methods; all ranks write sharded state.
    """

    def __init__(
        self,
        run_folder: Path,
        keep: int,
        facts: Mapping[str, Any],
        process_group: ProcessGroup = ALONE,
    ) -> None:
        self.folder, self.milestone_folder = run_folder / CHECKPOINTS, run_folder / MILESTONES
        self.best_file = run_folder / BEST
        self.keep, self.facts, self.process_group = keep, facts, process_group
        self._writer: Background[Saved] = Background()

    def save(
        self,
        learner: Learner,
        optimizer: Optimizer,
        progress: Progress,
        final: bool = False,
    ) -> None:
        """Copy the state and return; `finished` reports when it is on disk.

        Older checkpoints than `keep` are removed then; none if the last update was skipped, for
        this one may be bad. `final`: the run makes no more steps. Raises RunError if the save
        before failed.
        """
        state, best_step, step = json.dumps(asdict(progress)), progress.best_step, progress.step
        prunes = not progress.skipped_in_row

        def conclude() -> None:
            if best_step is not None:
                self._name_best(best_step)
            if prunes:
                self._prune(step, best_step, 0 if final else RESUMABLE)

        parts = {**_weights(learner), **({} if final else {OPTIMIZER: optimizer.state()})}
        saved = Saved(step, self.folder / step_name(step), "checkpoint")
        self._submit(saved, parts, state, conclude, {FINAL: True} if final else {})

    def save_milestone(self, learner: Learner, step: int) -> None:
        """Copy the weights and return; `finished` reports when they are on disk."""
        self._submit(
            Saved(step, self.milestone_folder / step_name(step), "milestone"), _weights(learner)
        )

    def finished(self) -> list[Saved]:
        """Return what was written since the last call. Raises RunError if a disk refused."""
        return self._writer.finished()

    def wait(self) -> list[Saved]:
        """Wait for the one in flight, and return what was written since the last call."""
        return self._writer.wait()

    def newest(self, to_go_on: bool = False) -> tuple[Path | None, list[str]]:
        """Return the newest valid checkpoint, and a sentence for each newer one that is skipped.

        `to_go_on`: only one with everything that the next step needs.
        """
        return newest_whole(self.folder, to_go_on)

    def newest_name(self) -> str | None:
        """Return the name of the newest checkpoint, valid or damaged; None without one."""
        return max((step_name(step) for step, _ in steps_in(self.folder)), default=None)

    def load(self, path: Path, learner: Learner, optimizer: Optimizer) -> Progress:
        """Load learner and optimizer, and return the progress; the best checkpoint is restored with
        it.

        Raises ModelError if names or shapes differ from the model's, RunError if the disk refuses.
        """
        for name, tensors in _weights(learner).items():
            fill(tensors, path / name)
        manifest = read_sealed(path, hashes=False)
        if holds_optimizer(manifest):
            state = optimizer.empty_state(shapes_in(path / OPTIMIZER))
            fill(state, path / OPTIMIZER)
            optimizer.load(state)
        try:
            progress = Progress(**plainfiles.read_whole_json(path / STATE))
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(
                f"{path / STATE} cannot be read",
                "it was written by another version; resume with that one",
            ) from error
        # a kill may have come between a checkpoint and what follows it
        if self.process_group.leads:
            self._name_best(progress.best_step)
            if not progress.skipped_in_row:
                resumable = 0 if manifest.get(FINAL) else RESUMABLE
                self._prune(progress.step, progress.best_step, resumable, beyond=False)
        return progress

    def _name_best(self, step: int | None) -> None:
        if step is None:
            remove(self.best_file)
        else:
            write_atomically(self.best_file, step_name(step))

    def _submit(
        self,
        event: Saved,
        parts: Mapping[str, Mapping[str, Tensor]],
        state: str | None = None,
        conclude: Callable[[], None] | None = None,
        facts: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        sharded = any(is_sharded(tensors) for tensors in parts.values())
        if not (sharded or self.process_group.leads):
            return
        self._writer.join()  # before there is a second copy in memory
        copies = {name: on_host(tensors) for name, tensors in parts.items()}

        def write() -> Saved:
            refuse_gone(self.best_file.parent)
            with self._folder_for(event, sharded, facts) as folder:
                for name, tensors in copies.items():
                    if sharded:
                        save_shards(tensors, folder / name, self.process_group.writing)
                    else:
                        save_tensors(tensors, folder / name)
                if state is not None and self.process_group.leads:
                    (folder / STATE).write_text(state, encoding="utf-8")
            if conclude is not None and self.process_group.leads:
                conclude()
            return event

        self._writer.submit(write)

    @contextmanager
    def _folder_for(self, event: Saved, sharded: bool, facts: Mapping[str, Any]) -> Generator[Path]:
        """Yield the folder to write to: rank 0 makes it, and seals it when all have written."""
        with ExitStack() as stack:
            facts = {"step": event.step, "torch": torch.__version__, **self.facts, **facts}
            folder = None
            if self.process_group.leads:
                folder = str(stack.enter_context(sealed(event.path, facts, self._beside)))
            yield Path(
                self.process_group.told(folder, self.process_group.writing)
                if sharded
                else folder or ""
            )

    def _beside(self) -> list[Path]:
        """Return folders whose files may equal those of a new one, as of a frozen backbone."""
        folders = (self.folder, self.milestone_folder)
        return [path for folder in folders for path in sorted(folder.glob("step-*"))]

    def _prune(
        self,
        newest_step: int,
        best_step: int | None,
        resumable: int,
        beyond: bool = True,
    ) -> None:
        """Remove old checkpoints now that a newer one exists; never the best, never the newest.

        Those beyond it were damaged, or of another attempt. The newest `resumable` ones keep their
        optimizer state.
        """
        found = sorted(steps_in(self.folder), reverse=True)
        past = [(step, path) for step, path in found if step <= newest_step]
        for step, path in [
            *past[self.keep :],
            *(entry for entry in found if beyond and entry not in past),
        ]:
            if step != best_step:
                shutil.rmtree(path, ignore_errors=True)
        for _, path in past[resumable:]:
            drop_optimizer(path)


def _weights(learner: Learner) -> dict[str, Mapping[str, Tensor]]:
    return {BACKBONE: learner.backbone.state_dict(), LEARNABLE: learner.learnable.state_dict()}
