"""Translation pairs, their languages, and the occurrences of dictionary words in a corpus."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from sslcli.api import (
    DataError,
    Pair,
    ProbeData,
    Record,
    UsageError,
    WordOccurrence,
    languages_in,
    read_pairs,
)

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORDS = re.compile(f"[{_HAN}]+|[^\\W{_HAN}]+(?:['’-][^\\W{_HAN}]+)*")
_IS_HAN = re.compile(f"[{_HAN}]")
_LONGEST_WORD = 8  # characters of Chinese
_MARKED = re.compile(r"([a-z]{2,3}(?:-[A-Za-z]{2,4})?)=.")


def languages_of(
    said: str, references: Sequence[str], records: Sequence[Record], probe_data: ProbeData
) -> tuple[str, str]:
    """Return the two languages: of the flag, else of "en=FILE", of a record's columns, of the data.

    Raises UsageError where these are not two.
    """
    if said:
        names: Sequence[str] = said.split(",")
    elif marked := [match[1] for reference in references if (match := _MARKED.match(reference))]:
        names = marked
    elif records:
        names = languages_in(records[0])[:2]
    else:
        try:
            names = probe_data.languages()
        except UsageError:
            names = ()
    return two_languages(names)


def two_languages(written: Sequence[str]) -> tuple[str, str]:
    """Split "en,zh" into two stripped languages. Raises UsageError where these are not two."""
    names = [name.strip() for name in written]
    if len(set(names)) != 2 or len(names) != 2 or not all(names):
        raise UsageError(
            f"two languages are compared, not {', '.join(filter(None, names)) or 'none'}",
            "say which: --languages en,zh",
        )
    first, second = names
    return first, second


def known_records(probe_data: ProbeData, kind: str) -> list[Record]:
    """Return the records of a kind; none where the data does not know any."""
    try:
        return list(probe_data.records(kind))
    except (UsageError, DataError):
        return []


def pairs_of(
    references: Sequence[str], records: Sequence[Record], languages: tuple[str, str]
) -> list[Pair]:
    """Read translation pairs. Raises DataError naming file and record."""
    if references:
        return list(read_pairs(references, languages))
    first, second = languages
    return [Pair(record.text(first), record.text(second), record.where) for record in records]


def uses_by_word(
    texts: Iterable[str], words: Collection[str], language: str, most: int
) -> dict[str, list[WordOccurrence]]:
    """Find the first `most` occurrences of every word, at most one per text, case ignored.

    In text without spaces, such as Chinese, the longest dictionary word counts, from the left.
    """
    found: dict[str, list[WordOccurrence]] = {}
    for text in texts:
        seen: set[str] = set()
        for start, word in _words_in(text, words):
            if word not in seen and len(found.get(word, ())) < most:
                found.setdefault(word, []).append(
                    WordOccurrence(text, start, start + len(word), language=language)
                )
            seen.add(word)
    return found


def _words_in(text: str, words: Collection[str]) -> Iterator[tuple[int, str]]:
    for match in _WORDS.finditer(text):
        if not _IS_HAN.match(match[0]):
            if len(word := match[0].casefold()) == len(match[0]) and word in words:
                yield match.start(), word
            continue
        start = match.start()
        while start < match.end():
            lengths = range(min(_LONGEST_WORD, match.end() - start), 0, -1)
            length = next(
                (length for length in lengths if text[start : start + length] in words), 0
            )
            if length:
                yield start, text[start : start + length]
            start += length or 1
