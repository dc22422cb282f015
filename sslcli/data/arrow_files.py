"""Tables of Parquet, Arrow and Feather: records out of typed columns, read in pieces, so that
memory does not grow with the file.

Values are those that JSON would have: times are texts, decimals numbers, and classes that
`datasets` of Hugging Face wrote as numbers have the names that the file gives them. pyarrow is an
extra, and is imported when a file is opened.
"""

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sslcli.data.documents import Where
from sslcli.errors import DataError, choices
from sslcli.plainfiles import PACKED, no_such_file, refuse_unopened, suffix_of

DAMAGED = "it was cut off or damaged: write it, or fetch it, again"
ROWS = 256  # that are Python objects at a time
BUFFER_BYTES = 1 << 20
HUGGING_FACE = b"huggingface"  # key of what `datasets` says of columns
UNLABELLED = -1
Kind = Literal["text", "number", "truth", "bytes", "nested", "other"]
_FILE, _OLD_FEATHER, _PARQUET = b"ARROW1", b"FEA1", b"PAR1"


@dataclass(frozen=True)
class ArrowFile:
    """An opened file. `columns`: what each holds; `names_of`: class names of columns of numbers."""

    reference: str
    columns: Mapping[str, Kind]
    format: Literal["parquet", "file", "stream"]
    names_of: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def opened(cls, reference: str) -> "ArrowFile":
        """Read the schema. Raises DataError naming the file where that cannot be, or where two
        columns have one name, or where pyarrow is not installed.
        """
        path = Path(reference)
        if not path.is_file():
            raise no_such_file(reference) if not path.exists() else _no_file(reference)
        if path.suffix.lower() in PACKED:
            raise DataError(f"{reference} is packed, and is read piece by piece", "unpack it")
        if not path.stat().st_size:
            raise DataError(f"{reference} is empty", "give a file with a table in it")
        refuse_unopened(reference)
        kind = _format(path)
        with _in_words(reference):
            schema = _schema(path, kind)
        names = list(schema.names)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(f"{reference} has two columns '{twice}'", "rename one of them")
        if not names:
            raise DataError(f"{reference} has no columns", "give a file with a table in it")
        columns = {each.name: _kind(each.type) for each in schema}
        return cls(reference, columns, kind, _class_names(schema))

    def refuse_absent(self, name: str, flag: str) -> None:
        """Raises DataError where there is no column of this name; `flag` names another one."""
        if name not in self.columns:
            raise DataError(
                f"{self.reference} has no column '{name}'",
                f"name one with {flag}: {choices(name, list(self.columns)[:40], 'it has')}",
            )

    def records(self, names: Sequence[str] | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """(number from 1, column -> value) of each row, of all columns or of these.

        Raises DataError naming file, record and column of what cannot be read.
        """
        wanted, number = list(self.columns if names is None else names), 0
        for batch in self._batches(wanted):
            columns = {
                name: self._values(name, batch.column(batch.schema.get_field_index(name)), number)
                for name in wanted
            }
            for row in range(batch.num_rows):
                number += 1
                yield number, {name: values[row] for name, values in columns.items()}

    def _batches(self, names: list[str]) -> Iterator[Any]:
        """Pieces of at most ROWS rows."""
        path = self.reference
        arrow = _pyarrow()
        with _in_words(self.reference):
            if self.format == "parquet":
                with arrow.parquet.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
                    yield from file.iter_batches(ROWS, columns=names, use_threads=False)
                return
            with arrow.memory_map(path) as source:
                if self.format == "file":
                    file = arrow.ipc.open_file(source)
                    found = map(file.get_batch, range(file.num_record_batches))
                else:
                    found = iter(arrow.ipc.open_stream(source))
                for batch in found:
                    for start in range(0, batch.num_rows, ROWS):
                        yield batch.slice(start, ROWS)

    def _values(self, name: str, column: Any, before: int) -> list[Any]:
        """A piece of a column as Python values. `before`: how many records stand before it."""
        arrow = _pyarrow()
        try:
            if _is_time(column.type):
                column = column.cast(arrow.string())
            elif arrow.types.is_decimal(column.type):
                column = column.cast(arrow.float64())
            values = column.to_pylist()
        except (arrow.ArrowException, ValueError, OverflowError) as error:
            raise DataError(
                f"{Where(self.reference, before + 1, name)} or one behind it cannot be read: "
                f"{_short(error)}",
                DAMAGED,
            ) from error
        classes = self.names_of.get(name)
        return values if classes is None else [_named(value, classes) for value in values]


def _pyarrow() -> Any:
    for module in ("pyarrow.ipc", "pyarrow.parquet"):
        importlib.import_module(module)
    return importlib.import_module("pyarrow")


class _in_words:
    """Errors of pyarrow as sentences that name the file."""

    def __init__(self, reference: str) -> None:
        self.reference = reference

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: object) -> None:
        # an unfinished generator is closed when Python ends, too
        is_of_reading = isinstance(error, Exception) and not isinstance(error, DataError)
        if is_of_reading and isinstance(error, _pyarrow().ArrowException | OSError):
            raise DataError(
                f"{self.reference} cannot be read as the table that its name says: {_short(error)}",
                DAMAGED,
            ) from error


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def _no_file(reference: str) -> DataError:
    return DataError(
        f"{reference} is no plain file, and a table is read from its end", "write it to a file"
    )


def _format(path: Path) -> Literal["parquet", "file", "stream"]:
    """What a file is, by its first bytes; a stream of Arrow begins with nothing of its own."""
    with path.open("rb") as file:
        first = file.read(8)
    if first.startswith(_OLD_FEATHER):
        raise DataError(
            f"{path} is a Feather file of the first version", "write it again, or as .parquet"
        )
    if first.startswith(_FILE):
        return "file"
    is_parquet = first.startswith(_PARQUET) or suffix_of(str(path)) == "parquet"
    return "parquet" if is_parquet else "stream"


def _schema(path: Path, kind: str) -> Any:
    arrow = _pyarrow()
    if kind == "parquet":
        return arrow.parquet.read_schema(str(path))
    with arrow.memory_map(str(path)) as source:
        opened = arrow.ipc.open_file if kind == "file" else arrow.ipc.open_stream
        return opened(source).schema


def _is_time(kind: Any) -> bool:
    types = _pyarrow().types
    return types.is_temporal(kind) and not types.is_duration(kind)


def _kind(kind: Any) -> Kind:
    types = _pyarrow().types
    if types.is_dictionary(kind):
        return _kind(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view":
        return "text"
    if types.is_boolean(kind):
        return "truth"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return "bytes"
    return "nested" if types.is_nested(kind) else "other"


def _class_names(schema: Any) -> dict[str, Sequence[str]]:
    """The names of classes that `datasets` wrote into the schema; {} where it did not."""
    try:
        said = json.loads((schema.metadata or {})[HUGGING_FACE])
        features = dict(said["info"]["features"])
    except (KeyError, TypeError, ValueError):
        return {}
    found = {name: _classes_in(feature) for name, feature in features.items()}
    return {name: names for name, names in found.items() if names}


def _classes_in(feature: Any) -> list[str]:
    """The names of a class label, or of the class labels in a list."""
    if isinstance(feature, list) and len(feature) == 1:
        return _classes_in(feature[0])
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return list(map(str, names)) if isinstance(names, list) else []
    return _classes_in(feature.get("feature"))


def _named(value: Any, names: Sequence[str]) -> Any:
    """A number as the class that it stands for; no class, and -1, as nothing."""
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    return None if value == UNLABELLED else value
