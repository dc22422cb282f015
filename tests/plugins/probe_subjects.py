"""A tiny model, and material for it whose truth is known: sentences in two languages, their words,
and labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product

import torch

from sslcli.api import Annotated, Document, Inputs, Packing, Record, UsageError, Where
from sslcli.conformance.subjects import WORDS, tiny_frozen_model
from sslcli.conformance.subjects import translated as in_second

LANGUAGES = ("aa", "bb")
_ANIMALS, _VERBS, _PLACES = (
    ("cat", "dog", "bird", "fish", "mouse"),
    ("sees", "likes", "follows"),
    ("garden", "house", "river", "forest"),
)


def parallel(count):
    """Pairs of different sentences."""
    told = [
        f"the {first} {verb} the {second} in the {place} ."
        for place, first, verb, second in product(_PLACES, _ANIMALS, _VERBS, _ANIMALS)
    ]
    return [(text, in_second(text)) for text in islice(told[::7] + told[3::7] + told[5::7], count)]


def translated():
    """The words of both languages."""
    return list(WORDS.items())


@dataclass(frozen=True)
class Known:
    """`texts` by language; pairs of sentences, of words; `labelled`: to learn from and to test
    with.
    """

    pairs: Sequence[tuple[str, str]] = field(default_factory=lambda: parallel(60))
    words: Sequence[tuple[str, str]] = ()
    texts: dict[str, Sequence[str]] = field(
        default_factory=lambda: {
            language: [pair[side] for pair in parallel(1000)]
            for side, language in enumerate(LANGUAGES)
        }
    )
    labelled: tuple[Sequence[Annotated], Sequence[Annotated]] = ((), ())

    def languages(self):
        return sorted(self.texts)

    def documents(self, language=""):
        for own, texts in self.texts.items():
            if language in ("", own):
                yield from (
                    Document(Where("known", number), text=text, language=own)
                    for number, text in enumerate(texts, start=1)
                )

    def records(self, kind):
        found = {"parallel": self.pairs, "dictionary": self.words}.get(kind)
        if not found:
            raise UsageError(f"there is no {kind}", "give a file")
        for number, values in enumerate(found, start=1):
            yield Record(Where("known", number), dict(zip(LANGUAGES, values, strict=True)))

    def annotated(self, task):
        return self.labelled


def tiny(**known):
    return replace(tiny_frozen_model(), probe_data=Known(**{"words": translated(), **known}))


def vectors_slowly(model, text, layer):
    """[T, D]: hidden states of one text alone, without its special tokens."""
    tokenizer = model.tokenizer
    words = [tokenizer.encode(word) for word in text.split()]
    tokens = torch.tensor(
        [
            tokenizer.classify,
            *(int(piece) for pieces in words for piece in pieces),
            tokenizer.separate,
        ]
    )
    with torch.no_grad():
        hidden = model.backbone(
            Inputs(Packing.of([len(tokens)]), torch.arange(len(tokens)), tokens), keep=[layer]
        ).kept[layer]
    return hidden[1:-1].float().numpy()
