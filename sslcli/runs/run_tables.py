"""Runs as tables: all of them, one with its evaluations, and how several differ."""

import shlex
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from sslcli.reports import Curve, Report, Table
from sslcli.runs.catalogue import (
    Run,
    by_language,
    failure_in,
    how_to_go_on,
    read_metrics,
    runs_folder,
    settings_of,
)
from sslcli.runs.held_out import shown_metrics

ABSENT, EMPTY = "–", '""'  # in a table: a setting that a run has not, and one that is an empty text
# What facts are called where people read them, and what is for resuming alone.
_TITLES = {
    "data": "data fingerprint",
    "tokenizer": "tokenizer fingerprint",
    "seconds": "time",
    "skipped": "skipped updates",
    "saved": "newest checkpoint",
}
MOST_HINTS = 3  # of runs that can be gone on with, below a list
_INTERNAL = frozenset({"launch", "written_ns", "head", "tail"})


def table_of(runs: Sequence[Run], tag: str | None = None) -> Report:
    """Return a table with one line per run, and how the newest unfinished ones go on.

    `tag`: what all of them have.
    """
    has_tags = any(run.tags for run in runs)
    rows = [
        [
            run.name,
            run.kind,
            run.objective,
            _steps(run),
            run.evaluation.get("loss"),
            _metrics(run),
            _seconds(run),
            run.status,
            *([" ".join(run.tags)] if has_tags else []),
        ]
        for run in runs
    ]
    lines = (f"{run.name} {run.status}; {how_to_go_on(run)}" for run in runs if run.resumable)
    notes = list(islice(lines, MOST_HINTS))
    if not rows:
        made = "make one: ssl pretrain --objective mlm"
        notes = [
            f"no run has the tag '{tag}'" if tag else f"no runs in {runs_folder()} yet; {made}"
        ]
    columns = ("run", "kind", "objective", "steps", "held-out loss", "metrics", "time", "status")
    columns += ("tags",) if has_tags else ()
    return Report(tables=[Table("", columns, rows)] if rows else [], notes=notes)


def show(run: Run) -> Report:
    """Its facts, every evaluation, and the shape of its training loss."""
    lines = read_metrics(run.folder)
    evaluations = [line for line in lines if line["split"] == "eval"]
    metrics = [shown_metrics(line, run.facts) for line in evaluations]
    names = list(dict.fromkeys(name for each in metrics for name in each))
    rows = [
        [line["step"], line.get("loss"), *map(each.get, names)]
        for line, each in zip(evaluations, metrics, strict=True)
    ]
    tables = [Table("facts", ("what", "value"), readable_facts(run))]
    if rows:
        tables.append(Table("held-out data", ("step", "loss", *names), rows))
    languages = list(
        dict.fromkeys(name for line in evaluations for name in _losses_by_language(line))
    )
    if languages:
        losses = [
            [line["step"], *(_losses_by_language(line).get(name) for name in languages)]
            for line in evaluations
        ]
        tables.append(Table("held-out loss by language", ("step", *languages), losses))
    train = [
        (line["step"], line["loss"])
        for line in lines
        if line["split"] == "train" and isinstance(line.get("loss"), int | float)
    ]
    curves = [Curve("training loss", *zip(*train, strict=True))] if train else []
    notes = [note for note in (failure_in(run.facts), how_to_go_on(run)) if note]
    return Report(f"{run.name}: {run.status}", tables=tables, curves=curves, notes=notes)


def compare(runs: Sequence[Run]) -> Report:
    """Compare last held-out metrics and differing settings, one column per run."""
    metrics = [shown_metrics(run.evaluation, run.facts) for run in runs]
    names = list(dict.fromkeys(name for each in metrics for name in each))
    languages = list(
        dict.fromkeys(name for run in runs for name in _losses_by_language(run.evaluation))
    )
    figures = [
        ["step", *(run.evaluation.get("step") for run in runs)],
        ["held-out loss", *(run.evaluation.get("loss") for run in runs)],
        *(
            [
                f"held-out loss {name}",
                *(_losses_by_language(run.evaluation).get(name) for run in runs),
            ]
            for name in languages
        ),
        *([name, *(each.get(name) for each in metrics)] for name in names),
        ["parameters", *(run.facts.get("parameters") for run in runs)],
        ["time", *(_seconds(run) for run in runs)],
    ]
    settings = [settings_of(run) for run in runs]
    keys = sorted(set().union(*settings))
    different = [
        [key, *(each.get(key, ABSENT) or EMPTY for each in settings)]
        for key in keys
        if len({each.get(key) for each in settings}) > 1
    ]
    columns = [run.name for run in runs]
    tables = [Table("last evaluation", ("what", *columns), figures)]
    if different:
        tables.append(Table("settings that differ", ("setting", *columns), different))
    notes = [] if different else ["their settings are the same"]
    if len({run.facts.get("data") for run in runs}) > 1:
        notes.append("their data differ, so their losses do not compare")
    elif len({(run.kind, run.objective) for run in runs}) > 1:
        notes.append("what they predict differs, so their losses do not compare")
    return Report(tables=tables, notes=notes)


def readable_facts(run: Run) -> list[tuple[str, str]]:
    """Return run.json for people: no JSON, no empty rows, the command as typed, and nothing that
    only a resume reads.
    """
    rows = []
    own = {"folder": str(run.folder), "tags": list(run.tags)}
    for key, value in {**own, **run.facts, "status": run.status}.items():
        if key in _INTERNAL:
            continue
        if key == "command" and isinstance(value, list):
            rows.append((key, shlex.join(["ssl", *map(str, value[1:])])))
        elif key == "seconds":
            rows.append((key, _seconds(run)))
        elif isinstance(value, Mapping) and any(
            isinstance(inner, Mapping) for inner in value.values()
        ):
            rows += [
                (f"{key}: {name}", text)
                for name, inner in value.items()
                if (text := _readable(inner))
            ]
        else:
            rows.append((key, _readable(value)))
    return [(_titled(key), text) for key, text in rows if text]


def _titled(key: str) -> str:
    """A key of run.json in words; what stands behind a colon may be the name of a file."""
    name, colon, rest = key.partition(": ")
    return f"{_TITLES.get(name, name).replace('_', ' ')}{colon}{rest}"


def _readable(value: Any) -> str:
    """A fact on one line; groups as "name value · name value"."""
    if isinstance(value, Mapping):
        return " · ".join(
            f"{str(name).replace('_', ' ')} {text}"
            for name, inner in value.items()
            if name not in _INTERNAL and (text := _readable(inner))
        )
    if isinstance(value, list):
        return ", ".join(filter(None, map(_readable, value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _losses_by_language(line: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: each["loss"]
        for name, each in by_language(line).items()
        if isinstance(each.get("loss"), int | float)
    }


def _metrics(run: Run) -> str:
    metrics = shown_metrics(run.evaluation, run.facts)
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


def _steps(run: Run) -> str:
    step, total = (
        run.facts.get("step", run.evaluation.get("step", "?")),
        run.facts.get("total_steps", "?"),
    )
    return f"{step}/{total}"


def _seconds(run: Run) -> str:
    seconds = run.facts.get("seconds")
    return f"{seconds:.0f} s" if isinstance(seconds, int | float) else ""
