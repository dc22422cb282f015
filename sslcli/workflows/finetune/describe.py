"""Examples in words, as a model will be given them: what --check shows of the first ones."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from sslcli.config import Config
from sslcli.contracts.examples import Encoded, Example
from sslcli.contracts.task import Describes, Task
from sslcli.data.documents import Where
from sslcli.data.records.item import Item
from sslcli.data.records.record import Record
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.labelled import read_examples
from sslcli.datasets.locate import is_read_once, split_language
from sslcli.errors import DataError
from sslcli.reports import Table
from sslcli.settings import LabelledSettings

LONGEST = 240  # characters of a text
FIRST_TOKENS, LAST_TOKENS = 24, 8  # of a sample that are shown
LOOKED_AT = 200  # records of a file in which the first examples are looked for


class _Watched(Mapping[str, Any]):
    """Values of a record that remember which of them were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if value is not None:
            self.read[name] = None
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def described(
    task: Task,
    options: Config,
    data: LabelledSettings,
    examples: Sequence[Example],
    encoded: Sequence[Encoded],
    tokenizer: Tokenizer | None,
) -> list[Table]:
    """A table for each example: its parts and its label, the fields they came from, its tokens, and
    what of it is cut off.
    """
    fields_of = _fields_read(type(task), options, data, {example.where for example in examples})
    tables = []
    for number, (example, each) in enumerate(zip(examples, encoded, strict=True), start=1):
        rows = list(_parts(type(task), example).items())
        if example.where in fields_of:
            rows.append(("fields read", fields_of[example.where]))
        rows += _samples(each, tokenizer)
        rows.append(("cut off", each.lost or "nothing"))
        title = f"example {number}: {example.where}" + (
            f", id {example.id}" if example.id != str(example.where.record) else ""
        )
        tables.append(Table(title, ("", "as the model is given it"), rows))
    return tables


def _parts(task: type[Task], example: Example) -> dict[str, str]:
    """What the task says of it; of one that says nothing, its data and its label by their own
    names.
    """
    describer: type = task
    if issubclass(describer, Describes):
        return {name: _shortened(text) for name, text in describer.described(example).items()}
    label = (
        "none" if example.gold is None else _in_words(example.gold) or "no label (an empty list)"
    )
    return {**_by_name(example.data), "label": _shortened(label)}


def _by_name(value: Any) -> dict[str, str]:
    if isinstance(value, Item):
        named: Mapping[str, Any] = {"item": value.described}
    elif (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(each, str) for each in value)
    ):
        named = {"first text": value[0], "second text": value[1]}
    elif isinstance(value, tuple) and len(value) == 1:
        named = {"text": value[0]}
    elif is_dataclass(value):
        named = {each.name: getattr(value, each.name) for each in fields(value) if each.repr}
    else:
        named = (
            value
            if isinstance(value, Mapping)
            else {"text" if isinstance(value, str) else "data": value}
        )
    return {
        name: _shortened(_in_words(each))
        for name, each in named.items()
        if each not in (None, "", ())
    }


def _in_words(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array of {' x '.join(map(str, value.shape))}"
    if isinstance(value, str):
        return value
    return ", ".join(map(_in_words, value)) if isinstance(value, list | tuple) else f"{value}"


def _samples(encoded: Encoded, tokenizer: Tokenizer | None) -> list[tuple[str, str]]:
    count = len(encoded.samples)
    if not count:
        return [("tokens", "none: there is nothing to learn from")]
    first = encoded.samples[0]
    windows = f"; the first of {count:,} samples, which together hold the text" if count > 1 else ""
    if first.tokens is None or tokenizer is None:
        return [("rows", f"{len(first):,}{windows}")]
    unknown = (
        0 if tokenizer.unknown is None else int(np.count_nonzero(first.tokens == tokenizer.unknown))
    )
    strange = f", {unknown:,} of them unknown to the tokenizer" if unknown else ""
    counts = f"{len(first):,} of {encoded.whole_tokens:,} tokens{strange}{windows}"
    return [("tokens", f"{_pieces(first.tokens, tokenizer)} ({counts})")]


def _pieces(tokens_T: np.ndarray, tokenizer: Tokenizer) -> str:
    """As the vocabulary spells them, special tokens too; without the middle where they are many."""
    pieces = tokenizer.pieces(tokens_T)
    if len(pieces) > FIRST_TOKENS + LAST_TOKENS:
        pieces = [*pieces[:FIRST_TOKENS], "…", *pieces[-LAST_TOKENS:]]
    return " ".join(pieces)


def _shortened(text: str) -> str:
    half = LONGEST // 2
    return (
        text
        if len(text) <= LONGEST
        else f"{text[:half]} … {text[-half:]} ({len(text):,} characters)"
    )


def _fields_read(
    task: type[Task], options: Config, data: LabelledSettings, wanted: set[Where]
) -> dict[Where, str]:
    """Of flat records which fields an example was made of, and which were not looked at; by the
    example's place.
    """
    found: dict[Where, str] = {}
    for reference in task.together(data.train):
        if isinstance(reference, tuple):  # files line by line have no fields
            continue
        if is_read_once(split_language(reference)[1]) or wanted <= found.keys():
            continue
        examples = read_examples(task, options, reference, "train", data)
        for record in _records(examples):
            if record.where in wanted and record.where not in found:
                found[record.where] = _fields_of(task, options, record)
    return found


def _records(examples: Iterator[Example]) -> Iterator[Record]:
    """The first flat records of a file that examples could be made of."""
    for _ in range(LOOKED_AT):
        try:
            next(examples)
        except StopIteration:
            return
        except DataError:
            continue
        # of a reader that makes examples of flat records, one by one
        record = getattr(examples, "last", None)
        if not isinstance(record, Record):
            return
        yield record


def _fields_of(task: type[Task], options: Config, record: Record) -> str:
    watched = _Watched(record.values)
    with suppress(DataError):  # of a reader that knows more of the file than its single record says
        task.parse(options, Record(record.where, watched))
    left = [name for name in record.values if name not in watched.read]
    return ", ".join(watched.read) + (f"; not read: {', '.join(left)}" if left else "")
