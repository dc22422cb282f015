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

    def sample(self, corpus: Corpus, language: int, rng: SampleRng) -> np.ndarray:
        """A short text of a language, int64 [t]; where it has none, a sentence of any document of
        it, cut where it is longer.
        """
        short = self.of(corpus).get(language)
        if short is not None:
            _, first, stop = short[rng.integer("short text", len(short))].tolist()
            return _tokens(corpus, first, stop)
        best = _tokens(corpus, int(corpus.spans[0][1]), int(corpus.spans[0][1]) + 1)
        for attempt in range(TRIES):
            span = corpus.spans[rng.integer(f"document {attempt}", len(corpus.spans))]
            document, first, stop = span.tolist()
            if corpus.language_of(document) != language:
                continue
            sentence = first + rng.integer(f"sentence {attempt}", stop - first)
            best = _tokens(corpus, sentence, sentence + 1)
            if 0 < len(best) <= self.tokens:
                break
        return best[: self.tokens]


def _tokens(corpus: Corpus, first: int, stop: int) -> np.ndarray:
    """The tokens from one sentence to before another."""
    start, end = int(corpus.sentences[first]), int(corpus.sentences[stop])
    return np.asarray(corpus.tokens(start, end), dtype=np.int64)
