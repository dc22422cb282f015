"""What is known of a run, from its own files: what the page of `ssl report` and the card of an exported model are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sslcli.core.settings import TransformerSettings
from sslcli.errors import DataError
from sslcli.reports import Curve, Plot, Score, Table
from sslcli.workflows.runs import Run, leaves_of, metrics_of, settings_of
from sslcli.workflows.savedreports import SCORES, read_scores
from sslcli.workflows.settings import FinetuneSettings, PretrainSettings

MOST_PLOTS = 8


def scores_of(run: Run, lines: Sequence[Mapping[str, Any]]) -> tuple[list[Score], list[str]]:
    """Of scores.json, else of the last evaluation with what counting reaches as its baselines; and what could not be read."""
    problems = []
    if (run.folder / SCORES).is_file():
        try:
            return read_scores(run.folder), []
        except DataError as error:
            problems.append(error.message)
    evaluations = [line for line in lines if line["split"] == "eval"]
    return (evaluated_scores(run, evaluations[-1]) if evaluations else []), problems


def evaluated_scores(run: Run, line: Mapping[str, Any]) -> list[Score]:
    """Loss and metrics of one line of held-out figures."""
    losses, accuracies = _floors(run, "losses"), _floors(run, "accuracies")
    counts = line.get("counts") if isinstance(line.get("counts"), dict) else {}
    terms = line.get("terms") if isinstance(line.get("terms"), dict) else {}
    found = []
    if isinstance(line.get("loss"), int | float):
        count = next((counts[term] for term in terms if isinstance(counts.get(term), int)), 0)
        found.append(Score("held-out loss", line["loss"], "nats", False, count, None, losses))
    for name, value in metrics_of(line).items():
        count = counts.get(name, 0)
        baselines = accuracies if name == "accuracy" else {}
        found.append(Score(name, value, "", name != "perplexity", count if isinstance(count, int) else 0, None, baselines))
    return found


def curves_of(run: Run, lines: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """The losses beside what counting reaches, and every metric of the held-out data, over steps."""
    splits = {split: [line for line in lines if line["split"] == split] for split in ("train", "eval")}
    losses = [_curve(name, splits[split], lambda line: line.get("loss")) for split, name in (("train", "training"), ("eval", "held-out"))]
    losses = [curve for curve in losses if curve.xs]
    if not losses:
        return []
    ends = [min(curve.xs[0] for curve in losses), max(curve.xs[-1] for curve in losses)]
    floors = [Curve(f"{name} floor", ends, [value, value]) for name, value in _floors(run, "losses").items()]
    names = list(dict.fromkeys(name for line in splits["eval"] for name in metrics_of(line)))
    metrics = [_curve(name, splits["eval"], lambda line, name=name: metrics_of(line).get(name)) for name in names[:MOST_PLOTS]]
    drawn = [Plot(f"{curve.title}, held-out", "step", curve.title, [curve]) for curve in metrics]
    return [Plot("Loss", "step", "loss", [*losses, *floors]), *drawn]


def samples_of(lines: Sequence[Mapping[str, Any]]) -> Table | None:
    """What the model made of the same texts at its first, its middle and its last step that kept some."""
    kept = [line for line in lines if line["split"] == "sample" and isinstance(line.get("examples"), list)]
    chosen = sorted({0, len(kept) // 2, len(kept) - 1}) if kept else []
    rows = [(kept[place]["step"], *map(str, pair)) for place in chosen for pair in kept[place]["examples"] if _is_pair(pair)]
    return Table("Samples", ("step", "given", "the model"), rows) if rows else None


def differing_settings(run: Run) -> Table | None:
    """Beside the defaults; what the tool decided for itself is among them."""
    models = {"pretrain": PretrainSettings, "finetune": FinetuneSettings, "suite": FinetuneSettings}
    model, own = models.get(run.kind), settings_of(run)
    if model is None or not own:
        return None
    tree = model().model_dump(mode="json")
    tree["model"]["shape"] = {name: field.default for name, field in TransformerSettings.model_fields.items()}
    usual = dict(leaves_of(tree))
    rows = [(key, value, usual.get(key, "")) for key, value in own.items() if value != usual.get(key)]
    return Table("Settings that differ from the defaults", ("setting", "here", "default"), rows)


def _floors(run: Run, kind: str) -> dict[str, float]:
    """ "losses" or "accuracies" of what counting alone reaches."""
    floors = run.facts.get("floors")
    known = floors.get(kind) if isinstance(floors, dict) else None
    return {str(name): value for name, value in known.items() if isinstance(value, int | float)} if isinstance(known, dict) else {}


def _curve(title: str, lines: Sequence[Mapping[str, Any]], value_of: Callable[[Mapping[str, Any]], Any]) -> Curve:
    points = [(line["step"], value) for line in lines if isinstance(value := value_of(line), int | float)]
    return Curve(title, [step for step, _ in points], [value for _, value in points])


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
