"""The noises of BART, one function each, over the tokens of one text without the special tokens
around it.

Lewis et al. 2020 (arXiv 1910.13461), section 2.2, as the authors' published code does it: spans may
run into one another, so that less is hidden than was asked for, and a span of length zero inserts a
mask. What differs is said where it does.

Letters: t tokens of a text, W its words, S its sentences, k spans.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Self

import numpy as np

LEAST_CHANCE = 1e-7  # a length of a span that is less likely never comes
NOWHERE = -1  # the origin of a token that does not stand in the clean text
ROUNDING = 1e-9  # 0.07 * 100 is a little more than 7

# what stands in the place of something hidden: n tokens [n]
Fill = Callable[[int], np.ndarray]


@dataclass(frozen=True)
class Text:
    """A text on its way through the noises.

    `tokens` [t]; `origins` [t]: where each stood in the clean text, NOWHERE for those that did not.
    `begins` [t]: bool, whether a word begins there; where words do not matter, everywhere.
    """

    tokens: np.ndarray
    origins: np.ndarray
    begins: np.ndarray

    @classmethod
    def clean(cls, tokens: np.ndarray, begins: np.ndarray | None = None) -> Self:
        """Return the text that nothing was done to; its first token always begins a word."""
        every = np.ones(len(tokens), dtype=bool) if begins is None else begins.copy()
        every[:1] = True
        return cls(tokens, np.arange(len(tokens)), every)

    def __len__(self) -> int:
        return len(self.tokens)

    def taken(self, order: np.ndarray) -> "Text":
        """Return the tokens at these places, or where a mask is true, in this order."""
        return Text(self.tokens[order], self.origins[order], self.begins[order])


def share_of(count: int, share: float) -> int:
    """ceil(count * share), without what rounding adds to a product."""
    return math.ceil(count * share - ROUNDING)


def permute_sentences(
    text: Text, sentence_t: np.ndarray, share: float, generator: np.random.Generator
) -> Text:
    """Permute a share of the sentences, rounded up, among their own places; the others stay.

    `sentence_t` [t] are numbers that change where a sentence begins. One that is drawn may come
    back to where it was, as in any permutation.
    """
    later_starts = np.flatnonzero(sentence_t[1:] != sentence_t[:-1]) + 1
    if not len(later_starts):
        return text
    parts = [np.arange(*ends) for ends in pairwise([0, *later_starts.tolist(), len(text)])]
    drawn = generator.permutation(len(parts))[: share_of(len(parts), share)]
    order_S = np.arange(len(parts))
    order_S[drawn] = drawn[generator.permutation(len(drawn))]
    return text.taken(np.concatenate([parts[place] for place in order_S]))


def hide_spans(
    text: Text,
    lengths_k: np.ndarray,
    generator: np.random.Generator,
    fill: Fill | None,
) -> Text:
    """Hide k spans of so many words each, at different words drawn at random; each becomes one
    token of `fill`, or nothing.

    A span ends with the text at the latest. Where one runs into the next, both become one token:
    only a first token that no other span covers stays.
    """
    bounds = np.append(np.flatnonzero(text.begins), len(text))
    first_k = generator.permutation(len(bounds) - 1)[: len(lengths_k)]
    stop_k = np.minimum(first_k + lengths_k[: len(first_k)], len(bounds) - 1)
    begin_k, end_k = bounds[first_k], bounds[stop_k]
    hidden_t = _covered(begin_k, end_k, len(text))
    if fill is None:
        return text.taken(~hidden_t)
    inside_t = _covered(np.minimum(begin_k + 1, end_k), end_k, len(text))
    marked = np.sort(begin_k[~inside_t[begin_k]])
    tokens, origins = text.tokens.copy(), text.origins.copy()
    tokens[marked], origins[marked] = fill(len(marked)), NOWHERE
    hidden_t[marked] = False
    return Text(tokens, origins, text.begins).taken(~hidden_t)


def _covered(begin_k: np.ndarray, end_k: np.ndarray, size: int) -> np.ndarray:
    """bool [size]: the places in any [begin, end)."""
    edges = np.bincount(begin_k, minlength=size + 1) - np.bincount(end_k, minlength=size + 1)
    return np.cumsum(edges)[:size] > 0


def poisson_lengths(
    budget: int, mean: float, generator: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Lengths of spans whose sum is the budget, and how many of length zero came among them.

    Drawn from a Poisson distribution until their sum reaches the budget; the one that reaches it is
    shortened to meet it.
    """
    reached = _poisson(mean)
    lengths, total = np.empty(0, dtype=np.int64), 0
    while total < budget:
        drawn = np.searchsorted(reached, generator.random(budget), side="right")
        lengths, total = np.append(lengths, drawn), total + int(drawn.sum())
    ends = np.cumsum(lengths)
    last = int(np.searchsorted(ends, budget))
    lengths = lengths[: last + 1]
    lengths[last] -= ends[last] - budget
    return lengths[lengths > 0], int((lengths == 0).sum())


@lru_cache(maxsize=8)
def _poisson(mean: float) -> np.ndarray:
    """The distribution function of 0, 1, ..., without its tail."""
    chances, length = list[float](), 0
    while True:
        chance = math.exp(length * math.log(mean) - mean - math.lgamma(length + 1))
        if length > mean and chance < LEAST_CHANCE:
            return np.append(np.cumsum(chances[:-1]) / math.fsum(chances), 1.0)
        chances.append(chance)
        length += 1


def insert(text: Text, count: int, generator: np.random.Generator, fill: Fill) -> Text:
    """Insert tokens of `fill` at random places of the result, each of them as likely as another."""
    if not count:
        return text
    size = len(text) + count
    added_t = np.zeros(size, dtype=bool)
    added_t[generator.permutation(size)[:count]] = True
    tokens, origins = np.empty(size, dtype=np.int64), np.full(size, NOWHERE)
    begins = np.ones(size, dtype=bool)
    tokens[added_t], tokens[~added_t] = fill(count), text.tokens
    origins[~added_t], begins[~added_t] = text.origins, text.begins
    return Text(tokens, origins, begins)


def rotate(text: Text, generator: np.random.Generator) -> Text:
    """Begin the text at one of its tokens, each as likely as another; what was before it follows at
    the end.
    """
    if not len(text):
        return text
    return text.taken(np.roll(np.arange(len(text)), -int(generator.integers(len(text)))))


def copied(origins_s: np.ndarray, size: int) -> np.ndarray:
    """bool [size]: which tokens of the clean text stand in a source right behind the token that was
    before them.

    `origins_s`: of each token of the source, NOWHERE where it has none. Whoever copies the source
    token by token gets these right. All others are touched: what is not there, what follows behind
    something that is not there or was inserted, and the first token behind every jump.
    """
    place_of = np.full(size + 1, NOWHERE - 1)  # the last one is of what stands before the first
    place_of[-1] = -1
    known = np.flatnonzero(origins_s != NOWHERE)
    place_of[origins_s[known]] = known
    return place_of[:-1] == np.append(place_of[-1:], place_of[:-2]) + 1
