"""Shards and the corpus over them, against the same documents held in plain lists; every damage is
noticed.
"""

import shutil
import tracemalloc

import numpy as np
import pytest

from sslcli.data import shard_writing
from sslcli.data.corpus import Corpus
from sslcli.data.shard_writing import ShardWriter, Texts
from sslcli.data.shards import map_shards, map_tensor, read_manifest
from sslcli.errors import DataError


def documents(count=40, seed=0):
    random = np.random.default_rng(seed)
    return [
        [
            random.integers(0, 70_000, int(random.integers(1, 9)))
            for _ in range(int(random.integers(1, 6)))
        ]
        for _ in range(count)
    ]


def one_document(sentences, language):
    """Ten bytes a token."""
    sizes = np.asarray([len(sentence) for sentence in sentences])
    return Texts(
        np.concatenate(sentences), sizes, 10 * sizes, np.asarray([len(sentences)]), [language]
    )


def written(folder, content, shard_numbers=50):
    original, shard_writing.SHARD_NUMBERS = shard_writing.SHARD_NUMBERS, shard_numbers
    try:
        with ShardWriter(folder, {"made": "here"}) as writer:
            for number, sentences in enumerate(content):
                writer.add_texts(one_document(sentences, "zh" if number % 3 == 0 else "en"))
    finally:
        shard_writing.SHARD_NUMBERS = original
    return folder


@pytest.fixture
def corpus(tmp_path):
    return Corpus.open(written(tmp_path / "shards", documents()), sequence_tokens=32)


def test_tokens_across_shards_equal_the_plain_lists(corpus):
    plain = np.concatenate([sentence for sentences in documents() for sentence in sentences])
    assert len(list(corpus.folder.glob("tokens-*.safetensors"))) > 3
    random = np.random.default_rng(1)
    for _ in range(200):
        start, stop = np.sort(random.integers(0, len(plain) + 1, 2))
        assert np.array_equal(corpus.tokens(int(start), int(stop)), plain[start:stop])


def test_offsets_languages_and_bytes_equal_the_plain_lists(corpus):
    content = documents()
    assert corpus.languages == ("zh", "en")
    token = 0
    for number, sentences in enumerate(content):
        assert corpus.languages[corpus.language_of(number)] == ("zh" if number % 3 == 0 else "en")
        first, stop = corpus.documents[number : number + 2]
        assert stop - first == len(sentences)
        for place, sentence in enumerate(sentences):
            begin, end = (
                int(offset) for offset in corpus.sentences[first + place : first + place + 2]
            )
            assert (begin, end) == (token, token + len(sentence))
            assert corpus.bytes_between(begin, end) == pytest.approx(10 * len(sentence))
            token = end
    assert corpus.bytes_between(3, 17) == pytest.approx(140)


def test_wide_vocabularies_take_four_bytes_and_narrow_ones_two(tmp_path, corpus):
    assert corpus._shards[0].dtype == np.uint32
    assert corpus.tokens(0, 3).dtype == np.int64


def test_split_keeps_documents_apart_and_is_the_same_every_time(corpus):
    train, held_out = corpus.split(0.3, seed=5)
    again = corpus.split(0.3, seed=5)[1]
    assert np.array_equal(held_out.spans, again.spans)
    assert held_out.fingerprint == again.fingerprint != train.fingerprint
    assert sorted([*train.spans[:, 0], *held_out.spans[:, 0]]) == list(range(40))
    assert not np.array_equal(corpus.split(0.3, seed=6)[1].spans, held_out.spans)


def test_few_documents_give_up_their_last_sentences(tmp_path):
    content = [[np.arange(3)] * 10, [np.arange(4)] * 20]
    train, held_out = Corpus.open(written(tmp_path / "few", content), sequence_tokens=8).split(
        0.1, seed=0
    )
    assert train.spans.tolist() == [[0, 0, 9], [1, 10, 28]]
    assert held_out.spans.tolist() == [[0, 9, 10], [1, 28, 30]]


@pytest.mark.parametrize("count", [20, 100, 300])
def test_a_small_share_of_few_documents_is_still_whole_documents(count, tmp_path):
    content = [[np.arange(4)] for _ in range(count)]
    train, held_out = Corpus.open(written(tmp_path / "few", content), sequence_tokens=8).split(
        0.01, seed=0
    )
    assert 5 <= len(held_out.spans) <= max(5, count // 50)
    assert sorted([*train.spans[:, 0], *held_out.spans[:, 0]]) == list(range(count))


def test_documents_of_one_sentence_stay_for_training_where_there_are_few(tmp_path):
    content = [[np.arange(3)], [np.arange(3)] * 4]
    train, held_out = Corpus.open(written(tmp_path / "few", content), sequence_tokens=8).split(
        0.01, seed=0
    )
    assert train.spans.tolist() == [[0, 0, 1], [1, 1, 4]]
    assert held_out.spans.tolist() == [[1, 4, 5]]


def test_as_many_languages_as_documents(tmp_path):
    with ShardWriter(tmp_path / "tongues", {}) as writer:
        for number in range(40_000):
            writer.add_texts(one_document([np.arange(1)], f"language-{number}"))
    corpus = Corpus.open(tmp_path / "tongues", sequence_tokens=8)
    assert corpus.languages[corpus.language_of(39_999)] == "language-39999"


def test_array_documents_of_other_shapes_are_an_error(tmp_path):
    with ShardWriter(tmp_path / "arrays", {}, modality="images") as writer:
        writer.add_array(np.zeros((4, 2)))
        with pytest.raises(DataError, match=r"document 2 .*\(3,\)"):
            writer.add_array(np.zeros((4, 3)))


HEADERS = {
    "not JSON": b"{",
    "not a table": b"[1]",
    "other name": b'{"rows":{"dtype":"U16","shape":[4],"data_offsets":[0,8]}}',
    "other type": b'{"tokens":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
    "unknown type": b'{"tokens":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}}',
    "beyond the end": b'{"tokens":{"dtype":"U16","shape":[400],"data_offsets":[0,800]}}',
    "negative": b'{"tokens":{"dtype":"U16","shape":[-4],"data_offsets":[0,-8]}}',
    "into the header": b'{"tokens":{"dtype":"U16","shape":[8],"data_offsets":[-8,8]}}',
    "overflowing": b'{"tokens":{"dtype":"U16","shape":[4294967296,4294967296],"data_offsets":[0,0]}}',
    "shape of text": b'{"tokens":{"dtype":"U16","shape":["4"],"data_offsets":[0,8]}}',
    "no offsets": b'{"tokens":{"dtype":"U16","shape":[4],"data_offsets":[]}}',
    "deep": b'{"tokens":' + b"[" * 100_000,
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_lie_are_refused(case, tmp_path):
    header = HEADERS[case]
    (tmp_path / "t.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(DataError, match=r"t\.safetensors"):
        map_tensor(tmp_path / "t.safetensors", "tokens")


def test_too_little_data_to_hold_out_is_an_error(tmp_path):
    with pytest.raises(DataError, match="too small"):
        Corpus.open(written(tmp_path / "one", [[np.arange(3)]]), sequence_tokens=8).split(
            0.5, seed=0
        )


def test_array_documents_come_back(tmp_path):
    rows = [
        np.random.default_rng(n).normal(size=(n + 1, 2, 3)).astype(np.float32) for n in range(9)
    ]
    with ShardWriter(tmp_path / "arrays", {}, modality="sound") as writer:
        for array in rows:
            writer.add_array(array)
    corpus = Corpus.open(tmp_path / "arrays", sequence_tokens=8)
    assert corpus.modality == "sound"
    for number, array in enumerate(rows):
        assert np.array_equal(corpus.array(number), array)


def flip(path, place=-3):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def shard(folder, number=0):
    return folder / f"tokens-{number:05d}.safetensors"


DAMAGES = {
    "bit in tokens": lambda f: flip(shard(f)),
    "bit in an index": lambda f: flip(f / "index" / "sentences.safetensors"),
    "bit in a header": lambda f: flip(shard(f), 12),
    "truncated": lambda f: shard(f, 1).write_bytes(shard(f, 1).read_bytes()[:-2]),
    "zero length": lambda f: shard(f, 1).write_bytes(b""),
    "missing": lambda f: shard(f, 2).unlink(),
    "swapped": lambda f: (
        shard(f, 0).rename(f / "x"),
        shard(f, 1).rename(shard(f, 0)),
        (f / "x").rename(shard(f, 1)),
    ),
    "another corpus's index": lambda f: shutil.copy(
        written(f.parent / "other", documents(30, 9)) / "index" / "documents.safetensors",
        f / "index",
    ),
    "no manifest": lambda f: (f / "manifest.json").unlink(),
    "manifest is no JSON": lambda f: (f / "manifest.json").write_text("{"),
    "manifest of another kind": lambda f: (f / "manifest.json").write_text('{"files": {}}'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_found_by_verifying(damage, tmp_path):
    folder = written(tmp_path / "shards", documents())
    read_manifest(folder, verify=True)
    DAMAGES[damage](folder)
    with pytest.raises(DataError):
        Corpus.open(folder, sequence_tokens=32, verify=True)


@pytest.mark.parametrize(
    "damage",
    [
        "truncated",
        "zero length",
        "missing",
        "no manifest",
        "manifest is no JSON",
        "manifest of another kind",
    ],
)
def test_coarse_damage_is_found_without_hashing(damage, tmp_path):
    folder = written(tmp_path / "shards", documents())
    DAMAGES[damage](folder)
    with pytest.raises(DataError):
        Corpus.open(folder, sequence_tokens=32)


def test_nothing_is_left_when_writing_fails(tmp_path):
    def write_half():
        with ShardWriter(tmp_path / "half", {}) as writer:
            writer.add_texts(one_document([np.arange(5)], ""))
            raise RuntimeError("by hand")

    with pytest.raises(RuntimeError, match="by hand"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_shards_are_opened_in_memory_that_does_not_grow_with_them(tmp_path):
    peaks = []
    for count in (1_000, 20_000):
        folder = written(tmp_path / f"{count}", [[np.arange(2)]] * count, shard_numbers=1 << 20)
        tracemalloc.start()
        shards = map_shards(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(shards.index["documents"]) == count + 1
        assert shards.fingerprint == Corpus.open(folder, sequence_tokens=1).fingerprint
    # a single number of every document would be eight times that
    assert peaks[1] < peaks[0] + 20_000
