"""The report on scores of anomalies, with and without labels.

Letters: N items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.api import (
    Curve,
    Plot,
    Report,
    Score,
    Table,
    amount,
    auroc,
    auroc_score,
    average_precision,
    average_precision_score,
    mean_score,
    precision_curve,
    receiver_curve,
    threshold_for,
)

MOST_KINDS = 30


@dataclass(frozen=True)
class Found:
    """`own`: the names of the model's scores; `scores` [N] of all methods, and `calibration`, those
    of normal items that were held out of training.
    """

    own: Sequence[str]
    summaries: Mapping[str, str]
    scores: Mapping[str, np.ndarray]
    calibration: Mapping[str, np.ndarray]
    false_alarms: float
    notes: Sequence[str]

    @property
    def thresholds(self) -> Mapping[str, float]:
        """By method."""
        return {
            name: threshold_for(scores, self.false_alarms)
            for name, scores in self.calibration.items()
        }

    @property
    def held_out(self) -> int:
        """How many items the thresholds are taken of."""
        return len(next(iter(self.calibration.values())))

    @property
    def remarks(self) -> list[str]:
        """What is to be known of the thresholds, and of the data."""
        count, allowed = self.held_out, int(self.false_alarms * self.held_out)
        told = (
            f"thresholds: at most {self.false_alarms:.3g} of {amount(count, 'item')} held out of "
            f"training lie above ({allowed:,})"
        )
        if not allowed:
            told += (
                "; too few for such a share, so it is the highest of them: hold more out with "
                "--set data.held_out=0.1"
            )
        return [told, *self.notes]


def sheet(found: Found) -> Table:
    """ID,score of the first score of the model, and the others."""
    names = list(found.own)
    ids = range(len(found.scores[names[0]]))
    columns = [[float(score) for score in found.scores[name]] for name in names]
    return Table(
        "scores of items",
        ["ID", "score", *names[1:]],
        [(number, *row) for number, row in zip(ids, zip(*columns, strict=True), strict=True)],
    )


def unlabelled_report(found: Found, labels: Sequence[str]) -> Report:
    """How many lie above the thresholds, and the scores. `labels`: those that there are, of which
    none says that it is normal.
    """
    why = "no labels: nothing says which of the alarms are right"
    if labels:
        why = (
            f"which labels are normal? name them with --normal; there are {', '.join(labels[:20])}"
        )
    return _alarms(found, why)


def all_normal_report(found: Found, normal: Sequence[str]) -> Report:
    """The same of items without an anomaly, which have no areas under curves."""
    return _alarms(found, f"normal: {', '.join(normal)}, as all items are: every alarm is false")


def _alarms(found: Found, why: str) -> Report:
    thresholds = found.thresholds
    rows = [
        (name, found.summaries[name], thresholds[name], int((scores > thresholds[name]).sum()))
        for name, scores in found.scores.items()
    ]
    count = len(next(iter(found.scores.values())))
    name = found.own[0]
    alarms = mean_score(f"alarms by {name}", found.scores[name] > thresholds[name])
    return Report(
        "anomalies",
        scores=[_neutral(alarms)],
        tables=[Table(f"{count:,} items", ["score", "what it is", "threshold", "alarms"], rows)],
        sheets=[sheet(found)],
        notes=[*found.remarks, why],
    )


def _neutral(score: Score) -> Score:
    return Score(score.name, score.value, "", None, score.count, score.interval)


def labelled_report(
    found: Found,
    wrong_N: np.ndarray,
    labels: Sequence[str | None],
    normal: Sequence[str],
    components: Mapping[int, np.ndarray],
) -> Report:
    """Areas under the curves beside those of what needs no model, and what a threshold finds.
    `wrong_N`: the anomalies; `components`: errors of PCA by how many there are.
    """
    others = {name: scores for name, scores in found.scores.items() if name not in found.own}
    free_area = {name: auroc(scores, wrong_N) for name, scores in others.items()}
    free_precision = {name: average_precision(each, wrong_N) for name, each in others.items()}
    prevalence = float(wrong_N.mean())
    scores = []
    for name in found.own:
        area = auroc_score(f"AUROC of {name}", found.scores[name], wrong_N)
        scores.append(_beside(area, {**free_area, "chance": 0.5}))
    for name in found.own:
        area = average_precision_score(f"average precision of {name}", found.scores[name], wrong_N)
        scores.append(_beside(area, {**free_precision, "chance": prevalence}))
    scores += [_found_at(found, name, others, wrong_N) for name in found.own]
    notes = [
        f"normal: {', '.join(normal)}; {wrong_N.sum():,} of {len(wrong_N):,} items are anomalies "
        f"({prevalence:.2%}): chance has that average precision",
        *found.remarks,
        *_not_emerged(scores[: len(found.own)], found.own),
    ]
    return Report(
        "anomalies",
        scores=scores,
        tables=[_methods(found, wrong_N), *_kinds(found, wrong_N, labels)],
        plots=[*_curves(found, wrong_N, prevalence), _components(found, wrong_N, components)],
        sheets=[sheet(found)],
        notes=notes,
    )


def _beside(score: Score, baselines: Mapping[str, float]) -> Score:
    return Score(score.name, score.value, "", True, score.count, score.interval, baselines)


def _found_at(
    found: Found, name: str, others: Mapping[str, np.ndarray], wrong_N: np.ndarray
) -> Score:
    """The share of anomalies above the threshold of held-out normal items."""
    thresholds = found.thresholds
    told = mean_score(f"found by {name}", found.scores[name][wrong_N] > thresholds[name])
    free = {
        other: float((scores[wrong_N] > thresholds[other]).mean())
        for other, scores in others.items()
    }
    return _beside(told, free)


def _not_emerged(scores: Sequence[Score], names: Sequence[str]) -> list[str]:
    worse = [
        name
        for score, name in zip(scores, names, strict=True)
        if score.interval is not None and score.interval[0] <= 0.5
    ]
    return [f"not emerged: {', '.join(worse)} ranks no better than chance"] if worse else []


def _methods(found: Found, wrong_N: np.ndarray) -> Table:
    thresholds = found.thresholds
    rows = [
        (
            name,
            found.summaries[name],
            auroc(scores, wrong_N),
            average_precision(scores, wrong_N),
            float((scores[wrong_N] > thresholds[name]).mean()),
            float((scores[~wrong_N] > thresholds[name]).mean()),
        )
        for name, scores in found.scores.items()
    ]
    columns = ["score", "what it is", "AUROC", "AP", "anomalies found", "false alarms"]
    return Table("with the model, and without", columns, rows)


def _kinds(found: Found, wrong_N: np.ndarray, labels: Sequence[str | None]) -> list[Table]:
    """AUROC of every kind of anomaly against all normal items, where there are several."""
    kinds = sorted({str(label) for label, wrong in zip(labels, wrong_N, strict=True) if wrong})
    if not 1 < len(kinds) <= MOST_KINDS:
        return []
    named_N = np.asarray([str(label) for label in labels])
    rows = []
    for kind in kinds:
        chosen_N = ~wrong_N | (named_N == kind)
        areas = (auroc(scores[chosen_N], wrong_N[chosen_N]) for scores in found.scores.values())
        rows.append((kind, int((named_N == kind).sum()), *areas))
    return [Table("AUROC by kind of anomaly", ["kind", "n", *found.scores], rows)]


def _curves(found: Found, wrong_N: np.ndarray, prevalence: float) -> list[Plot]:
    receiver, precision = [], []
    for name, scores in found.scores.items():
        x, y = receiver_curve(scores, wrong_N)
        receiver.append(Curve(name, x.tolist(), y.tolist()))
        x, y = precision_curve(scores, wrong_N)
        precision.append(Curve(name, x.tolist(), y.tolist()))
    chance = Curve("chance", [0.0, 1.0], [0.0, 1.0])
    line = Curve("prevalence", [0.0, 1.0], [prevalence, prevalence])
    return [
        Plot("receiver operating characteristic", "false alarms", "found", [*receiver, chance]),
        Plot("precision and recall", "recall", "precision", [*precision, line]),
    ]


def _components(found: Found, wrong_N: np.ndarray, components: Mapping[int, np.ndarray]) -> Plot:
    """PCA by how many components there are, beside the model's best score and chance."""
    counts = list(components)
    areas = [auroc(errors, wrong_N) for errors in components.values()]
    best = max(found.own, key=lambda name: auroc(found.scores[name], wrong_N))
    area = auroc(found.scores[best], wrong_N)
    flat = [
        Curve(title, [counts[0], counts[-1]], [value, value])
        for title, value in ((best, area), ("chance", 0.5))
    ]
    return Plot(
        "AUROC by components", "components", "AUROC", [Curve("PCA", counts, areas), *flat], True
    )
