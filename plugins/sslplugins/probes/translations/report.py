"""Translation retrieval at every layer and at every milestone, as a report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sslcli.api import Curve, FrozenModel, Plot, Report, Retrieval, Score, Table, retrieve
from sslplugins.probes.bylayer.report import best_layer, curve_of, layer_plot
from sslplugins.probes.translations.sides import Translations

_PARTS_OF_FINAL = (("half", 0.5), ("90 %", 0.9))


@dataclass(frozen=True)
class Found:
    """Retrieval by layer, from 0 on, or of one layer by milestone; raw and centred."""

    raw: Sequence[Retrieval]
    centred: Sequence[Retrieval]

    def accuracies(self, which: str) -> list[Score]:
        """Return the accuracies at 1, one per layer or milestone; `which`: "raw" or "centred"."""
        return [
            retrieval.accuracy(f"{which} at 1")
            for retrieval in (self.raw if which == "raw" else self.centred)
        ]


def look(model: FrozenModel, translations: Translations, layers: Sequence[int]) -> Found:
    """Retrieve the translations at each layer, raw and with each language's mean subtracted."""
    first, second = translations.sides(model, layers)
    pairs = translations.pairs_L2
    return Found(
        [retrieve(first[layer].rows_ND, second[layer].rows_ND, pairs) for layer in layers],
        [retrieve(first[layer].centred, second[layer].centred, pairs) for layer in layers],
    )


@dataclass(frozen=True)
class Baseline:
    """The baseline to surpass: chance and, where known, retrieval by the untrained model.

    The untrained model finds translations by length, digits and names alone.
    """

    level: float
    description: str

    @classmethod
    def of(cls, found: Retrieval, untrained: Retrieval | None) -> "Baseline":
        """Build the baseline: the larger of chance and the untrained model's upper end."""
        chance = found.accuracy("").baselines["chance"]
        if untrained is None:
            return cls(chance, f"baseline: chance, {chance:.3f}; the untrained model is not known")
        before = untrained.accuracy("")
        return cls(
            max(chance, before.ends[1]),
            f"baselines: chance, {chance:.3f}, and step 0, {before.value:.3f}",
        )

    def surpassed_by(self, found: Retrieval, layers: int) -> bool:
        """Return whether the interval, corrected for the best of `layers`, lies above it."""
        return found.at_least(layers) > self.level


def layers_report(
    found: Found, name: str, languages: Sequence[str], untrained: Found | None
) -> Report:
    """Build the report by layer; `untrained` is the same at step 0, None where it is not known."""
    raw, centred = found.accuracies("raw"), found.accuracies("centred")
    best, best_raw = best_layer(centred), best_layer(raw)
    chance = centred[best].baselines["chance"]
    own = [
        replace(score, baselines={**score.baselines, "raw": other.value})
        for score, other in zip(
            _beside(
                found.centred,
                None if untrained is None else untrained.centred,
                best,
                f"{name} at layer {best}, centred",
                languages,
            ),
            found.raw[best].scores("", languages),
            strict=True,
        )
    ]
    plain = _beside(
        found.raw,
        None if untrained is None else untrained.raw,
        best_raw,
        f"{name} at layer {best_raw}, raw",
        languages,
    )[0]
    baseline = Baseline.of(
        found.centred[best], None if untrained is None else untrained.centred[best]
    )
    reading = (
        f"{name}: {centred[best].value:.3f} find their "
        f"translation first at the best layer, {best}, centred;"
    )
    reading += f" {raw[best_raw].value:.3f} raw, at layer {best_raw}; {baseline.description}"
    return Report(
        scores=[*own, plain],
        tables=[_table(found, f"{name} by layer")],
        plots=[
            layer_plot(
                f"{name} by layer",
                "retrieval at 1",
                {"raw": raw, "centred": centred},
                {"chance": chance},
            )
        ],
        notes=[
            reading
            if baseline.surpassed_by(found.centred[best], len(centred))
            else f"not emerged: {reading}"
        ],
    )


def stages_report(
    steps: Sequence[int], found: Sequence[Found], name: str, layer: int, layers: int
) -> Report:
    """Build the report by training step.

    `found`: retrieval at each step, of the layer that is best at the end, chosen out of `layers`.
    """
    curves = {which: [each.accuracies(which)[0] for each in found] for which in ("raw", "centred")}
    final = curves["centred"][-1]
    chance = final.baselines["chance"]
    lines = [curve_of(which, steps, scores) for which, scores in curves.items()]
    lines.append(Curve("chance", [float(steps[0]), float(steps[-1])], [chance, chance]))
    plot = Plot(f"{name} by step, layer {layer}", "step", "retrieval at 1", lines, logarithmic=True)
    both = zip(steps, curves["raw"], curves["centred"], strict=True)
    rows = [[step, raw.value, centred.value, *centred.ends] for step, raw, centred in both]
    table = Table(plot.title, ["step", "raw", "centred", "from", "to"], rows)
    baseline = Baseline.of(found[-1].centred[0], None if steps[0] else found[0].centred[0])
    if not baseline.surpassed_by(found[-1].centred[0], layers):
        return Report(
            tables=[table],
            plots=[plot],
            notes=[f"not emerged: {name} end at {final.value:.3f} centred; {baseline.description}"],
        )
    curve = list(zip(steps, curves["centred"], strict=True))
    reached = {
        part: next(step for step, score in curve if score.value >= share * final.value)
        for part, share in _PARTS_OF_FINAL
    }
    firsts = [f"{part} of its final value first at step {step:,}" for part, step in reached.items()]
    return Report(
        tables=[table],
        plots=[plot],
        notes=[f"{name} line up: {', '.join(firsts)} ({final.value:.3f} centred at layer {layer})"],
    )


def _beside(
    found: Sequence[Retrieval],
    untrained: Sequence[Retrieval] | None,
    layer: int,
    name: str,
    languages: Sequence[str],
) -> list[Score]:
    """Return the scores of retrieval at a layer, with those of step 0 as baselines."""
    scores = found[layer].scores(name, languages)
    before = untrained[layer].scores("", languages) if untrained else [None] * len(scores)
    return [
        score if old is None else replace(score, baselines={**score.baselines, "step 0": old.value})
        for score, old in zip(scores, before, strict=True)
    ]


def _table(found: Found, title: str) -> Table:
    columns = [
        "layer",
        "raw at 1",
        "centred at 1",
        "from",
        "to",
        "centred at 5",
        "centred at 10",
        "raw reciprocal",
        "centred reciprocal",
    ]
    rows = []
    for layer, (raw, centred) in enumerate(zip(found.raw, found.centred, strict=True)):
        first = centred.accuracy("")
        rows.append(
            [
                layer,
                raw.accuracy("").value,
                first.value,
                *first.ends,
                centred.accuracy("", 5).value,
                centred.accuracy("", 10).value,
                raw.reciprocal("").value,
                centred.reciprocal("").value,
            ]
        )
    return Table(title, columns, rows)
