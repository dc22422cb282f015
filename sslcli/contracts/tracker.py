"""The contract of a tracker: where the figures of a run are sent beside its own folder."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

from sslcli.config import Config
from sslcli.contracts.options import O


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker is told of it when it begins, and again when it goes on.

    `name`: of its folder; `kind`: pretrain or finetune; `folder`: the tracker's own, inside the
    run's; `settings`: all of them, nested; `step`: how many are done; `id`: what `begin` gave back
    the first time, "" before that.
    """

    name: str
    kind: str
    folder: Path
    settings: Mapping[str, Any]
    step: int
    id: str


class Tracker(ABC, Generic[O]):
    """Sends the settings and figures of a run elsewhere.

    All methods are called by one thread that is not the trainer's. Whatever they raise ends the
    tracking, which is said, and never the run. `package`: what has to be installed, looked for
    before anything is loaded; `install`: the line that does. A tracker imports it in `begin`.
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    package: ClassVar[str] = ""
    install: ClassVar[str] = ""

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def begin(self, run: TrackedRun) -> str:
        """Open the run, or go on with the one that `run.id` names; return its id."""

    @abstractmethod
    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take figures of a step, by names such as "train/loss", "eval/accuracy", "eval/zh/loss".

        After a resume steps may come that were logged before: those hold that come last.
        """

    @abstractmethod
    def end(self, reason: str) -> None:
        """Close the run; `reason`: done, interrupted, preempted, out of time or failed."""
