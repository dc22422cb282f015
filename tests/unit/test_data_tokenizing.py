"""From raw text to shards: nothing lost, the cache shared by many writers, nothing of anybody's
overwritten, memory bounded.
"""

import json
import os
import resource
import signal
import threading
import tracemalloc
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from sslcli.data import files as files_module
from sslcli.data import shard_writing
from sslcli.data import statistics as statistics_module
from sslcli.data.corpus import Corpus
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.data.statistics import DuplicateLines
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets import shard_writer, tokenizer_training
from sslcli.datasets.shard_reports import show_pieces
from sslcli.datasets.sources import documents, expand
from sslcli.datasets.tokenized import shards_for, tokenize, tokenizer_for
from sslcli.errors import DataError, RunError, UsageError

BYTE_PIECES = TokenizerSettings(kind="bpe", vocabulary=400)
TRICKY = [
    "  Two  spaces. And a tab\there.  ",
    "今天天气很好。 我们走吧！",
    "e\u0301 🙂 \u202eleft. \x0b",
    "Dr. Who? No.\u2028Yes.",
]


def settings(*references, **more):
    return DataSettings(train=tuple(str(reference) for reference in references), **more)


def decoded(corpus, tokenizer):
    """The text of each document, as its tokens give it back."""
    bounds = corpus.sentences[corpus.documents]
    return [
        tokenizer.decode(corpus.tokens(int(start), int(stop))) for start, stop in pairwise(bounds)
    ]


def test_byte_pieces_give_back_every_character(tmp_path):
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TRICKY))
    made = tokenize(settings(tmp_path / "c.jsonl"), BYTE_PIECES, tmp_path / "shards")
    corpus = Corpus.open(made.folder, 32)
    assert decoded(corpus, made.tokenizer) == TRICKY
    assert corpus.bytes_between(0, int(corpus.sentences[-1])) == sum(
        len(text.encode()) for text in TRICKY
    )


def test_sentences_are_tokenized_one_by_one(text_corpus, tmp_path):
    made = tokenize(
        settings(text_corpus),
        TokenizerSettings(kind="wordpiece", vocabulary=200),
        tmp_path / "shards",
    )
    corpus = Corpus.open(made.folder, 32)
    paragraphs = text_corpus.read_text().strip().split("\n\n")
    assert np.diff(corpus.documents).tolist() == [paragraph.count(".") for paragraph in paragraphs]
    expected = [
        made.tokenizer.encode(f"{sentence}.")
        for paragraph in paragraphs
        for sentence in paragraph.removesuffix(".").split(". ")
    ]
    for number, tokens in enumerate(expected):
        start, stop = (int(offset) for offset in corpus.sentences[number : number + 2])
        assert np.array_equal(corpus.tokens(start, stop), tokens)


def test_the_report_says_what_was_counted(tmp_path):
    (tmp_path / "en.txt").write_text("one two.\none two.\nthree four.\n")
    (tmp_path / "zh.txt").write_text("今天。\n")
    made = tokenize(
        settings(tmp_path / "en.txt", f"zh={tmp_path / 'zh.txt'}"), BYTE_PIECES, tmp_path / "shards"
    )
    figures = dict(made.report.tables[0].rows)
    tokens = [
        len(made.tokenizer.encode(text))
        for text in ("one two.", "one two.", "three four.", "今天。")
    ]
    assert figures["documents"] == figures["sentences"] == "4"
    assert figures["tokens"] == str(sum(tokens))
    assert figures["duplicate lines"] == "25.00%"
    assert figures["languages"] == (
        f"not said, split as en {sum(tokens[:3]) / sum(tokens):.1%}, "
        f"zh {tokens[3] / sum(tokens):.1%}"
    )
    assert figures["bytes per token"] == f"{36 / sum(tokens):.2f}"


def test_unknown_text_is_counted_and_noted(tmp_path):
    (tmp_path / "en.txt").write_text("one two three.\n" * 20)
    (tmp_path / "zh.txt").write_text("今天天气。\n" * 20)
    latin = tokenize(
        settings(tmp_path / "en.txt"),
        TokenizerSettings(kind="wordpiece", vocabulary=60),
        tmp_path / "en",
    )
    made = tokenize(
        settings(tmp_path / "zh.txt"), TokenizerSettings(source=str(latin.folder)), tmp_path / "zh"
    )
    assert made.tokenizer.hash == latin.tokenizer.hash
    assert dict(made.report.tables[0].rows)["unknown tokens"] == "100.000%"
    assert any("unknown" in note for note in made.notes)
    assert not any("unknown" in note for note in latin.notes)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "words"])
def test_the_same_data_gives_the_same_bytes(kind, text_corpus, tmp_path):
    learn = TokenizerSettings(kind=kind, vocabulary=300)
    first, second = (tokenize(settings(text_corpus), learn, tmp_path / name) for name in "ab")
    assert first.fingerprint == second.fingerprint


def test_the_cache_is_used_until_the_data_or_the_settings_change(text_corpus, tmp_path):
    data, cache, copy = settings(text_corpus), tmp_path / "cache", tmp_path / "copy.txt"
    said = []
    first = shards_for(data, BYTE_PIECES, cache, say=said.append)
    assert said
    said.clear()
    assert shards_for(data, BYTE_PIECES, cache, say=said.append).folder == first.folder
    assert not said
    others = [
        shards_for(settings(text_corpus, limit=50), BYTE_PIECES, cache),
        shards_for(data, TokenizerSettings(kind="words"), cache),
    ]
    copy.write_bytes(text_corpus.read_bytes())
    others.append(shards_for(settings(copy), BYTE_PIECES, cache))
    copy.write_text(copy.read_text().replace("garden", "harbor", 1))
    others.append(shards_for(settings(copy), BYTE_PIECES, cache))
    assert len({tokenized.folder for tokenized in (first, *others)}) == 5


def test_shards_by_other_rules_of_sentences_are_other_shards(tmp_path):
    corpus = tmp_path / "zh.txt"
    corpus.write_text("“你好吗？”她问。\n" * 20)
    found = {}
    for rules, sentences in ((1, 40), (2, 20)):
        data = settings(corpus, sentence_rules=rules)
        found[rules] = shards_for(data, BYTE_PIECES, tmp_path / "cache")
        assert dict(found[rules].report.tables[0].rows)["sentences"] == str(sentences)
    assert found[1].folder != found[2].folder


def test_a_damaged_cache_is_made_anew(text_corpus, tmp_path):
    data = settings(text_corpus)
    first = shards_for(data, BYTE_PIECES, tmp_path)
    shard = first.folder / "tokens-00000.safetensors"
    shard.write_bytes(shard.read_bytes()[:-2])
    said = []
    again = shards_for(data, BYTE_PIECES, tmp_path, say=said.append)
    assert "damaged" in said[0]
    assert (again.folder, again.fingerprint) == (first.folder, first.fingerprint)
    assert [path.name for path in (tmp_path / "shards").iterdir()] == [first.folder.name]


def test_writers_at_one_time_end_with_one_whole_copy(text_corpus, tmp_path):
    start, found = threading.Barrier(5), []

    def write():
        start.wait()
        found.append(shards_for(settings(text_corpus), BYTE_PIECES, tmp_path))

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 5
    assert len({(tokenized.folder, tokenized.fingerprint) for tokenized in found}) == 1
    assert [path.name for path in (tmp_path / "shards").iterdir()] == [found[0].folder.name]
    Corpus.open(found[0].folder, 32, verify=True)


def test_shards_are_taken_as_they_are_but_not_with_another_tokenizer(text_corpus, tmp_path):
    made = tokenize(settings(text_corpus), BYTE_PIECES, tmp_path / "shards")
    taken = shards_for(
        settings(made.folder), TokenizerSettings(source=str(made.folder)), tmp_path / "cache"
    )
    assert (taken.folder, taken.fingerprint) == (made.folder, made.fingerprint)
    other = tokenize(settings(text_corpus), TokenizerSettings(kind="words"), tmp_path / "other")
    with pytest.raises(DataError, match="another tokenizer"):
        shards_for(
            settings(made.folder), TokenizerSettings(source=str(other.folder)), tmp_path / "cache"
        )


def test_shards_are_replaced_and_nothing_else_is(text_corpus, tmp_path):
    first = tokenize(settings(text_corpus), BYTE_PIECES, tmp_path / "shards")
    second = tokenize(settings(text_corpus, limit=9), BYTE_PIECES, tmp_path / "shards")
    assert first.fingerprint != second.fingerprint
    for name in ("folder/thesis.txt", "file"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("years of work")
        with pytest.raises(UsageError, match="something else"):
            tokenize(settings(text_corpus), BYTE_PIECES, tmp_path / name.partition("/")[0])
        assert (tmp_path / name).read_text() == "years of work"
    with pytest.raises(UsageError, match="file is a file, not a folder"):
        tokenize(settings(text_corpus), BYTE_PIECES, tmp_path / "file" / "below")


def test_a_disk_that_takes_no_more_leaves_nothing(text_corpus, tmp_path):
    limits, handler = (
        resource.getrlimit(resource.RLIMIT_FSIZE),
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
    )
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, limits[1]))
        with pytest.raises(RunError, match="cannot write"):
            tokenize(settings(text_corpus), BYTE_PIECES, tmp_path / "out" / "shards")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", ["wordpiece", "bpe", "unigram", "words"])
def test_a_corpus_without_text_is_an_error(kind, tmp_path):
    (tmp_path / "c.txt").write_text(" \n\n \n")
    with pytest.raises(DataError, match="no text"):
        tokenize(settings(tmp_path / "c.txt"), TokenizerSettings(kind=kind), tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


def test_pieces_that_cannot_be_learnt_are_an_error(tmp_path):
    (tmp_path / "c.txt").write_text("the quick brown fox jumps over the lazy dog\n")
    with pytest.raises(DataError, match="unigram cannot learn 10 pieces"):
        tokenizer_for(
            settings(tmp_path / "c.txt"), TokenizerSettings(kind="unigram", vocabulary=10)
        )


def test_a_pipe_is_read_whole_though_it_comes_once(tmp_path):
    pipe, text = tmp_path / "pipe", "The cat sees the dog.\n" * 50
    os.mkfifo(pipe)
    found = []
    for name in "ab":
        feeder = threading.Thread(target=pipe.write_text, args=(text,))
        feeder.start()
        found.append(shards_for(settings(pipe), BYTE_PIECES, tmp_path / "cache"))
        feeder.join()
        assert dict(found[-1].report.tables[0].rows)["documents"] == "50", name
    assert found[0].folder == found[1].folder  # known by its content, however often it comes


def test_lines_of_json_are_not_taken_for_plain_text(tmp_path):
    lines = "".join(f"{json.dumps({'text': f'The cat {number}.'})}\n" for number in range(30))
    path, pipe = tmp_path / "a.txt", tmp_path / "pipe"
    path.write_text(lines)
    for reader, text in (("jsonl", "The cat 0."), ("txt", lines.splitlines()[0])):
        data = settings(path, reader=reader)
        assert next(iter(documents(expand(data.train, reader), data))).text == text
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_text, args=(lines,))
    feeder.start()
    for reference in (path, pipe):
        with pytest.raises(DataError, match="has no plain text but lines of JSON") as caught:
            expand([str(reference)], None)
        assert reference.name in caught.value.message
        assert "--reader jsonl" in caught.value.hint
    feeder.join()
    for text in ("{The cat} sees\n", '[1]\n["a"]\n', "", "5\n6\n", '{"a": 1}\nand text\n'):
        path.write_text(text)
        assert [source.reader for source in expand([str(path)], None)] == ["txt"]


def test_documents_are_learnt_from_all_over_a_large_corpus(tmp_path):
    (tmp_path / "c.txt").write_text("".join(f"word{number:04d}\n" for number in range(1_000)))
    data = settings(tmp_path / "c.txt")
    learnt = [
        int(text[4:])
        for text in tokenizer_training._texts_to_learn_from(expand(data.train, None), data, 2_000)
    ]
    assert 200 <= len(learnt) <= 250
    assert max(np.diff([0, *learnt, 1_000])) <= 5


def test_a_large_document_is_encoded_in_portions(tmp_path, monkeypatch):
    text = "".join(f"Sentence number {number} is here. " for number in range(400))
    (tmp_path / "c.txt").write_text(text)
    whole = tokenize(settings(tmp_path / "c.txt"), BYTE_PIECES, tmp_path / "whole")
    taken, largest = TokenizerSettings(source=str(whole.folder)), []
    encode = Tokenizer.encode_together
    monkeypatch.setattr(
        Tokenizer,
        "encode_together",
        lambda self, texts: largest.append(sum(map(len, texts))) or encode(self, texts),
    )
    monkeypatch.setattr(shard_writer, "PORTION_CHARACTERS", 1_000)
    portions = tokenize(settings(tmp_path / "c.txt"), taken, tmp_path / "portions")
    assert portions.fingerprint == whole.fingerprint
    assert max(largest) < 1_100 < len(text)


def test_memory_does_not_grow_with_the_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_writer, "PORTION_CHARACTERS", 10_000)
    monkeypatch.setattr(files_module, "_BLOCK_BYTES", 10_000)
    monkeypatch.setattr(shard_writing, "SHARD_NUMBERS", 10_000)
    (tmp_path / "small.txt").write_text("The cat sees the dog in the garden.\n" * 500)
    taken = TokenizerSettings(
        source=str(
            tokenize(settings(tmp_path / "small.txt"), BYTE_PIECES, tmp_path / "shards").folder
        )
    )
    peaks = []
    line = "The cat sees the dog in the garden. " * 10 + "\n"
    for count in (500, 2_500):
        (tmp_path / "c.txt").write_text(line * count)
        tracemalloc.start()
        tokenize(
            settings(tmp_path / "c.txt", reader_options={"documents_by": "line"}),
            taken,
            tmp_path / f"out-{count}",
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # offsets pass through buffers, texts do not stay
    assert peaks[1] - peaks[0] < 0.5 * 2_000 * len(line)


@pytest.mark.parametrize("most_hashes", [1 << 20, 200])
def test_duplicate_lines_are_counted_or_estimated(most_hashes, monkeypatch):
    monkeypatch.setattr(statistics_module, "MOST_HASHES", most_hashes)
    random = np.random.default_rng(0)
    lines = [f"line {number}" for number in random.integers(0, 4_000, 10_000)]
    counted = DuplicateLines()
    for line in lines:
        counted.add(line)
    truth = 1 - len(Counter(lines)) / len(lines)
    assert len(counted.seen) <= most_hashes + 1
    assert counted.share == pytest.approx(truth, abs=1e-12 if most_hashes > 4_000 else 0.1)


def test_pieces_are_shown_with_their_numbers(text_corpus):
    tokenizer = tokenizer_for(
        settings(text_corpus), TokenizerSettings(kind="wordpiece", vocabulary=200)
    )
    report = show_pieces("The cat sees", tokenizer)
    ids = tokenizer.encode("The cat sees")
    assert [row[1:] for row in report.tables[0].rows] == list(
        zip(tokenizer.pieces(ids), ids.tolist(), strict=True)
    )
    assert "".join(span.text for span in report.passages[0].spans).split() == tokenizer.pieces(ids)


def test_real_text_in_two_languages(real_data, tmp_path):
    corpora = real_data / "corpus"
    data = settings(corpora / "essays-en.txt.gz", f"zh={corpora / 'news-zh.txt.gz'}", limit=40)
    made = tokenize(data, TokenizerSettings(kind="bpe", vocabulary=2_000), tmp_path / "shards")
    corpus = Corpus.open(made.folder, 128, verify=True)
    originals = [document.text for document in documents(expand(data.train, None), data)]
    assert decoded(corpus, made.tokenizer) == originals


def read_of(tmp_path, sizes, most_bytes, exponent=0.7):
    """Bytes that are read of each language to learn from, of documents of ten bytes."""
    for language, count in sizes.items():
        (tmp_path / f"{language}.txt").write_text(
            "".join(f"{language}{number:06d}.\n" for number in range(count))
        )
    data = DataSettings(
        train=tuple(f"{language}={tmp_path / language}.txt" for language in sizes),
        language_exponent=exponent,
    )
    texts = list(
        tokenizer_training._texts_to_learn_from(expand(data.train, None), data, most_bytes)
    )
    assert len(set(texts)) == len(texts)
    return {language: 10 * sum(text.startswith(language) for text in texts) for language in sizes}


def test_pieces_are_learnt_from_languages_in_the_shares_of_the_exponent(tmp_path):
    """Ten to one becomes 10 ** 0.7 to one, all of the smaller one where there is room; with an
    exponent of 1 all of both.
    """
    read = read_of(tmp_path, {"en": 4000, "zh": 400}, 10**6)
    assert read["zh"] == 4000
    assert read["en"] / read["zh"] == pytest.approx(10**0.7, rel=0.01)
    read = read_of(tmp_path, {"en": 4000, "zh": 400}, 10_000)
    assert sum(read.values()) == pytest.approx(10_000, rel=0.02)
    assert read["en"] / read["zh"] == pytest.approx(10**0.7, rel=0.1)
    assert read_of(tmp_path, {"en": 4000, "zh": 400}, 10**6, exponent=1.0) == {
        "en": 40_000,
        "zh": 4000,
    }
    assert read_of(tmp_path, {"en": 4000}, 20_000)["en"] == pytest.approx(20_000, rel=0.02)
