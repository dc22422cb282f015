"""demo:world as labelled records: true answers, nothing asked twice, no test question in the
training.
"""

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.world.generated import World

from sslcli.contracts.reader import GivesRecords
from sslcli.errors import DataError

ASKED = {
    "texts": ["text"],
    "pairs": ["premise", "hypothesis"],
    "words": ["tokens"],
    "questions": ["context", "question"],
}


def records(kind, split="train", **options):
    return list(
        DemoReader(DemoReader.Options(**{"sentences": 1_500, **options})).records(
            "demo:world", kind, split
        )
    )


def asked(kind, records):
    return [repr([record.values[column] for column in ASKED[kind]]) for record in records]


@pytest.mark.parametrize("kind", ASKED)
def test_no_question_is_asked_twice(kind):
    train, test = (asked(kind, records(kind, split)) for split in ("train", "test"))
    assert len(train) > 200
    assert len(test) > 50
    assert len({*train, *test}) == len(train) + len(test)


@pytest.mark.parametrize("kind", ASKED)
def test_languages_take_turns_and_records_are_numbered(kind):
    found = records(kind)
    assert {record.values["language"] for record in found[:4]} == {"en", "zh"}
    assert [record.where.record for record in found] == list(range(1, len(found) + 1))
    assert {record.values["language"] for record in records(kind, language="zh")} == {"zh"}


def test_the_sizes_stay_small_whatever_the_corpus_weighs():
    assert (
        len(records("pairs", sentences=1_000_000)),
        len(records("pairs", "test", sentences=1_000_000)),
    ) == (4_000, 1_000)


def test_answers_stand_where_they_are_said_to():
    for record in records("questions"):
        (answer,), (start,) = (
            record.values["answers"]["text"],
            record.values["answers"]["answer_start"],
        )
        assert record.values["context"][start:].startswith(answer)
    for record in records("words"):
        assert len(record.values["tokens"]) == len(record.values["tags"])
    assert {record.values["label"] for record in records("texts")} == {"positive", "negative"}
    assert {record.values["label"] for record in records("pairs")} == {
        "entailment",
        "contradiction",
        "neutral",
    }


def test_it_says_what_it_has_not():
    assert isinstance(DemoReader(DemoReader.Options()), GivesRecords)
    with pytest.raises(DataError, match="has no sequences") as caught:
        records("sequences")
    assert "questions" in caught.value.hint
    assert "parallel" in caught.value.hint
    with pytest.raises(DataError, match="demo:moon"):
        list(DemoReader(DemoReader.Options()).records("demo:moon", "texts", "train"))


@pytest.mark.parametrize("kind", ASKED)
def test_the_training_part_is_told_once_for_both_splits(kind, monkeypatch):
    """And what a caller does to its records is not in those of the next one."""
    told, contents = [], World.contents

    def counting(world, purpose, sentences):
        told.append(purpose)
        return contents(world, purpose, sentences)

    monkeypatch.setattr(World, "contents", counting)
    fresh = {"sentences": 300, "seed": 7}
    first = records(kind, **fresh)
    expected = asked(kind, first)
    for record in first:
        record.values.clear()
    test = asked(kind, records(kind, "test", **fresh))
    assert asked(kind, records(kind, **fresh)) == expected
    assert sorted(told) == ["en test", "en train", "zh test", "zh train"]
    assert set(test).isdisjoint(expected)
