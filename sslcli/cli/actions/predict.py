"""`ssl predict TASK`: drawn on a terminal, JSON lines everywhere else."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.actions.evaluate import answer_settings, model_of
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.data.files import STANDARD_INPUT
from sslcli.engine.precision import choose_hardware
from sslcli.errors import UsageError
from sslcli.folders import written
from sslcli.labelled import Example, Prediction
from sslcli.workflows.answering import Answerer
from sslcli.workflows.evaluating import line_of
from sslcli.workflows.predicting import examples_to_answer, typed_example
from sslcli.workflows.sifting import Sifter

AT_ONCE = 256  # examples of a file that are read, answered and written before the next are read


def run(command: Command, given: Given, screen: Screen) -> int:
    settings = answer_settings({key: value for key, value in given.items() if key != "data"})
    texts = [given[key] for key in ("first", "second") if key in given]
    if texts and "data" in given:
        raise UsageError("a text and --data are two things to answer", "give one of them")
    if not texts and "data" not in given and sys.stdin.isatty():
        raise UsageError("what to answer?", f"ssl predict {given['task']} TEXT, or --data FILE, or lines through a pipe")
    out = output_file(Path(given["out"])) if "out" in given else None
    answerer = Answerer.load(model_of(given, screen), given["task"], choose_hardware(settings.hardware))
    sifter = Sifter(settings.data.skip_bad_records)
    reference = given.get("data", STANDARD_INPUT)
    examples = iter([typed_example(answerer, texts)]) if texts else examples_to_answer(answerer, reference, sifter)
    is_piped = not texts and reference == STANDARD_INPUT
    draws = bool(texts) and screen.out.is_terminal and not screen.json
    with ExitStack() as stack:
        file = stack.enter_context(written(out)) if out is not None else None
        for example, prediction in _answered(answerer, islice(examples, settings.data.limit), settings.batch_size, is_piped):
            if draws:
                screen.report(answerer.task.shown(example, prediction))
            else:
                print(line_of(example, prediction), file=file, flush=file is None)
    for sentence in sifter.sentences():
        screen.say(sentence)
    return 0


def _answered(answerer: Answerer, examples: Iterable[Example], batch_size: int, is_piped: bool) -> Iterator[tuple[Example, Prediction]]:
    """In portions, so that no long file fills the memory; of a pipe in batches, which --batch-size 1 makes single lines."""
    left = iter(examples)
    while portion := list(islice(left, batch_size if is_piped else AT_ONCE)):
        yield from zip(portion, answerer.predictions(portion, batch_size), strict=True)
