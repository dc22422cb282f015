"""Instructions with exact answers, made of the world's facts and words.

Facts that the test part asks for are asked for nowhere in training, where they stand in texts
alone; of words and sentences no instruction of training comes again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, zip_longest
from typing import Any

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event, Said
from sslplugins.readers.world.generated import Part, World
from sslplugins.readers.world.grammar import Kind, Phrase
from sslplugins.readers.world.labelled import MOST
from sslplugins.readers.world.lexicon import Concept, in_language
from sslplugins.readers.world.rendering import Renderer, text_of
from sslplugins.readers.world.truth import bare, plain_clause, true_fillers, with_other_main

Values = dict[str, Any]
Turns = Sequence[str]  # the user's and the assistant's by turns; the last one is the answer
_TESTED = 0.2  # share of the facts that only the test part asks for
_TRIES = 20  # for one instruction: a small world says many things twice
_ANSWER_AND_STOP = 2  # what follows the question mark
_FEWEST, _MOST = 2, 4  # words of a list
_OPPOSITES = (
    "big small", "huge tiny", "white black", "sweet sour", "warm cold", "sunny rainy",
    "summer winter", "spring autumn", "morning evening", "mother father", "sister brother",
    "aunt uncle",
)  # fmt: skip
_TYPES = ("fruit", "animal", "product", "tool", "drink", "sport", "colour", "city")
# What is said in English and in Chinese; {} is the content.
_SAID: Mapping[str, tuple[str, str]] = {
    "follow-up": ("and {}?", "那么 {}?"),
    "true": ("true or false: {}", "对 还是 错: {}"),
    "yes": ("true.", "对."),
    "no": ("false.", "错."),
    "opposite": ("say the opposite: {}", "说 反话: {}"),
    "translate": ("translate: {}", "翻译: {}"),
    "twice": ("say it twice: {}", "说 两遍: {}"),
    "thrice": ("say it three times: {}", "说 三遍: {}"),
    "reverse": ("reverse the order: {}", "倒过来 说: {}"),
    "first": ("say the first word: {}", "说 第一个 词: {}"),
    "last": ("say the last word: {}", "说 最后一个 词: {}"),
}


@dataclass(frozen=True)
class Asker:
    """Makes instructions in one language, of one part."""

    world: World
    language: str
    part: Part
    chance: Chance

    @cached_property
    def renderers(self) -> Mapping[str, Renderer]:
        """By language: this one, and those of translations."""
        languages = dict.fromkeys((self.language, "en", "zh"))
        return {each: Renderer(self.world.lexicon, each) for each in languages}

    @cached_property
    def facts(self) -> Sequence[tuple[Concept, Kind, Phrase]]:
        """All that has one true answer and that this part may ask for."""
        chance = Chance(self.world.seed, "facts that are asked for")
        every = [
            (subject, kind, phrase)
            for kind in self.world.kinds
            for subject in self.world.lexicon.types[kind.name]
            for phrase in kind.tells
            if len(true_fillers(self.world, subject, phrase)) == 1
        ]
        return [fact for fact in every if chance.below(_TESTED) == (self.part == "test")]

    def say(self, name: str, content: str = "") -> str:
        """An instruction around its content."""
        english, chinese = _SAID[name]
        return in_language(self.language, english, chinese).replace("{}", content)

    def fact(self) -> tuple[Concept, Kind, Phrase]:
        """Sample one of the facts."""
        return self.chance.choice(self.facts)

    def asked(self, subject: Concept, kind: Kind, phrase: Phrase) -> tuple[str, str]:
        """A question for a fact, and its answer."""
        said = plain_clause(self.world, subject, phrase, self.chance)
        words = self.renderers[self.language].words(Event(bare(kind, subject), (said,), asked=True))
        return text_of(words[:-_ANSWER_AND_STOP]), f"{said.main.word(self.language)}."

    def sentence(self, subject: Concept, kind: Kind, said: Said, language: str = "") -> str:
        """A sentence of one clause."""
        renderer = self.renderers[language or self.language]
        return text_of(renderer.words(Event(bare(kind, subject), (said,))))

    def listed(self) -> list[str]:
        """Sample different words of one type."""
        words = self.world.lexicon.types[self.chance.choice(_TYPES)]
        count = self.chance.integer(_FEWEST, _MOST)
        return [word.word(self.language) for word in self.chance.shuffled(words)[:count]]


def _answer(asker: Asker) -> Turns:
    return asker.asked(*asker.fact())


def _follow_up(asker: Asker) -> Turns:
    """The same question about another subject, which alone is named."""
    first, kind, phrase = asker.fact()
    others = [
        subject for subject, _, other in asker.facts if other is phrase and subject is not first
    ]
    second = asker.chance.choice(others or [first])
    _, answer = asker.asked(second, kind, phrase)
    follows = asker.say("follow-up", second.word(asker.language))
    return (*asker.asked(first, kind, phrase), follows, answer)


def _true(asker: Asker) -> Turns:
    subject, kind, phrase = asker.fact()
    said = plain_clause(asker.world, subject, phrase, asker.chance)
    is_true = asker.chance.below(0.5)
    if not is_true:
        said = with_other_main(asker.world, said, (said.main,), asker.chance)
    sentence = asker.sentence(subject, kind, said)
    return asker.say("true", sentence), asker.say("yes" if is_true else "no")


def _opposite(asker: Asker) -> Turns:
    """A sentence, and the same with the opposite of one of its words."""
    pairs = [pair.split() for pair in _OPPOSITES]
    other_of = {a: b for one, other in pairs for a, b in ((one, other), (other, one))}
    while True:
        kind = asker.chance.choice(asker.world.kinds)
        subject = asker.chance.choice(asker.world.lexicon.types[kind.name])
        said = plain_clause(asker.world, subject, asker.chance.choice(kind.tells), asker.chance)
        main = said.main
        if (other := other_of.get(main.english)) is not None:
            concept = asker.world.lexicon.concept(main.type, other)
            turned = Said(said.phrase, {**said.values, said.phrase.main: concept})
            return (
                asker.say("opposite", asker.sentence(subject, kind, said)),
                asker.sentence(subject, kind, turned),
            )


def _translate(asker: Asker) -> Turns:
    """A sentence in another language, from English or into it."""
    target = "en" if asker.language != "en" else "zh"
    kind = asker.chance.choice(asker.world.kinds)
    subject = asker.chance.choice(asker.world.lexicon.types[kind.name])
    said = plain_clause(asker.world, subject, asker.chance.choice(kind.tells), asker.chance)
    sentence = asker.sentence(subject, kind, said)
    return asker.say("translate", sentence), asker.sentence(subject, kind, said, target)


def _twice(asker: Asker) -> Turns:
    words = " ".join(asker.listed())
    return asker.say("twice", words), f"{words} {words}"


def _thrice(asker: Asker) -> Turns:
    words = " ".join(asker.listed())
    return asker.say("thrice", words), f"{words} {words} {words}"


def _reverse(asker: Asker) -> Turns:
    words = asker.listed()
    return asker.say("reverse", " ".join(words)), " ".join(words[::-1])


def _first(asker: Asker) -> Turns:
    words = asker.listed()
    return asker.say("first", " ".join(words)), words[0]


def _last(asker: Asker) -> Turns:
    words = asker.listed()
    return asker.say("last", " ".join(words)), words[-1]


KNOWN: Mapping[str, Callable[[Asker], Turns]] = {
    "answer": _answer, "follow-up": _follow_up, "true or false": _true, "opposite": _opposite,
    "translate": _translate, "twice": _twice, "reverse": _reverse, "first": _first,
}  # fmt: skip
# Kinds that no training part has.
NEW: Mapping[str, Callable[[Asker], Turns]] = {"three times": _thrice, "last": _last}


def instructions(
    world: World, languages: Sequence[str], part: Part, *, new: bool
) -> Iterator[Values]:
    """Yield at most MOST[part] records, kinds and languages in turn: messages, kind, language.

    `new`: of the kinds that training has none of.
    """
    kinds = NEW if new else KNOWN
    seen: set[Turns] = set()
    if part == "test" and not new:
        seen = {turns for _, _, turns in _made(world, languages, "train", kinds, set())}
    for language, kind, turns in _made(world, languages, part, kinds, seen):
        roles = ("user", "assistant")
        messages = [
            {"role": roles[number % 2], "content": text} for number, text in enumerate(turns)
        ]
        yield {"messages": messages, "kind": kind, "language": language}


def _made(
    world: World,
    languages: Sequence[str],
    part: Part,
    kinds: Mapping[str, Callable[[Asker], Turns]],
    seen: set[Turns],
) -> Iterator[tuple[str, str, Turns]]:
    """Language, kind and turns without their answer told apart; none asked twice."""
    streams = [
        _of_kind(world, language, part, name, kinds[name], seen)
        for name in kinds
        for language in languages
    ]
    turns = (each for turn in zip_longest(*streams) for each in turn if each is not None)
    return islice(turns, MOST[part])


def _of_kind(
    world: World,
    language: str,
    part: Part,
    name: str,
    make: Callable[[Asker], Turns],
    seen: set[Turns],
) -> Iterator[tuple[str, str, Turns]]:
    asker = Asker(world, language, part, Chance(world.seed, f"{name} {language} {part}"))
    known = {turns[:-1] for turns in seen}
    tries = 0
    while tries < _TRIES:
        turns = tuple(make(asker))
        tries += 1
        if turns[:-1] not in known:
            known.add(turns[:-1])
            tries = 0
            yield language, name, turns
