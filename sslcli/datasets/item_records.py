"""Labelled items for tasks: what readers of images, sounds and tables give, one record each.

Letters: L rows of an item, F numbers of one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sslcli import registry
from sslcli.config import Config
from sslcli.data.documents import Document
from sslcli.data.records.item import ITEM, LABEL, Item
from sslcli.data.records.read_context import names_of
from sslcli.data.records.record import Record
from sslcli.data.settings import DataSettings
from sslcli.data.table_rows import TableCoder
from sslcli.datasets.locate import split_language
from sslcli.datasets.sources import Source, documents, expand
from sslcli.errors import ConfigError, DataError, UsageError
from sslcli.modalities import WORDS, Frames
from sslcli.rows.schema import Schema
from sslcli.settings import RowsOfModel

LABELS_OF = {
    "images": "a label is the name of a folder, or in an array beside the images of an .npz file",
    "sound": "a label is the name of a folder",
}


def label_options(options: Config, rows: RowsOfModel) -> tuple[Config, dict[str, Any]]:
    """The options of a task without the column of its label, and that column as an option of the
    reader of tables. Raises UsageError where there are no columns, or several are named.
    """
    asked = getattr(options, "label_field", "")
    if not asked:
        return options, {}
    if rows.modality != "table":
        raise UsageError(
            f"--label-field names a column of a table, and the data holds {WORDS[rows.modality]}",
            f"leave it out: {LABELS_OF[rows.modality]}",
        )
    names = names_of(asked) or (asked,)
    if len(names) > 1:
        raise UsageError(
            f"--label-field names {len(names)} columns, and a record of a table has one label",
            "name one of them",
        )
    return options.model_copy(update={"label_field": ""}), {"label": names[0]}


def read_recordings(reference: str, frames: Frames) -> dict[str, list[np.ndarray]]:
    """The frames [L, F] of a recording, or of all in a folder, by file: one array a segment.

    Raises DataError for what cannot be read, lies otherwise in its frames, or is silent.
    """
    rows = RowsOfModel(
        modality="sound",
        features=frames.features,
        frames=frames,
        options={"bands": frames.bands},
    )
    found: dict[str, list[np.ndarray]] = {}
    for record in ItemRecords(reference, rows, {}):
        item = record.values[ITEM]
        found.setdefault(record.where.file, []).append(item.rows_LF)
    if not found:
        raise DataError(f"{reference} is silent: nothing is heard in it", "give another recording")
    return found


class ItemRecords(Iterator[Record]):
    """The records of a reference, file after file.

    A file that cannot be read ends nothing: the next one can be asked for. `continues`: whether
    there is one; see `data.records.continuing`.
    """

    def __init__(self, reference: str, rows: RowsOfModel, options: Mapping[str, Any]) -> None:
        self.rows, self.options = rows, options
        self._coded: tuple[Schema, TableCoder] | None = None
        try:
            sources = expand([split_language(reference)[1]], None)
        except DataError as error:
            hint = error.hint.partition("; choose one with --reader")[0]
            raise DataError(error.message, hint) from error
        self._left, self._are_several = iter(sources), len(sources) > 1
        self._open: Iterator[Document] = iter(())
        self._following = next(self._left, None)

    @property
    def continues(self) -> bool:
        """Whether anything may follow the error raised last."""
        return self._following is not None

    def __next__(self) -> Record:
        while True:
            try:
                document = next(self._open, None)
            except DataError:
                self._open = iter(())
                raise
            if document is not None:
                return self._record(document)
            if self._following is None:
                raise StopIteration
            source, self._following = self._following, next(self._left, None)
            self._open = self._documents(source)

    def _documents(self, source: Source) -> Iterator[Document]:
        cls = registry.load("readers", source.reader)
        held = cls.holds(source.reference)
        if held != self.rows.modality:
            raise DataError(
                f"{source.reference} holds {held}, and the model reads {self.rows.modality}",
                "give data of the model's kind, or another --model",
            )
        known = cls.Options.model_fields
        if strange := next((name for name in self.options if name not in known), None):
            raise ConfigError(
                [f"data.reader_options.{strange}: '{source.reader}' has no such option"],
                f"ssl plugins show {source.reader} lists the options",
            )
        as_model = {name: value for name, value in self.rows.options.items() if name in known}
        settings = DataSettings(reader_options={**as_model, **self.options})
        return documents([source], settings, self.rows.known_table)

    def _coder(self, read: Schema, name: str) -> TableCoder:
        """What brings the records of a file into the rows of the model, by their columns' names."""
        if self._coded is None or self._coded[0] is not read:
            table = self.rows.known_table
            assert table is not None, "a model of tables knows its columns"
            self._coded = read, TableCoder.of(read, table, name)
        return self._coded[1]

    def _record(self, document: Document) -> Record:
        where, array = document.where, document.array
        if array is None:
            raise DataError(f"{where} is no array of numbers", "this is a fault of the reader")
        if document.table is not None:
            array = self._coder(document.table, where.file).rows(array)
        rows = self.rows
        is_other = document.grid != rows.grid or array.shape[1] != rows.features
        # two rates may have as many bands, which lie elsewhere
        if is_other or (rows.frames is not None and document.frames != rows.frames):
            held = document.frames or Item(array, document.grid)
            raise DataError(
                f"{where} is {held.described}, and the model reads {rows.described}",
                self._brought,
            )
        rows_LF = np.asarray(array, dtype=np.float32)
        if not np.isfinite(rows_LF).all():
            raise DataError(f"{where} holds a value that is no finite number", "leave it out")
        return Record(
            where,
            {"id": self._name(document), ITEM: Item(rows_LF, document.grid), LABEL: document.label},
        )

    @property
    def _brought(self) -> str:
        """How data is brought to what the model reads."""
        grid, frames = self.rows.grid, self.rows.frames
        if grid is not None:
            colours = "grey" if grid.channels == 1 else "colour"
            options = {"resize": grid.height, "colours": colours}
        elif frames is not None:
            options = {"rate": frames.rate}
        else:
            options = {"NAME": "VALUE"}
        words = " ".join(f"--set data.reader_options.{name}={options[name]}" for name in options)
        return f"bring it to that first; ssl finetune reads data so with {words}"

    def _name(self, document: Document) -> str:
        """What tells an item from all others: its number in the one file that is read; else its
        file, with the number where that holds several. A recording is its file, segments that
        follow the first have numbers.
        """
        where = document.where
        if where.record is None or (document.frames is not None and where.record == 1):
            return where.file
        return str(where) if self._are_several or document.frames is not None else str(where.record)
