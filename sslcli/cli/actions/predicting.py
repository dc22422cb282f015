"""`ssl predict TASK`: a drawn report on a terminal, JSON Lines everywhere else."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.actions.evaluating import model_of
from sslcli.cli.line_values import answer_settings
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.contracts.examples import Example, Prediction
from sslcli.datasets.cache import Say
from sslcli.datasets.cut_texts import cut_in
from sslcli.engine.precision import choose_hardware
from sslcli.errors import UsageError
from sslcli.folders import written
from sslcli.plainfiles import STANDARD_INPUT
from sslcli.reports import Report
from sslcli.resolving import naming_sources
from sslcli.workflows.evaluate.scoring import line_of
from sslcli.workflows.predict.predict import Question
from sslcli.workflows.predict.predictor import Answerer


def predict_action(command: Command, given: Given, screen: Screen) -> int:
    """Predict for a text, a file or standard input.

    A text on a terminal is answered with a drawn report; everything else gives one line of JSON per
    example. Records that are skipped and texts that are cut are reported on stderr.
    """
    texts = [given[key] for key in ("first", "second") if key in given]
    if texts and "data" in given:
        raise UsageError("a text and --data are two things to answer", "give one of them")
    if not texts and "data" not in given and sys.stdin.isatty():
        raise UsageError(
            "what to answer?",
            f"ssl predict {given['task']} TEXT, or --data FILE, or lines through a pipe",
        )
    out = output_file(Path(given["out"])) if "out" in given else None
    asked = question(command, given, [texts] if texts else (), screen.say)
    is_drawn = bool(texts) and screen.out.is_terminal and not screen.json
    with ExitStack() as stack:
        file = stack.enter_context(written(out)) if out is not None else None
        for example, prediction in asked.answers(screen.say):
            if is_drawn:
                screen.report(_shown(asked.answerer, example, prediction))
            else:
                screen.wipe()
                line = line_of(example, prediction, with_file=asked.has_files)
                print(line, file=file, flush=file is None)
    for sentence in asked.remarks(with_cuts=not is_drawn):
        screen.say(sentence)
    return 0


def question(command: Command, given: Given, texts: Sequence[Sequence[str]], say: Say) -> Question:
    """What a line asks a model that is ready to answer. `texts`: each as many as the task takes."""
    resolved = answer_settings(
        command, {key: value for key, value in given.items() if key != "data"}
    )
    settings = resolved.settings
    hardware = choose_hardware(settings.hardware)
    with naming_sources(resolved.sources):
        answerer = Answerer.load(model_of(given, say), given["task"], hardware, settings.options)
    references = None if texts else given.get("data", [STANDARD_INPUT])
    return Question(answerer, settings.data, settings.batch_size, references, texts)


def _shown(answerer: Answerer, example: Example, prediction: Prediction) -> Report:
    """Return the report of a prediction, with a note where the text was cut."""
    report = answerer.scorer.format_prediction(example, prediction)
    cut = [f"the {part} was cut at {limit:,} tokens" for part, limit in cut_in(prediction).items()]
    return replace(report, notes=[*report.notes, *cut])
