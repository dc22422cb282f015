"""Array documents into shards: images, sound and tables travel the road of text, without a
tokenizer.

Letters: t rows of one document, F numbers of a row.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sslcli import registry
from sslcli.data.documents import Document
from sslcli.data.records.read_context import Reading, reading_with
from sslcli.data.settings import DataSettings
from sslcli.data.shard_writing import ShardWriter
from sslcli.data.shards import read_manifest
from sslcli.datasets.cache import Say
from sslcli.datasets.joined_tables import JoinedTables
from sslcli.datasets.layouts import RowLayout, refuse_other_layouts
from sslcli.datasets.locate import (
    files_at,
    is_read_once,
    is_shards,
    passed_over,
    reader_for,
    split_language,
)
from sslcli.datasets.sources import Source, documents, plain_text_reader
from sslcli.deferred import Deferred
from sslcli.errors import DataError, UsageError
from sslcli.grid import Grid
from sslcli.modalities import WORDS, Frames, Modality
from sslcli.rows.schema import Schema

recognised = Deferred("sslcli.datasets.recognised")
SAID_EVERY_NUMBERS = 1 << 22
EXACT = 1 << 24
REMARKS_SHOWN = 4


def modality_of(sources: Sequence[Source]) -> Modality:
    """Return the modality of these sources. Raises DataError if they differ."""
    return _common({source.reference: _held(source.reader, source.reference) for source in sources})


def _common(held: Mapping[str, Modality]) -> Modality:
    first, *others = held.items()
    for reference, modality in others:
        if modality != first[1]:
            raise DataError(
                f"{first[0]} holds {WORDS[first[1]]}, and {reference} holds {WORDS[modality]}",
                "train on data of one kind",
            )
    return first[1]


def refuse_unread(reads: Mapping[str, Collection[Modality]], data: DataSettings) -> Modality:
    """Return the modality of the data.

    Raises UsageError if a part of the objective does not read it, DataError if the data has two.
    """
    held: dict[str, Modality] = {}
    for references in filter(None, (data.train, data.evaluation)):
        if len(references) == 1 and is_shards(references[0]):
            held[references[0]] = read_manifest(Path(references[0]))["modality"]
        else:
            held |= {
                each: _held(name, split_language(each)[1])
                for each in references
                for name in _readers(each, data.reader)
            }
    for reference, modality in held.items():
        for name, known in reads.items():
            if modality not in known:
                wanted = " and ".join(WORDS[each] for each in sorted(known))
                line = ""
                if modality == "table" and "text" in known:  # labelled texts are kept in tables too
                    line = recognised.line_for(reference)
                raise UsageError(
                    f"'{name}' reads {wanted}, and {reference} holds {WORDS[modality]}",
                    f"{line}; or " * bool(line) + "choose another --objective, or other --data",
                )
    return _common(held)


def _readers(reference: str, reader: str | None) -> set[str]:
    """Names of what will read it; a pipe is left alone, for it can be read but once."""
    known, path = registry.names("readers"), split_language(reference)[1]
    scheme, colon, _ = path.partition(":")
    if reader is not None:
        return {reader}
    if colon and scheme in known:
        return {scheme}
    return (
        {plain_text_reader()}
        if is_read_once(path)
        else {reader_for(file, known) for file in files_at(path, known)}
    )


def _held(reader: str, reference: str) -> Modality:
    return registry.load("readers", reader).holds(reference)


def write_rows(
    sources: Sequence[Source],
    data: DataSettings,
    modality: Modality,
    folder: Path,
    say: Say,
    table: Schema | None = None,
) -> None:
    """Shards of all array documents; one without a row leaves no trace. Raises DataError naming the
    document. `table`: whose columns are looked for.
    """
    facts: dict[str, Any] = {}
    known = registry.names("readers")
    notes = (passed_over(split_language(each)[1], known) for each in data.train)
    reading = Reading(notes=dict.fromkeys(filter(None, notes)))
    said, layout, shape, rounded = 0, None, None, _Rounded()
    columns = JoinedTables()
    with ShardWriter(folder, facts, modality=modality) as writer:
        for document in reading_with(reading, lambda: documents(sources, data, table)):
            if document.table is not None:
                rows_tF = columns.joined(document.table, document.array)
            else:
                rows_tF = _checked(document, modality, rounded)
            if not len(rows_tF):
                continue
            own = RowLayout.of_document(document, prod(rows_tF.shape[1:]))
            layout, shape = layout or own, shape or rows_tF.shape[1:]
            if own != layout:
                refuse_other_layouts({str(document.where): own}, layout, "what comes before it")
            if rows_tF.shape[1:] != shape:
                raise DataError(
                    (
                        f"{document.where} has rows of shape {list(rows_tF.shape[1:])}, "
                        f"and those before it of {list(shape)}"
                    ),
                    "bring all documents to one shape",
                )
            writer.add_array(rows_tF, document.language, document.label, document.where.file)
            counts = writer.counts
            if counts["bytes"] // SAID_EVERY_NUMBERS > said:
                said = counts["bytes"] // SAID_EVERY_NUMBERS
                say(f"{counts['documents']:,} documents, {counts['tokens']:,} rows")
        counts = writer.counts
        if not counts["tokens"]:
            of = f" of {' or '.join(data.only)}" if data.only else ""
            why = next(reversed(reading.notes), "check --data")
            raise DataError(f"there is no row{of} in {', '.join(data.train)}", why)
        noted = {"rounded": rounded.sentence} if rounded.count else {}
        noted |= {"remarks": _in_short(reading.notes)} if reading.notes else {}
        kind = None if layout is None else layout.kind
        if isinstance(kind, Grid | Frames):
            facts["grid" if isinstance(kind, Grid) else "frames"] = kind._asdict()
        if (found := columns.table) is not None:
            facts["table"] = found.plain
            noted["columns"] = found.said
        facts["statistics"] = {
            name: counts[name] for name in ("documents", "sentences", "tokens", "bytes")
        } | noted


def _in_short(remarks: Collection[str]) -> list[str]:
    """The first remarks of readers, and how many more there are."""
    shown = list(remarks)[:REMARKS_SHOWN]
    more = len(remarks) - len(shown)
    return [*shown, *([f"there are {more:,} more remarks like these"] if more else [])]


@dataclass
class _Rounded:
    """Whole numbers that float32 does not hold: how many, and the first in words."""

    count: int = 0
    first: str = ""

    def note(self, document: Document, array: np.ndarray, rows_tF: np.ndarray) -> None:
        """`rows_tF`: the same numbers in float32, which holds every whole one up to EXACT."""
        if np.can_cast(array.dtype, np.float32) or not (np.abs(rows_tF) >= EXACT).any():
            return
        with np.errstate(invalid="ignore", over="ignore"):
            is_other = rows_tF.astype(array.dtype) != array
        where = np.argwhere(is_other & (np.abs(rows_tF) >= EXACT) & (array == np.trunc(array)))
        self.count += len(where)
        if len(where) and not self.first:
            place = tuple(where[0])
            self.first = (
                f"{document.where}, row {where[0, 0] + 1}: "
                f"{int(array[place])} as {int(rows_tF[place])}"
            )

    @property
    def sentence(self) -> str:
        rounded = "number is" if self.count == 1 else "numbers are"
        what = (
            f"{self.count:,} whole {rounded} rounded, for "
            f"float32 holds each of them up to {EXACT:,} only"
        )
        return (
            f"{what} (the first: {self.first}): scale them, "
            "or leave them out where they only name something"
        )


def _checked(document: Document, modality: Modality, rounded: _Rounded) -> np.ndarray:
    """float32 [t, ...]"""
    if document.array is None:
        raise DataError(
            f"{document.where} is text where {WORDS[modality]} belong",
            "this is a fault of the reader",
        )
    array = document.array
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array.dtype.kind not in "biuf":
        found = (
            f"{array.dtype} of shape {list(array.shape)}"
            if isinstance(array, np.ndarray)
            else type(array).__name__
        )
        raise DataError(
            f"{document.where} is no array of numbers in rows: {found}",
            "give an array [rows, features]",
        )
    if np.ma.is_masked(array):
        row = int(np.argwhere(np.ma.getmaskarray(array))[0, 0])
        raise DataError(
            f"{document.where}: row {row + 1} holds a value that is masked out",
            "leave it out, or fill it in",
        )
    with np.errstate(over="ignore"):
        rows_tF = np.asarray(array).astype(np.float32)
    if not np.isfinite(rows_tF).all():
        row = int(np.argwhere(~np.isfinite(rows_tF))[0, 0])
        raise DataError(
            f"{document.where}: row {row + 1} holds a value that is no finite number",
            "leave it out, or fill it in",
        )
    rounded.note(document, np.asarray(array), rows_tF)
    return rows_tF
