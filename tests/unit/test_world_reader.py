"""demo:world as a corpus: the documents, the pieces that its words become, and the recipe that goes
with it.
"""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest
from sslplugins.readers.demo import DemoReader
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.replayed import Replayed
from sslplugins.tokenizers.words import WordTrainer

from sslcli import registry
from sslcli.core.settings import TransformerSettings
from sslcli.errors import DataError
from sslcli.settings import PretrainSettings

FINGERPRINT = """
import hashlib
from sslplugins.readers.demo import DemoReader
documents = DemoReader(DemoReader.Options(sentences=500)).documents("demo:world")
print(hashlib.sha256("\\n".join(document.text for document in documents).encode()).hexdigest())
"""


def read(**options):
    return list(DemoReader(DemoReader.Options(**options)).documents("demo:world"))


@pytest.mark.parametrize("said", [{"optimizer.name": "adamw"}, {"hardware.parallel": "fsdp"}])
def test_masked_words_have_adamws_recipe_where_muon_cannot_be(said):
    """Its rate, warm-up and steps together: those of masked words beside pairs, which AdamW always
    learns.
    """
    reader = DemoReader(DemoReader.Options())
    found = reader.recipe_beside("demo:world", "mlm", said)
    assert "optimizer.name" not in found
    assert [found[key] for key in ("optimizer.rate", "schedule.warmup", "training.max_steps")] == [
        3e-3,
        300,
        4_000,
    ]
    muon = reader.recipe("demo:world", "mlm")
    assert (
        reader.recipe_beside(
            "demo:world", "mlm", {"optimizer.name": "muon", "hardware.parallel": "ddp"}
        )
        == muon
    )
    assert {key for key in muon if muon[key] != found.get(key)} == {
        "optimizer.name", "optimizer.rate", "schedule.warmup", "training.max_steps"
    }  # fmt: skip
    assert reader.recipe_beside("demo:world", "clm", said) == reader.recipe("demo:world", "clm")
    assert reader.recipe_beside("demo:world", "nsp", said) == reader.recipe("demo:world", "nsp")


def test_documents_are_paragraphs_of_whole_sentences_and_languages_take_turns():
    documents = read(sentences=1_000)
    assert [document.language for document in documents[:6]] == ["en", "zh"] * 3
    for language in ("en", "zh"):
        assert (
            sum(len(document.sentences) for document in documents if document.language == language)
            == 1_000
        )
    for number, document in enumerate(documents, start=1):
        assert "".join(document.sentences) == document.text
        assert all(
            sentence.endswith(".") and sentence.count(".") == 1 for sentence in document.sentences
        )
        assert (document.where.file, document.where.record) == ("demo:world", number)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_language_alone_is_the_same_text(language):
    both = [document.text for document in read(sentences=300) if document.language == language]
    assert [document.text for document in read(sentences=300, language=language)] == both


def test_what_is_read_twice_is_told_once(monkeypatch):
    """Also where the first reading goes no further than the first documents, and where two readings
    take turns.
    """
    told, paragraphs = Counter(), World.paragraphs

    def counting(world, language, *more):
        for paragraph in paragraphs(world, language, *more):
            told[language] += 1
            yield paragraph

    monkeypatch.setattr(World, "paragraphs", counting)
    reader = DemoReader(DemoReader.Options(sentences=400, seed=7))
    begun = list(islice(reader.documents("demo:world"), 5))
    assert sum(told.values()) < 9
    turns = list(
        zip(*[DemoReader(reader.options).documents("demo:world") for _ in range(2)], strict=True)
    )
    assert all(one == other for one, other in turns)
    documents = [one for one, _ in turns]
    assert documents[:5] == begun
    assert told == Counter(document.language for document in documents)
    english = reader.only("en").documents("demo:world")
    assert [each.text for each in english] == [
        each.text for each in documents if each.language == "en"
    ]


def test_a_reading_that_was_interrupted_costs_the_next_one_nothing():
    """An iterator that raised has ended, as if there were no more."""
    troubles = [KeyboardInterrupt, ValueError]

    def counting():
        for number in range(6):
            if number == 3 and troubles:
                raise troubles.pop()
            yield number

    replayed, seen = Replayed(counting), []
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            seen.extend(replayed)
    assert list(replayed) == list(replayed) == [0, 1, 2, 3, 4, 5]
    assert seen == [0, 1, 2, 0, 1, 2]


def test_any_other_demo_is_refused():
    with pytest.raises(DataError) as caught:
        list(DemoReader(DemoReader.Options()).documents("demo:moon"))
    with pytest.raises(DataError) as caught:
        DemoReader(DemoReader.Options()).content_key("demo:moon")
    assert "demo:moon" in caught.value.message
    assert "demo:world" in caught.value.hint


def test_the_same_bytes_in_any_process():
    here = hashlib.sha256(
        "\n".join(document.text for document in read(sentences=500)).encode()
    ).hexdigest()
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-c", FINGERPRINT]
        run = subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.strip() == here


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"part": "test"}, {"order": "chinese"}, {"anchors": 0.5}]
)
def test_options_change_the_text(changed):
    assert [document.text for document in read(sentences=200)] != [
        document.text for document in read(sentences=200, **changed)
    ]


def test_the_test_part_tells_the_same_facts():
    """Fresh paragraphs: few are in the training part; the same world: no fact differs."""
    train, test = (
        {document.text for document in read(sentences=2_500, part=part)}
        for part in ("train", "test")
    )
    assert len(train & test) < len(test) / 4


def test_every_option_is_described():
    assert all(
        field.description
        for cls in (DemoReader, WordTrainer)
        for field in cls.Options.model_fields.values()
    )


def test_every_word_becomes_one_piece():
    documents = read(sentences=40_000)
    recipe = DemoReader(DemoReader.Options()).recipe("demo:world", "mlm")
    trainer = registry.load("tokenizers", recipe["tokenizer.kind"])
    pieces = trainer(trainer.Options()).train(
        (document.text for document in documents), recipe["tokenizer.vocabulary"]
    )
    unknown = pieces.token_to_id("[UNK]")
    assert pieces.get_vocab_size() < recipe["tokenizer.vocabulary"]
    world = World()
    for language in ("en", "zh"):
        for part in ("train", "test"):
            for paragraph in world.paragraphs(language, 2_500, part):
                expected = [
                    word.text for sentence in paragraph.sentences for word in sentence.words
                ]
                encoded = pieces.encode(paragraph.text, add_special_tokens=False)
                assert encoded.tokens == expected
                assert unknown not in encoded.ids
                assert pieces.decode(encoded.ids) == paragraph.text


def test_words_are_kept_by_frequency_and_the_rest_is_unknown():
    trained = WordTrainer(WordTrainer.Options()).train(
        ["Red red red, blue blue green 红色 红色 红色 红色"] * 2, 5 + 3
    )
    assert {"red", "红色"} < set(trained.get_vocab())
    assert trained.encode("RED green 红", add_special_tokens=False).tokens == [
        "red",
        "[UNK]",
        "[UNK]",
    ]


@pytest.mark.parametrize("objective", ["mlm", "clm", "nsp", "sop", "mlm+nsp", "mlm+sop"])
def test_the_recipe_names_settings_that_exist(objective):
    tree = {}
    for key, value in {
        **DemoReader(DemoReader.Options()).recipe("demo:world", objective),
        "objective": objective,
    }.items():
        *path, leaf = key.split(".")
        node = tree
        for name in path:
            node = node.setdefault(name, {})
        node[leaf] = value
    settings = PretrainSettings(**tree)
    shape = TransformerSettings(vocabulary=1_000, **settings.model.shape)
    assert settings.data.sequence_tokens <= shape.longest_tokens
    assert set(settings.options) <= set(objective.split("+"))
    for name, options in settings.options.items():
        registry.load("objectives", name).Options(**options)
