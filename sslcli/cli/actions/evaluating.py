"""`ssl evaluate TASK`: score a fine-tuned model on labelled data."""

from pathlib import Path

from sslcli.asides import output_folder
from sslcli.cli.judging import answer_settings, bounds_of
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.datasets.labelled import task_class
from sslcli.models.loading import newest_finetuned
from sslcli.workflows.evaluate.evaluate import evaluate, refuse_below, write_evaluation
from sslcli.workflows.evaluate.score_names import refuse_unknown_scores


def evaluate_action(command: Command, given: Given, screen: Screen) -> int:
    """Evaluate a fine-tuned model, print its scores and write the files of --out.

    Raises CheckError (exit code 3) where a score is worse than its --min.
    """
    resolved, least = answer_settings(command, given), bounds_of(given.get("min", ()))
    refuse_unknown_scores(task_class(given["task"]).scorer, least)
    reference = model_of(given, screen)
    folder = output_folder(Path(given["out"])) if given.get("out") else None
    with flags_named(resolved.sources):
        evaluation = evaluate(reference, given["task"], resolved.settings, wanted=least)
    if folder is not None:
        write_evaluation(evaluation, folder)
    screen.report(evaluation.report)
    refuse_below(evaluation.report.scores, least)
    return 0


def model_of(given: Given, screen: Screen) -> str:
    """Return the model of the line, else the newest run fine-tuned for the task, and say which."""
    if "model" in given:
        return given["model"]
    found, notes = newest_finetuned(given["task"])
    screen.say(f"model  {found.folder} (latest; choose with --model)")
    for note in notes:
        screen.say(f"note: {note}")
    return str(found.folder)
