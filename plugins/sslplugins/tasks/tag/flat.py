"""Sentences out of flat records: JSON as on the Hugging Face hub, tables with a list in a cell.

Names of tags that are numbers come from --label-names, from the file ("features"), or from the
dataset_info.json beside it. -100 and -1 mark words that are not counted, as in torch's losses and
`datasets`.
"""

import re
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    Record,
    amount,
    current_reading,
    in_usual_case,
    read_json,
    read_lines,
    remark,
    suffix_of,
)
from sslplugins.tasks.tag.names import NOT_COUNTED, SENTENCES, named
from sslplugins.tasks.tag.names import WORDS as NAMES_OF_WORDS
from sslplugins.tasks.tag.pieces import words_of
from sslplugins.tasks.tag.sentences import Sentence, listed

WORDS = ("tokens", "words", "text", "token", "word", "forms", "form", "sentence")
RUNNING = ("text", "sentence")
TAGS = (
    "tags", "upos", "pos_tags", "ner_tags", "xpos", "labels", "ner", "pos", "chunk_tags", "tag",
    "label", "slots", "iob_tags", "bio_tags",
)  # fmt: skip
Names = Mapping[str, tuple[str, ...]]
TABLES = ("csv", "tsv")
_LIST = re.compile(r"""\[(['"]|-?\d)(.*(['"]|\d))?\]""", re.DOTALL)
_LOOKED_AT = 50  # lines of a .tsv
_NUMPY = re.compile(r"""'([^']*)'|"([^"]*)"|([^\s'"]+)""")
FACTS = "dataset_info.json"  # as `datasets` saves it beside its files


def sentence_of(record: Record, column: str | None = None, names: Names | None = None) -> Example:
    """Read one record: lists of texts, or (in a table) texts with spaces between the words.

    Tags may be missing. Where there are no words but a running text, the words are found in it.
    `column`: the one of the tags. `names`: names of tags that are numbers, by column, "" for any.
    Raises DataError for what is not a list, and where several columns may hold the tags.
    """
    record = in_usual_case(record, (*WORDS, *TAGS))
    name, given = record.find(*WORDS)
    if name in RUNNING and isinstance(given, str) and not _LIST.fullmatch(given.strip()):
        words = tuple(words_of(given))
    else:
        words = _texts(record, name, given)
    if not words:
        raise record.wrong(
            name,
            "there are no words",
            "a record needs 'tokens', a list of words, and 'tags', one for each of them",
        )
    text = _written(record)
    is_bare = current_reading().labels == "unread"
    tags_name, chosen = (None, False) if is_bare else _tags_column(record, column, len(words))
    if tags_name is None:
        return Example(
            record.id, record.where, Sentence(words, text=text), language=record.language
        )
    own = (names or {}).get("") or (names or {}).get(tags_name, ())
    tags = _tags(record, tags_name, own)
    if len(tags) != len(words) and isinstance(given, str) and len(given.split()) == len(tags):
        words = tuple(given.split())  # the tags are those of what stands between blanks
    if len(tags) != len(words):
        raise record.wrong(
            tags_name,
            f"{amount(len(tags), 'tag')} for {amount(len(words), 'word')}",
            "every word needs a tag",
        )
    if chosen:
        remark(f"{record.where.file}: words are '{name}' and tags '{tags_name}'")
    data = Sentence(words, tags_name if chosen else None, text, names=tuple(own))
    return Example(
        record.id, record.where, data, None if set(tags) == {None} else tags, record.language
    )


def sentences_of(
    reference: str, records: Iterator[Record], column: str | None, names: Names
) -> Iterator[Example]:
    """Read all records of a file; rows of one word each are joined by their sentence number."""
    parsed = partial(sentence_of, column=column, names=names)
    if suffix_of(reference) != "csv":
        return Parsed(parsed, records)
    first = next(records, None)
    if first is None:
        return iter(())
    rows = chain([first], records)
    word, joins = _row_of_word(first)
    if joins is None:
        return Parsed(parsed, rows)
    remark(f"{reference}: rows are words ('{word}'), and '{joins}' joins them to sentences")
    return Parsed(parsed, _joined(rows, joins))


def has_rows_of_sentences(reference: str) -> bool:
    """Return whether a .tsv is a table whose header names words and tags, a sentence per row."""
    if not Path(reference).is_file():
        return False
    lines = (text for _, text in read_lines(reference) if text.strip())
    lines = islice(lines, _LOOKED_AT)
    parted = [[cell.strip(' "') for cell in text.split("\t")] for text in lines]
    header, *rows = parted or [[]]
    names = [name.lower() for name in header]
    words = next((names.index(name) for name in WORDS if name in names), -1)
    tags = next((names.index(name) for name in TAGS if name in names), -1)
    if min(words, tags) < 0 or not rows or any(len(cells) != len(names) for cells in rows):
        return False
    pairs = [(cells[words], cells[tags]) for cells in rows]
    lists = all(word[:1] + word[-1:] == tag[:1] + tag[-1:] == "[]" for word, tag in pairs)
    counts = [(len(word.split()), len(tag.split())) for word, tag in pairs]
    return lists or (max(counts) > (1, 1) and all(own == beside for own, beside in counts))


def _row_of_word(record: Record) -> tuple[str, str | None]:
    """Return the columns of word and sentence number; None where a row is a sentence."""
    try:
        names = list(record.values)
        word = next((name for name in names if name.lower() in NAMES_OF_WORDS), "")
        joins = next((name for name in names if name.lower() in SENTENCES), None)
        return word, joins if word and " " not in str(record.values[word]).strip() else None
    except DataError:  # a row that cannot be read, as whoever parses it will say
        return "", None


def _joined(rows: Iterator[Record], joins: str) -> Iterator[Record]:
    """Join rows into sentences; an empty number continues the sentence before it."""
    gathered: list[Record] = []
    for row in rows:
        if gathered and row.values[joins] not in ("", gathered[0].values[joins]):
            yield _one_of(gathered)
            gathered = []
        gathered.append(row)
    if gathered:
        yield _one_of(gathered)


def _one_of(rows: Sequence[Record]) -> Record:
    """Build one record of lists; column names are in lower case."""
    values = {name.lower(): [row.values.get(name) for row in rows] for name in rows[0].values}
    return Record(rows[0].where, values)


def names_of_numbers(reference: str) -> Names:
    """Return names of numeric tags by column, from the file or the dataset_info.json beside it."""
    facts = Path(reference).parent / FACTS
    files = [str(facts)] if facts.is_file() else []
    files += [reference] if suffix_of(reference) == "json" and _begins_as_object(reference) else []
    for file in files:
        try:
            content = read_json(file)
        except DataError:  # lines of JSON, or what whoever reads the records will refuse
            continue
        if found := _names_in(content):
            remark(f"{reference}: tags that are numbers have the names in {file}")
            return found
    return {}


def _begins_as_object(reference: str) -> bool:
    """Return whether a file may be a JSON object; a list has no names of tags to look for."""
    if not Path(reference).is_file():
        return False
    try:
        return (
            next((line for _, line in read_lines(reference) if line.strip()), "").lstrip()[:1]
            == "{"
        )
    except DataError:  # as whoever reads the records will say
        return False


def _names_in(content: Any) -> Names:
    features = content.get("features") if isinstance(content, dict) else None
    found = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        # as `datasets` wrote a list of them before it had a name for that
        if isinstance(feature, list):
            feature = {"feature": next(iter(feature), None)}
        inner = feature.get("feature", feature) if isinstance(feature, dict) else None
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list) and all(isinstance(each, str) for each in names):
            found[column] = tuple(names)
    return found


def _tags_column(record: Record, column: str | None, count: int) -> tuple[str | None, bool]:
    """Return the name of the tags' column, and whether there was a choice."""
    present = [name for name in TAGS if record.values.get(name) is not None]
    if column is not None and column not in record.values:
        column = next((name for name in record.values if name.lower() == column.lower()), column)
    if column is not None and record.values.get(column) is not None:
        return column, True
    if column is not None and present and column not in ("upos", "xpos"):
        raise record.wrong(
            column,
            f"there is no '{column}'",
            f"use --column {present[0]}; this record has {listed(present)}",
        )
    fitting = [name for name in present if _count(record, record.values[name]) == count]
    if len(fitting) > 1 and set(fitting) != {"upos", "xpos"}:
        hint = f"--column {fitting[-1]} says which column has the tags"
        raise record.wrong(fitting[0], f"{listed(fitting)} all have a tag for every word", hint)
    return next(iter(fitting or present), None), len(fitting) > 1


def _count(record: Record, value: Any) -> int:
    listed_value = _split(record, value) if isinstance(value, str) else value
    return len(listed_value) if isinstance(listed_value, list) else -1


def _split(record: Record, text: str) -> list[Any]:
    """Split at spaces; a cell that holds a Python, JSON or numpy list gives its items."""
    if suffix_of(record.where.file) not in TABLES or not _LIST.fullmatch(text.strip()):
        return text.split()
    inner = text.strip()
    try:
        found = literal_eval(inner)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    # numpy writes no commas: numbers are no list of Python then, and texts that stand side by side
    # are one.
    parts = ["".join(part) for part in _NUMPY.findall(inner[1:-1])]
    return found if isinstance(found, list) and (len(found) > 1 or len(parts) < 2) else parts


def _tags(record: Record, name: str, names: Sequence[str]) -> tuple[str | None, ...]:
    """Convert tags; None for words that are not counted."""
    value = record.values[name]
    listed_values = _split(record, value) if isinstance(value, str) else value
    if isinstance(listed_values, list):
        listed_values = [
            int(each) if isinstance(each, float) and each.is_integer() else each
            for each in listed_values
        ]
        listed_values = [
            0 if each in NOT_COUNTED and not isinstance(each, bool) else each
            for each in listed_values
        ]
    texts = _texts(record, name, listed_values)
    given = _split(record, value) if isinstance(value, str) else value
    return tuple(
        None if each in NOT_COUNTED else named(record.where, f"{name}[{place}]", text, names)
        for place, (each, text) in enumerate(zip(given, texts, strict=True))
    )


def _written(record: Record) -> str:
    text = record.values.get("text")
    return text if isinstance(text, str) else ""


def _texts(record: Record, name: str, value: object) -> tuple[str, ...]:
    """Convert cells to texts; numbers are tags too, as data sets often number their classes."""
    texts = _split(record, value) if isinstance(value, str) else [] if value is None else value
    if not isinstance(texts, list):
        raise record.wrong(
            name, f"this is no list but {type(value).__name__}", "give a list of texts"
        )
    wrong = [
        place
        for place, text in enumerate(texts)
        if isinstance(text, bool) or not isinstance(text, str | int) or text == ""
    ]
    if wrong:
        raise record.wrong(
            f"{name}[{wrong[0]}]",
            f"{texts[wrong[0]]!r:.40} is no text",
            "give a list of texts, none of them empty",
        )
    return tuple(map(str, texts))
