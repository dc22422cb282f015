"""Which columns of a record are the source and the target, as the field names them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sslcli.api import DataError, Record, remark

# The usual names of both, the most particular first.
PAIRS = (
    ("source", "target"),
    ("src", "tgt"),
    ("source", "references"),
    ("article", "highlights"),
    ("document", "summary"),
    ("article", "summary"),
    ("dialogue", "summary"),
    ("text", "summary"),
    ("content", "summary"),
    ("body", "summary"),
    ("article", "abstract"),
    ("text", "target"),
    ("input_text", "target_text"),
    ("input", "output"),
    ("input", "target"),
    ("inputs", "targets"),
    ("prompt", "completion"),
    ("question", "answer"),
    ("question", "answers"),
    ("sentence1", "sentence2"),
    ("text", "title"),
)
_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_NO_LANGUAGES = ("id", "idx", "url")  # as long as a code
FLAGS = "--source-field and --target-field"


@dataclass(frozen=True)
class Columns:
    """The names of the columns of source and target."""

    source: str
    target: str


def flattened(record: Record) -> Record:
    """{"translation": {"en": ..., "zh": ...}} -> {"en": ..., "zh": ...}, and other columns."""
    if not record.is_readable:
        return record
    inner = record.values.get("translation")
    if not isinstance(inner, Mapping):
        return record
    rest = {name: value for name, value in record.values.items() if name != "translation"}
    return Record(record.where, {**rest, **inner})


def columns_of(names: Sequence[str], asked: Columns, where: str) -> Columns | None:
    """The columns that a file with these names has its texts in; None where it has no pair.

    `asked`: those of the flags, empty where not given. `where`: the file, for a remark on what
    could have been read too. Raises DataError for more than two languages.
    """
    if asked.source and asked.target:
        return asked
    by_case = {name.strip().casefold(): name for name in names}
    usual = [
        Columns(by_case[source], by_case[target])
        for source, target in PAIRS
        if source in by_case and target in by_case
    ]
    languages = [name for name in names if _CODE.fullmatch(name) and name not in _NO_LANGUAGES]
    if not usual and len(languages) > 1:
        usual = _of_languages(languages, asked, where)
    wanted = [
        each
        for each in usual
        if asked.source in ("", each.source) and asked.target in ("", each.target)
    ]
    if not wanted:
        return asked if asked.source or asked.target else None
    first, *others = wanted
    if others:
        left = ", ".join(_named(other) for other in others)
        remark(f"{where}: {_named(first)} is read, and not {left} ({FLAGS} choose)")
    return first


def _of_languages(languages: Sequence[str], asked: Columns, where: str) -> list[Columns]:
    """The first language is the source where the flags do not say it; aloud."""
    if len(languages) > 2 and not (asked.source or asked.target):
        problem = f"{where} has texts in {len(languages)} languages: {', '.join(languages[:8])}"
        raise DataError(
            problem, f"say from which to which: --source-field {languages[0]} --target-field ..."
        )
    source = asked.source or next(name for name in languages if name != asked.target)
    target = asked.target or next(name for name in languages if name != source)
    if not (asked.source or asked.target):
        other = f"--source-field {target} --target-field {source}"
        remark(f"{where}: it is read from {source} to {target} ({other} turns it round)")
    return [Columns(source, target)]


def source_column(names: Sequence[str], asked: Columns) -> str | None:
    """The column of the source of a record without a target; one that is called as targets are is
    none.
    """
    if asked.source:
        return asked.source
    by_case = {name.strip().casefold(): name for name in names}
    usual = next((by_case[source] for source, _ in PAIRS if source in by_case), None)
    if usual is not None or len(names) != 1:
        return usual
    is_target = names[0].strip().casefold() in {target for _, target in PAIRS}
    return None if is_target else names[0]


def _named(columns: Columns) -> str:
    return f"'{columns.source}' to '{columns.target}'"


def targets_of(record: Record, name: str) -> str | tuple[str, ...] | None:
    """The target, several where there is a list of references; None where there is none.

    Raises DataError for an empty one, and for what is no text.
    """
    value: Any = record.values.get(name)
    if isinstance(value, Mapping) and isinstance(value.get("text"), list | str):
        value = value["text"]  # as SQuAD and its like write answers
    if value is None or value == []:
        return None
    listed = value if isinstance(value, list | tuple) else [value]
    for each in listed:
        if not isinstance(each, str):
            raise record.wrong(
                name, "this is no text", f'write it in quotation marks: {{"{name}": "..."}}'
            )
        if not each.strip():
            raise record.wrong(name, "the text is empty", "fill it in, or leave the record out")
    texts = tuple(dict.fromkeys(each.strip() for each in listed))
    return texts[0] if len(texts) == 1 else texts
