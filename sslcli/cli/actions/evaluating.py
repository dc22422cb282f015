"""`ssl evaluate TASK`: score a fine-tuned model on labelled data, or any decoder in context."""

from dataclasses import replace
from pathlib import Path

from sslcli.asides import output_folder
from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.line_values import answer_settings, in_context_settings, minimums_of
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.datasets.cache import Say
from sslcli.datasets.tasks import task_class
from sslcli.models.loading import newest_finetuned, newest_fitting
from sslcli.resolving import naming_sources
from sslcli.runs.references import FOUNDATION, LATEST, TRAINED
from sslcli.workflows.evaluate.evaluate import evaluate, refuse_below
from sslcli.workflows.evaluate.in_context import (
    InContextEvaluation,
    columns_of,
    evaluate_in_context,
    refuse_unknown_shots,
    write_in_context,
)
from sslcli.workflows.evaluate.score_names import refuse_unknown_scores
from sslcli.workflows.evaluate.scoring import TaskEvaluation, write_evaluation
from sslcli.workflows.evaluate.written_in_context import WrittenEvaluation


def evaluate_action(command: Command, given: Given, screen: Screen) -> int:
    """Evaluate a fine-tuned model, print its scores and write the files of --out.

    Raises CheckError (exit code 3) where a score is worse than its --min.
    """
    found = evaluated(command, given, screen.say)
    screen.report(found.report)
    refuse_below(found.report.scores, minimums_of(given.get("min", ())))
    return 0


def evaluated(
    command: Command, given: Given, say: Say
) -> TaskEvaluation | InContextEvaluation | WrittenEvaluation:
    """Evaluate as the line says, and write the files of --out."""
    if given.get("in_context"):
        return _in_context(command, given, say)
    resolved, least = answer_settings(command, given), minimums_of(given.get("min", ()))
    refuse_unknown_scores(task_class(given["task"]).scorer, least)
    reference = model_of(given, say)
    folder = output_folder(Path(given["out"])) if given.get("out") else None
    with naming_sources(resolved.sources):
        found = evaluate(reference, given["task"], resolved.settings, wanted=least)
    if folder is not None:
        write_evaluation(found, folder)
    return found


def _in_context(
    command: Command, given: Given, say: Say
) -> InContextEvaluation | WrittenEvaluation:
    resolved, least = answer_settings(command, given), minimums_of(given.get("min", ()))
    asked = in_context_settings(command, given)
    refuse_unknown_shots(asked.settings, least, columns_of(task_class(given["task"])))
    reference = _decoder_of(given, say)
    folder = output_folder(Path(given["out"])) if given.get("out") else None
    with naming_sources({**resolved.sources, **asked.sources}):
        found = evaluate_in_context(
            reference, given["task"], resolved.settings, asked.settings, wanted=least
        )
    if folder is not None:
        write_in_context(found, folder)
    return found


def _decoder_of(given: Given, say: Say) -> str:
    """Return the model of the line, else the newest decoder that was pretrained, and say which."""
    if "model" in given:
        named = given["model"]
        is_latest = named.startswith(LATEST)
        return chosen_model(named, FOUNDATION, is_latest, say)[0] if is_latest else named
    found, notes = newest_fitting(replace(FOUNDATION, architectures={"decoder"}))
    say(f"model  {found.folder} (latest; choose with --model)")
    for note in notes:
        say(f"note: {note}")
    return str(found.folder)


def model_of(given: Given, say: Say) -> str:
    """Return the model of the line, else the newest run fine-tuned for the task, and say which."""
    if "model" in given:
        named = given["model"]
        is_latest = named.startswith(LATEST)
        return chosen_model(named, TRAINED, is_latest, say)[0] if is_latest else named
    found, notes = newest_finetuned(given["task"])
    say(f"model  {found.folder} (latest; choose with --model)")
    for note in notes:
        say(f"note: {note}")
    return str(found.folder)
