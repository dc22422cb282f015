"""Parquet, Arrow and Feather: texts out of a column, or records of numbers and categories.

A file is one of texts where a column is called "text", or where its first texts are sentences; else
its rows are records as those of a table of separated values are.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sslcli.api import ArrowFile, DataError, Document, Modality, Where, setting
from sslplugins.readers.jsonl import JsonLinesReader, whole_characters
from sslplugins.readers.tables.columns import WORDS_OF_SENTENCE
from sslplugins.readers.tables.reader import TableFile, TableReader

TEXT = "text"
LOOKED_AT = 100  # records
JSONL = JsonLinesReader.Options.model_fields
HOLDS = {
    "text": "texts",
    "number": "numbers",
    "truth": "true or false",
    "bytes": "bytes",
    "nested": "lists or objects",
    "other": "values of another kind",
}


class ArrowReader(TableReader):
    """Documents out of a column of texts, or records of columns."""

    summary = "tables of Parquet, Arrow and Feather: texts of a column, or numbers and categories"
    modality = "table"

    class Options(TableReader.Options):
        text_field: str = setting(
            TEXT, "column that holds the text, of a file of texts", "--text-field"
        )
        language_field: str = setting("language", "column of the language, where there is one")
        language: str = setting(
            "", "language of all documents (en, zh, ...), where no column gives it", "--language"
        )

    @classmethod
    def holds(cls, reference: str) -> Modality:
        """Text, or records of a table; raises DataError for what is neither."""
        return "text" if _is_of_texts(ArrowFile.opened(reference)) else "table"

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield texts or records. Raises DataError naming file, record and column of what cannot be
        read as one.
        """
        file = ArrowFile.opened(reference)
        is_text = self._known is None and _is_of_texts(file)
        return self._texts(file) if is_text else super().documents(reference)

    def opened(self, reference: str) -> TableFile:
        """The columns, and the cells as they would be written."""
        file = ArrowFile.opened(reference)
        return _Columns(reference, "", list(file.columns), file, frozenset(self.options.leave_out))

    def _texts(self, file: ArrowFile) -> Iterator[Document]:
        options, reference = self.options, file.reference
        assert isinstance(options, ArrowReader.Options), "it was made with its own"
        file.refuse_absent(options.text_field, "--text-field")
        if (kind := file.columns[options.text_field]) != "text":
            raise DataError(
                f"{reference}, column '{options.text_field}' holds {HOLDS[kind]} and no texts",
                "name another one with --text-field",
            )
        tagged = file.columns.get(options.language_field) == "text"
        names = [options.text_field, *([options.language_field] if tagged else [])]
        for number, values in file.records(list(dict.fromkeys(names))):
            where = Where(reference, number, options.text_field)
            text = values[options.text_field]
            if text is None:
                raise DataError(
                    f"{where} must be a text, not null",
                    "every record needs a text; leave the others out",
                )
            if text.strip():
                language = values.get(options.language_field) if tagged else None
                yield Document(
                    where,
                    text=whole_characters(text, where, "strict"),
                    language=language or options.language,
                )


@dataclass(frozen=True)
class _Columns(TableFile):
    """A table of typed columns, whose records are numbered."""

    file: ArrowFile
    left_out: frozenset[str]

    unit = "record"

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each record as texts, and its number."""
        for number, values in self.file.records(self._read):
            yield number, [_cell(values.get(name)) for name in self.names]

    def seen(self, wanted: Sequence[str], named: Collection[str]) -> list[Any]:
        """As of any table. Raises DataError for a column of lists, objects or bytes."""
        for name in wanted:
            if (kind := self.file.columns[name]) in ("nested", "bytes"):
                raise DataError(
                    f"{self.reference}, column '{name}' holds {HOLDS[kind]}, and a column of a "
                    "table holds numbers or categories",
                    f"leave it out: --leave-out {name}",
                )
        return super().seen(wanted, named)

    @property
    def _read(self) -> list[str]:
        kinds = self.file.columns
        return [name for name in self.names if kinds[name] not in ("nested", "bytes")]


def _cell(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _is_of_texts(file: ArrowFile) -> bool:
    """Whether a column is called "text", or the first texts of one are sentences."""
    texts = [name for name, kind in file.columns.items() if kind == "text"]
    if TEXT in texts or not texts:
        return bool(texts)
    first = list(islice(file.records(texts), LOOKED_AT))
    for name in texts:
        found = [values[name] for _, values in first if values[name]]
        words = sum(len(text.split()) for text in found)
        if found and words >= WORDS_OF_SENTENCE * len(found) and len(set(found)) * 2 > len(found):
            return True
    return False
