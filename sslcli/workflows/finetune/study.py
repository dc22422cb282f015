"""Several runs that differ in one thing: where they start, their seed, or the language they learn
in. What pretraining is worth, and how sure that is.
"""

import statistics
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sslcli.engine.events import Observer
from sslcli.errors import RunError
from sslcli.reporting.run_plots import score_curves
from sslcli.reporting.saved_reports import STUDY, write_report
from sslcli.reports import Report, Score, Table
from sslcli.runs.catalogue import read_metrics
from sslcli.workflows.finetune.languages import transferred, with_in_language
from sslcli.workflows.finetune.variants import Variant
from sslcli.workflows.training.run import RunResult

Watch = Callable[[str], AbstractContextManager[Observer]]  # the title of a run -> who hears of it


@dataclass(frozen=True)
class Ended:
    """A variant of the study and its result."""

    variant: Variant
    result: RunResult


def study(wanted: Sequence[Variant], run: Callable[[Variant], RunResult]) -> Iterator[Ended]:
    """Run all variants one after the other, up to the one that is stopped."""
    for variant in wanted:
        with named_failures(variant.folder):
            ended = Ended(variant, run(variant))
        yield ended
        if ended.result.outcome.reason != "done":
            return


@contextmanager
def named_failures(folder: Path) -> Generator[None]:
    """Name the run in a failure of one of several runs."""
    try:
        yield
    except RunError as error:
        raise type(error)(f"{folder}: {error.message}", error.hint) from error


def summary(
    ended: Sequence[Ended], title: str, folder: Path, plot: bool, languages: Sequence[str] = ()
) -> Report:
    """The first run's report, each score beside the other starts' median; median and spread where
    there are several seeds.

    Scores in other `languages` also stand beside those of the runs that were trained in them. Into
    the first folder go the held-out curves of the first seed of every start, and the report itself.
    """
    first = ended[0]
    by_start: dict[str, list[Report]] = {}
    by_language: dict[str, list[Report]] = {}
    for each in ended:
        alike = (
            by_language.setdefault(each.variant.language, [])
            if each.variant.language
            else by_start.setdefault(each.variant.start, [])
        )
        alike.append(each.result.report)
    others = {start: reports for start, reports in by_start.items() if start != first.variant.start}
    scores = [
        with_in_language(_beside(score, by_start[first.variant.start], others), by_language)
        for score in first.result.report.scores
    ]
    several = any(len(reports) > 1 for reports in by_start.values())
    trained_in = {f"trained in {language}": reports for language, reports in by_language.items()}
    tables = [_spread({**by_start, **trained_in})] if several else []
    if plot and len(by_start) > 1:
        same_seed = [
            each
            for each in ended
            if each.variant.seed == first.variant.seed and not each.variant.language
        ]
        curves: dict[str, Any] = {
            each.variant.start: read_metrics(each.result.folder) for each in same_seed
        }
        score_curves(curves, title, folder / "plots" / "comparison.png")
    own = first.result.report
    seeds = (
        [
            (
                "the scores are medians over the seeds; everything "
                "below the first table is of the first seed"
            )
        ]
        if several
        else []
    )
    notes = [
        *own.notes,
        *seeds,
        *_worth(by_start, first.variant.start),
        *_transfers(scores, by_start[first.variant.start], languages),
    ]
    report = replace(own, scores=scores, tables=[*tables, *own.tables], notes=notes)
    (folder / STUDY).mkdir(exist_ok=True)
    write_report(report, folder / STUDY)
    return report


def _transfers(
    scores: Sequence[Score], own: Sequence[Report], languages: Sequence[str]
) -> list[str]:
    """Over several seeds the worst of them is sure; of one, the worse end of the interval."""
    worst = {True: min, False: max}
    surely = {
        score.name: worst[score.higher_is_better](score.interval or _values(own, score.name))
        for score in scores
        if score.higher_is_better is not None
    }
    return [transferred(scores, language, surely) for language in languages]


def _beside(score: Score, own: Sequence[Report], others: Mapping[str, Sequence[Report]]) -> Score:
    medians = {
        start: statistics.median(values)
        for start, reports in others.items()
        if (values := _values(reports, score.name))
    }
    return Score(
        score.name,
        statistics.median(_values(own, score.name)),
        score.unit,
        score.higher_is_better,
        score.count,
        score.interval if len(own) == 1 else None,
        {**score.baselines, **medians},
    )


def _values(reports: Sequence[Report], name: str) -> list[float]:
    return [score.value for report in reports for score in report.scores if score.name == name]


def _spread(by_start: Mapping[str, Sequence[Report]]) -> Table:
    rows = []
    for start, reports in by_start.items():
        for score in reports[0].scores:
            values = _values(reports, score.name)
            rows.append(
                [
                    start,
                    score.name,
                    statistics.median(values),
                    min(values),
                    max(values),
                    len(values),
                ]
            )
    return Table("over the seeds", ("start", "score", "median", "least", "most", "runs"), rows)


def _worth(by_start: Mapping[str, Sequence[Report]], first: str) -> list[str]:
    """What pretraining is worth, in words; a gap that is smaller than the spread of the seeds is
    called that.
    """
    sentences = []
    name = next(iter(by_start[first][0].scores)).name
    own = _values(by_start[first], name)
    for start, reports in by_start.items():
        if start == first or not (theirs := _values(reports, name)):
            continue
        gap = statistics.median(own) - statistics.median(theirs)
        spread = max(max(own) - min(own), max(theirs) - min(theirs))
        unsure = (
            ", which is within the spread of the seeds"
            if spread >= abs(gap) and len(own) > 1
            else ""
        )
        sentences.append(f"{first} is {gap:+.4g} {name} beside {start} on the same batches{unsure}")
    return sentences
