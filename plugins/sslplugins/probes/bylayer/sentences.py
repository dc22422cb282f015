"""Sentences of a language out of a model's probe data."""

from collections.abc import Iterator
from itertools import islice

from sslcli.api import FrozenModel, ProbeData, split_sentences, usable_texts

_AT_ONCE = 256


def sentences_of(probe_data: ProbeData, language: str) -> Iterator[str]:
    """Yield each different sentence once, stripped."""
    seen: set[str] = set()
    for document in probe_data.documents(language):
        if document.text is not None:
            found = dict.fromkeys(
                sentence.strip() for sentence in split_sentences(document, language)
            )
            yield from (sentence for sentence in found if sentence and sentence not in seen)
            seen.update(found)


def usable_sentences(model: FrozenModel, language: str) -> Iterator[str]:
    """Yield the sentences that fit into the model whole."""
    sentences = sentences_of(model.probe_data, language)
    while portion := list(islice(sentences, _AT_ONCE)):
        kept = usable_texts(model, portion)
        yield from (sentence for sentence, keep in zip(portion, kept, strict=True) if keep)
