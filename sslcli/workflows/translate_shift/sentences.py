"""Sentences of a language as tokens, and which tokens belong to a language.

Letters: N tokens of all sentences end to end, special ones apart, V vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from sslcli.contracts.probe import ProbeData
from sslcli.data.arrangements import enclose
from sslcli.data.text.sentences import split_sentences
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cut_texts import Cut, cut_sentences
from sslcli.errors import UsageError

# of a language, at least, where it has them: what its tokens are known by
COUNTED_SENTENCES = 5_000
LONGEST_TOKENS = 128  # of a sentence; what follows is left out
# A token belongs to a language where it is so many times as frequent there as in the other one.
# What both have, as digits and full stops, belongs to neither, and a word of the one that is quoted
# in the other now and then stays where it is.
TIMES_AS_FREQUENT = 10
_AT_ONCE = 256


@dataclass(frozen=True)
class Sentences:
    """Token sequences, int64, without special tokens, none of them empty.

    `whole_tokens`: how many each had before it was cut off; none where nothing was.
    """

    tokens: Sequence[np.ndarray]
    tokenizer: Tokenizer
    whole_tokens: Sequence[int] = ()

    @classmethod
    def cut(cls, tokens: Sequence[np.ndarray], tokenizer: Tokenizer, most: int) -> "Sentences":
        """Truncate each sentence to `most` tokens."""
        whole = [len(tokens_T) for tokens_T in tokens]
        return cls([tokens_T[:most] for tokens_T in tokens], tokenizer, whole)

    @property
    def cuts(self) -> list[Cut]:
        """Return, for every sentence, where it was truncated."""
        whole = self.whole_tokens or [len(tokens_T) for tokens_T in self.tokens]
        lengths = [len(tokens_T) for tokens_T in self.tokens]
        pairs = zip(lengths, whole, strict=True)
        return [{"text": length} if length < had else {} for length, had in pairs]

    @cached_property
    def enclosed(self) -> Sequence[np.ndarray]:
        """The sequences with special tokens."""
        return [enclose(tokens_T, self.tokenizer) for tokens_T in self.tokens]

    @cached_property
    def tokens_N(self) -> np.ndarray:
        """All tokens end to end, int64 [N]."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *self.tokens])

    @cached_property
    def owners_N(self) -> np.ndarray:
        """The number of the sentence that each token stands in."""
        return np.repeat(np.arange(len(self.tokens)), [len(tokens_T) for tokens_T in self.tokens])

    @cached_property
    def starts(self) -> np.ndarray:
        """Return the offset of each sentence among all tokens."""
        return np.cumsum([0, *(len(tokens_T) for tokens_T in self.tokens)])[:-1]

    def part(self, start: int, stop: int) -> "Sentences":
        """Return sentences start to stop."""
        return Sentences(self.tokens[start:stop], self.tokenizer, self.whole_tokens[start:stop])

    def counts_V(self) -> np.ndarray:
        """Number of each token of the vocabulary [V]."""
        return np.bincount(self.tokens_N, minlength=self.tokenizer.size)


@dataclass(frozen=True)
class TokenLanguages:
    """bool [V] each: tokens that belong to the one language or to the other; the rest to
    neither.
    """

    source_V: np.ndarray
    target_V: np.ndarray

    @classmethod
    def of(cls, source: Sentences, target: Sentences) -> "TokenLanguages":
        """Assign tokens to languages by relative frequency, so the sizes of the texts do not
        matter.
        """
        source_V, target_V = (
            sentences.counts_V() / max(1, len(sentences.tokens_N)) for sentences in (source, target)
        )
        plain_V = ~source.tokenizer.specials
        return cls(
            (source_V > TIMES_AS_FREQUENT * target_V) & plain_V,
            (target_V > TIMES_AS_FREQUENT * source_V) & plain_V,
        )


def encoded(texts: Sequence[str], tokenizer: Tokenizer, longest_tokens: int) -> Sentences:
    """Encode texts, truncated to `longest_tokens` with special ones; texts without a token are
    left out.
    """
    found = [tokens_T for tokens_T in tokenizer.encode_batch(list(texts)) if len(tokens_T)]
    return Sentences.cut(found, tokenizer, _most(longest_tokens))


def encoded_pairs(
    pairs: Sequence[tuple[str, str]], tokenizer: Tokenizer, longest_tokens: int
) -> tuple[Sentences, Sentences]:
    """Both sides, cut as `encoded` does; pairs of which one side has no token are left out."""
    sides = [tokenizer.encode_batch([pair[side] for pair in pairs]) for side in (0, 1)]
    kept = [number for number in range(len(pairs)) if all(len(side[number]) for side in sides)]
    most = _most(longest_tokens)
    first, second = ([side[number] for number in kept] for side in sides)
    return Sentences.cut(first, tokenizer, most), Sentences.cut(second, tokenizer, most)


def read_language(
    probe_data: ProbeData, language: str, count: int, tokenizer: Tokenizer, longest_tokens: int
) -> Sentences:
    """The first sentences of a language, at most `count`. Raises UsageError where there is none."""
    texts = _texts(probe_data, language)
    found: list[np.ndarray] = []
    whole: list[int] = []
    while len(found) < count and (
        portion := list(islice(texts, min(_AT_ONCE, count - len(found))))
    ):
        read = encoded(portion, tokenizer, longest_tokens)
        found += read.tokens
        whole += read.whole_tokens
    if not found:
        known = probe_data.languages()
        hint = (
            f"there is {' and '.join(known)}"
            if known
            else f"say what is in which language: --data {language}=FILE"
        )
        raise UsageError(f"there is no text in '{language}'", hint)
    return Sentences(found, tokenizer, whole)


def cut_notes(parts: Mapping[str, Sentences]) -> list[str]:
    """Return a note per part, by name, on how many sentences were truncated."""
    said = {name: cut_sentences("words", sentences.cuts) for name, sentences in parts.items()}
    return [f"{name}: {sentence}" for name, own in said.items() for sentence in own]


def _texts(probe_data: ProbeData, language: str) -> Iterator[str]:
    for document in probe_data.documents(language):
        if document.text is not None:
            yield from (sentence.strip() for sentence in split_sentences(document, language))


def _most(longest_tokens: int) -> int:
    return min(longest_tokens - 2, LONGEST_TOKENS)
