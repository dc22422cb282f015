"""Which texts of a corpus are documents, and which are short: these teach what a code reads like.

Letters: M spans, K tokens of a code at most, t tokens of a text.
"""

from collections.abc import Mapping

import numpy as np

from sslcli.api import Corpus, SampleRng

TRIES = 16  # sentences drawn to find one that is short enough


class ShortTexts:
    """The texts of corpora that are no longer than a code."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self._known: list[tuple[Corpus, Mapping[int, np.ndarray]]] = []

    def of(self, corpus: Corpus) -> Mapping[int, np.ndarray]:
        """Spans [M, 3] of the short documents of a corpus, by language."""
        for known, found in self._known:
            if known is corpus:
                return found
        spans_M3, starts = np.asarray(corpus.spans), np.asarray(corpus.sentences)
        sizes_M = starts[spans_M3[:, 2]] - starts[spans_M3[:, 1]]
        short_M3 = spans_M3[(sizes_M <= self.tokens) & (sizes_M > 0)]
        languages_M = np.asarray([corpus.language_of(int(span[0])) for span in short_M3], dtype=int)
        found = {
            int(language): short_M3[languages_M == language] for language in np.unique(languages_M)
        }
        self._known.append((corpus, found))
        return found

    def sample(self, corpus: Corpus, document: int, rng: SampleRng) -> np.ndarray:
        """A short text of a document's language, int64 [t]; where it has none, a sentence of any
        document of it, cut where it is longer.
        """
        language = corpus.language_of(document)
        own = corpus.spans[np.searchsorted(corpus.spans[:, 0], document)]
        short = self.of(corpus).get(language)
        if short is not None:
            _, first, stop = short[rng.integer("short text", len(short))].tolist()
            return _tokens(corpus, first, stop)
        best = np.zeros(0, dtype=np.int64)
        for attempt in range(TRIES):
            span = corpus.spans[rng.integer(f"document {attempt}", len(corpus.spans))]
            if corpus.language_of(int(span[0])) != language:
                span = own
            _, first, stop = span.tolist()
            sentence = first + rng.integer(f"sentence {attempt}", stop - first)
            found = _tokens(corpus, sentence, sentence + 1)
            best = found if len(found) else best
            if 0 < len(found) <= self.tokens:
                break
        return (best if len(best) else _tokens(corpus, own[1], own[2]))[: self.tokens]


def _tokens(corpus: Corpus, first: int, stop: int) -> np.ndarray:
    """The tokens from one sentence to before another."""
    start, end = int(corpus.sentences[first]), int(corpus.sentences[stop])
    return np.asarray(corpus.tokens(start, end), dtype=np.int64)
