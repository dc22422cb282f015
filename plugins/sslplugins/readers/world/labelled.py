"""Labelled records of the world, without repeated inputs, and none of the test in training."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, zip_longest
from typing import Any

from sslplugins.readers.world.exercises import inferences, questions, reviews
from sslplugins.readers.world.generated import Part, World
from sslplugins.readers.world.replayed import Replayed
from sslplugins.readers.world.truth import tagged

# records: minutes of fine-tuning on two cores
MOST: Mapping[Part, int] = {"train": 4_000, "test": 1_000}
Values = dict[str, Any]


def labelled(
    world: World, kind: str, languages: Sequence[str], sentences: int, part: Part
) -> Iterator[Values]:
    """Yield records made of `sentences` sentences per language; languages alternate.

    Each record has its language and, by kind: texts: text, label; pairs: premise, hypothesis,
    label; words: tokens, tags, text; questions: id, context, question, answers.
    """
    if part == "train":
        yield from map(dict, _training(world, kind, tuple(languages), sentences))
        return
    seen = {_asked(values, kind) for values in _training(world, kind, tuple(languages), sentences)}
    yield from islice(
        _unseen(_in_turn(world, kind, languages, sentences, part), kind, seen), MOST[part]
    )


@lru_cache(maxsize=1)
def _training(
    world: World, kind: str, languages: tuple[str, ...], sentences: int
) -> Iterable[Values]:
    """The training records, which are generated once: the test records are read after them."""
    return Replayed(
        lambda: islice(
            _unseen(_in_turn(world, kind, languages, sentences, "train"), kind, set()),
            MOST["train"],
        )
    )


def _unseen(records: Iterator[Values], kind: str, seen: set[tuple[str, ...]]) -> Iterator[Values]:
    """Drop repeated records: a small world says many things twice."""
    for values in records:
        if (asked := _asked(values, kind)) not in seen:
            seen.add(asked)
            yield values


def _in_turn(
    world: World, kind: str, languages: Sequence[str], sentences: int, part: Part
) -> Iterator[Values]:
    streams = [KINDS[kind](world, language, sentences, part) for language in languages]
    return (values for turn in zip_longest(*streams) for values in turn if values is not None)


def _asked(values: Values, kind: str) -> tuple[str, ...]:
    """Return a record without its label."""
    return tuple(
        " ".join(values[column]) if column == "tokens" else values[column] for column in ASKS[kind]
    )


def _texts(world: World, language: str, sentences: int, part: Part) -> Iterator[Values]:
    for review in reviews(world, language, sentences, part):
        yield {"text": review.text, "label": review.label, "language": language}


def _pairs(world: World, language: str, sentences: int, part: Part) -> Iterator[Values]:
    for pair in inferences(world, language, sentences, part):
        yield {
            "premise": pair.premise,
            "hypothesis": pair.hypothesis,
            "label": pair.label,
            "language": language,
        }


def _words(world: World, language: str, sentences: int, part: Part) -> Iterator[Values]:
    for sentence in tagged(world, language, sentences, part):
        yield {
            "tokens": list(sentence.words),
            "tags": list(sentence.tags),
            "text": sentence.text,
            "language": language,
        }


def _questions(world: World, language: str, sentences: int, part: Part) -> Iterator[Values]:
    for each in questions(world, language, sentences, part):
        answers = {"text": [each.answer], "answer_start": [each.start]}
        yield {
            "id": each.id,
            "context": each.paragraph,
            "question": each.question,
            "answers": answers,
            "language": language,
        }


KINDS: Mapping[str, Callable[[World, str, int, Part], Iterator[Values]]] = {
    "texts": _texts, "pairs": _pairs, "words": _words, "questions": _questions,
}  # fmt: skip
ASKS: Mapping[str, tuple[str, ...]] = {
    "texts": ("text",), "pairs": ("premise", "hypothesis"), "words": ("tokens",),
    "questions": ("context", "question"),
}  # fmt: skip
