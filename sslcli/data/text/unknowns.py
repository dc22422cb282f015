"""Tokens for text that a vocabulary cannot spell: how many there are, and when that is too many."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sslcli.data.text.tokenizer import Tokenizer

SEVERE = 0.05  # of the tokens: from there on a text is not read as it was written


@dataclass(frozen=True)
class Unknowns:
    """`unknown` tokens out of `tokens`, special ones apart."""

    unknown: int = 0
    tokens: int = 0

    @classmethod
    def of(cls, tokenizer: Tokenizer, sequences: Iterable[np.ndarray | None]) -> "Unknowns":
        """Count in the sequences that are of tokens."""
        strange = -1 if tokenizer.unknown is None else tokenizer.unknown
        unknown = tokens = 0
        for tokens_T in sequences:
            if tokens_T is not None:
                own = int(np.count_nonzero(tokens_T == strange))
                unknown += own
                tokens += own + int(np.count_nonzero(~tokenizer.specials[tokens_T]))
        return cls(unknown, tokens)

    def __add__(self, other: "Unknowns") -> "Unknowns":
        return Unknowns(self.unknown + other.unknown, self.tokens + other.tokens)

    @property
    def share(self) -> float:
        """Share of the tokens that are unknown."""
        return self.unknown / max(self.tokens, 1)

    def __str__(self) -> str:
        return f"{self.unknown:,} of {self.tokens:,} tokens ({self.share:.1%})"

    def remarks(self) -> list[str]:
        """A sentence with what to do, where they are too many."""
        if self.share <= SEVERE:
            return []
        hint = "choose a model whose tokenizer knows the language and script of these texts"
        return [f"{self} are unknown to the tokenizer, which reads them all alike: {hint}"]


def remarks_by_part(parts: Mapping[str, Unknowns]) -> list[str]:
    """The remarks on each part of the data, named."""
    return [f"{name}: {said}" for name, each in parts.items() for said in each.remarks()]
