"""Rows and samples against a loop over sentences, on a corpus that is only offsets."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from sslcli.data import arrangements
from sslcli.data.arrangements import ARRANGEMENTS, enclose, join_pair
from sslcli.data.corpus import Corpus
from sslcli.data.text.templates import Template
from sslcli.errors import DataError

BERT = SimpleNamespace(template=Template.of_roles(1, 2, None))
GPT = SimpleNamespace(template=Template.of_roles(None, None, 3))
BARE = SimpleNamespace(template=Template.of_roles(None, None, None))
FIRST = 10  # token k of the corpus is FIRST + k, so that a sample shows what it covers


@dataclass
class Offsets:
    """A corpus whose documents are lists of sentence lengths."""

    lengths: list
    sequence_tokens: int = 24
    unit: str = "fill"

    def __post_init__(self):
        self.sentences = np.cumsum(
            [0, *(length for document in self.lengths for length in document)]
        )
        self.documents = np.cumsum([0, *(len(document) for document in self.lengths)])
        self.spans = np.stack(
            [np.arange(len(self.lengths)), self.documents[:-1], self.documents[1:]], axis=1
        )

    def tokens(self, start, stop):
        return np.arange(FIRST + start, FIRST + stop)

    def bytes_between(self, start, stop):
        return 2.0 * (stop - start)

    def language_of(self, document):
        return int(document) % 3

    def languages_of(self, documents):
        return documents % 3


def generated(seed=0, shortest=0, **settings):
    random = np.random.default_rng(seed)
    return Offsets(
        [random.integers(shortest, 30, random.integers(1, 9)).tolist() for _ in range(50)],
        **settings,
    )


def samples_of(name, corpus, tokenizer):
    """All samples; checks on the way that lengths and languages are what the rows say and that
    nothing is too long.
    """
    samples = []
    for rows in ARRANGEMENTS[name].rows(corpus, tokenizer):
        assert rows.values.dtype == rows.lengths.dtype == np.int64
        for row, length, language in zip(rows.values, rows.lengths, rows.languages, strict=True):
            sample = ARRANGEMENTS[name].sample(corpus, row, tokenizer)
            assert sample.language == language
            assert len(sample) == length <= corpus.sequence_tokens
            assert sample.fields["bytes"] == 2.0 * (sample.tokens >= FIRST).sum()
            samples.append(sample)
    return samples


def filled_slowly(corpus, capacity):
    """Token ranges: greedily as many sentences as fit, one document at a time; long ones in equal
    pieces.
    """
    ranges = []
    for document, first, stop in corpus.spans.tolist():
        run = []
        for sentence in range(first, stop):
            start, end = corpus.sentences[sentence : sentence + 2].tolist()
            if run and (end - run[0] > capacity or corpus.unit == "sentence"):
                ranges.append((document, run[0], run[1]))
                run = []
            run = [run[0] if run else start, end]
        if run:
            ranges.append((document, *run))
    cut = []
    for document, start, end in ranges:
        pieces = -(-(end - start) // capacity)
        bounds = (
            [start + (end - start) * piece // pieces for piece in range(pieces + 1)]
            if pieces
            else []
        )
        cut += [(document, a, b) for a, b in pairwise(bounds)]
    return cut


@pytest.mark.parametrize("unit", ["fill", "sentence"])
@pytest.mark.parametrize(("tokenizer", "specials"), [(BERT, 2), (GPT, 1), (BARE, 0)])
def test_single_fills_greedily(unit, tokenizer, specials):
    corpus = generated(unit=unit, shortest=1)
    rows = np.concatenate([rows.values for rows in ARRANGEMENTS["single"].rows(corpus, tokenizer)])
    assert [tuple(row) for row in rows.tolist()] == filled_slowly(corpus, 24 - specials)


@pytest.mark.parametrize("unit", ["fill", "sentence"])
def test_single_covers_everything_once(unit):
    corpus = generated(unit=unit)
    samples = samples_of("single", corpus, BERT)
    tokens = np.concatenate([sample.tokens[1:-1] for sample in samples])
    assert tokens.tolist() == list(range(FIRST, FIRST + corpus.sentences[-1]))
    assert {(sample.tokens[0], sample.tokens[-1]) for sample in samples} == {(1, 2)}
    assert {sample.language for sample in samples} == {0, 1, 2}
    assert all(sample.segments is None for sample in samples)


@pytest.mark.parametrize("name", ["single", "pairs"])
def test_portions_only_part_long_documents(name, monkeypatch):
    """With portions of 10 sentences and documents of at most 8, nothing changes."""
    whole = [sample.tokens.tolist() for sample in samples_of(name, generated(), BERT)]
    monkeypatch.setattr(arrangements, "PORTION_SENTENCES", 10)
    assert [sample.tokens.tolist() for sample in samples_of(name, generated(), BERT)] == whole
    monkeypatch.setattr(arrangements, "PORTION_SENTENCES", 3)
    assert len(samples_of(name, generated(), BERT)) > 50


def test_pairs_are_neighbours_of_one_document():
    corpus = generated(shortest=1)
    for rows in ARRANGEMENTS["pairs"].rows(corpus, BERT):
        for row in rows.values:
            document, start, middle, stop, second_sentences = row.tolist()
            first, last = corpus.sentences[corpus.documents[document : document + 2]]
            assert first <= start < middle < stop <= last
            assert middle in corpus.sentences
            sample = ARRANGEMENTS["pairs"].sample(corpus, row, BERT)
            a, b = middle - start, stop - middle
            assert sample.tokens.tolist() == [
                1,
                *corpus.tokens(start, middle),
                2,
                *corpus.tokens(middle, stop),
                2,
            ]
            assert sample.segments.tolist() == [0] * (a + 2) + [1] * (b + 1)
            place = int(np.searchsorted(corpus.sentences, middle))
            assert second_sentences == np.searchsorted(corpus.sentences, stop) - place


def test_pairs_leave_out_only_lone_sentences_and_what_is_too_long():
    corpus = Offsets([[5], [4, 4, 4], [30, 30], [3, 3, 3, 3]], sequence_tokens=24)
    samples = samples_of("pairs", corpus, BERT)
    covered = [sample.tokens[sample.tokens >= FIRST] - FIRST for sample in samples]
    assert [(tokens.min(), tokens.max() + 1) for tokens in covered] == [(5, 17), (37, 58), (77, 89)]
    # parted at the middle
    assert [int((sample.segments == 0).sum()) - 2 for sample in samples] == [4, 10, 6]


def test_a_sentence_left_alone_is_paired_with_the_one_before():
    corpus = Offsets([[6, 6, 6]], sequence_tokens=16)
    covered = [
        sample.tokens[sample.tokens >= FIRST] - FIRST
        for sample in samples_of("pairs", corpus, BERT)
    ]
    assert [(tokens.min(), tokens.max() + 1) for tokens in covered] == [(0, 12), (6, 18)]


def test_pairs_of_single_sentences():
    corpus = Offsets([[3, 4, 5, 6]], unit="sentence")
    assert [int((s.segments == 0).sum()) - 2 for s in samples_of("pairs", corpus, BERT)] == [3, 5]


@pytest.mark.parametrize("portion", [1 << 18, 7])
@pytest.mark.parametrize(("tokenizer", "end"), [(GPT, [3]), (BERT, [2]), (BARE, [])])
def test_blocks_are_the_stream(tokenizer, end, portion, monkeypatch):
    monkeypatch.setattr(arrangements, "PORTION_SENTENCES", portion)
    corpus = generated()
    stream = []
    for _, first, stop in corpus.spans.tolist():
        stream += [*corpus.tokens(*corpus.sentences[[first, stop]].tolist()).tolist(), *end]
    samples = samples_of("blocks", corpus, tokenizer)
    assert (
        np.concatenate([sample.tokens for sample in samples]).tolist()
        == stream[: len(stream) - (len(stream) % 24 == 1)]
    )
    assert {len(sample) for sample in samples[:-1]} == {24}


def test_blocks_of_a_part_of_the_corpus():
    corpus = generated(shortest=1)
    corpus.spans = corpus.spans[[3, 7, 8, 20]]
    stream = []
    for _, first, stop in corpus.spans.tolist():
        stream += [*corpus.tokens(*corpus.sentences[[first, stop]].tolist()).tolist(), 3]
    assert (
        np.concatenate([s.tokens for s in samples_of("blocks", corpus, GPT)]).tolist()
        == stream[: len(stream) // 24 * 24 + len(stream) % 24]
    )


def test_items_are_whole_documents():
    arrays = [np.full((length, 2), length, dtype=np.float32) for length in (3, 5, 4)]
    corpus = SimpleNamespace(
        spans=np.asarray([[0, 0, 1], [2, 3, 4]]),
        documents=np.asarray([0, 1, 3, 4]),  # the second is of two parts
        sentences=np.asarray([0, 3, 5, 8, 12]),
        language_of=lambda document: 0,
        languages_of=np.zeros_like,
        _coder=None,
    )
    corpus.lengths_of = partial(Corpus.lengths_of, corpus)
    (rows,) = ARRANGEMENTS["items"].rows(corpus, None)  # which reads no array to learn its length
    assert rows.lengths.tolist() == [3, 4]
    corpus.array = arrays.__getitem__
    assert ARRANGEMENTS["items"].sample(corpus, rows.values[1], None).rows is arrays[2]


def test_enclose_and_join():
    a, b = np.asarray([11, 12]), np.asarray([13])
    assert enclose(a, BERT).tolist() == [1, 11, 12, 2]
    assert enclose(a, GPT).tolist() == [11, 12, 3]
    assert enclose(a, BARE).tolist() == [11, 12]
    tokens, segments = join_pair(a, b, BERT)
    assert tokens.tolist() == [1, 11, 12, 2, 13, 2]
    assert segments.tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize("name", ["single", "pairs", "blocks"])
def test_text_needs_a_tokenizer_and_room(name):
    with pytest.raises(DataError, match="no tokenizer"):
        next(ARRANGEMENTS[name].rows(generated(), None))
    with pytest.raises(DataError, match="no room"):
        next(ARRANGEMENTS[name].rows(generated(sequence_tokens=1), BERT))


@pytest.mark.parametrize("name", ["single", "pairs", "blocks"])
def test_an_empty_corpus_gives_no_rows(name):
    assert samples_of(name, Offsets([[0]]), BARE) == []


@pytest.mark.parametrize("begin", [(), (7,), (7, 8)])
@pytest.mark.parametrize("end", [(), (3,)])
def test_blocks_are_the_stream_of_begun_and_ended_documents(begin, end):
    template = replace(Template.of_roles(None, None, None), begin=begin, end=end)
    tokenizer = SimpleNamespace(template=template)
    corpus = Offsets([[3, 4], [1], [6, 2, 5], [2]], sequence_tokens=5, unit="fill")
    stream, token = [], FIRST
    for sizes in ([3, 4], [1], [6, 2, 5], [2]):
        stream += [*begin, *range(token, token + sum(sizes)), *end]
        token += sum(sizes)
    samples = [sample.tokens.tolist() for sample in samples_of("blocks", corpus, tokenizer)]
    expected = [stream[start : start + 5] for start in range(0, len(stream), 5)]
    assert samples == [block for block in expected if len(block) > 1]
