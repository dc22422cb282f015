"""Translations: pairs of words or of sentences in two languages, out of one file of two columns or
two files line by line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from sslcli.data.documents import Where
from sslcli.data.files import read_lines
from sslcli.data.records.record import Record
from sslcli.data.records.records import read_records
from sslcli.errors import DataError, UsageError
from sslcli.plainfiles import ARROW_SUFFIXES, suffix_of
from sslcli.reports import amount

TextPair = tuple[str, str]
_HOLD_RECORDS = frozenset({"jsonl", "ndjson", "json", "csv", *ARROW_SUFFIXES})


@dataclass(frozen=True, slots=True)
class Pair:
    """A translation pair; `first` is in the first language that was asked for."""

    first: str
    second: str
    where: Where


def read_pairs(references: Sequence[str], languages: tuple[str, str]) -> Iterator[Pair]:
    """Read translation pairs from files with two columns, or from two files line by line.

    Two files are "en=help.en.gz" and "zh=help.zh.gz"; each may be compressed, or "-". The columns
    of .csv, .jsonl, .json and .parquet are named after the languages. Others have a tab between
    (or blanks, as the dictionaries of MUSE: Lample et al. 2018), the first language first, unless
    their first line names both. Of two files, lines are left out where one is blank; one that holds
    records has its texts in the column "text".

    Raises UsageError for references that do not go together, DataError naming file and record, also
    if there is no pair.
    """
    marked = {
        reference: language
        for reference in references
        for language in languages
        if reference.startswith(f"{language}=")
    }
    if not marked:
        pairs = chain.from_iterable(_pairs_of(reference, languages) for reference in references)
    elif sorted(marked.values()) == sorted(languages) and len(marked) == len(references):
        first, second = (
            next(each.partition("=")[2] for each in marked if marked[each] == language)
            for language in languages
        )
        pairs = _line_by_line(first, second)
    else:
        first, second = languages
        raise UsageError(
            f"{', '.join(references)} do not give one file of {first} and one of {second}",
            f"write them as {first}=FILE {second}=FILE",
        )
    found = next(pairs, None)
    if found is None:
        raise DataError(
            f"{' and '.join(references) or 'nothing'} holds no pair",
            "give a file with a text and its translation a line",
        )
    return chain([found], pairs)


def distinct_pairs(pairs: Iterable[TextPair]) -> list[TextPair]:
    """Drop pairs of which a side occurred before, ignoring case.

    Otherwise a text would have two translations of which one counts as wrong, or occur in both
    training and test data.
    """
    kept, seen = [], set()
    for pair in pairs:
        sides = {(side, text.casefold()) for side, text in enumerate(pair)}
        if seen.isdisjoint(sides):
            kept.append(pair)
            seen |= sides
    return kept


def languages_in(record: Record) -> list[str]:
    """Return the language columns of a translation record: each is named after its language."""
    return [name for name in record.values if name != "type"]


def _pairs_of(reference: str, languages: tuple[str, str]) -> Iterator[Pair]:
    if suffix_of(reference) in _HOLD_RECORDS:
        return (_pair(record, languages) for record in read_records(reference))
    return _columns(reference, languages)


def _columns(reference: str, languages: tuple[str, str]) -> Iterator[Pair]:
    """Tabs or blanks between the two; a first line that names both languages is none of them."""
    names: tuple[str, ...] | None = None
    for number, line in read_lines(reference):
        if not line.strip():
            continue
        values = tuple(line.split("\t")) if "\t" in line else tuple(line.split())
        where = Where.at_line(reference, number)
        if names is None:
            names = values if set(languages) <= set(values) else languages
            if names is values:
                continue
        if len(values) != len(names):
            problem = f"{where} has {amount(len(values), 'column')} and should have {len(names)}"
            raise DataError(
                problem,
                (
                    f"put a tab between {' and '.join(languages)}, "
                    "or name the columns in the first line"
                ),
            )
        yield _pair(Record(where, dict(zip(names, values, strict=True))), languages)


def _pair(record: Record, languages: tuple[str, str]) -> Pair:
    first, second = (record.text(language).strip() for language in languages)
    return Pair(first, second, record.where)


def _line_by_line(first: str, second: str) -> Iterator[Pair]:
    """Both are read to their ends before the first pair is given: where their numbers differ, no
    line can be trusted.
    """
    sides = [list(_lines(reference)) for reference in (first, second)]
    if len(sides[0]) != len(sides[1]):
        problem = f"{first} has {len(sides[0]):,} lines and {second} has {len(sides[1]):,}"
        raise DataError(problem, "line by line one must be the translation of the other")
    for (where, text), (_, translation) in zip(*sides, strict=True):
        if text and translation:
            yield Pair(text, translation, where)


def _lines(reference: str) -> Iterator[tuple[Where, str]]:
    if suffix_of(reference) in _HOLD_RECORDS:
        return (
            (record.where, record.text("text", may_be_empty=True).strip())
            for record in read_records(reference)
        )
    return (
        (Where.at_line(reference, number), line.strip()) for number, line in read_lines(reference)
    )
