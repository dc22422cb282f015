"""Statistics of a corpus, counted in bounded memory while it is tokenized."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sslcli.data.rng import name_key
from sslcli.data.shard_writing import Texts
from sslcli.data.text.normalization import characters_in

MOST_HASHES = 1 << 20
CHARACTERS_LOOKED_AT = 20_000  # of what is added at once


@dataclass
class DuplicateLines:
    """The share of lines that were there before. Exact up to MOST_HASHES different lines; beyond,
    of a sample by hash.

    The sample holds every line whose hash is divisible by a growing power of two, so a line is
    either always counted or never, and the share stays right (Gibbons 2001, "Distinct sampling").
    """

    divisor: int = 1
    seen: set[int] = field(default_factory=set)
    lines: int = 0
    again: int = 0
    example: str = ""

    def add_lines(self, text: str) -> None:
        """Count every line of a text that is not blank, stripped of white space."""
        for line in text.splitlines():
            if bare := line.strip():
                self.add(bare)

    def add(self, line: str) -> None:
        """Count a line."""
        key = name_key(line)
        if key % self.divisor:
            return
        self.lines += 1
        if key in self.seen:
            self.again += 1
            self.example = self.example or line[:80]
            return
        self.seen.add(key)
        if len(self.seen) > MOST_HASHES:
            self.divisor *= 2
            kept = {key for key in self.seen if key % self.divisor == 0}
            share = len(kept) / len(self.seen)
            self.lines, self.again, self.seen = (
                round(self.lines * share),
                round(self.again * share),
                kept,
            )

    @property
    def share(self) -> float:
        """Share of the lines that occurred before, estimated on a hash sample."""
        return self.again / max(self.lines, 1)


@dataclass
class Statistics:
    """Sums over all documents; `unknown` are tokens for text that the vocabulary cannot spell.

    `special_spellings`: special tokens that texts spelled, and that were read as plain text.
    """

    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    bytes: int = 0
    unknown: int = 0
    tokens_by_language: Counter[str] = field(default_factory=Counter)
    duplicates: DuplicateLines = field(default_factory=DuplicateLines)
    characters: Counter[str] = field(default_factory=Counter)
    characters_looked_at: int = 0
    special_spellings: Counter[str] = field(default_factory=Counter)

    def add_characters(self, texts: Iterable[str]) -> None:
        """Counts the characters of the first of these texts that a tokenizer may change."""
        left = CHARACTERS_LOOKED_AT
        for text in texts:
            if left <= 0:
                return
            self.characters.update(characters_in(text[:left]))
            self.characters_looked_at += len(text[:left])
            left -= len(text)

    def add(self, texts: Texts, languages: Sequence[str], unknown: int | None) -> None:
        """`languages` as they are to be reported, by document."""
        self.documents += len(texts.languages)
        self.sentences += len(texts.sentence_tokens)
        self.tokens += len(texts.tokens)
        self.bytes += int(texts.sentence_bytes.sum())
        ends = (
            np.cumsum(texts.sentence_tokens)[np.cumsum(texts.document_sentences) - 1]
            if len(languages)
            else []
        )
        for language, tokens in zip(languages, np.diff(ends, prepend=0).tolist(), strict=True):
            self.tokens_by_language[language] += tokens
        if unknown is not None:
            self.unknown += int((texts.tokens == unknown).sum())

    def facts(self) -> dict[str, Any]:
        """Return the statistics for the manifest."""
        spelled = (
            {"special_spellings": dict(self.special_spellings)} if self.special_spellings else {}
        )
        return {
            **spelled,
            "documents": self.documents,
            "sentences": self.sentences,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "unknown_share": self.unknown / max(self.tokens, 1),
            "duplicate_line_share": self.duplicates.share,
            "duplicate_line_example": self.duplicates.example,
            "language_shares": {
                name: count / max(self.tokens, 1)
                for name, count in self.tokens_by_language.most_common()
            },
        }
