"""A text as it grows: what of it is sure, and where a stop text ends it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sslcli.api import Continuation, Tokenizer

UNFINISHED = "\ufffd"  # what is decoded of half a character


@dataclass(frozen=True)
class Prompted:
    """What is continued, as it was typed and as the model reads it (int64 [length]).

    `is_repeated`: whether it stands before what is written. `most_new`: the most tokens behind it,
    whatever is asked for.
    """

    text: str
    tokens: np.ndarray
    is_repeated: bool = True
    most_new: int | None = None

    def limit(self, asked: int) -> int:
        """How many tokens may be written behind it."""
        return asked if self.most_new is None else min(asked, self.most_new)


@dataclass
class GrowingText:
    """One continuation as text: how far it has been given away, and where it must end.

    `ends_at`: characters of the new text before a stop text, None while there is none.
    """

    own: Continuation
    tokenizer: Tokenizer
    prompt: Prompted
    stops: Sequence[str]
    ends_at: int | None = None
    begins: int = field(init=False)

    def __post_init__(self) -> None:
        self.begins = len(self._decoded(0))

    def _decoded(self, new_tokens: int) -> str:
        new = np.asarray(self.own.tokens[:new_tokens], dtype=np.int64)
        tokens = np.concatenate([self.prompt.tokens, new])
        return self.tokenizer.decode(tokens[~self.tokenizer.specials[tokens]])

    @property
    def whole(self) -> str:
        """What is shown: prompt and continuation, or the continuation alone, without what a stop
        text cuts off.
        """
        return self._shown(self._kept)

    @property
    def _kept(self) -> str:
        text = self._decoded(len(self.own.tokens))
        return text if self.ends_at is None else text[: self.begins + self.ends_at]

    def _shown(self, text: str) -> str:
        return text if self.prompt.is_repeated else text[self.begins :].lstrip()

    def look(self) -> None:
        """End the text where a stop text has come."""
        if not self.stops:
            return
        new = self._decoded(len(self.own.tokens))[self.begins :]
        found = [place for stop in self.stops if (place := new.find(stop)) >= 0]
        if not found:
            return
        self.ends_at = min(found)
        kept = len(self.own.tokens)
        while kept and len(self._decoded(kept - 1)) - self.begins >= self.ends_at:
            kept -= 1
        self.own.cut(kept)

    def sure(self) -> str:
        """What no further token can change: no half character, no beginning of a stop text."""
        text = self._kept
        if self.own.ended:
            return self._shown(text)
        text = text.rstrip(UNFINISHED)
        longest = max((len(stop) for stop in self.stops), default=1) - 1
        for size in range(min(longest, len(text) - self.begins), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self.stops):
                return self._shown(text[:-size])
        return self._shown(text)
