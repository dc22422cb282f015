"""What demo:world knows of itself as records: senses, the dictionary and parallel sentences, in all
its languages.
"""

import re
from collections import Counter

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.lexicon import LANGUAGES

from sslcli.contracts.reader import HasLanguages
from sslcli.errors import DataError

LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", "абцдефгхижклмнопщрстувшчыз", strict=True))
KINDS = ("texts", "pairs", "words", "questions", "senses", "dictionary", "parallel")


def reader(**options):
    return DemoReader(DemoReader.Options(**{"sentences": 1_000, **options}))


def records(kind, split="test", **options):
    return [record.values for record in reader(**options).records("demo:world", kind, split)]


def respelt(english):
    return "".join(LETTERS.get(letter, letter) for letter in english)


def words_of(text):
    return re.findall(r"[.,?]|[^\s.,?]+", text)


def test_a_use_of_a_word_is_where_it_is_said_to_be_and_no_sense_crowds_out_another():
    found = records("senses", sentences=10_000)
    for use in found:
        assert use["text"][use["start"] :].startswith(use["word"])
    counts = Counter((use["language"], use["word"], use["sense"]) for use in found)
    for language in ("en", "zh"):
        senses = {
            (language, word, concept.type)
            for word, pair in World().lexicon.two_sense_words(language).items()
            for concept in pair
        }
        assert {key for key in counts if key[0] == language} == senses
    assert max(counts.values()) == 100
    assert len({(use["text"], use["start"]) for use in found}) == len(found)


def test_the_dictionary_has_a_row_a_concept_that_two_languages_name_differently():
    concepts = [concept for concept in World().lexicon.concepts() if concept.type != "price"]
    assert records("dictionary") == [
        {"en": each.english, "zh": each.chinese, "type": each.type} for each in concepts
    ]
    anchored = records("dictionary", anchors=0.2)
    assert len(anchored) == len(concepts) - round(0.2 * len(concepts))
    assert all(row["en"] != row["zh"] for row in anchored)


def test_parallel_sentences_say_the_same_and_no_training_part_has_them():
    told = {
        document_sentence.strip()
        for document in reader().documents("demo:world")
        for document_sentence in document.sentences
    }
    meanings = {}
    for concept in World().lexicon.concepts():
        meanings.setdefault(concept.english, set()).add(concept.chinese)
    functions = {
        **{english: chinese for english, (chinese, _) in World().lexicon.function_words.items()},
        "an": "一个",
    }
    for split in ("train", "test"):
        rows = records("parallel", split)
        assert len(rows) == {"train": 4_000, "test": 1_000}[split]
        assert told.isdisjoint(text for row in rows for text in row.values())
        assert len({row["en"] for row in rows}) == len({row["zh"] for row in rows}) == len(rows)
    for row in rows:
        for english, chinese in zip(words_of(row["en"]), words_of(row["zh"]), strict=True):
            assert chinese in meanings.get(english, {functions.get(english, english)})


@pytest.mark.parametrize(
    ("language", "columns"),
    [
        ("en", "en zh"),
        ("zh", "en zh"),
        ("both", "en zh"),
        ("fake", "en fake"),
        ("en+fake", "en fake"),
        ("all", "en zh fake"),
    ],
)
def test_translations_are_between_two_languages_whatever_is_read(language, columns):
    for kind, more in (("dictionary", ["type"]), ("parallel", [])):
        assert list(records(kind, language=language)[0]) == [*columns.split(), *more]


def test_fake_is_english_in_other_letters():
    both = records("parallel", language="en+fake")
    assert both == [{"en": row["en"], "fake": respelt(row["en"])} for row in both]
    assert [row["fake"] for row in records("dictionary", language="fake")] == [
        respelt(row["en"]) for row in records("dictionary")
    ]
    assert not {
        letter
        for document in reader(language="fake").documents("demo:world")
        for letter in document.text
    } & set(LETTERS)


def test_what_chinese_shares_with_english_fake_shares_too():
    anchored = {
        concept.english for concept in World(anchors=0.3).lexicon.concepts() if concept.shared
    }
    assert {concept.word("fake") for concept in World(anchors=0.3).lexicon.concepts()} & set(
        LANGUAGES
    ) == set()
    assert {
        concept.word("fake") for concept in World(anchors=0.3).lexicon.concepts() if concept.shared
    } == anchored


def test_fake_says_other_things_than_english_does():
    english, fake = (
        [
            document.text
            for document in reader(language=language).documents("demo:world")
            if document.language == code
        ]
        for language, code in (("en", "en"), ("en+fake", "fake"))
    )
    assert len({respelt(text) for text in english} & set(fake)) < len(fake) / 4


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_is_there_in_fake(kind):
    found = records(kind, language="fake")
    assert len(found) > 20
    assert {values.get("language", "fake") for values in found} == {"fake"}


def test_a_reader_can_be_asked_for_some_of_its_languages():
    assert isinstance(reader(), HasLanguages)
    alone = [document.text for document in reader(language="zh").documents("demo:world")]
    assert [document.text for document in reader().only("zh").documents("demo:world")] == alone
    assert {
        document.language for document in reader().only("en", "fake").documents("demo:world")
    } == {"en", "fake"}
    with pytest.raises(DataError, match="no language 'de'") as caught:
        reader().only("en", "de")
    assert "fake" in caught.value.hint


def test_summaries_are_the_sentence_that_matters_at_any_place():
    given = {"pairs": "summaries", "sentences": 3_000}
    for language, pattern in (("en", r"lives in (?!the )"), ("zh", "居住 在")):
        told = reader(**given, language=language).records("demo:world", "parallel", "train")
        rows = [record.values for record in told]
        assert len(rows) > 100
        places = set()
        for row in rows:
            assert row["language"] == language
            before, _, behind = row["document"].partition(row["summary"])
            assert re.search(pattern, row["summary"])
            assert language == "zh" or not re.search(pattern, before + behind)
            places.add(before.count("."))
        assert {0, 1, 2, 3} <= places
    both = reader(**given).records("demo:world", "parallel", "test")
    assert {record.values["language"] for record in both} == {"en", "zh"}
    train, test = (
        {r.values["document"] for r in reader(**given).records("demo:world", "parallel", split)}
        for split in ("train", "test")
    )
    assert len(train & test) < len(test) / 50
