"""The contract of a suite: several tasks reported in one table."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

from sslcli.config import Config
from sslcli.contracts.examples import Prediction
from sslcli.contracts.options import O
from sslcli.data.records.record import Record
from sslcli.reports import Report, Score


@dataclass(frozen=True)
class SuitePart:
    """One task of a suite.

    `evaluations` and `tests`: names of the splits to score and to predict. `best_by`: score names,
    joined by "+"; their mean on the first evaluation decides which checkpoint is best.
    """

    name: str
    task: str
    options: Mapping[str, Any]
    best_by: str
    evaluations: Sequence[str]
    tests: Sequence[str] = ()


class Suite(ABC, Generic[O]):
    """Several tasks reported in one table.

    Its data are referred to as SUITE:PART/SPLIT:FOLDER ("glue:cola/train:glue_data"). `epochs`: the
    most that its protocol allows, None for no limit. Every part has a split "train".
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    epochs: ClassVar[float | None] = None

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def parts(self, folder: Path) -> Sequence[SuitePart]:
        """Return the parts whose files exist. Raises DataError if none does."""

    @abstractmethod
    def records(self, folder: Path, part: str, split: str) -> Iterator[Record]:
        """Yield flat records as the part's task parses them.

        Raises DataError naming file and record for what cannot be used.
        """

    def passed_over(self, folder: Path, part: str, split: str) -> Sequence[str]:
        """Return sentences about the rows of a split that `records` leaves out."""
        return ()

    @abstractmethod
    def summarise(self, scores: Mapping[str, Mapping[str, Sequence[Sequence[Score]]]]) -> Report:
        """Return a report that begins with one table and its average.

        `scores`: part -> evaluation -> the scores of every seed.
        """

    def submission(
        self, part: str, split: str, predictions: Sequence[Prediction]
    ) -> Mapping[str, str]:
        """Return file name -> content, as the leaderboard takes it, for one test split.

        `predictions` are in the order of the split's records.
        """
        return {}

    def refusals(self, files: Mapping[str, str]) -> Sequence[str]:
        """Return why the leaderboard would refuse these files as one submission; empty if it
        would not.
        """
        return ()
