"""Tokens as words for a person to read, each with its part in the story.

Letters: T tokens of all samples end to end.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from sslcli.data.text.tokenizer import Tokenizer
from sslcli.reports import Passage, Span


def passages_of(
    tokens_T: np.ndarray,
    lengths: Sequence[int],
    tokenizer: Tokenizer,
    *,
    roles: Mapping[int, str] | None = None,
    answers: Sequence[str] = (),
) -> list[Passage]:
    """Return a passage per sample, with its answer behind an arrow; `roles` [T] as in spans_of."""
    passages, start = [], 0
    for number, length in enumerate(lengths):
        own = {
            place - start: role
            for place, role in (roles or {}).items()
            if start <= place < start + length
        }
        spans = spans_of(tokens_T[start : start + length], tokenizer, own)
        if answers:
            spans += [Span("  →  "), Span(answers[number], "target")]
        passages.append(Passage(f"sample {number + 1}", spans))
        start += length
    return passages


def spans_of(
    tokens: np.ndarray, tokenizer: Tokenizer, roles: Mapping[int, str] | None = None
) -> list[Span]:
    """Return spans of text that concatenate to the tokens; `roles` [T], special tokens are
    "special".

    Neighbours of one role become one span, so that words are decoded together; spaces between spans
    are in their texts.
    """
    tokens, roles = np.asarray(tokens), roles or {}
    special = tokenizer.specials[tokens]

    def role_of(place: int) -> str:
        return roles.get(place, "special" if special[place] else "plain")

    spans: list[Span] = []
    for (role, is_special), group in groupby(
        range(len(tokens)), key=lambda place: (role_of(place), bool(special[place]))
    ):
        places = list(group)
        text = (
            " ".join(tokenizer.pieces(tokens[places]))
            if is_special
            else _decoded(tokens, places, tokenizer)
        )
        if spans and (is_special or special[places[0] - 1]) and not text.startswith(" "):
            text = f" {text}"
        if role != "plain" and text.startswith(" "):  # a space belongs to nobody
            spans.append(Span(" "))
            text = text[1:]
        spans.append(Span(text, role))
    return spans


def _decoded(tokens: np.ndarray, places: Sequence[int], tokenizer: Tokenizer) -> str:
    """The words of a run; its first piece is decoded behind the token before it, which decides
    about a space.
    """
    first = places[0]
    if first == 0 or tokenizer.specials[tokens[first - 1]]:
        return tokenizer.decode(tokens[places])
    before = tokenizer.decode(tokens[first - 1 : first])
    both = tokenizer.decode(tokens[[first - 1, *places]])
    return both[len(before) :] if both.startswith(before) else tokenizer.decode(tokens[places])
