"""What one run is about, whatever it trains, and its making before the first step."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sslcli.contracts.learnable import Learnable
from sslcli.datasets.cache import Say
from sslcli.engine.evaluator import Evaluator, Illustrate
from sslcli.engine.events import Noted, Observer
from sslcli.engine.learner import Learner
from sslcli.engine.loader import Loader
from sslcli.engine.plan import Plan
from sslcli.engine.precision import Hardware
from sslcli.engine.processes.process_group import ProcessGroup
from sslcli.engine.stopping import Stopper, Stopping, with_more_time
from sslcli.errors import Interrupted, Preempted
from sslcli.reports import Report
from sslcli.workflows.training.identity import Identified


class Job(Identified, Protocol):
    """What one run trains, evaluates and reports.

    `settings` are complete and hold the groups that all runs have. `lengths` [n] are those of the
    training samples, in tokens. `collator` is the learnable on the meta device. `notes` are
    sentences for the start.
    """

    @property
    def kind(self) -> str:
        """ "pretrain" or "finetune"."""

    @property
    def name(self) -> str:
        """Name of the objective or task."""

    @property
    def learner(self) -> Learner:
        """The module that is trained."""

    @property
    def collator(self) -> Learnable:
        """The learnable on the meta device, for the loader."""

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the training samples [n], in tokens."""

    @property
    def notes(self) -> Sequence[str]:
        """Sentences to be shown at the start."""

    def loader(
        self, micro_batch_size: int | None, process_group: ProcessGroup, pinned: bool
    ) -> Loader:
        """Return the training loader."""

    def evaluator(self, hardware: Hardware, process_group: ProcessGroup) -> Evaluator:
        """Return the evaluator."""

    def illustrate(self) -> Illustrate:
        """Return the function that makes examples at each evaluation."""

    def header(
        self, plan: Plan, hardware: Hardware, process_group: ProcessGroup
    ) -> Mapping[str, str]:
        """Return title -> line of what is trained, for the start."""

    def warnings(self, plan: Plan, hardware: Hardware) -> Sequence[str]:
        """Return warnings for the user; called on rank 0 alone, as `facts` and `header` are."""

    def facts(self) -> Mapping[str, Any]:
        """Return what run.json has beside the facts that all runs have."""

    def conclude(self, folder: Path, hardware: Hardware, done: bool) -> Report:
        """Write pictures into the folder, and return scores beside their baselines; on rank 0
        alone.

        Not `done`: the run was stopped, and should be quick about it.
        """


def prepared_job(
    prepare: Callable[[Say], Job], most_seconds: float | None, stopper: Stopper, observe: Observer
) -> Job:
    """Everything before the first step; whoever asks to stop meanwhile has lost nothing, and no run
    folder is made.
    """

    def say(sentence: str) -> None:
        stopper.poll()
        observe(Noted(sentence))

    try:
        return prepare(say)
    except Stopping as stop:
        kind = Interrupted if stop.reason == "interrupted" else Preempted
        hint = "the same command begins again"
        if stop.reason == "out of time" and most_seconds is not None:
            hint = f"{hint}, and comes further with {with_more_time(most_seconds)}"
        raise kind(
            f"{stop.reason} while the data was prepared, before the first step", hint
        ) from stop
