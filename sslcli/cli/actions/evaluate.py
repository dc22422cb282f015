"""`ssl evaluate TASK`."""

import math
from collections.abc import Mapping
from pathlib import Path

from sslcli.asides import output_folder
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.screen import Screen
from sslcli.config import resolve
from sslcli.errors import UsageError
from sslcli.runfiles import dotted_layer
from sslcli.workflows.evaluating import evaluate, refuse_below, write_evaluation
from sslcli.workflows.labelling import refuse_unknown_task, task_class
from sslcli.workflows.models import newest_finetuned
from sslcli.workflows.scorenames import refuse_unknown_scores
from sslcli.workflows.settings import AnswerSettings

HARDWARE = ("device", "precision", "compile", "deterministic")
TABLE_KEYS = ("data.columns", "data.separator", "data.quoted")


def run(command: Command, given: Given, screen: Screen) -> int:
    settings, sources = answer_settings(command, given)
    refuse_unknown_task(given["task"])
    least = _bounds(given.get("min", ()))
    refuse_unknown_scores(task_class(given["task"]), least)
    reference = model_of(given, screen)
    folder = output_folder(Path(given["out"])) if given.get("out") else None
    with flags_named(sources):
        evaluation = evaluate(reference, given["task"], settings, wanted=least)
    if folder is not None:
        write_evaluation(evaluation, folder)
    screen.report(evaluation.report)
    refuse_below(evaluation.report.scores, least)
    return 0


def answer_settings(command: Command, given: Given) -> tuple[AnswerSettings, Mapping[str, str]]:
    """And the flag that each setting comes from."""
    values = {"batch_size": given.get("batch_size"), "data.evaluation": given.get("data"), "data.limit": given.get("limit")}
    values["data.skip_bad_records"] = given.get("skip_bad_records")
    values |= {f"hardware.{name}": given.get(name) for name in HARDWARE}
    values |= {key: given.get(key) for key in TABLE_KEYS}
    said = {
        key: [value] if key == "data.evaluation" and isinstance(value, str) else value for key, value in values.items() if value is not None
    }
    own = dotted_layer(said, {key: f"--{key.rpartition('.')[2].replace('_', '-')}" for key in said})
    options = layers_of(given, [flag for flag in command.flags if flag.key.startswith("options.")])
    resolved = resolve(AnswerSettings, own, *options)
    return resolved.settings, resolved.sources


def model_of(given: Given, screen: Screen) -> str:
    """The reference that the line gives; else the newest run that was fine-tuned for the task, which is said."""
    refuse_unknown_task(given["task"])
    if "model" in given:
        return given["model"]
    folder = newest_finetuned(given["task"]).folder
    screen.say(f"model  {folder} (latest; choose with --model)")
    return str(folder)


def _bounds(texts: list[str]) -> Mapping[str, float]:
    """ "f1=80" -> {"f1": 80.0}."""
    bounds = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        try:
            bounds[name.strip()] = bound = float(value)
        except ValueError:
            bound = math.nan
        if not (equals and name.strip() and math.isfinite(bound)):
            raise UsageError(f"--min must be a score and a number, not '{text}'", "write --min f1=80")
    return bounds
