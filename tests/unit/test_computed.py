"""What a reader computes is computed once a machine, and is the same when it is read from the
cache.
"""

from itertools import islice

import numpy as np
import pytest
from sslplugins.readers.demo import REFERENCE, DemoReader
from sslplugins.readers.txt import TextReader
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.known import KNOWN
from sslplugins.readers.world.labelled import KINDS

from sslcli.data.documents import Document, Where
from sslcli.data.records.record import Record
from sslcli.datasets import computed
from sslcli.datasets.computed import documents_of, records_of
from sslcli.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "computed"


def reader(**options) -> DemoReader:
    return DemoReader(DemoReader.Options(**{"sentences": 700, **options}))


@pytest.fixture
def untold(monkeypatch):
    """A world that nobody may tell any more."""

    def forbid():
        def told(*given):
            raise AssertionError("the world is told again")

        monkeypatch.setattr(World, "contents", told)

    return forbid


@pytest.mark.parametrize("language", ["both", "all", "en"])
def test_documents_are_told_once(language, untold):
    fresh = list(reader(language=language, seed=5).documents(REFERENCE))
    assert list(documents_of(reader(language=language, seed=5), REFERENCE)) == fresh
    untold()
    again = list(documents_of(reader(language=language, seed=5), REFERENCE))
    assert again == fresh
    assert all(isinstance(document.sentences, tuple) for document in again)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("kind", [*KINDS, *KNOWN])
def test_records_are_told_once(kind, split, untold):
    fresh = list(reader().records(REFERENCE, kind, split))
    assert fresh
    assert list(records_of(reader(), REFERENCE, kind, split)) == fresh
    if kind != "dictionary":  # which is looked up, not told
        untold()
    again = list(records_of(reader(), REFERENCE, kind, split))
    assert again == fresh
    assert [list(map(type, record.values.values())) for record in again] == [
        list(map(type, record.values.values())) for record in fresh
    ]


def test_who_reads_a_part_keeps_nothing(cache):
    whole = list(reader().documents(REFERENCE))
    assert list(islice(documents_of(reader(), REFERENCE), 20)) == whole[:20]
    assert not cache.exists()


def test_what_changes_the_world_has_a_place_of_its_own(cache, monkeypatch):
    for options in (
        {},
        {"seed": 1},
        {"order": "chinese"},
        {"sentences": 600},
        {"part": "test"},
        {"anchors": 0.5},
    ):
        made = reader(**options)
        assert list(documents_of(made, REFERENCE)) == list(made.documents(REFERENCE))
    list(documents_of(reader().only("zh"), REFERENCE))
    assert len(list(cache.iterdir())) == 7
    monkeypatch.setattr("sslplugins.readers.demo._code", lambda: "edited")
    list(documents_of(reader(), REFERENCE))
    assert len(list(cache.iterdir())) == 8


def test_what_is_damaged_is_computed_anew(cache):
    fresh = list(documents_of(reader(), REFERENCE))
    (kept,) = cache.glob("*/" + computed.ITEMS)
    text = kept.read_text()
    kept.write_text(text.replace("apple", "apricot"))
    assert list(documents_of(reader(), REFERENCE)) == fresh
    assert kept.read_text() == text


def test_a_cache_that_takes_nothing_and_too_much_to_keep(cache, monkeypatch):
    fresh = list(reader().documents(REFERENCE))
    monkeypatch.setattr(computed, "MOST_CHARACTERS", 1_000)
    assert list(documents_of(reader(), REFERENCE)) == fresh
    assert not cache.exists()
    monkeypatch.undo()
    cache.parent.mkdir(exist_ok=True)
    cache.write_text("in the way")
    monkeypatch.setenv("SSLCLI_CACHE_DIR", str(cache.parent))
    assert list(documents_of(reader(), REFERENCE)) == fresh


class _Given(DemoReader):
    """Gives one document and one record of the test's own."""

    given = ()

    def documents(self, reference):
        return (document for document, _ in [self.given])

    def records(self, reference, kind, split):
        return (record for _, record in [self.given])

    def content_key(self, reference):
        return "the same"


HERE = Where("made:up", 1)


@pytest.mark.parametrize(
    ("document", "values"),
    [
        (Document(HERE, array=np.ones((2, 3))), {"words": ("a", "b")}),
        (Document(Where("made:up", 1, "title"), text="a"), {"by number": {1: "one"}}),
        (Document(Where.at_line("made:up", 1), text="a"), {"half a character": "\ud800"}),
        (Document(HERE, text="\ud800"), {"no JSON": HERE}),
    ],
)
def test_what_would_come_back_as_something_else_is_computed_every_time(document, values, cache):
    made = _Given(DemoReader.Options())
    made.given = document, Record(HERE, values)
    for _ in range(2):
        (found,) = documents_of(made, REFERENCE)
        assert found is document
        (record,) = records_of(made, REFERENCE, "texts", "train")
        assert record.values is values
    assert not cache.exists()


def test_what_another_kept_meanwhile_stays(cache):
    first, second = documents_of(reader(), REFERENCE), documents_of(reader(), REFERENCE)
    next(second)
    fresh = list(first)
    (kept,) = cache.glob("*/" + computed.ITEMS)
    before = kept.stat()
    assert len(list(second)) == len(fresh) - 1
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(documents_of(reader(), REFERENCE)) == fresh


def test_errors_are_those_of_the_reader():
    with pytest.raises(DataError, match="has no spans"):
        list(records_of(reader(), REFERENCE, "spans", "test"))


def test_a_file_is_read_every_time(cache, tmp_path):
    file = tmp_path / "a.txt"
    made = TextReader(TextReader.Options())
    for text in ("one", "two"):
        file.write_text(text)
        assert [document.text for document in documents_of(made, str(file))] == [text]
    assert not cache.exists()
