"""Tokens as words for a person to read, each with its part in the story."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from sslcli.data.tokenizer import Tokenizer
from sslcli.reports import Span


def spans_of(tokens: np.ndarray, tokenizer: Tokenizer, roles: Mapping[int, str] | None = None) -> list[Span]:
    """Spans whose texts, one after the other, are the tokens in words; `roles` by place, special tokens are "special".

    Neighbours of one role become one span, so that words are decoded together; spaces between spans are in their texts.
    """
    tokens, roles = np.asarray(tokens), roles or {}
    special = tokenizer.specials[tokens]

    def role_of(place: int) -> str:
        return roles.get(place, "special" if special[place] else "plain")

    spans: list[Span] = []
    for (role, is_special), group in groupby(range(len(tokens)), key=lambda place: (role_of(place), bool(special[place]))):
        places = list(group)
        text = " ".join(tokenizer.pieces(tokens[places])) if is_special else _decoded(tokens, places, tokenizer)
        spans.append(Span(_spaced(spans, text, follows_special=is_special or (places[0] > 0 and special[places[0] - 1])), role))
    return spans


def _decoded(tokens: np.ndarray, places: Sequence[int], tokenizer: Tokenizer) -> str:
    """The words of a run; its first piece is decoded behind the token before it, which decides about a space."""
    first = places[0]
    if first == 0 or tokenizer.specials[tokens[first - 1]]:
        return tokenizer.decode(tokens[places])
    before = tokenizer.decode(tokens[first - 1 : first])
    both = tokenizer.decode(tokens[[first - 1, *places]])
    return both[len(before) :] if both.startswith(before) else tokenizer.decode(tokens[places])


def _spaced(spans: Sequence[Span], text: str, follows_special: bool) -> str:
    return f" {text}" if spans and follows_special and not text.startswith(" ") else text
