"""`ssl predict`: examples without labels, from the command line, a file, or standard input."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice

from sslcli.contracts.examples import Example, Prediction
from sslcli.data.documents import Where
from sslcli.data.files import read_lines
from sslcli.data.records.continuing import Parsed, goes_on
from sslcli.data.records.first_rows import IF_HEADER, is_first_row
from sslcli.data.records.json_records import parse_json, record_of
from sslcli.data.records.read_context import ReadInContext, Reading, reading_with
from sslcli.data.records.record import Record
from sslcli.datasets.cache import Say
from sslcli.datasets.cut_texts import Cut, cut_in, cut_sentences
from sslcli.datasets.labelled import read_examples
from sslcli.datasets.sifter import Sifter
from sslcli.errors import DataError, PassedOver, UsageError
from sslcli.plainfiles import STANDARD_INPUT
from sslcli.settings import LabelledSettings
from sslcli.workflows.predict.predictor import Answerer

LINE = "the command line"
AT_ONCE = 256  # examples of a file that are read, answered and written before the next are read
NOT_READ = "the label cannot be read and is left out"


class Question:
    """What a model is to answer: texts as they were typed, or files, one of which may be standard
    input. `has_files`: they are several, in which ids alone may be ambiguous.
    """

    def __init__(
        self,
        answerer: Answerer,
        data: LabelledSettings,
        batch_size: int,
        references: Sequence[str] | None,
        texts: Sequence[Sequence[str]] = (),
    ) -> None:
        named = tuple(each for each in references or () if each != STANDARD_INPUT)
        data = answerer.reading(data.model_copy(update={"evaluation": named}))
        places = [os.path.realpath(name) for name in named]
        if twice := next((name for name in named if places.count(os.path.realpath(name)) > 1), ""):
            raise DataError(f"{twice} is given twice", "give each file once")
        self.has_files = references is not None and len(references) > 1
        self.answerer, self.data, self.batch_size = answerer, data, batch_size
        self.sifter = Sifter(data.skip_bad_records)
        self._is_piped = references is not None and STANDARD_INPUT in references
        if self._is_piped and answerer.rows is not None:
            raise UsageError(
                f"the model reads {answerer.rows.modality}, which do not come as lines",
                "give files or folders with --data",
            )
        self._cuts: list[Cut] = []
        if references is None:
            numbered = enumerate(texts, 1)
            self._examples: Iterable[Example] = [
                typed_example(answerer, each, number) for number, each in numbered
            ]
        else:
            self._examples = chain.from_iterable(
                examples_to_answer(answerer, each, data, self.sifter) for each in references
            )

    def answers(self, say: Say) -> Iterator[tuple[Example, Prediction]]:
        """In portions, so that no long file fills the memory; of a pipe in batches, which
        --batch-size 1 makes single lines.
        """
        left, size = islice(self._examples, self.data.limit), self.batch_size
        is_first = True
        while portion := list(islice(left, size if self._is_piped else AT_ONCE)):
            if is_first:
                _follow(self.answerer, portion)
                for note in self.answerer.notes:
                    say(note)
            is_first = False
            for pair in zip(portion, self.answerer.predictions(portion, size), strict=True):
                self._cuts.append(cut_in(pair[1]))
                yield pair

    def remarks(self, with_cuts: bool = True) -> list[str]:
        """What is to be said of the examples when all are answered."""
        cuts = cut_sentences(self.answerer.task.records, self._cuts) if with_cuts else []
        tokenizer = self.answerer.tokenizer
        notes = () if tokenizer is None else tokenizer.notes
        said = [f"note: {note}" for note in (*notes, *self.answerer.remarks())]
        return [*self.sifter.remarks, *self.sifter.sentences(), *cuts, *said]


def typed_example(answerer: Answerer, texts: Sequence[str], number: int = 1) -> Example:
    """Raises UsageError where the task takes another number of texts."""
    if answerer.rows is not None:
        return _typed_item(answerer, texts)
    wanted = answerer.task.positional_fields(answerer.options)
    if len(texts) != len(wanted):
        raise UsageError(
            (
                f"{answerer.name} takes {len(wanted)} "
                f"text{'s' if len(wanted) > 1 else ''}: {' and '.join(wanted)}"
            ),
            "quote each of them",
        )
    return answerer.task.parse(
        answerer.options, Record(Where(LINE, number), dict(zip(wanted, texts, strict=True)))
    )


def _typed_item(answerer: Answerer, names: Sequence[str]) -> Example:
    """The item of a file that is named in the place of a text. Raises UsageError where there are
    several names, or several items in it.
    """
    data = LabelledSettings(rows=answerer.rows)
    examples = [
        list(islice(read_examples(answerer.task, answerer.options, name, "test", data), 2))
        for name in names
    ]
    if len(names) != 1 or len(examples[0]) != 1:
        raise UsageError(
            f"{' '.join(names)} is not one item, and each is answered by itself",
            "give the file of one, or files of several with --data",
        )
    return examples[0][0]


def examples_to_answer(
    answerer: Answerer, reference: str, data: LabelledSettings, sifter: Sifter
) -> Iterator[Example]:
    """Read a file in any format of the task, a suite, or standard input with one example a line.

    Unusable records are left to `sifter`. A label that cannot be read is left out with a remark.
    """
    task, options = answerer.task, answerer.options
    found = _WithoutWrongLabels(_read(answerer, reference, data, sifter), sifter.remarks)

    def plain(example: Example) -> Example:
        """With its gold answer as the task takes it, or without it where it does not fit the model;
        says so of the first.
        """
        if example.gold is None:
            return example
        is_strange = (
            isinstance(example.gold, str)
            and answerer.labels
            and example.gold not in answerer.labels
        )
        if is_strange and is_first_row(example.where):
            strange = f"{example.where}: the model has no label '{example.gold}'"
            sifter.remarks[f"{strange}; {IF_HEADER}"] = None
        try:
            return task.plain(options, answerer.labels, [example])[0]
        except DataError as error:
            unfit.append(error)
            if len(unfit) == 1:
                sifter.remarks[
                    f"labels that do not fit the model are not written: {error.message}"
                ] = None
            return replace(example, gold=None)

    unfit: list[DataError] = []
    return map(plain, sifter.usable(found))


def _read(
    answerer: Answerer, reference: str, data: LabelledSettings, sifter: Sifter
) -> ReadInContext[Example]:
    """With gold answers, unless it is they for which the file cannot be read. Raises DataError."""
    if reference == STANDARD_INPUT:
        reading = Reading(labels="wanted", notes=sifter.remarks)
        return reading_with(reading, partial(_from_lines, answerer))
    read = partial(read_examples, answerer.task, answerer.options, reference, "test", data, sifter)
    try:
        return read(labels="wanted")
    except DataError as error:
        try:
            found = read(labels="unread")
        except DataError:
            raise error from None
        sifter.remarks[f"{error.message}: it is read without labels"] = None
        return found


class _WithoutWrongLabels(Iterator[Example]):
    """The examples; one whose gold answer cannot be read is given without it, which its note
    says.
    """

    def __init__(self, examples: ReadInContext[Example], remarks: dict[str, None]) -> None:
        self._examples, self._remarks, self._is_said = examples, remarks, False

    @property
    def continues(self) -> bool | None:
        """See `goes_on`."""
        return goes_on(self._examples)

    def __next__(self) -> Example:
        try:
            return next(self._examples)
        except PassedOver:
            raise
        except DataError as error:
            if (example := self._again()) is None:
                raise
            if not self._is_said:
                self._remarks[f"labels that cannot be read are not written: {error.message}"] = None
            self._is_said = True
            return replace(example, note=NOT_READ)

    def _again(self) -> Example | None:
        try:
            return self._examples.without_label()
        except DataError:
            return None


def _from_lines(answerer: Answerer) -> Iterator[Example]:
    """Each line an object of JSON, or texts between tabs. Raises DataError naming the line."""

    def example_of(numbered: tuple[int, str]) -> Example:
        number, line = numbered
        record = _record(
            line,
            answerer.task.positional_fields(answerer.options),
            Where.at_line("standard input", number),
        )
        return answerer.task.parse(answerer.options, record)

    return Parsed(example_of, (pair for pair in read_lines(STANDARD_INPUT) if pair[1].strip()))


def _record(line: str, columns: Sequence[str], where: Where) -> Record:
    if line.lstrip().startswith("{"):
        return record_of(parse_json(line, where), where)
    texts = line.split("\t")
    if len(texts) != len(columns):
        raise DataError(
            f"{where}: there are {len(texts)} texts, and {len(columns)} belong there",
            f"write {' TAB '.join(columns)}, or JSON",
        )
    return Record(where, dict(zip(columns, texts, strict=True)))


def _follow(answerer: Answerer, examples: Sequence[Example]) -> None:
    """What the model leaves open follows the first examples, where all of them say their answers
    and these can be used.
    """
    with suppress(DataError):
        labelled = answerer.task.plain(answerer.options, answerer.labels, examples)
        if all(example.gold is not None for example in labelled):
            answerer.resolve_options(labelled)
