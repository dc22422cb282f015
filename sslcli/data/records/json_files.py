"""Lists of records out of JSON as tools write it: lists, wrapped lists, lines, objects one after
another, pandas' layouts.

https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.to_json.html lists the layouts
("orient").
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from sslcli.errors import DataError

WRITE_IT_SO = 'write [{...}, {...}] or {"data": [{...}, {...}]}'


def listed_records(content: Any, reference: str) -> Sequence[Any]:
    """The records of a whole file of JSON; each may still be no object. Raises DataError where
    there is no list of them.
    """
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        found = _in_object(content, reference)
        if found is not None:
            return found
    raise DataError(f"{reference} holds no list of records", WRITE_IT_SO)


def _in_object(content: Mapping[str, Any], reference: str) -> Sequence[Any] | None:
    data, columns = content.get("data"), content.get("columns")
    if (
        isinstance(data, list)
        and _are_names(columns)
        and all(isinstance(row, list) for row in data)
    ):
        return _split_rows(data, columns, reference)
    if isinstance(data, list):
        return data
    values = list(content.values())
    lists = [name for name, value in content.items() if _are(dict, value)]
    if lists and _are(list, values):
        if len(lists) < len(content) and len({len(value) for value in values}) == 1:
            return _columns_of_lists(content, reference)
        return _only_list(content, lists, reference)
    if len(content) > 1 and _are(list, values):
        return _columns_of_lists(content, reference)
    if _are(dict, values):
        return _pandas_objects(content, reference)
    if any(isinstance(value, str) for value in values) and not any(
        isinstance(value, dict) for value in values
    ):
        return [content]  # one record, which a file of JSON lines may be too
    return None


def _only_list(content: Mapping[str, Any], lists: Sequence[str], reference: str) -> Sequence[Any]:
    """That of an object with nothing else in it. `lists` names those of objects.

    Raises DataError where there are more.
    """
    if len(content) == 1:
        return content[lists[0]]
    named = ", ".join(f"'{name}'" for name in lists)
    several = len(lists) > 1
    found = f"several lists ({named})" if several else f"a list of objects ({named}) beside others"
    hint = "give each list a file of its own, or call the one that is meant 'data'"
    raise DataError(f"{reference} holds {found}: which one is meant?", hint)


def _are(kind: type, values: Any) -> bool:
    """Whether it is a list of such values, of one at least."""
    return (
        isinstance(values, list)
        and bool(values)
        and all(isinstance(value, kind) for value in values)
    )


def _are_names(columns: Any) -> TypeGuard[list[str]]:
    return _are(str, columns)


def _split_rows(
    rows: Sequence[list[Any]], columns: Sequence[str], reference: str
) -> list[dict[str, Any]]:
    """orient="split"."""
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            problem = (
                f"{reference}, record {number} has {len(row)} values for {len(columns)} columns"
            )
            raise DataError(problem, "every row needs a value for each name of 'columns'")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _columns_of_lists(
    content: Mapping[str, Sequence[Any]], reference: str
) -> list[dict[str, Any]] | None:
    """{"text": [...], "label": [...]}, as a dictionary of a data set is written."""
    lengths = {name: len(values) for name, values in content.items()}
    if not any(lengths.values()):
        return None
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"'{name}' has {count:,}" for name, count in list(lengths.items())[:4])
        raise DataError(
            f"{reference} holds columns of different lengths: {said}",
            "every record needs a value in each",
        )
    return [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]


def _pandas_objects(
    content: Mapping[str, Mapping[str, Any]], reference: str
) -> list[dict[str, Any]] | None:
    """orient="columns" ({column: {row: value}}, what pandas writes by default) or "index" ({row:
    {column: value}}).

    Rows are numbered by default, which tells the two apart; where both or neither are numbers only
    a person knows.
    """
    inner = list(dict.fromkeys(name for each in content.values() for name in each))
    by_column = bool(inner) and _are_numbers(inner) and not _are_numbers(content)
    by_row = _are_numbers(content) and not _are_numbers(inner)
    if by_column:
        return [
            {name: values[row] for name, values in content.items() if row in values}
            for row in inner
        ]
    if by_row:
        return [dict(each) for each in content.values()]
    if len(content) < 2 or not inner:
        return None
    problem = (
        f"{reference} holds objects in an object: are its records the inner ones, or the columns?"
    )
    raise DataError(problem, 'write a list of records (pandas: to_json(orient="records"))')


def _are_numbers(names: Any) -> bool:
    return all(name.removeprefix("-").isdecimal() for name in names)


def split_objects(text: str, decode: Any) -> Iterator[Any]:
    """Values that stand one after another with nothing but white space between. Raises ValueError
    as `decode` does.

    `decode(text, start)` gives a value and where it ends.
    """
    position = _after_blanks(text, 0)
    while position < len(text):
        value, position = decode(text, position)
        yield value
        position = _after_blanks(text, position)


def _after_blanks(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position
