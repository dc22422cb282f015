"""Cache of what a reader computes from its options alone: its documents and its records.

    cache/computed/KEY    a sealed folder with items.jsonl, a list of items a line

The first one who reads all of it keeps it, and whoever reads a part only keeps nothing. Nobody
waits for it: two who read at once compute it twice, and the one who ends last finds it kept. Nor is
kept what JSON does not give back as it was, such as an array: it is computed every time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sslcli.contracts.examples import Split
from sslcli.contracts.reader import Computed, GivesRecords, Reader
from sslcli.data.documents import Document, Where
from sslcli.data.records.record import Record
from sslcli.data.rng import name_key
from sslcli.datasets.cache import cache_folder, refuse_damaged
from sslcli.errors import ModelError, RunError
from sslcli.folders import remove, sealed

FORMAT = 1  # of the kept items; another one computes all of them anew
ITEMS = "items.jsonl"
AT_ONCE = 512  # items a line
MOST_CHARACTERS = 1 << 26  # of what is kept; what is longer is computed every time

Item = TypeVar("Item", Document, Record)


def documents_of(reader: Reader, reference: str) -> Iterator[Document]:
    """Yield documents as `Reader.documents` does."""
    made = reader.documents(reference)
    folder = _folder(reader, reference, "documents")
    return made if folder is None else _kept(folder, made, _row_of_document, _document)


def records_of(reader: GivesRecords, reference: str, kind: str, split: Split) -> Iterator[Record]:
    """Yield records as `GivesRecords.records` does."""
    made = reader.records(reference, kind, split)
    folder = _folder(reader, reference, f"{kind} {split}")
    return made if folder is None else _kept(folder, made, _row_of_record, _record)


def _folder(reader: object, reference: str, what: str) -> Path | None:
    """None for a reader that reads what may change."""
    if not isinstance(reader, Computed):
        return None
    name = f"{type(reader).__module__}.{type(reader).__qualname__}"
    key = name_key(json.dumps([FORMAT, name, reader.content_key(reference), reference, what]))
    return cache_folder() / "computed" / f"{key:016x}"


def _kept(
    folder: Path,
    made: Iterator[Item],
    row_of: Callable[[Item], Any],
    item_of: Callable[[Any], Item],
) -> Iterator[Item]:
    if _is_whole(folder):
        return (item_of(row) for row in _rows(folder / ITEMS))
    return _keeping(folder, made, row_of, item_of)


def _is_whole(folder: Path) -> bool:
    """Whether it is there; what is damaged is not, and goes."""
    try:
        if folder.is_dir():
            refuse_damaged(folder)
            return True
    except ModelError:
        with suppress(RunError):
            remove(folder)
    return False


def _rows(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield from json.loads(line)


def _keeping(
    folder: Path,
    made: Iterator[Item],
    row_of: Callable[[Item], Any],
    item_of: Callable[[Any], Item],
) -> Iterator[Item]:
    """What is made, and its rows as text beside it until there is too much of them, or one that
    cannot be kept.
    """
    rows: list[str] | None = []
    size = 0
    for item in made:
        if rows is not None:
            text = _text_of(item, row_of, item_of)
            size += 0 if text is None else len(text)
            if text is None or size > MOST_CHARACTERS:
                rows = None
            else:
                rows.append(text)
        yield item
    if rows is not None:
        _write(folder, rows)


def _text_of(
    item: Item, row_of: Callable[[Item], Any], item_of: Callable[[Any], Item]
) -> str | None:
    """None where the item would come back as another one: of an array, say, or a tuple among the
    values of a record.
    """
    try:
        text = json.dumps(row_of(item), ensure_ascii=False, separators=(",", ":"))
        text.encode()
        back = item_of(json.loads(text))
        is_same = back == item and back.where.unit == item.where.unit
    except (TypeError, ValueError, RecursionError):
        return None
    return text if is_same else None


def _write(folder: Path, rows: Sequence[str]) -> None:
    """A cache that takes no more costs the computing of next time, not this command.

    What another process has kept meanwhile stays, for somebody may be about to read it.
    """
    if folder.is_dir():
        return
    with suppress(RunError, OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            sealed(folder, {"kind": "computed"}) as aside,
            (aside / ITEMS).open("w", encoding="utf-8") as file,
        ):
            for start in range(0, len(rows), AT_ONCE):
                file.write(f"[{','.join(rows[start : start + AT_ONCE])}]\n")


def _row_of_document(document: Document) -> list[Any]:
    where, sentences = document.where, document.sentences
    text = None if sentences is not None and "".join(sentences) == document.text else document.text
    return [where.file, where.record, text, sentences, document.language, document.label]


def _document(row: list[Any]) -> Document:
    file, record, text, sentences, language, label = row
    pieces = None if sentences is None else tuple(sentences)
    text = "".join(pieces) if text is None and pieces is not None else text
    return Document(Where(file, record), text, pieces, language=language, label=label)


def _row_of_record(record: Record) -> list[Any]:
    return [record.where.file, record.where.record, record.values]


def _record(row: list[Any]) -> Record:
    file, record, values = row
    return Record(Where(file, record), values)
