"""`ssl predict TASK`: a drawn report on a terminal, JSON Lines everywhere else."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from sslcli.asides import output_file
from sslcli.cli.actions.evaluating import model_of
from sslcli.cli.judging import answer_settings
from sslcli.cli.naming import flags_named
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.contracts.examples import Example, Prediction
from sslcli.datasets.cut_texts import cut_in, cut_sentences
from sslcli.datasets.sifter import Sifter
from sslcli.engine.precision import choose_hardware
from sslcli.errors import DataError, UsageError
from sslcli.folders import written
from sslcli.plainfiles import STANDARD_INPUT
from sslcli.reports import Report
from sslcli.workflows.evaluate.evaluate import line_of
from sslcli.workflows.predict.predict import examples_to_answer, typed_example
from sslcli.workflows.predict.predictor import Answerer

AT_ONCE = 256  # examples of a file that are read, answered and written before the next are read


def predict_action(command: Command, given: Given, screen: Screen) -> int:
    """Predict for a text, a file or standard input.

    A text on a terminal is answered with a drawn report; everything else gives one line of JSON per
    example. Records that are skipped and texts that are cut are reported on stderr.
    """
    resolved = answer_settings(command, {key: value for key, value in given.items() if key != "data"})
    settings = resolved.settings
    texts = [given[key] for key in ("first", "second") if key in given]
    if texts and "data" in given:
        raise UsageError("a text and --data are two things to answer", "give one of them")
    if not texts and "data" not in given and sys.stdin.isatty():
        raise UsageError("what to answer?", f"ssl predict {given['task']} TEXT, or --data FILE, or lines through a pipe")
    out = output_file(Path(given["out"])) if "out" in given else None
    with flags_named(resolved.sources):
        answerer = Answerer.load(model_of(given, screen), given["task"], choose_hardware(settings.hardware), settings.options)
    sifter = Sifter(settings.data.skip_bad_records)
    reference = given.get("data", STANDARD_INPUT)
    examples = iter([typed_example(answerer, texts)]) if texts else examples_to_answer(answerer, reference, settings.data, sifter)
    is_piped = not texts and reference == STANDARD_INPUT
    rng = bool(texts) and screen.out.is_terminal and not screen.json
    cuts = []
    with ExitStack() as stack:
        file = stack.enter_context(written(out)) if out is not None else None
        for example, prediction in _answered(answerer, islice(examples, settings.data.limit), settings.batch_size, is_piped, screen.say):
            cuts.append(cut_in(prediction))
            if rng:
                screen.report(_shown(answerer, example, prediction))
            else:
                screen.wipe()
                print(line_of(example, prediction), file=file, flush=file is None)
    said = [] if rng else cut_sentences(answerer.task.records, cuts)
    for sentence in (*sifter.remarks, *sifter.sentences(), *said):
        screen.say(sentence)
    said = () if answerer.tokenizer is None else answerer.tokenizer.notes
    for note in (*said, *answerer.remarks()):
        screen.say(f"note: {note}")
    return 0


def _shown(answerer: Answerer, example: Example, prediction: Prediction) -> Report:
    """Return the report of a prediction, with a note where the text was cut."""
    report = answerer.scorer.format_prediction(example, prediction)
    cut = [f"the {part} was cut at {limit:,} tokens" for part, limit in cut_in(prediction).items()]
    return replace(report, notes=[*report.notes, *cut])


def _answered(
    answerer: Answerer, examples: Iterable[Example], batch_size: int, is_piped: bool, say: Callable[[str], None]
) -> Iterator[tuple[Example, Prediction]]:
    """Yield predictions in portions, so that a long file does not fill the memory.

    A pipe is read in batches: with --batch-size 1, line by line.
    """
    left = iter(examples)
    is_first = True
    while portion := list(islice(left, batch_size if is_piped else AT_ONCE)):
        if is_first:
            _follow(answerer, portion)
            for note in answerer.notes:
                say(note)
        is_first = False
        yield from zip(portion, answerer.predictions(portion, batch_size), strict=True)


def _follow(answerer: Answerer, examples: Sequence[Example]) -> None:
    """Resolve what the model leaves open from the first examples, where all of them have labels."""
    with suppress(DataError):
        labelled = answerer.task.plain(answerer.options, answerer.labels, examples)
        if all(example.gold is not None for example in labelled):
            answerer.resolve_options(labelled)
