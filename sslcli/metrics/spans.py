"""Spans that tags of words mark, as conlleval and seqeval read them.

Tags: Ramshaw & Marcus 1995, "Text Chunking using Transformation-Based Learning" (IOB1), Tjong Kim
Sang & Veenstra 1999, "Representing Text Chunks" (IOB2), Uchimoto et al. 2000 (BIOES). A tag is O,
or a letter, "-" and the kind of the span. Other letters and spellings: sslcli.metrics.tag_schemes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

from sslcli.errors import DataError, choices
from sslcli.metrics.tag_schemes import LETTERS, MEANING, tag_reading

Scheme = Literal["IOB1", "IOB2", "BIOES", "BILOU", "BMES", "BMEWO"]
_LETTERS = {**LETTERS, "IOB1": "BI", "IOB2": "BI", None: "".join(MEANING)}
_WITH_ENDS = ("BIOES", "BILOU", "BMES", "BMEWO")
_SCHEMES: Mapping[str, Scheme] = {name: name for name in get_args(Scheme)}
_ALIASES: Mapping[str, Scheme] = {
    "BIO": "IOB2",
    "IOBES": "BIOES",
    "BILUO": "BILOU",
    "BMESO": "BMES",
}
_NAMES = {**_SCHEMES, **_ALIASES}


class TaggedSpan(NamedTuple):
    """Words from `start` up to, without, `end`."""

    kind: str
    start: int
    end: int


class _Tag(NamedTuple):
    letter: str
    kind: str = ""


_OUTSIDE = _Tag("O")


def spans_of_tags(tags: Sequence[str], scheme: str | None = None) -> list[TaggedSpan]:
    """The spans of one sentence, from left to right.

    Without a scheme every tag but O belongs to a span, whatever stands beside it: conlleval's
    reading, and seqeval's own. With a scheme ("IOB1", "IOB2" or "BIO", "BIOES" or "IOBES", "BILOU",
    "BMES", "BMEWO") only what obeys it is a span, as in seqeval's mode "strict". Raises DataError
    for a tag that is none, or none of the scheme.
    """
    scheme = checked_scheme(scheme)
    read = [_OUTSIDE, *(_tag(tag, scheme) for tag in tags), _OUTSIDE]
    spans, place = [], 1
    while place < len(read) - 1:
        end = place + 1
        if _starts(read[place - 1], read[place], scheme):
            while _continues(read[end - 1], read[end]):
                end += 1
            if _is_whole(read[end - 1], read[end], scheme):
                spans.append(TaggedSpan(read[place].kind, place - 1, end - 1))
        place = end
    return spans


def checked_scheme(scheme: str | None) -> Scheme | None:
    """The scheme by its first name. Raises DataError where there is none of that name."""
    if not scheme:
        return None
    if scheme not in _NAMES:
        raise DataError(f"there is no tagging scheme '{scheme}'", choices(scheme, _NAMES))
    return _NAMES[scheme]


def has_spans(tags: Iterable[str]) -> bool:
    """Tell whether these labels mark spans, in any scheme and spelling that `tag_reading` knows."""
    return tag_reading(tags) is not None


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme | None:
    """Return the scheme that all sentences obey, or None if they mix several.

    Letters beside B and I decide. Otherwise a span that begins with I means IOB1; without one it is
    IOB2, from which IOB1 then differs only in unneeded B. Raises DataError for a string that is no
    tag.
    """
    written = [list(sentence) for sentence in sentences]
    reading = tag_reading(tag for sentence in written for tag in sentence)
    if reading is not None and reading.scheme != "BIO":
        return _SCHEMES.get(reading.scheme)
    known = {} if reading is None else reading.tags
    read = [
        [_OUTSIDE, *(_tag(known.get(tag, tag), None) for tag in sentence)] for sentence in written
    ]
    pairs = [pair for sentence in read for pair in pairwise(sentence)]
    begins_inside = any(
        tag.letter == "I" and not _continues(previous, tag) for previous, tag in pairs
    )
    needless = any(
        tag.letter == "B" and (previous == _OUTSIDE or previous.kind != tag.kind)
        for previous, tag in pairs
    )
    if begins_inside:
        return None if needless else "IOB1"
    return "IOB2"


@cache
def _tag(text: str, scheme: Scheme | None) -> _Tag:
    if text == "O":
        return _OUTSIDE
    letter, _, kind = text.partition("-")
    if len(letter) != 1 or letter not in _LETTERS[scheme]:
        of_scheme = f" of {scheme}" if scheme else ""
        raise DataError(
            f"'{text}' is no tag{of_scheme}",
            (
                f"a tag is O, or one of {', '.join(_LETTERS[scheme])}, "
                "then - and a name, such as B-PER"
            ),
        )
    return _Tag(MEANING[letter], kind or "_")


def _starts(previous: _Tag, tag: _Tag, scheme: Scheme | None) -> bool:
    """Of a tag that continues nothing."""
    if scheme in _WITH_ENDS:
        return tag.letter in "BS"
    if scheme == "IOB2":
        return tag.letter == "B"
    if scheme == "IOB1" and tag.letter == "B":  # there it only divides neighbours of one kind
        return tag.kind == previous.kind
    return tag != _OUTSIDE


def _continues(previous: _Tag, tag: _Tag) -> bool:
    return previous.letter in "BI" and tag.letter in "IE" and previous.kind == tag.kind


def _is_whole(last: _Tag, behind: _Tag, scheme: Scheme | None) -> bool:
    if scheme in _WITH_ENDS:
        return last.letter in "ES"
    if scheme == "IOB1":  # seqeval knows no end between two B of different kinds
        return not (last.letter == behind.letter == "B" and last.kind != behind.kind)
    return True
