"""Curves over training steps, the step at which each reaches REACHED of its rise, and peaks.

Letters: N words.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.api import Annotated, Curve, Plot, Report, Score, Table, WordOccurrence, mean_score
from sslplugins.probes.embryology.measurements import Measurement

REACHED = 0.9  # of the rise (Chiang et al. 2020 rescale by the last value, and begin near 0)
FALLEN = 0.8  # of the highest value: from there on it is said that a curve peaked


@dataclass(frozen=True)
class Measured:
    """Results at one step.

    `hidden_N`, `plain_N`: whether each word was predicted when masked, and when visible. `values`:
    the score of each measurement.
    """

    step: int
    hidden_N: np.ndarray
    plain_N: np.ndarray
    values: Sequence[float]


def commonest(uses: Sequence[WordOccurrence], train: Sequence[Annotated]) -> Mapping[str, float]:
    """Compute the majority baseline by kind: the share of the commonest word of the kind.

    The commonest word is that of the training texts, by language.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for text in train:
        for (start, stop), label in zip(text.spans, text.labels, strict=True):
            counts.setdefault((text.language, label), Counter())[text.text[start:stop]] += 1
    commonest_words = {kind: found.most_common(1)[0][0] for kind, found in counts.items()}
    right: dict[str, list[bool]] = {}
    for use in uses:
        right.setdefault(use.sense, []).append(
            use.word == commonest_words.get((use.language, use.sense))
        )
    return {kind: float(np.mean(found)) for kind, found in right.items()}


def report_of(
    measured: Sequence[Measured],
    measurements: Sequence[Measurement],
    kinds_N: Sequence[str],
    by_majority: Mapping[str, float],
) -> Report:
    """Build the report; `by_majority` is the majority baseline of `commonest`, by kind."""
    steps = [each.step for each in measured]
    kinds = np.asarray(kinds_N)
    curves = {
        name: [
            Curve(kind, steps, [float(right[kinds == kind].mean()) for right in series])
            for kind in by_majority
        ]
        for name, series in (
            ("masked words predicted", [each.hidden_N for each in measured]),
            ("visible words reconstructed", [each.plain_N for each in measured]),
        )
    }
    hidden, plain = curves.values()
    others = [
        Curve(measurement.name, steps, [each.values[place] for each in measured])
        for place, measurement in enumerate(measurements)
    ]
    plots = [
        Plot(name, "step", "accuracy", found, logarithmic=True) for name, found in curves.items()
    ]
    plots.append(Plot("other scores", "step", "score", others, logarithmic=True))
    last = measured[-1]
    scores = [
        _with(
            mean_score("masked words predicted", last.hidden_N),
            {"commonest of its kind": float(np.mean([by_majority[kind] for kind in kinds_N]))},
        ),
        mean_score("visible words reconstructed", last.plain_N),
        *(
            Score(
                curve.title,
                curve.ys[-1],
                count=measurement.count,
                baselines=dict([measurement.baseline]),
            )
            for curve, measurement in zip(others, measurements, strict=True)
        ),
    ]
    tables = [_by_kind(hidden, plain, kinds, by_majority), _of_measurements(others)]
    return Report(
        f"what is learned when, up to step {steps[-1]:,}",
        scores,
        tables,
        plots=plots,
        notes=[*_notes(hidden, by_majority), *map(_story, others)],
    )


def _by_kind(
    hidden: Sequence[Curve],
    plain: Sequence[Curve],
    kinds: np.ndarray,
    by_majority: Mapping[str, float],
) -> Table:
    """A row for each kind of word, the quickest first; `kinds` [N] are those of the words."""
    order = sorted(
        range(len(hidden)), key=lambda place: (_when(hidden[place]), hidden[place].title)
    )
    rows = [
        [
            kind.title,
            int((kinds == kind.title).sum()),
            kind.ys[-1],
            by_majority[kind.title],
            reached_at(kind),
            plain[place].ys[-1],
            reached_at(plain[place]),
        ]
        for place, kind in ((place, hidden[place]) for place in order)
    ]
    columns = (
        "kind",
        "n",
        "masked: accuracy",
        "commonest of its kind",
        f"{REACHED:.0%} at step",
        "visible: accuracy",
        f"{REACHED:.0%} at step ",
    )
    return Table("by kind, the quickest first", columns, rows)


def reached_at(curve: Curve) -> float | None:
    """Return the first step at which REACHED of the rise from first to last value is reached.

    None where the curve does not rise. Nothing is interpolated between steps.
    """
    first, rise = curve.ys[0], curve.ys[-1] - curve.ys[0]
    return (
        next(
            (
                step
                for step, value in zip(curve.xs, curve.ys, strict=True)
                if value >= first + REACHED * rise
            ),
            None,
        )
        if rise > 0
        else None
    )


def _of_measurements(curves: Sequence[Curve]) -> Table:
    rows = []
    for curve in curves:
        peak = int(np.argmax(curve.ys))
        rows.append(
            [
                curve.title,
                curve.ys[0],
                curve.ys[-1],
                reached_at(curve),
                curve.ys[peak],
                curve.xs[peak],
            ]
        )
    return Table(
        "from step to step",
        ("what", "at step 0", "at the end", f"{REACHED:.0%} at step", "highest", "at step"),
        rows,
    )


def _story(curve: Curve) -> str:
    """Say in one sentence whether a curve rises to its end or peaks before."""
    peak = int(np.argmax(curve.ys))
    if curve.ys[-1] < FALLEN * curve.ys[peak]:
        return (
            f"{curve.title}: peaks at step {curve.xs[peak]:,} with "
            f"{curve.ys[peak]:.2f} and ends at {curve.ys[-1]:.2f}"
        )
    step = reached_at(curve)
    if step is None:
        return (
            f"not emerged: {curve.title}: {curve.ys[-1]:.2f} at the end, "
            f"no more than the {curve.ys[0]:.2f} of untrained weights"
        )
    return (
        f"{curve.title}: from {curve.ys[0]:.2f} to "
        f"{curve.ys[-1]:.2f}, nine tenths of the way at step {step:,}"
    )


def _when(curve: Curve) -> float:
    """Return the step for sorting; curves that never rise come last."""
    step = reached_at(curve)
    return math.inf if step is None else step


def _notes(hidden: Sequence[Curve], by_majority: Mapping[str, float]) -> list[str]:
    """Say which kinds never surpass the majority baseline, and whether kinds differ in when they
    are learned.
    """
    missed = [curve.title for curve in hidden if curve.ys[-1] <= by_majority[curve.title]]
    notes = (
        [
            (
                f"not emerged: {', '.join(missed)}: predicted no "
                "better than by the commonest word of the kind"
            )
        ]
        if missed
        else []
    )
    learned = {
        curve.title: step
        for curve in hidden
        if curve.title not in missed and (step := reached_at(curve)) is not None
    }
    if len(set(learned.values())) > 1:
        first, last = min(learned, key=learned.__getitem__), max(learned, key=learned.__getitem__)
        notes.append(
            f"{first} is learned first (step {learned[first]:,}), "
            f"{last} last (step {learned[last]:,})"
        )
    elif len(learned) > 1:
        notes.append("not emerged: all kinds of words are learned at the same milestone")
    return notes


def _with(score: Score, baselines: Mapping[str, float]) -> Score:
    return Score(
        score.name,
        score.value,
        score.unit,
        score.higher_is_better,
        score.count,
        score.interval,
        baselines,
    )
