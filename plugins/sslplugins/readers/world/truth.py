"""Truth about words and sentences: parts of speech, senses, translations, true statements."""

from collections.abc import Iterator
from dataclasses import dataclass

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event, Said, claims, mentioned
from sslplugins.readers.world.generated import Part, Sentence, World
from sslplugins.readers.world.grammar import Kind, Phrase
from sslplugins.readers.world.lexicon import Concept
from sslplugins.readers.world.rendering import Renderer, starts, text_of


@dataclass(frozen=True, slots=True)
class Tagged:
    """A sentence, its words and their parts of speech (Universal Dependencies)."""

    language: str
    text: str
    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SenseUse:
    """One occurrence of a two-sense word.

    `sense` is the type of the concept that it means, `start` its character offset.
    """

    language: str
    word: str
    sense: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Translation:
    """A word in both languages; `type` is "function" for function words.

    A word with two senses has two translations.
    """

    english: str
    chinese: str
    type: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of one clause, and whether it is true."""

    language: str
    text: str
    true: bool


def tagged(world: World, language: str, sentences: int, part: Part = "test") -> Iterator[Tagged]:
    """Yield sentences with their words and parts of speech; `sentences` is their number."""
    for paragraph in world.paragraphs(language, sentences, part):
        for sentence in paragraph.sentences:
            yield Tagged(
                language,
                sentence.text,
                tuple(word.text for word in sentence.words),
                tuple(word.tag for word in sentence.words),
            )


def senses(world: World, language: str, sentences: int, part: Part = "test") -> Iterator[SenseUse]:
    """Yield every occurrence of a two-sense word; only sentences with such a word are rendered."""
    ambiguous = world.lexicon.two_sense_words(language)
    concepts = {concept for pair in ambiguous.values() for concept in pair}
    renderer = Renderer(world.lexicon, language)
    for event in world.events(language, sentences, part):
        if concepts.isdisjoint(mentioned(event)):
            continue
        sentence = Sentence(event, renderer.words(event))
        for word, start in zip(sentence.words, starts(sentence.words), strict=True):
            if word.concept is not None and word.text in ambiguous:
                yield SenseUse(language, word.text, word.concept.type, sentence.text, start)


def dictionary(world: World) -> Iterator[Translation]:
    """Yield every word with its translation, except digits and punctuation.

    ("an" is written for "a" where a vowel follows.)
    """
    for concept in world.lexicon.concepts():
        if concept.type != "price":
            yield Translation(concept.english, concept.chinese, concept.type)
    for english, (chinese, _) in world.lexicon.function_words.items():
        yield Translation(english, chinese, "function")


def statements(world: World, language: str, count: int) -> Iterator[Statement]:
    """Yield statements about uniformly sampled subjects, half of them true.

    A false one names another filler of the same type.
    """
    chance, renderer = (
        Chance(world.seed, f"statements {language}"),
        Renderer(world.lexicon, language),
    )
    for _ in range(count):
        kind = chance.choice(world.kinds)
        subject, phrase = chance.choice(world.lexicon.types[kind.name]), chance.choice(kind.tells)
        true = chance.below(0.5)
        said = plain_clause(world, subject, phrase, chance)
        if not true:
            said = with_other_main(world, said, true_fillers(world, subject, phrase), chance)
        yield Statement(
            language, text_of(renderer.words(Event(bare(kind, subject), (said,)))), true
        )


def is_true(world: World, subject: Concept, event: Event) -> bool:
    """Return whether all claims of a sentence agree with the facts.

    Its paragraph is about `model`.
    """
    return all(
        world.facts.agree(claim.owner, claim.filler)
        for claim in claims(event, subject, world.facts)
    )


def bare(kind: Kind, subject: Concept) -> Said:
    """Return the subject without optional slots."""
    return Said(kind.subject, {subject.type: subject})


def true_fillers(world: World, subject: Concept, phrase: Phrase) -> tuple[Concept, ...]:
    """Return all concepts that make a clause about `model` true in its main slot."""
    owner_type = phrase.of[phrase.main]
    owner = subject if owner_type == subject.type else world.facts.one(subject, owner_type)
    return world.facts.of(owner, phrase.main)


def plain_clause(world: World, subject: Concept, phrase: Phrase, chance: Chance) -> Said:
    """Return a true clause about `model` without optional slots."""
    values = {phrase.main: chance.choice(true_fillers(world, subject, phrase))}
    for slot, owner in phrase.of.items():
        if slot not in values and slot not in phrase.optional:
            values[slot] = world.facts.one(values[owner], slot)
    return Said(phrase, values)


def with_other_main(
    world: World, said: Said, excluded: tuple[Concept, ...], chance: Chance
) -> Said:
    """Return the same clause with another concept in its main slot, none of `excluded`."""
    main = said.phrase.main
    other = chance.choice(
        [concept for concept in world.lexicon.types[main] if concept not in excluded]
    )
    return Said(said.phrase, {**said.values, main: other})
