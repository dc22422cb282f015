"""Excerpts of long passages for a terminal: the text near their marks.

Files and JSON have all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from sslcli.reports import Passage, Span

CONTEXT = 80  # characters on either side of a mark
MOST = 800  # characters in all, beyond which marks are left out too
LEFT_OUT = "…"


def near_marks(passage: Passage) -> Passage:
    """Return the passage, cut to the text near its marks where it is long."""
    if not passage.excerpt:
        return passage
    return replace(passage, title=_middle_out(passage.title), spans=_kept(passage.spans))


def _kept(spans: Sequence[Span]) -> list[Span]:
    # texts without marks, of which each is told by its ends
    if all(span.role == "plain" for span in spans):
        return [replace(span, text=_middle_out(span.text)) for span in spans]
    kept, room = [], MOST
    for span in _shortened(_joined(spans)):
        if room <= 0:
            return [*kept, Span(LEFT_OUT)]
        kept.append(span)
        room -= len(span.text)
    return kept


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Join neighbouring spans of one role."""
    alike = groupby(spans, lambda span: span.role)
    return [Span("".join(span.text for span in group), role) for role, group in alike]


def _shortened(spans: Sequence[Span]) -> Iterator[Span]:
    """Shorten plain text: before the first mark keep its end, behind the last its beginning.

    Between marks both are kept.
    """
    last = len(spans) - 1
    for place, span in enumerate(spans):
        cut = _middle_out
        if span.role == "plain" and last:
            cut = {0: _end, last: _beginning}.get(place, _middle_out)
        yield replace(span, text=cut(span.text))


def _middle_out(text: str) -> str:
    long = len(text) > 2 * CONTEXT + len(LEFT_OUT)
    return f"{text[:CONTEXT]}{LEFT_OUT}{text[-CONTEXT:]}" if long else text


def _end(text: str) -> str:
    return text if len(text) <= CONTEXT else f"{LEFT_OUT}{text[-CONTEXT:]}"


def _beginning(text: str) -> str:
    return text if len(text) <= CONTEXT else f"{text[:CONTEXT]}{LEFT_OUT}"
