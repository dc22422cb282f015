"""How a corpus is divided into samples: integer rows, written once without randomness, and one
sample each.

Rows are made for a bounded number of sentences at a time, so memory does not grow with the corpus.
Every sample has in `fields["bytes"]` the number of bytes of source text that its tokens cover, so
losses can be given in bits per byte.

Letters: S sentences of one portion, M spans, n rows, k numbers of a row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.data.batches import Sample
from sslcli.data.corpus import Corpus
from sslcli.data.rng import mix
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError

# a longer span is cut here: one boundary in a quarter of a million sentences
PORTION_SENTENCES = 1 << 18


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an arrangement.

    `values` int64 [n, k], one row per sample; `lengths` int64 [n] in tokens, special tokens
    included (or in items). `languages` int64 [n]: index of each sample's language in the corpus's
    `languages`; None if unknown.
    """

    values: np.ndarray
    lengths: np.ndarray
    languages: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`rows` cuts a corpus, `sample` makes the sample of one row."""

    rows: Callable[[Corpus, Tokenizer | None], Iterator[Rows]]
    sample: Callable[[Corpus, np.ndarray, Tokenizer | None], Sample]


def enclose(tokens: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Put the template's special tokens around one text, as [CLS] x [SEP]; int64."""
    return tokenizer.template.single.around(tokens)


def join_pair(
    first: np.ndarray, second: np.ndarray, tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    """Two texts as the tokenizer's template joins them, and their type ids; int64 both.

    Of our own tokenizers [CLS] A [SEP] B [SEP], with 0 up to the first separator and 1 after it
    (Devlin et al. 2019, fig. 2).
    """
    return tokenizer.template.pair.build(first, second)


def _needed(tokenizer: Tokenizer | None) -> Tokenizer:
    if tokenizer is None:
        raise DataError(
            "this arrangement cuts text, and there is no tokenizer",
            "use text data, or an objective that reads items",
        )
    return tokenizer


def _capacity(corpus: Corpus, specials: int) -> int:
    """Tokens of text that fit beside the special ones."""
    capacity = corpus.sequence_tokens - specials
    if capacity < 2:
        raise DataError(
            f"sequences of {corpus.sequence_tokens} tokens leave no room for text",
            "use a larger --seq-len",
        )
    return capacity


@dataclass(frozen=True, slots=True)
class _Portion:
    """Sentences of some spans, one after the other: document, first and last token; `span_stops`
    [S] indexes into them.
    """

    documents: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    span_stops: np.ndarray

    def filled(self, capacity: int) -> np.ndarray:
        """[S]: the sentence after the last that still fits when a sample begins at each sentence;
        never past its span.
        """
        ends = np.concatenate([[0], np.cumsum(self.stops - self.starts)])
        return np.minimum(
            np.searchsorted(ends, ends[:-1] + capacity, side="right") - 1, self.span_stops
        )


def _portions(corpus: Corpus) -> Iterator[_Portion]:
    """Yield all spans of the corpus, about PORTION_SENTENCES at a time."""
    gathered, size = [], 0
    for begin in range(0, len(corpus.spans), PORTION_SENTENCES):
        for document, first, stop in corpus.spans[begin : begin + PORTION_SENTENCES].tolist():
            for start in range(first, stop, PORTION_SENTENCES):
                gathered.append((document, start, min(start + PORTION_SENTENCES, stop)))
                size += gathered[-1][2] - start
                if size >= PORTION_SENTENCES:
                    yield _portion(corpus, gathered)
                    gathered, size = [], 0
    if size:
        yield _portion(corpus, gathered)


def _portion(corpus: Corpus, spans: Sequence[tuple[int, int, int]]) -> _Portion:
    document_M, first_M, stop_M = np.asarray(spans, dtype=np.int64).T
    size_M = stop_M - first_M
    ends_M = np.cumsum(size_M)
    sentence_S = np.arange(ends_M[-1]) + np.repeat(first_M - (ends_M - size_M), size_M)
    offsets = corpus.sentences
    return _Portion(
        np.repeat(document_M, size_M),
        np.asarray(offsets[sentence_S], dtype=np.int64),
        np.asarray(offsets[sentence_S + 1], dtype=np.int64),
        np.repeat(ends_M, size_M),
    )


def _single_rows(corpus: Corpus, tokenizer: Tokenizer | None) -> Iterator[Rows]:
    """Rows (document, start, stop): as many whole sentences of one span as fit; a longer sentence
    in equal pieces.
    """
    specials = _needed(tokenizer).template.single.room
    capacity = _capacity(corpus, specials)
    for portion in _portions(corpus):
        size = len(portion.starts)
        following = portion.filled(capacity) if corpus.unit == "fill" else np.arange(1, size + 1)
        first = np.asarray(
            _chain(np.maximum(following, np.arange(1, size + 1)).tolist()), dtype=np.int64
        )
        last = np.append(first[1:], size) - 1
        document, start, stop = portion.documents[first], portion.starts[first], portion.stops[last]
        pieces = -(-(stop - start) // capacity)  # none for an empty run
        piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        document, start, stop, pieces = (
            np.repeat(values, pieces) for values in (document, start, stop, pieces)
        )
        begin, end = (
            start + (stop - start) * piece // pieces,
            start + (stop - start) * (piece + 1) // pieces,
        )
        yield Rows(
            np.stack([document, begin, end], axis=1),
            end - begin + specials,
            corpus.languages_of(document),
        )


def _chain(following: list[int]) -> list[int]:
    """The samples' first sentences: 0, following[0], following[following[0]], ..."""
    firsts, here = [], 0
    while here < len(following):
        firsts.append(here)
        here = following[here]
    return firsts


def _single_sample(corpus: Corpus, row: np.ndarray, tokenizer: Tokenizer | None) -> Sample:
    document, start, stop = row.tolist()
    tokens = enclose(corpus.tokens(start, stop), _needed(tokenizer))
    return Sample(
        tokens,
        language=corpus.language_of(document),
        fields={"bytes": corpus.bytes_between(start, stop)},
    )


def _pair_rows(corpus: Corpus, tokenizer: Tokenizer | None) -> Iterator[Rows]:
    """Rows (document, start, middle, stop, sentences of B): A = [start, middle) and B = [middle,
    stop), neighbours.

    As many sentences as fit, at least two, parted at the sentence boundary nearest to their middle.
    Where two are too long, A loses its beginning and B its end, so that the boundary stays. A
    span's last sentence, where it is left alone, is paired with the one before, which then stands
    in two rows; a span of one sentence gives no row.
    """
    specials = _needed(tokenizer).template.pair.room
    capacity = _capacity(corpus, specials)
    for portion in _portions(corpus):
        places = np.arange(len(portion.starts))
        following = portion.filled(capacity) if corpus.unit == "fill" else places + 2
        following = np.minimum(np.maximum(following, places + 2), portion.span_stops)
        runs = np.asarray(
            _pair_runs(following.tolist(), portion.span_stops.tolist()), dtype=np.int64
        ).reshape(-1, 2)
        if not len(runs):
            continue
        first, last = runs[:, 0], runs[:, 1] - 1
        parting = _parting(portion, first, last)
        start, middle, stop = portion.starts[first], portion.starts[parting], portion.stops[last]
        kept = np.minimum(middle - start, np.maximum(capacity // 2, capacity - (stop - middle)))
        start, stop = middle - kept, np.minimum(stop, middle + capacity - kept)
        document = portion.documents[first]
        values = np.stack([document, start, middle, stop, last + 1 - parting], axis=1)
        whole = (middle > start) & (stop > middle)
        yield Rows(
            values[whole], (stop - start + specials)[whole], corpus.languages_of(document[whole])
        )


def _pair_runs(following: list[int], span_stops: list[int]) -> list[tuple[int, int]]:
    runs, here = [], 0
    while here < len(following):
        stop, span_stop = following[here], span_stops[here]
        if stop - here >= 2:
            runs.append((here, stop))
        elif runs and runs[-1][1] == here and span_stops[runs[-1][0]] == span_stop:
            runs.append((here - 1, stop))
        here = stop
    return runs


def _parting(portion: _Portion, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The sentence that begins nearest to the middle of each run, after its first sentence.

    Of two that are equally near, a hash takes one: if it were always the earlier, the shorter part
    would come first and give the order away.
    """
    size = portion.stops - portion.starts
    order = np.cumsum(size) - size  # spans need not touch in the corpus
    twice_half = order[first] + order[last] + size[last]
    after = np.clip(np.searchsorted(order, twice_half / 2), first + 1, last)
    before = np.clip(after - 1, first + 1, last)
    nearer = np.abs(2 * order[before] - twice_half) - np.abs(2 * order[after] - twice_half)
    takes_before = (nearer < 0) | ((nearer == 0) & (mix(portion.starts[first]) & np.uint64(1) == 0))
    return np.where(takes_before, before, after)


def _pair_sample(corpus: Corpus, row: np.ndarray, tokenizer: Tokenizer | None) -> Sample:
    document, start, middle, stop, _ = row.tolist()
    tokens, segments = join_pair(
        corpus.tokens(start, middle), corpus.tokens(middle, stop), _needed(tokenizer)
    )
    fields = {"bytes": corpus.bytes_between(start, stop)}
    return Sample(tokens, segments=segments, language=corpus.language_of(document), fields=fields)


def _block_rows(corpus: Corpus, tokenizer: Tokenizer | None) -> Iterator[Rows]:
    """Rows (span, tokens to skip in it, length): the stream of all spans, with what begins and ends
    each, cut into equal blocks.
    """
    template, block = _needed(tokenizer).template, _capacity(corpus, 0)
    end = len(template.begin) + len(template.end)
    total = sum(
        int(_span_sizes(corpus, begin, end).sum())
        for begin in range(0, len(corpus.spans), PORTION_SENTENCES)
    )
    done = 0
    for begin in range(0, len(corpus.spans), PORTION_SENTENCES):
        ends_M = done + np.cumsum(size_M := _span_sizes(corpus, begin, end))
        starts = np.arange(-(-done // block) * block, ends_M[-1], block)
        span = np.searchsorted(ends_M, starts, side="right")
        lengths = np.minimum(block, total - starts)
        values = np.stack([begin + span, starts - (ends_M - size_M)[span], lengths], axis=1)
        languages = corpus.languages_of(corpus.spans[values[:, 0], 0])
        told = lengths > 1  # a lone last token has nothing to be predicted from
        yield Rows(values[told], lengths[told], languages[told])
        done = int(ends_M[-1])


def _span_sizes(corpus: Corpus, begin: int, end: int) -> np.ndarray:
    """Tokens of each span of a portion, with those that begin and end it."""
    spans = np.asarray(corpus.spans[begin : begin + PORTION_SENTENCES])
    return (
        np.asarray(corpus.sentences[spans[:, 2]], dtype=np.int64)
        - np.asarray(corpus.sentences[spans[:, 1]], dtype=np.int64)
        + end
    )


def _block_sample(corpus: Corpus, row: np.ndarray, tokenizer: Tokenizer | None) -> Sample:
    span, skipped, wanted = row.tolist()
    template = _needed(tokenizer).template
    begin, end = template.begin, template.end
    language = corpus.language_of(int(corpus.spans[span][0]))
    parts, covered = [], 0.0
    while wanted > 0:
        _, first, stop = corpus.spans[span].tolist()
        start, stop = int(corpus.sentences[first]), int(corpus.sentences[stop])
        opened, size = len(begin), stop - start
        until = min(opened + size + len(end), skipped + wanted)
        # The part of the span's own tokens, and of its end, that lies in [skipped, until).
        own = [min(max(place - opened, 0), size) for place in (skipped, until)]
        closing = [max(place - opened - size, 0) for place in (skipped, until)]
        parts += [
            begin[skipped:until],
            corpus.tokens(start + own[0], start + own[1]),
            end[slice(*closing)],
        ]
        covered += corpus.bytes_between(start + own[0], start + own[1])
        wanted -= until - skipped
        span, skipped = span + 1, 0
    tokens = np.concatenate([np.asarray(part, dtype=np.int64) for part in parts])
    return Sample(tokens, language=language, fields={"bytes": covered})


def _item_rows(corpus: Corpus, tokenizer: Tokenizer | None) -> Iterator[Rows]:
    """Rows (document,): one array document a sample."""
    for begin in range(0, len(corpus.spans), PORTION_SENTENCES):
        documents = np.asarray(corpus.spans[begin : begin + PORTION_SENTENCES, 0], dtype=np.int64)
        lengths = corpus.lengths_of(documents)
        yield Rows(documents[:, None], lengths, corpus.languages_of(documents))


def _item_sample(corpus: Corpus, row: np.ndarray, tokenizer: Tokenizer | None) -> Sample:
    (document,) = row.tolist()
    values = corpus.array(document)
    return Sample(
        rows=values, language=corpus.language_of(document), fields={"bytes": float(values.nbytes)}
    )


ARRANGEMENTS = {
    "single": Arrangement(_single_rows, _single_sample),
    "pairs": Arrangement(_pair_rows, _pair_sample),
    "blocks": Arrangement(_block_rows, _block_sample),
    "items": Arrangement(_item_rows, _item_sample),
}
