"""What retrieval found at every layer, and at every milestone, as a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sslcli.api import Curve, Plot, Report, Retrieval, Score, Subject, Table, retrieve
from sslplugins.bylayer.report import best_layer, curve_of, layer_plot
from sslplugins.translations.sides import Translations

_PARTS_OF_FINAL = (("half", 0.5), ("90 %", 0.9))


@dataclass(frozen=True)
class Found:
    """By layer, from 0 on, or of one layer by milestone."""

    raw: Sequence[Retrieval]
    centred: Sequence[Retrieval]

    def accuracies(self, which: str) -> list[Score]:
        return [retrieval.accuracy(f"{which} at 1") for retrieval in (self.raw if which == "raw" else self.centred)]


def look(subject: Subject, translations: Translations, layers: Sequence[int]) -> Found:
    first, second = translations.sides(subject, layers)
    pairs = translations.pairs_L2
    return Found(
        [retrieve(first[layer].rows_ND, second[layer].rows_ND, pairs) for layer in layers],
        [retrieve(first[layer].centred, second[layer].centred, pairs) for layer in layers],
    )


def layers_report(found: Found, name: str, languages: Sequence[str]) -> Report:
    raw, centred = found.accuracies("raw"), found.accuracies("centred")
    best, best_raw = best_layer(centred), best_layer(raw)
    chance = centred[best].baselines["chance"]
    own = [
        replace(score, baselines={**score.baselines, "raw": other.value})
        for score, other in zip(
            found.centred[best].scores(f"{name} at layer {best}, centred", languages), found.raw[best].scores("", languages), strict=True
        )
    ]
    reading = f"{name}: {centred[best].value:.3f} find their translation first at the best layer, {best}, centred;"
    reading += f" {raw[best_raw].value:.3f} raw, at layer {best_raw}; chance {chance:.3f}"
    return Report(
        scores=[*own, replace(raw[best_raw], name=f"{name} at layer {best_raw}, raw at 1")],
        tables=[_table(found, f"{name} by layer")],
        plots=[layer_plot(f"{name} by layer", "retrieval at 1", {"raw": raw, "centred": centred}, {"chance": chance})],
        notes=[reading if emerged(centred[best]) else f"not emerged: {reading}"],
    )


def emerged(score: Score) -> bool:
    """Whether the whole interval is above chance."""
    return score.interval is not None and score.interval[0] > score.baselines["chance"]


def stages_report(steps: Sequence[int], found: Sequence[Found], name: str, layer: int) -> Report:
    """When the languages line up; `found`: of the layer that is best at the end, at each of the steps."""
    curves = {which: [each.accuracies(which)[0] for each in found] for which in ("raw", "centred")}
    final = curves["centred"][-1]
    chance = final.baselines["chance"]
    lines = [curve_of(which, steps, scores) for which, scores in curves.items()]
    lines.append(Curve("chance", [float(steps[0]), float(steps[-1])], [chance, chance]))
    plot = Plot(f"{name} by step, layer {layer}", "step", "retrieval at 1", lines, logarithmic=True)
    both = zip(steps, curves["raw"], curves["centred"], strict=True)
    rows = [[step, raw.value, centred.value, *centred.interval] for step, raw, centred in both]
    table = Table(plot.title, ["step", "raw", "centred", "from", "to"], rows)
    if not emerged(final):
        return Report(tables=[table], plots=[plot], notes=[f"not emerged: {name} end at {final.value:.3f} centred, chance {chance:.3f}"])
    firsts = [
        f"{part} of its final value first at step "
        f"{next(step for step, score in zip(steps, curves['centred'], strict=True) if score.value >= share * final.value):,}"
        for part, share in _PARTS_OF_FINAL
    ]
    return Report(tables=[table], plots=[plot], notes=[f"{name} line up: {', '.join(firsts)} ({final.value:.3f} centred at layer {layer})"])


def _table(found: Found, title: str) -> Table:
    columns = ["layer", "raw at 1", "centred at 1", "from", "to", "centred at 5", "centred at 10", "raw reciprocal", "centred reciprocal"]
    rows = []
    for layer, (raw, centred) in enumerate(zip(found.raw, found.centred, strict=True)):
        first = centred.accuracy("")
        rows.append(
            [
                layer, raw.accuracy("").value, first.value, *first.interval, centred.accuracy("", 5).value,
                centred.accuracy("", 10).value, raw.reciprocal("").value, centred.reciprocal("").value,
            ]
        )  # fmt: skip
    return Table(title, columns, rows)
