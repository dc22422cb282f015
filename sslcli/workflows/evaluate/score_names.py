"""Scores by the names that people type: `--min exact-match=60`, `--best-by f1+accuracy`."""

import statistics
from collections.abc import Iterable, Sequence

from sslcli.contracts.scorer import Scorer
from sslcli.errors import UsageError, choices
from sslcli.reports import Score


def score_called(name: str, scores: Sequence[Score]) -> Score:
    """Raises UsageError where there is none of the name; a setting, such as a threshold, is
    none.
    """
    by_name = {_typed(score.name): score for score in scores if score.higher_is_better is not None}
    if _typed(name) not in by_name:
        raise _unknown(name, [score.name for score in by_name.values()])
    return by_name[_typed(name)]


def refuse_unknown_scores(scorer: type[Scorer], names: Iterable[str]) -> None:
    """Before anything is read. Raises UsageError where a task that names its scores has none of a
    name.
    """
    known = {_typed(name) for name in scorer.score_names}
    for name in names:
        if known and _typed(name) not in known:
            raise _unknown(name, scorer.score_names)


def refuse_missing_scores(scorer: Scorer, names: Iterable[str], scores: Sequence[Score]) -> None:
    """Before a model answers. Raises UsageError for a score of the task that this data does not
    have.

    `scores` are those of any answers; which there are does not depend on the answers.
    """
    known = {_typed(name) for name in scorer.score_names}
    for name in names:
        if _typed(name) in known:
            score_called(name, scores)


def _typed(name: str) -> str:
    return name.replace(" ", "-")


def _unknown(name: str, names: Sequence[str]) -> UsageError:
    typed = [_typed(each) for each in names]
    return UsageError(f"there is no score '{name}'", choices(_typed(name), typed, "this task has"))


def cost_of(scores: Sequence[Score], best_by: str | None) -> float:
    """The lower the better: of the first score, of the named one, or the mean of several
    ("f1+accuracy").

    Raises UsageError where there is no score of a name.
    """
    names = [] if best_by is None else best_by.split("+")
    chosen = [score_called(name, scores) for name in names] or scores[:1]
    return statistics.fmean(
        -score.value if score.higher_is_better else score.value for score in chosen
    )
