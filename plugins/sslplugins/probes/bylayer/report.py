"""Scores by layer, as a table and as the curves of one plot."""

from collections.abc import Mapping, Sequence

from sslcli.api import Curve, Plot, Score, Table


def layer_table(
    title: str,
    columns: Mapping[str, Sequence[Score]],
    more: Sequence[tuple[str, Sequence[float]]] = (),
) -> Table:
    """Build a table with one row per layer, from 0 on.

    The first column has its 95 % interval beside it; `more` columns come last.
    """
    first = next(iter(columns.values()))
    rows = []
    for layer, score in enumerate(first):
        low, high = score.interval or (None, None)
        rest = [scores[layer].value for scores in list(columns.values())[1:]]
        rows.append([layer, score.value, low, high, *rest, *(values[layer] for _, values in more)])
    names = list(columns)
    return Table(
        title, ["layer", names[0], "from", "to", *names[1:], *(name for name, _ in more)], rows
    )


def layer_plot(
    title: str, y: str, columns: Mapping[str, Sequence[Score]], levels: Mapping[str, float]
) -> Plot:
    """Build a plot of curves with their intervals; `levels` do not depend on the layer."""
    depth = len(next(iter(columns.values()))) - 1
    curves = [curve_of(name, range(depth + 1), scores) for name, scores in columns.items()]
    curves += [Curve(name, [0.0, float(depth)], [level, level]) for name, level in levels.items()]
    return Plot(title, "layer", y, curves)


def curve_of(title: str, xs: Sequence[float], scores: Sequence[Score]) -> Curve:
    """Build a curve of scores at the points `xs`, with the intervals that they have."""
    lows, highs = zip(
        *(score.interval or (score.value, score.value) for score in scores), strict=True
    )
    return Curve(title, [float(x) for x in xs], [score.value for score in scores], lows, highs)


def best_layer(scores: Sequence[Score]) -> int:
    """Return the layer with the best score, the lowest of equally good ones."""
    return max(range(len(scores)), key=lambda layer: scores[layer].value)
