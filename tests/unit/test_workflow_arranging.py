"""Rows in the cache: found again, made anew where they are damaged, shared by makers at once,
bounded in memory.
"""

import sys
import threading
import tracemalloc
import types

import numpy as np
import pytest

from sslcli import registry
from sslcli.api import DataError, Objective, PluginError, Rng, Rows
from sslcli.datasets import arrange
from sslcli.datasets.arrange import LENGTHS, VALUES, arranged, refuse_single_sentences
from sslcli.testing import Bench, corpus_in_memory, tiny_corpus, tiny_tokenizer

CLASSES = {"sop": registry.load("objectives", "sop")}
OPTIONS = {"sop": CLASSES["sop"].Options()}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path))
    return tmp_path / "rows"


@pytest.fixture
def objective():
    return Bench.of(CLASSES["sop"], None, "encoder").collator()


def plain_rows(objective, corpus):
    return [
        np.concatenate(parts)
        for parts in zip(
            *((rows.values, rows.lengths) for rows in objective.arrange(corpus)), strict=True
        )
    ]


def in_chunks(objective, chunks, monkeypatch):
    """The objective, giving these chunks; the list grows by one each time that it is asked for
    them.
    """
    asked = []

    def arrange(corpus):
        asked.append(corpus)
        yield from chunks

    monkeypatch.setattr(objective, "arrange", arrange)
    return asked


def test_rows_equal_those_of_the_objective_and_are_made_once(cache, objective, monkeypatch):
    corpus = tiny_corpus()
    values, lengths = plain_rows(objective, corpus)
    asked = in_chunks(
        objective,
        [
            Rows(values[:0], lengths[:0]),
            Rows(values[:7], lengths[:7]),
            Rows(values[7:], lengths[7:]),
        ],
        monkeypatch,
    )
    for _ in range(2):
        source = arranged(objective, CLASSES, OPTIONS, corpus)
        assert np.array_equal(source.rows, values)
        assert np.array_equal(source.lengths, lengths)
        assert len(source) == len(values)
        assert len(source.sample(3, Rng(0, 0).sample(3))) == lengths[3]
    assert len(asked) == 1
    assert len(list(cache.iterdir())) == 1


def test_other_data_and_another_length_give_other_rows(cache, objective):
    for corpus in (tiny_corpus(), tiny_corpus(sequence_tokens=48), tiny_corpus(unit="sentence")):
        arranged(objective, CLASSES, OPTIONS, corpus)
    assert len(list(cache.iterdir())) == 3


def truncate(path):
    path.write_bytes(path.read_bytes()[:-8])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.unlink()])
@pytest.mark.parametrize("name", [VALUES, LENGTHS, "manifest.json"])
def test_damaged_rows_are_made_anew(cache, objective, damage, name):
    corpus = tiny_corpus()
    values, lengths = plain_rows(objective, corpus)
    arranged(objective, CLASSES, OPTIONS, corpus)
    (folder,) = cache.iterdir()
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder / name)
    said = []
    source = arranged(objective, CLASSES, OPTIONS, corpus, said.append)
    assert "damaged" in said[0]
    assert name in said[0]
    assert np.array_equal(source.rows, values)
    assert np.array_equal(source.lengths, lengths)
    assert list(cache.iterdir()) == [folder]
    if name != "manifest.json":  # of which not every byte matters
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_of_makers_at_once_one_makes_and_all_share(cache, objective, monkeypatch):
    corpus = tiny_corpus()
    values, lengths = plain_rows(objective, corpus)
    waiting, found, asked, said = threading.Event(), [], [], []

    def arrange(corpus):
        asked.append(corpus)
        assert waiting.wait(timeout=20)  # two others have found the cache empty and wait
        yield Rows(values, lengths)

    def say(sentence):
        said.append(sentence)
        if len(said) == 2:
            waiting.set()

    monkeypatch.setattr(objective, "arrange", arrange)
    makers = [
        threading.Thread(
            target=lambda: found.append(arranged(objective, CLASSES, OPTIONS, corpus, say))
        )
        for _ in range(3)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(asked) == 1
    assert all(sentence.startswith("waiting for another process") for sentence in said)
    assert len(found) == 3
    assert all(np.array_equal(source.rows, values) for source in found)
    assert len({source.lengths.base.filename for source in found}) == 1
    assert len(list(cache.iterdir())) == 1


def test_data_without_a_sample_is_refused_and_leaves_nothing(cache, objective):
    # a pair takes two sentences
    corpus = corpus_in_memory([[np.asarray([9, 9])] for _ in range(3)])
    with pytest.raises(DataError, match="the data gives not a single sample"):
        arranged(objective, CLASSES, OPTIONS, corpus)
    assert not list(cache.iterdir())


@pytest.mark.parametrize("second", [np.zeros((2, 4)), np.zeros((3, 5)), np.zeros(2)])
def test_rows_of_another_shape_are_refused(cache, objective, monkeypatch, second):
    in_chunks(
        objective, [Rows(np.zeros((2, 5)), np.ones(2)), Rows(second, np.ones(2))], monkeypatch
    )
    with pytest.raises(PluginError, match="rows of shape"):
        arranged(objective, CLASSES, OPTIONS, tiny_corpus())


def test_memory_does_not_grow_with_the_rows(cache, objective, monkeypatch):
    peaks, chunk = [], Rows(np.ones((10_000, 5), dtype=np.int64), np.ones(10_000, dtype=np.int64))
    # the first warms up; all are more than is hashed at once
    for number, count in enumerate((25, 25, 75)):
        in_chunks(objective, [chunk] * count, monkeypatch)
        corpus = tiny_corpus(sequence_tokens=32 + number)
        tracemalloc.start()
        assert len(arranged(objective, CLASSES, OPTIONS, corpus)) == 10_000 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + chunk.values.nbytes


def test_a_class_without_source_is_known_by_its_name(cache, objective, monkeypatch):
    module = types.ModuleType("compiled_plugin")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = [
        type(name, (CLASSES["sop"],), {"__module__": module.__name__}) for name in ("One", "Other")
    ]
    for cls in names:
        assert len(arranged(objective, {"sop": cls}, OPTIONS, tiny_corpus()))
    assert len(list(cache.iterdir())) == 2
    assert arrange._code_of(type(tiny_tokenizer())) != arrange._code_of(CLASSES["sop"])


def test_documents_of_one_sentence_are_refused_where_sentences_are_paired():
    single = corpus_in_memory([[np.asarray([9, 9])] for _ in range(3)])
    double = corpus_in_memory([[np.asarray([9, 9]), np.asarray([8])], [np.asarray([9, 9])]])
    pairing = {"other": Objective, "next": type("Next", (Objective,), {"arranges": "pairs"})}
    with pytest.raises(DataError, match=r"next pairs sentences, .* of a\.txt is a single one") as e:
        refuse_single_sentences(pairing, ["a.txt"], single)
    assert "documents of several sentences" in e.value.hint
    refuse_single_sentences(pairing, ["a.txt"], double)
    refuse_single_sentences({"other": Objective}, ["a.txt"], single)
