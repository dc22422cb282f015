"""How the world is written: token for token the same in both languages, nothing shared but
punctuation and digits.
"""

import string
from itertools import pairwise

import pytest
from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Teller
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.lexicon import load_lexicon
from sslplugins.readers.world.rendering import Renderer, starts, text_of

LANGUAGES = ("en", "zh")
LONGEST_TOKENS, SPECIAL_TOKENS = 24, 2


def types_of(world, language, sentences=10_000):
    return {
        word.text
        for paragraph in world.paragraphs(language, sentences)
        for sentence in paragraph.sentences
        for word in sentence.words
    }


def both_ways(world, sentences=2_000):
    """The same events in English and in Chinese: (event, English words, Chinese words)."""
    renderers = [Renderer(world.lexicon, language) for language in LANGUAGES]
    for paragraph in world.paragraphs("en", sentences):
        for sentence in paragraph.sentences:
            yield sentence.event, *(renderer.words(sentence.event) for renderer in renderers)


def translated(world, english):
    functions = {
        **{word: chinese for word, (chinese, _) in world.lexicon.function_words.items()},
        "an": "一个",
    }
    return [
        word.concept.chinese if word.concept else functions.get(word.text, word.text)
        for word in english
    ]


def test_word_for_word_the_same_sentence():
    world = World()
    for _, english, chinese in both_ways(world):
        assert [word.text for word in chinese] == translated(world, english)
        assert [word.tag for word in chinese] == [word.tag for word in english]


@pytest.mark.parametrize(("order", "least", "most"), [("semi", 0.2, 0.7), ("chinese", 0.5, 0.9)])
def test_other_orders_keep_the_words_and_move_them(order, least, most):
    world, moved, count = World(order=order), 0, 0
    for _, english, chinese in both_ways(world):
        expected = translated(world, english)
        assert sorted(word.text for word in chinese) == sorted(expected)
        moved += [word.text for word in chinese] != expected
        count += 1
    assert least < moved / count < most


def test_order_changes_the_chinese_text_alone():
    same, chinese = World(), World(order="chinese")
    for language, equal in (("en", True), ("zh", False)):
        texts = [
            [paragraph.text for paragraph in world.paragraphs(language, 200)]
            for world in (same, chinese)
        ]
        assert (texts[0] == texts[1]) == equal


def test_only_punctuation_and_digits_are_shared():
    world = World()
    shared = types_of(world, "en") & types_of(world, "zh")
    assert shared <= set(string.digits) | set(".,?")
    assert {".", ",", "?"} <= shared


@pytest.mark.parametrize("anchors", [0.0, 0.05, 0.2, 1.0])
def test_anchors_are_that_share_of_the_concepts(anchors):
    concepts = [
        concept for concept in load_lexicon(anchors, seed=0).concepts() if concept.type != "price"
    ]
    assert sum(concept.english == concept.chinese for concept in concepts) == round(
        anchors * len(concepts)
    )


def test_types_hold_as_many_concepts_as_the_world_is_made_of():
    types = World().lexicon.types
    sizes = {
        "person": 40,
        "city": 20,
        "profession": 16,
        "company": 12,
        "drink": 10,
        "colour": 8,
        "taste": 6,
        "season": 4,
    }
    assert {type: len(types[type]) for type in sizes} == sizes
    assert all(len(set(members)) == len(members) for members in types.values())


def test_two_senses_only_where_they_are_meant():
    senses = {
        language: {
            word: {concept.type for concept in pair}
            for word, pair in World().lexicon.two_sense_words(language).items()
        }
        for language in LANGUAGES
    }
    assert senses["en"] == {
        "apple": {"fruit", "company"},
        "crane": {"animal", "tool"},
        "orange": {"fruit", "colour"},
    }
    assert senses["zh"] == {"苹果": {"fruit", "company"}, "黎明": {"person", "time"}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_lengths(language):
    lengths = [
        len(sentence.words) + SPECIAL_TOKENS
        for part in ("train", "test")
        for paragraph in World().paragraphs(language, 10_000, part)
        for sentence in paragraph.sentences
    ]
    assert max(lengths) <= LONGEST_TOKENS
    assert 11 < sum(lengths) / len(lengths) < 14


def test_the_longest_sentence_that_the_grammar_allows_is_short_enough():
    world = World()
    for kind in world.kinds:
        longest = sorted((len(phrase.english) for phrase in kind.tells), reverse=True)[
            : kind.clauses[1]
        ]
        commas_and_stop = len(longest)
        assert (
            len(kind.subject.english) + sum(longest) + commas_and_stop + SPECIAL_TOKENS
            <= LONGEST_TOKENS
        )


def test_words_stand_at_their_offsets():
    for language in LANGUAGES:
        for paragraph in World().paragraphs(language, 500):
            for sentence in paragraph.sentences:
                text = text_of(sentence.words)
                for word, start in zip(sentence.words, starts(sentence.words), strict=True):
                    assert text[start : start + len(word.text)] == word.text
                assert text.endswith(".")
                assert "  " not in text


def test_an_before_a_vowel_and_a_elsewhere():
    seen = set()
    for _, english, _ in both_ways(World()):
        for word, after in pairwise(english):
            if word.text in ("a", "an"):
                seen.add(word.text)
                assert (word.text == "an") == (after.text[0] in "aeiou")
    assert seen == {"a", "an"}


def test_a_question_is_followed_by_its_answer():
    world = World()
    kind = next(kind for kind in world.kinds if kind.name == "person")
    home = next(phrase for phrase in kind.tells if phrase.name == "home")
    subject = world.lexicon.types["person"][0]
    event = Teller(world.lexicon, world.facts, Chance(0, "test")).event(
        subject, kind.subject, [home], asked=True
    )
    words = [word.text for word in Renderer(world.lexicon, "en").words(event)]
    assert words[-3:] == ["?", event.clauses[0].main.english, "."]
    assert "what" in words
    assert event.clauses[0].main.english not in words[:-2]
