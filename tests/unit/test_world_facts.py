"""What the world says agrees with its facts, but for the noise it claims to have; words are as
frequent as they should be.
"""

from collections import Counter

import numpy as np
import pytest
from sslplugins.readers.world.chance import Chance, zipf_bounds
from sslplugins.readers.world.events import NOISE, claims
from sslplugins.readers.world.generated import World
from sslplugins.readers.world.lexicon import LANGUAGES

SENTENCES = 6_000
SPARSE = {("animal", "fruit"), ("company", "city")}  # maps that may leave fillers out


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def told(world):
    """Language -> paragraphs."""
    return {language: list(world.paragraphs(language, SENTENCES)) for language in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_claims_disagree_with_the_facts_as_often_as_noise_makes_them(world, told, language):
    wrong, expected = [], []
    for paragraph in told[language]:
        for sentence in paragraph.sentences:
            for claim in claims(sentence.event, paragraph.subject, world.facts):
                fillers, everything = (
                    world.facts.of(claim.owner, claim.filler.type),
                    world.lexicon.types[claim.filler.type],
                )
                frequency = np.diff((0.0, *zipf_bounds(len(everything))))
                wrong.append(claim.filler not in fillers)
                expected.append(NOISE * (1 - sum(frequency[filler.rank] for filler in fillers)))
    deviation = np.sqrt(sum(p * (1 - p) for p in expected)) / len(expected)
    assert len(wrong) > SENTENCES
    assert np.mean(wrong) == pytest.approx(np.mean(expected), abs=4 * deviation)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_owner_has_fillers_and_every_filler_an_owner(seed):
    world = World(seed)
    pairs = {
        (kind_owner, slot)
        for kind in world.kinds
        for phrase in kind.tells
        for slot, kind_owner in phrase.of.items()
    }
    assert len(pairs) > 20
    for owner_type, slot in pairs:
        fillers = [world.facts.of(owner, slot) for owner in world.lexicon.types[owner_type]]
        assert all(fillers)
        assert all(len(set(found)) == len(found) for found in fillers)
        if (owner_type, slot) not in SPARSE and owner_type != "person":
            missing = set(world.lexicon.types[slot]) - {
                filler for found in fillers for filler in found
            }
            assert not missing, (owner_type, slot)


def test_people_eat_and_drink_what_their_country_has(world):
    for person in world.lexicon.types["person"]:
        (city,) = world.facts.of(person, "city")
        (country,) = world.facts.of(city, "country")
        for filler in ("fruit", "drink"):
            assert world.facts.of(person, filler) == world.facts.of(country, filler)


def test_inverse_maps_hold_exactly_what_the_maps_say(world):
    for fruit in world.lexicon.types["fruit"]:
        for country in world.lexicon.types["country"]:
            assert (country in world.facts.of(fruit, "country")) == (
                fruit in world.facts.of(country, "fruit")
            )
        for season in world.lexicon.types["season"]:
            assert (fruit in world.facts.of(season, "fruit")) == (
                season in world.facts.of(fruit, "season")
            )


def test_subjects_are_drawn_by_zipfs_law(world, told):
    subjects = Counter(
        paragraph.subject for paragraphs in told.values() for paragraph in paragraphs
    )
    for type in ("person", "fruit", "animal"):
        concepts = world.lexicon.types[type]
        counts = np.array([subjects[concept] for concept in concepts])
        law = np.array([(concept.rank + 1) ** -1.1 for concept in concepts])
        expected = law / law.sum() * counts.sum()
        chi_square = ((counts - expected) ** 2 / expected).sum()
        assert chi_square < len(concepts) + 5 * np.sqrt(2 * len(concepts)), type


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_concept_is_mentioned(world, language):
    mentioned = {
        word.concept
        for paragraph in world.paragraphs(language, 40_000)
        for sentence in paragraph.sentences
        for word in sentence.words
    }
    assert mentioned - {None} == set(world.lexicon.concepts())


def test_kinds_of_paragraphs_have_their_shares(world, told):
    for paragraphs in told.values():
        sentences = Counter()
        for paragraph in paragraphs:
            sentences[paragraph.subject.type] += len(paragraph.sentences)
        for kind in world.kinds:
            assert sentences[kind.name] / SENTENCES == pytest.approx(kind.share, abs=0.03)


def test_another_seed_is_another_world(world):
    other = World(1)
    people = world.lexicon.types["person"]
    assert (
        sum(world.facts.of(person, "city") != other.facts.of(person, "city") for person in people)
        > len(people) / 4
    )


def test_chance_depends_on_seed_and_purpose_alone():
    first, again = (Chance(3, "purpose") for _ in range(2))
    values = [first.uniform() for _ in range(70_000)]  # more than one block
    assert values == [again.uniform() for _ in range(70_000)]
    assert abs(np.mean(values) - 0.5) < 0.01
    others = [Chance(4, "purpose"), Chance(3, "purposes")]
    assert all(other.uniform() not in values[:10] for other in others)


def test_chance_shuffles_and_picks_within_bounds():
    chance = Chance(0, "test")
    assert sorted(chance.shuffled(range(50))) == list(range(50))
    assert {chance.integer(2, 4) for _ in range(200)} == {2, 3, 4}
    assert {chance.by_rank("abc") for _ in range(500)} == set("abc")
