"""The contract of a suite: several tasks with one table."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic

from sslcli.config import Config
from sslcli.contracts.examples import Prediction
from sslcli.contracts.learnable import O
from sslcli.data.records.records import Record
from sslcli.reports import Report, Score


@dataclass(frozen=True)
class SuitePart:
    """One task of a suite. `evaluations` and `tests`: names of the splits to score and to write answers for.

    `best_by`: the scores that count, joined by "+"; their mean on the first evaluation decides which checkpoint is best.
    """

    name: str
    task: str
    options: Mapping[str, Any]
    best_by: str
    evaluations: Sequence[str]
    tests: Sequence[str] = ()


class Suite(ABC, Generic[O]):
    """Several tasks with one table. Its data are referred to as SUITE:PART/SPLIT:FOLDER ("glue:cola/train:glue_data").

    `epochs`: the most that its protocol allows, None where there is none. Every part has a split "train".
    """

    Options: ClassVar[type[Config]] = Config

    summary: ClassVar[str]
    epochs: ClassVar[float | None] = None

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def parts(self, folder: Path) -> Sequence[SuitePart]:
        """Those whose files are there. Raises DataError where none is."""

    @abstractmethod
    def records(self, folder: Path, part: str, split: str) -> Iterator[Record]:
        """Flat records as the part's task reads them. Raises DataError naming file and record for what cannot be used."""

    def passed_over(self, folder: Path, part: str, split: str) -> Sequence[str]:
        """Sentences about rows of a split that `records` leaves out."""
        return ()

    @abstractmethod
    def summarise(self, scores: Mapping[str, Mapping[str, Sequence[Sequence[Score]]]]) -> Report:
        """One table with its average, out of part -> evaluation -> the scores of every seed. The table comes first in the report."""

    def submission(self, part: str, split: str, predictions: Sequence[Prediction]) -> Mapping[str, str]:
        """File name -> content, as the leaderboard takes it, for a split of SuitePart.tests in the order of its records."""
        return {}

    def refusals(self, files: Mapping[str, str]) -> Sequence[str]:
        """Why the leaderboard would not take these files as one submission; empty where it would."""
        return ()
