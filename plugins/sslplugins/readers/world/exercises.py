"""Labelled examples, true by construction: questions, sentiment, and inference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event, Said, mentioned
from sslplugins.readers.world.generated import Paragraph, Part, World
from sslplugins.readers.world.lexicon import polarity
from sslplugins.readers.world.rendering import Renderer, starts, text_of
from sslplugins.readers.world.truth import bare, plain_clause, with_other_main

_ANSWER_AND_STOP = 2  # what follows the question mark


@dataclass(frozen=True, slots=True)
class Question:
    """A question that its paragraph answers exactly once.

    `paragraph[start : start + len(answer)] == answer`.
    """

    id: str
    language: str
    paragraph: str
    question: str
    answer: str
    start: int


@dataclass(frozen=True, slots=True)
class Review:
    """A sentence whose adjectives are all positive or all negative."""

    language: str
    text: str
    label: Literal["positive", "negative"]


@dataclass(frozen=True, slots=True)
class Inference:
    """A sentence pair: entailment, contradiction or neutral."""

    language: str
    premise: str
    hypothesis: str
    label: Literal["entailment", "contradiction", "neutral"]


def questions(
    world: World, language: str, sentences: int, part: Part = "test"
) -> Iterator[Question]:
    """Yield one question for every clause of the paragraphs that hold no question themselves.

    The answer is what the paragraph says, true or not.
    """
    renderer = Renderer(world.lexicon, language)
    kinds = {kind.name: kind for kind in world.kinds}
    for number, paragraph in enumerate(world.paragraphs(language, sentences, part)):
        if any(sentence.event.asked for sentence in paragraph.sentences):
            continue
        subject = bare(kinds[paragraph.subject.type], paragraph.subject)
        for said, start in _mains(paragraph, renderer):
            needed = {
                slot: value
                for slot, value in said.values.items()
                if slot not in said.phrase.optional
            }
            asked = renderer.words(Event(subject, (Said(said.phrase, needed),), asked=True))[
                :-_ANSWER_AND_STOP
            ]
            id = f"{language}-{part}-{number}-{said.phrase.name}"
            yield Question(
                id, language, paragraph.text, text_of(asked), said.main.word(language), start
            )


def _mains(paragraph: Paragraph, renderer: Renderer) -> Iterator[tuple[Said, int]]:
    """Yield every clause and the offset in the paragraph of its main slot's word."""
    at = 0
    for sentence, piece in zip(paragraph.sentences, paragraph.pieces, strict=True):
        offsets = starts(sentence.words, at + len(piece) - len(sentence.text))
        for placed, start in zip(renderer.placed(sentence.event), offsets, strict=True):
            if placed.slot is not None and placed.clause >= 0:
                said = sentence.event.clauses[placed.clause]
                if placed.slot == said.phrase.main:
                    yield said, start
        at += len(piece)


def reviews(world: World, language: str, sentences: int, part: Part = "test") -> Iterator[Review]:
    """Yield the sentences, of `sentences` in all, that are positive (a sweet fruit) or negative.

    Only sentences that may be one are rendered.
    """
    renderer = Renderer(world.lexicon, language)
    judged = {concept: sign for concept in world.lexicon.concepts() if (sign := polarity(concept))}
    for event in world.events(language, sentences, part):
        if judged.keys().isdisjoint(mentioned(event)):
            continue
        words = renderer.words(event)
        signs = {judged[word.concept] for word in words if word.concept in judged}
        if len(signs) == 1:
            yield Review(language, text_of(words), "positive" if signs == {1} else "negative")


def inferences(
    world: World, language: str, sentences: int, part: Part = "test"
) -> Iterator[Inference]:
    """Yield one pair of each label for every sentence.

    The hypotheses are a clause of the premise, the same clause with another filler, and a true
    clause that the premise does not mention. A slot is taken to have one filler, as the premise
    says: who keeps a dog keeps no cat.
    """
    chance, renderer = (
        Chance(world.seed, f"inferences {language} {part}"),
        Renderer(world.lexicon, language),
    )
    kinds = {kind.name: kind for kind in world.kinds}
    for paragraph in world.paragraphs(language, sentences, part):
        kind = kinds[paragraph.subject.type]
        for sentence in paragraph.sentences:
            told = chance.choice(sentence.event.clauses)
            open_phrases = [
                phrase
                for phrase in kind.tells
                if all(phrase is not said.phrase for said in sentence.event.clauses)
            ]
            if sentence.event.asked or not open_phrases:
                continue
            other = with_other_main(world, told, (told.main,), chance)
            open_clause = plain_clause(
                world, paragraph.subject, chance.choice(open_phrases), chance
            )
            for said, label in (
                (told, "entailment"),
                (other, "contradiction"),
                (open_clause, "neutral"),
            ):
                hypothesis = renderer.words(Event(bare(kind, paragraph.subject), (said,)))
                yield Inference(language, sentence.text, text_of(hypothesis), label)
