"""Documents of the world with one sentence that matters, at a random place, and this sentence."""

from collections.abc import Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any

from sslplugins.readers.world.chance import Chance
from sslplugins.readers.world.events import Event
from sslplugins.readers.world.generated import Part, World
from sslplugins.readers.world.labelled import MOST
from sslplugins.readers.world.rendering import Renderer, text_of

KEY = "home"  # the clause that a document is about: who lives where
FEWEST, MOST_OTHERS = 2, 4  # sentences of other subjects
_READ_FOR_ONE = 20  # sentences for a document: not every paragraph tells of a home


def summaries(
    world: World,
    languages: Sequence[str],
    sentences: int,
    part: Part,
    most: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield at most `most` documents, or MOST[part], the languages in turn: document, summary,
    language.

    The first sentence is the summary as often as any other. No document comes twice.
    """
    most = MOST[part] if most is None else most
    streams = [_of_language(world, language, sentences, part, most) for language in languages]
    turns = (row for turn in zip_longest(*streams) for row in turn if row is not None)
    seen = set[str]()
    found = (row for row in turns if not (row["document"] in seen or seen.add(row["document"])))
    return islice(found, most)


def _of_language(
    world: World, language: str, sentences: int, part: Part, documents: int
) -> Iterator[dict[str, Any]]:
    """Documents out of neighbouring paragraphs, which are about several subjects."""
    chance, renderer = (
        Chance(world.seed, f"places {language} {part}"),
        Renderer(world.lexicon, language),
    )
    most = min(sentences, documents * _READ_FOR_ONE)
    others: list[str] = []
    keys: list[str] = []
    for _, events in world.contents(f"{language} summaries {part}", most):
        for event in events:
            if not event.asked:
                (keys if _is_key(event) else others).append(text_of(renderer.words(event)))
        while keys and len(others) >= MOST_OTHERS:
            count, key = chance.integer(FEWEST, MOST_OTHERS), keys.pop(0)
            told, others = others[:count], others[count:]
            told.insert(chance.integer(0, count), key)
            yield {"document": " ".join(told), "summary": key, "language": language}


def _is_key(event: Event) -> bool:
    return any(said.phrase.name == KEY for said in event.clauses)
