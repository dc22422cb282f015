"""What is worth knowing of a corpus before a model learns from it, counted in bounded memory while it streams by."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sslcli.data.draws import name_key

MOST_HASHES = 1 << 20


@dataclass
class DuplicateLines:
    """The share of lines that were there before. Exact up to MOST_HASHES different lines; beyond, of a sample by hash.

    The sample holds every line whose hash is divisible by a growing power of two, so a line is either always counted
    or never, and the share stays right (Gibbons 2001, "Distinct sampling").
    """

    divisor: int = 1
    seen: set[int] = field(default_factory=set)
    lines: int = 0
    again: int = 0
    example: str = ""

    def add(self, line: str) -> None:
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
            self.lines, self.again, self.seen = round(self.lines * share), round(self.again * share), kept

    @property
    def share(self) -> float:
        return self.again / max(self.lines, 1)


@dataclass
class Statistics:
    """Sums over all documents; `unknown` are tokens for text that the vocabulary cannot spell."""

    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    bytes: int = 0
    unknown: int = 0
    tokens_by_language: Counter[str] = field(default_factory=Counter)
    duplicates: DuplicateLines = field(default_factory=DuplicateLines)

    def add(self, tokens: list[np.ndarray], text_bytes: int, language: str, unknown: int | None) -> None:
        count = sum(len(part) for part in tokens)
        self.documents += 1
        self.sentences += len(tokens)
        self.tokens += count
        self.bytes += text_bytes
        self.tokens_by_language[language] += count
        if unknown is not None:
            self.unknown += sum(int((part == unknown).sum()) for part in tokens)

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "documents": self.documents,
            "sentences": self.sentences,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "unknown_share": self.unknown / max(self.tokens, 1),
            "duplicate_line_share": self.duplicates.share,
            "duplicate_line_example": self.duplicates.example,
            "language_shares": {name: count / max(self.tokens, 1) for name, count in self.tokens_by_language.most_common()},
        }
