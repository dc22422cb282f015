"""Labels that the world gives are true in it: checked against the text and the facts, not against
the code that made them.
"""

import re
from collections import Counter

import pytest
from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event
from sslplugins.readers.world.exercises import inferences, questions, reviews
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.truth import (
    bare,
    dictionary,
    is_true,
    plain_clause,
    senses,
    statements,
    tagged,
    true_fillers,
    with_other_main,
)

LANGUAGES = ("en", "zh")
SENTENCES = 1_500


@pytest.fixture(scope="module")
def world():
    return World()


def words_of(text):
    """The words of a text by a rule of its own: at spaces, and around punctuation."""
    return re.findall(r"[.,?]|[^\s.,?]+", text)


def by_word(world, language):
    """Word -> the concepts that it may mean."""
    found = {}
    for concept in world.lexicon.concepts():
        found.setdefault(concept.word(language), []).append(concept)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_answered_by_their_paragraph(world, language):
    asked = list(questions(world, language, SENTENCES))
    assert len({question.id for question in asked}) == len(asked) > SENTENCES / 2
    what = {"en": "what", "zh": "什么"}[language]
    for question in asked:
        assert (
            question.paragraph[question.start : question.start + len(question.answer)]
            == question.answer
        )
        words = words_of(question.question)
        assert words[-1] == "?"
        assert words.count(what) == 1
        # the question with the answer in its place says what the sentence around the answer says,
        # word by word and in order
        start = max(question.paragraph.rfind(". ", 0, question.start) + 1, 0)
        sentence = iter(
            words_of(question.paragraph[start : question.paragraph.index(".", question.start)])
        )
        statement = [question.answer if word == what else word for word in words[:-1]]
        indefinite = {"a", "an"}
        assert all(
            any(word == said or {word, said} <= indefinite for said in sentence)
            for word in statement
        ), question


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_a_tag_that_its_meaning_allows(world, language):
    tags_of = {
        word: {world.lexicon.tags[concept.type] for concept in concepts}
        for word, concepts in by_word(world, language).items()
    }
    sentences = list(tagged(world, language, SENTENCES))
    assert len(sentences) == SENTENCES
    for sentence in sentences:
        assert len(sentence.words) == len(sentence.tags)
        assert sentence.tags[-1] == "PUNCT"
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            assert tag in tags_of.get(word, {tag})
    assert {tag for sentence in sentences for tag in sentence.tags} >= {
        "PROPN",
        "NOUN",
        "VERB",
        "ADJ",
        "ADP",
        "DET",
        "PUNCT",
        "NUM",
    }


def test_senses_can_be_told_by_the_word_before():
    """In English the word before decides, by rules written here: an independent reading of the
    sentence.
    """
    world = World()
    uses = list(senses(world, "en", 10_000))
    counts = Counter((use.word, use.sense) for use in uses)
    assert set(counts) == {
        (word, concept.type)
        for word, pair in world.lexicon.two_sense_words("en").items()
        for concept in pair
    }
    for use in uses:
        assert use.text[use.start : use.start + len(use.word)] == use.word
        before = words_of(use.text[: use.start])
        after = words_of(use.text[use.start + len(use.word) :])
        if use.word == "apple":
            assert (use.sense == "company") == (not before or before[-1] == "for"), use
        if use.word == "orange":
            assert (use.sense == "colour") == (
                world.lexicon.tags.get(_type(world, after[0])) == "NOUN"
            ), use
        if use.word == "crane":
            assert (use.sense == "tool") == ("uses" in before[-2:]), use


def _type(world, word):
    return next(
        (concept.type for concept in world.lexicon.concepts() if concept.english == word), None
    )


def test_both_senses_of_a_chinese_word_are_used(world):
    counts = Counter((use.word, use.sense) for use in senses(world, "zh", 10_000))
    assert set(counts) == {
        ("苹果", "fruit"),
        ("苹果", "company"),
        ("黎明", "person"),
        ("黎明", "time"),
    }
    assert min(counts.values()) >= 20


def test_the_dictionary_covers_every_word_both_ways(world):
    entries = list(dictionary(world))
    for language, known in (
        ("en", {entry.english for entry in entries} | {"an"}),
        ("zh", {entry.chinese for entry in entries}),
    ):
        said = {
            word
            for paragraph in world.paragraphs(language, 10_000)
            for word in words_of(paragraph.text)
        }
        assert {word for word in said if word not in ".,?" and not word.isdigit()} <= known
    assert len(set(entries)) == len(entries)


@pytest.mark.parametrize("language", LANGUAGES)
def test_statements_are_true_where_they_say_so(world, language):
    """Read back without the generator: which subject, which type of filler, and whether the facts
    connect them.
    """
    concepts, trues = by_word(world, language), Counter()
    kinds = {kind.name for kind in world.kinds}
    for statement in statements(world, language, 1_000):
        named = [concepts[word] for word in words_of(statement.text) if word in concepts]
        subject = next(
            concept
            for concept in named[0]
            if concept.type in kinds and _fits(statement.text, concept, language)
        )
        fillers = [concept for concept in named[1] if _connected(world, subject, concept.type)]
        assert (
            any(filler in _truths(world, subject, filler.type) for filler in fillers)
            == statement.true
        ), statement
        trues[statement.true] += 1
    assert 400 < trues[True] < 600


def test_a_sentence_is_true_until_one_of_its_words_is_exchanged(world):
    chance = Chance(0, "test")
    for kind in world.kinds:
        for subject in world.lexicon.types[kind.name]:
            for phrase in kind.tells:
                said = plain_clause(world, subject, phrase, chance)
                wrong = with_other_main(world, said, true_fillers(world, subject, phrase), chance)
                assert is_true(world, subject, Event(bare(kind, subject), (said,)))
                assert not is_true(world, subject, Event(bare(kind, subject), (said, wrong)))


def test_most_sentences_are_true_and_some_are_not(world):
    true = [
        is_true(world, told.subject, sentence.event)
        for told in world.paragraphs("en", SENTENCES)
        for sentence in told.sentences
    ]
    assert 0.8 < sum(true) / len(true) < 0.95


def _fits(text, concept, language):
    """Fruits, animals and seasons come with an article, people and companies without."""
    article = words_of(text)[0] == {"en": "the", "zh": "这个"}[language]
    return article == (concept.type in ("fruit", "animal", "season"))


def _connected(world, subject, type):
    return type in {
        phrase.main for kind in world.kinds if kind.name == subject.type for phrase in kind.tells
    }


def _truths(world, subject, type):
    if subject.type == "person" and type in ("tool", "place"):
        subject = world.facts.one(subject, "profession")
    return world.facts.of(subject, type)


@pytest.mark.parametrize("language", LANGUAGES)
def test_reviews_have_words_of_one_kind_only(world, language):
    praise = {
        "en": {"sweet", "juicy", "mild", "sunny", "warm", "pleasant"},
        "zh": {"甜", "多汁", "清淡", "晴朗", "温暖", "宜人"},
    }[language]
    blame = {
        "en": {"sour", "bitter", "bland", "cold", "rainy", "foggy"},
        "zh": {"酸", "苦", "无味", "寒冷", "多雨", "多雾"},
    }[language]
    labels = Counter()
    for review in reviews(world, language, SENTENCES):
        words = set(words_of(review.text))
        assert (bool(words & praise), bool(words & blame)) == (
            review.label == "positive",
            review.label == "negative",
        )
        labels[review.label] += 1
    assert min(labels.values()) > 50


@pytest.mark.parametrize("language", LANGUAGES)
def test_inferences_follow_or_do_not(world, language):
    functions = {english for english, _ in world.lexicon.function_words.items()} | {
        chinese for chinese, _ in world.lexicon.function_words.values()
    }
    labels = Counter()
    for pair in inferences(world, language, SENTENCES):
        premise, hypothesis = words_of(pair.premise), words_of(pair.hypothesis)
        labels[pair.label] += 1
        new = [
            word
            for word in hypothesis
            if word not in premise and word not in functions and word != "an"
        ]
        if pair.label == "entailment":
            assert not new, pair
        # one word at most is new (it may be said of something else), and something else was said
        if pair.label == "contradiction":
            assert len(new) <= 1, pair
            assert pair.hypothesis[:-1] not in pair.premise, pair
    assert len(set(labels.values())) == 1
    assert set(labels) == {"entailment", "contradiction", "neutral"}
    assert labels["neutral"] > SENTENCES / 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_clause_is_told_once_in_a_paragraph(world, language):
    for paragraph in world.paragraphs(language, SENTENCES):
        told = [
            said.phrase.name
            for sentence in paragraph.sentences
            if not sentence.event.asked
            for said in sentence.event.clauses
        ]
        assert len(told) == len(set(told))
        assert 1 <= len(paragraph.sentences) <= 5
