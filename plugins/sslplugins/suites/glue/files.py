"""GLUE files: the classic glue_data download, and Hugging Face's JSON Lines or tables.

The classic files quote nothing. CoLA has a header in its test file alone; MRPC comes whole or as
its two original files with a list of the held-out pairs; some questions of QQP contain a line end,
and what is left of their rows is passed over as the official readers do; so is "-" of MultiNLI,
where the annotators did not agree.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sslcli.api import (
    DataError,
    Record,
    Unreadable,
    means_no_label,
    read_lines,
    read_records,
    read_table,
)
from sslplugins.suites.glue.tasks import GlueTask

SUFFIXES = (".tsv", ".jsonl", ".csv")
COLA_COLUMNS = ("source", "label", "mark", "sentence")
MRPC_ORIGINAL = {
    "train": "msr_paraphrase_train.txt",
    "dev": "msr_paraphrase_train.txt",
    "test": "msr_paraphrase_test.txt",
}
MRPC_HELD_OUT = "dev_ids.tsv"
MRPC_IDS = ("#1 ID", "#2 ID")
SIMILARITY = (0.0, 5.0)
NUMBERS = ("index", "id", "idx")


def file_of(task: GlueTask, folder: Path, split: str) -> Path | None:
    """Return the file of a split, None where there is none."""
    for own in _entries(folder, task.elsewhere.get(split, task.folders)):
        stems = task.splits[split]
        found = _entries(own, [f"{stem}{suffix}" for suffix in SUFFIXES for stem in stems])
        if not found and task.name == "mrpc":
            found = (
                _entries(own, [MRPC_ORIGINAL[split]])
                if split == "test" or _entries(own, [MRPC_HELD_OUT])
                else []
            )
        if found:
            return found[0]
    return None


def split_records(task: GlueTask, folder: Path, split: str) -> Iterator[Record]:
    """Yield {"text" or "sentence1", "sentence2"} and "label"; of a test split "id" and no label.

    Raises DataError naming a file that is not there. A row that cannot be used is yielded too, and
    raises when it is asked for a value.
    """
    path = file_of(task, folder, split)
    if path is None:
        wanted = f"{task.elsewhere.get(split, task.folders)[0]}/{task.splits[split][0]}.tsv"
        raise DataError(
            f"{folder} has no {wanted}",
            "give the folder of the GLUE download, in which every task has a folder of its own",
        )
    is_test, found, first = split in task.sheets, False, None
    for row in _rows(task, path, split, is_test):
        if is_test or not _is_unlabelled(task, row):
            found = True
            yield _record(task, row, is_test)
        first = first or row
    if not found and first is not None:
        _label(task, first)  # which says what is wrong with it


def _record(task: GlueTask, row: Record, is_test: bool) -> Record:
    try:
        answer = _number(row) if is_test else {"label": _label(task, row)}
        return Record(row.where, {**_texts(task, row), **answer})
    except DataError as error:
        return Record(row.where, Unreadable(error))


def passed_over(task: GlueTask, folder: Path, split: str) -> tuple[int, int]:
    """Count the rows that `split_records` leaves out: too few columns, or no label."""
    path = file_of(task, folder, split)
    if path is None or split in task.sheets:
        return 0, 0
    count = unlabelled = 0
    for row in _rows(task, path, split, False):
        count += 1
        unlabelled += _is_unlabelled(task, row)
    if task.name != "qqp" or path.suffix.lower() != ".tsv":
        return 0, unlabelled
    lines = sum(bool(line.strip()) for _, line in read_lines(str(path)))
    return lines - 1 - count, unlabelled


def _entries(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the entries of a folder with one of these names, case ignored, in that order."""
    try:
        there = {path.name.lower(): path for path in sorted(folder.iterdir())}
    except OSError:
        return []
    return [there[name.lower()] for name in names if name.lower() in there]


def _rows(task: GlueTask, path: Path, split: str, is_test: bool) -> Iterator[Record]:
    reference = str(path)
    if path.name.lower() == MRPC_ORIGINAL.get(split):
        return _mrpc_rows(path, split)
    if path.suffix.lower() != ".tsv":
        return read_records(reference)
    if task.name == "cola" and not is_test:
        return read_table(reference, header=False, columns=COLA_COLUMNS)
    return read_table(reference, skip_short=task.name == "qqp" and not is_test)


def _mrpc_rows(path: Path, split: str) -> Iterator[Record]:
    """Read MRPC's original files; the listed pairs are held out of the training file."""
    if split == "test":
        for number, row in enumerate(read_table(str(path))):
            yield (
                Record(row.where, {**row.values, "index": str(number)}) if row.is_readable else row
            )
        return
    (listed,) = _entries(path.parent, [MRPC_HELD_OUT])
    held_out = {
        tuple(row.values.values())
        for row in read_table(str(listed), header=False, columns=MRPC_IDS)
    }
    for row in read_table(str(path)):
        ids = tuple(row.values.get(column) for column in MRPC_IDS) if row.is_readable else ()
        if (ids in held_out) == (split == "dev"):
            yield row


def _is_unlabelled(task: GlueTask, row: Record) -> bool:
    """Return whether the row has a label column without a label in it."""
    if not row.is_readable:
        return False  # whoever asks for its label is given the reason
    own = [name for name in task.answer if name in row.values]
    return bool(own) and all(means_no_label(row.values[name]) for name in own)


def _texts(task: GlueTask, row: Record) -> dict[str, str]:
    columns = next(
        (names for names in task.texts if all(name in row.values for name in names)), task.texts[0]
    )
    texts = [row.text(column, may_be_empty=True) for column in columns]
    return {"text": texts[0]} if len(texts) == 1 else {"sentence1": texts[0], "sentence2": texts[1]}


def _number(row: Record) -> dict[str, str]:
    number = row.find(*NUMBERS)[1]
    return {} if number is None else {"id": str(number)}


def _label(task: GlueTask, row: Record) -> str | float:
    """Parse a number or a label, which the Hugging Face layout numbers. Raises DataError."""
    column, value = row.find(*task.answer)
    if not task.labels:
        return _similarity(row, column, value)
    label = str(value)
    if label not in task.labels and label.isdecimal() and int(label) < len(task.labels):
        return task.labels[int(label)]
    if label not in task.labels:
        raise row.wrong(
            column,
            "there is no label" if value in (None, "") else f"'{label}' is no label",
            f"labels: {', '.join(task.labels)}",
        )
    return label


def _similarity(row: Record, column: str, value: Any) -> float:
    least, most = SIMILARITY
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not least <= number <= most:
        raise row.wrong(
            column,
            f"'{value}' is no similarity",
            f"a similarity is a number from {least:g} to {most:g}",
        )
    return number
