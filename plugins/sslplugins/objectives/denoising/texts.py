"""What is read of a corpus beside a sample's tokens: their sentences, and another document's text.

Letters: t tokens of a text.
"""

from dataclasses import replace

import numpy as np

from sslcli.api import Corpus, Sample, SampleRng, Tokenizer

AROUND = -1  # the sentence of a special token around a text
OTHER_TRIES = 16  # documents drawn to find one of the same language


def sentences_between(corpus: Corpus, start: int, stop: int) -> np.ndarray:
    """int64 [stop - start]: the sentence of each token, by its number in the corpus."""
    first = int(corpus.sentences.searchsorted(start, side="right")) - 1
    if stop <= corpus.sentences[first + 1]:
        return np.full(stop - start, first)
    last = int(corpus.sentences.searchsorted(stop, side="left"))
    ends = np.minimum(np.asarray(corpus.sentences[first + 1 : last + 1]), stop)
    return np.repeat(np.arange(first, last), np.diff(ends, prepend=start))


def with_sentences(sample: Sample, corpus: Corpus, row: np.ndarray, tokenizer: Tokenizer) -> Sample:
    """The sample of a row of one text, with the sentence of each token, AROUND for special ones."""
    _, start, stop = row.tolist()
    sentence_t = np.full(len(sample), AROUND)
    first = tokenizer.template.single.before
    sentence_t[first : first + stop - start] = sentences_between(corpus, start, stop)
    return replace(sample, per_token={"sentence": sentence_t})


def another_row(corpus: Corpus, row: np.ndarray, rng: SampleRng) -> np.ndarray | None:
    """A row of another document, of the same language where one is found, and about as long.

    None where there is no other document.
    """
    document, start, stop = row.tolist()
    if len(corpus.spans) < 2:
        return None
    language, size = corpus.language_of(document), stop - start
    for attempt in range(OTHER_TRIES):
        span = corpus.spans[rng.integer(f"other {attempt}", len(corpus.spans))]
        if span[0] != document and corpus.language_of(int(span[0])) == language:
            break
    else:
        own = int(np.searchsorted(corpus.spans[:, 0], document))
        span = corpus.spans[(own + 1) % len(corpus.spans)]
    starts = np.asarray(corpus.sentences[span[1] : span[2] + 1], dtype=np.int64)
    whole = max(1, int((starts[:-1] + size <= starts[-1]).sum()))  # those that are long enough
    begin = int(starts[rng.integer("sentence of the other", whole)])
    return np.asarray([span[0], begin, min(begin + size, int(starts[-1]))])
