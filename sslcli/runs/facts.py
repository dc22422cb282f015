"""Facts about a run from its files, for the page of `ssl report` and the card of a model."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sslcli.core.settings import TransformerSettings
from sslcli.errors import DataError
from sslcli.reporting.saved_reports import (
    LANGUAGES,
    REPORT,
    SCORES,
    STUDY,
    read_report,
    read_scores,
)
from sslcli.reports import (
    Curve,
    Plot,
    Score,
    Table,
    in_language,
    printable,
)
from sslcli.runs.catalogue import Run, by_language, leaves_of, metrics_of, settings_of
from sslcli.runs.held_out import (
    Baselines,
    held_out_scores,
    loss_unit_of,
    measured,
    metric_words,
    with_unit,
)
from sslcli.settings import FinetuneSettings, PretrainSettings

IN_LANGUAGE = "in-language"  # the column of runs that were trained in the language of the score
MOST_DATA = 40  # characters of the data's name in a title
MOST_PLOTS = 8
MOST_LANGUAGES = 8  # of one plot


def title_of(folder: Path, what: str, data: Sequence[str]) -> str:
    """ "NAME: WHAT on DATA", with what of `data` has room; `folder`: of the run."""
    if not data:
        return printable(f"{folder.name}: {what}")
    first = data[0] if len(data[0]) <= MOST_DATA else f"…{data[0][1 - MOST_DATA :]}"
    more = f" and {len(data) - 1} more" if len(data) > 1 else ""
    return printable(f"{folder.name}: {what} on {first}{more}")


def scores_of(run: Run, lines: Sequence[Mapping[str, Any]]) -> tuple[list[Score], list[str]]:
    """Return the scores of the run, and what could not be read.

    From the report of several runs together, if there is one, which sets the scores beside those of
    other starts; else from scores.json and the reports of other languages; else from the last
    evaluation, with n-gram baselines.
    """
    problems = []
    try:
        if together := _scores_together(run.folder):
            return together, []
    except DataError:
        pass  # its own section says so
    try:
        if (run.folder / SCORES).is_file():
            return _with_languages(run.folder, read_scores(run.folder)), []
    except DataError as error:
        problems.append(error.message)
    evaluations = [line for line in lines if line["split"] == "eval"]
    return (evaluated_scores(run, evaluations[-1]) if evaluations else []), problems


def _scores_together(folder: Path) -> list[Score]:
    """Raises DataError where they cannot be read."""
    is_there = (folder / STUDY / REPORT).is_file()
    return list(read_report(folder / STUDY).report.scores) if is_there else []


def _with_languages(folder: Path, scores: list[Score]) -> list[Score]:
    """The first score of every other language stands below the first of all. Raises DataError."""
    folders = sorted(path.parent for path in (folder / LANGUAGES).glob(f"*/{SCORES}"))
    elsewhere = [in_language(read_scores(each)[0], each.name) for each in folders]
    return [*scores[:1], *elsewhere, *scores[1:]]


def key_sentence(run: Run, scores: Sequence[Score]) -> str:
    """The first score, of how many, in other languages, and beside the best of its baselines; of a
    pretraining the first that has baselines, of a comparison the best of its first task.
    """
    if not scores:
        return f"There is no figure yet: the run is {run.status}."
    compared = [score for score in scores if score.baselines and run.kind == "pretrain"]
    first = [*compared, *scores][0]
    said = [f"n {first.count:,}"] if first.count else []
    if run.kind == "compare":
        task = first.name.rpartition(", ")[0]
        of_task = [score for score in scores if score.name.rpartition(", ")[0] == task]
        best_of = min if first.higher_is_better is False else max
        first = best_of(of_task, key=lambda score: score.value)
        said.append(f"the best of {len(of_task)} models")
    if first.interval:
        said.insert(0, "95 % interval {:.4g} to {:.4g}".format(*first.interval))
    said += _in_languages(run, first, scores)
    details = f" ({'; '.join(said)})" if said else ""
    figure = f"{first.value:.4g} {first.unit}".strip()
    sentence = f"{first.name[:1].upper()}{first.name[1:]} is {figure}{details}"
    known = first.baselines.items()
    beside = {name: value for name, value in known if math.isfinite(value) and name != IN_LANGUAGE}
    if not beside:
        return f"{sentence}."
    best = (max if first.higher_is_better else min)(beside, key=lambda name: beside[name])
    among = f", the best of {len(beside)} baselines," if len(beside) > 1 else ""
    return f"{sentence}; {best}{among} reaches {beside[best]:.4g}."


def _in_languages(run: Run, first: Score, scores: Sequence[Score]) -> list[str]:
    """This score in every other language, as one phrase."""
    stem = first.name.partition(" in ")[0]
    elsewhere = (path.name for path in (run.folder / LANGUAGES).glob("*"))
    spoken = {*by_language(run.evaluation), *elsewhere}
    said = []
    for score in scores:
        language = score.name.removeprefix(f"{stem} ").removeprefix("in ")
        if score.name.startswith(stem) and language in spoken:
            said.append(f"{language} {score.value:.4g}")
    return [", ".join(said)] if said else []


def evaluated_scores(run: Run, line: Mapping[str, Any]) -> list[Score]:
    """Return loss and metrics of one line of held-out metrics: over all data, then by language."""
    return held_out_scores(line, run.facts, lambda term: loss_unit_of(run.facts))


def curves_of(run: Run, lines: Sequence[Mapping[str, Any]]) -> list[Plot]:
    """The losses beside what counting reaches, and every metric of the held-out data, over steps;
    each language beside the others.
    """
    splits = {
        split: [line for line in lines if line["split"] == split] for split in ("train", "eval")
    }
    compared = Baselines.of(run.facts)
    losses = [
        _curve(name, splits[split], compared.loss_in)
        for split, name in (("train", "training"), ("eval", "held-out"))
    ]
    losses = [curve for curve in losses if curve.xs]
    if not losses:
        return []
    ends = [min(curve.xs[0] for curve in losses), max(curve.xs[-1] for curve in losses)]
    baselines = [
        Curve(f"{name} baseline", ends, [value, value]) for name, value in compared.losses.items()
    ]
    names = list(dict.fromkeys(name for line in splits["eval"] for name in metrics_of(line)))
    drawn = [
        _held_out(name, splits["eval"], partial(_metric, name), loss_unit_of(run.facts))
        for name in names[:MOST_PLOTS]
    ]
    title = metric_words(compared.loss_metric) or "loss"
    loss = _held_out("loss", splits["eval"], _loss, loss_unit_of(run.facts))
    # of one language it stands in the first plot already
    apart = [loss] if len(loss.curves) > 1 or compared.loss_metric else []
    plots = [Plot(title, "step", title, [*losses, *baselines]), *apart, *drawn]
    data = [*filter(None, [settings_of(run).get("data.train", "")])]
    return [replace(plot, title=title_of(run.folder, plot.title, data)) for plot in plots]


def _held_out(
    name: str,
    lines: Sequence[Mapping[str, Any]],
    value_of: Callable[[Mapping[str, Any]], Any],
    loss_unit: str,
) -> Plot:
    """One figure, of all of the data and of each language."""
    title = metric_words(name)
    y = with_unit(title, measured(name, 0.0, loss_unit)[1])
    languages = list(dict.fromkeys(language for line in lines for language in by_language(line)))[
        :MOST_LANGUAGES
    ]
    apart = [
        _curve(
            f"{title} {language}",
            lines,
            lambda line, own=language: value_of(by_language(line).get(own, {})),
        )
        for language in languages
    ]
    curves = [_curve(title, lines, value_of), *apart]
    return Plot(f"held-out {title}", "step", y, curves, log_y=title.endswith("perplexity"))


def samples_of(lines: Sequence[Mapping[str, Any]]) -> Table | None:
    """Return the outputs for the same texts at the first, a middle and the last step that kept
    some.
    """
    kept = [
        line
        for line in lines
        if line["split"] == "sample" and isinstance(line.get("examples"), list)
    ]
    chosen = sorted({0, len(kept) // 2, len(kept) - 1}) if kept else []
    rows = [
        (kept[place]["step"], *map(str, pair))
        for place in chosen
        for pair in kept[place]["examples"]
        if _is_pair(pair)
    ]
    return Table("Samples", ("step", "given", "the model"), rows) if rows else None


def differing_settings(run: Run) -> Table | None:
    """Beside the defaults; what the tool decided for itself is among them."""
    models = {"pretrain": PretrainSettings, "finetune": FinetuneSettings, "suite": FinetuneSettings}
    model, own = models.get(run.kind), settings_of(run)
    if model is None or not own:
        return None
    tree = model().model_dump(mode="json")
    tree["model"]["shape"] = {
        name: field.default for name, field in TransformerSettings.model_fields.items()
    }
    usual = dict(leaves_of(tree))
    rows = [
        (key, value, usual.get(key, "")) for key, value in own.items() if value != usual.get(key)
    ]
    return Table("Settings that differ from the defaults", ("setting", "here", "default"), rows)


def _loss(line: Mapping[str, Any]) -> Any:
    return line.get("loss")


def _metric(name: str, line: Mapping[str, Any]) -> Any:
    value = metrics_of(line).get(name)
    return None if value is None else measured(name, value)[0]


def _curve(
    title: str, lines: Sequence[Mapping[str, Any]], value_of: Callable[[Mapping[str, Any]], Any]
) -> Curve:
    points = [
        (line["step"], value) for line in lines if isinstance(value := value_of(line), int | float)
    ]
    return Curve(title, [step for step, _ in points], [value for _, value in points])


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2
