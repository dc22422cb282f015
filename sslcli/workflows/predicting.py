"""`ssl predict`: examples without gold answers, from the line, from a file, or from standard input."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sslcli.data.documents import Where
from sslcli.data.files import STANDARD_INPUT, read_lines
from sslcli.data.reading import Parsed
from sslcli.data.records import Record, parse_json, record_of
from sslcli.errors import DataError, UsageError
from sslcli.labelled import Example
from sslcli.workflows.answering import Answerer
from sslcli.workflows.labelling import read_examples
from sslcli.workflows.settings import LabelledSettings
from sslcli.workflows.sifting import Sifter

LINE = "the command line"


def typed_example(answerer: Answerer, texts: Sequence[str]) -> Example:
    """Raises UsageError where the task takes another number of texts."""
    wanted = answerer.task.typed(answerer.options)
    if len(texts) != len(wanted):
        raise UsageError(
            f"{answerer.name} takes {len(wanted)} text{'s' if len(wanted) > 1 else ''}: {' and '.join(wanted)}", "quote each of them"
        )
    return answerer.task.parse(answerer.options, Record(Where(LINE, 1), dict(zip(wanted, texts, strict=True))))


def examples_to_answer(answerer: Answerer, reference: str, data: LabelledSettings, sifter: Sifter) -> Iterator[Example]:
    """Of a file in any format of the task, or of a suite; of standard input one a line. What cannot be used is left to `sifter`."""
    task, options = answerer.task, answerer.options
    found = _from_lines(answerer) if reference == STANDARD_INPUT else read_examples(task, options, reference, "test", data, sifter)

    def plain(example: Example) -> Example:
        """With its gold answer as the task takes it, or without it where it does not fit the model; says so of the first."""
        if example.gold is None:
            return example
        try:
            return task.plain(options, answerer.labels, [example])[0]
        except DataError as error:
            unfit.append(error)
            if len(unfit) == 1:
                sifter.remarks[f"gold answers that do not fit the model are not written: {error.message}"] = None
            return replace(example, gold=None)

    unfit: list[DataError] = []
    return map(plain, sifter.usable(found))


def _from_lines(answerer: Answerer) -> Iterator[Example]:
    """Each line an object of JSON, or texts between tabs. Raises DataError naming the line."""

    def example_of(numbered: tuple[int, str]) -> Example:
        number, line = numbered
        record = _record(line, answerer.task.typed(answerer.options), Where("standard input", number))
        return answerer.task.parse(answerer.options, record)

    return Parsed(example_of, (pair for pair in read_lines(STANDARD_INPUT) if pair[1].strip()))


def _record(line: str, columns: Sequence[str], where: Where) -> Record:
    if line.lstrip().startswith("{"):
        return record_of(parse_json(line, where), where)
    texts = line.split("\t")
    if len(texts) != len(columns):
        raise DataError(
            f"{where}: there are {len(texts)} texts, and {len(columns)} belong there", f"write {' TAB '.join(columns)}, or JSON"
        )
    return Record(where, dict(zip(columns, texts, strict=True)))
