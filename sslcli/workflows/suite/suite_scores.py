"""suite.json: the scores of every run of a suite, written after each, so a stopped suite can go
on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.contracts.suite import SuitePart
from sslcli.errors import DataError
from sslcli.folders import write_atomically
from sslcli.reports import Score
from sslcli.workflows.evaluate.score_names import cost_of

FILE = "suite.json"


@dataclass(frozen=True)
class PartScores:
    """One run of a part: folder, scores by evaluation split, and counts (Report.counts)."""

    run: str
    scores: Mapping[str, Sequence[Score]]
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass
class SuiteScores:
    """`runs`: part -> seed -> what it reached. `answered`: the part's run whose answers to the
    tests are written.
    """

    path: Path
    runs: dict[str, dict[int, PartScores]] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "SuiteScores":
        """Empty where nothing is there yet. Raises DataError where the file is damaged."""
        path = folder / FILE
        try:
            if not path.exists():
                return cls(path)
            saved = plainfiles.read_whole_json(path)
            runs = {
                part: {int(seed): _reached(one) for seed, one in seeds.items()}
                for part, seeds in saved["runs"].items()
            }
            return cls(path, runs, dict(saved["answered"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} cannot be read: {plainfiles.reason(error)}",
                "remove it: the runs are kept, and are only scored again",
            ) from error

    def save(self) -> None:
        """Write suite.json atomically."""
        runs = {
            part: {str(seed): asdict(one) for seed, one in seeds.items()}
            for part, seeds in self.runs.items()
        }
        write_atomically(self.path, json.dumps({"runs": runs, "answered": self.answered}, indent=1))

    def add(self, part: str, seed: int, reached: PartScores) -> None:
        """Add the scores of one run and save."""
        self.runs.setdefault(part, {})[seed] = reached
        self.save()

    def has(self, part: SuitePart, seed: int) -> bool:
        """Tell whether a part was evaluated with this seed on all its splits."""
        found = self.runs.get(part.name, {}).get(seed)
        return found is not None and set(part.evaluations) <= set(found.scores)

    def best(self, part: SuitePart, best_by: str, seeds: Sequence[int]) -> PartScores:
        """The run of the best scores on the part's first evaluation; of equal ones the first."""
        return min(
            (self.runs[part.name][seed] for seed in seeds),
            key=lambda one: cost_of(one.scores[part.evaluations[0]], best_by),
        )

    def by_evaluation(
        self, parts: Sequence[SuitePart], seeds: Sequence[int]
    ) -> dict[str, dict[str, list[Sequence[Score]]]]:
        """part -> evaluation -> the scores of every seed."""
        return {
            part.name: {
                split: [self.runs[part.name][seed].scores[split] for seed in seeds]
                for split in part.evaluations
            }
            for part in parts
        }


def _reached(saved: Mapping[str, Any]) -> PartScores:
    scores = {
        split: [_score(score) for score in scores] for split, scores in saved["scores"].items()
    }
    return PartScores(saved["run"], scores, saved.get("counts", {}))


def _score(saved: Mapping[str, Any]) -> Score:
    figures: dict[str, Any] = dict(saved)
    if figures["interval"] is not None:
        figures["interval"] = tuple(figures["interval"])
    return Score(**figures)
