"""Random sentences and words of a corpus: a bounded number, the same for each language and seed.

Letters: T tokens of a text.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from sslcli.api import (
    DataError,
    FrozenModel,
    Rng,
    Tokenizer,
    WordOccurrence,
    split_sentences,
    usable_texts,
)

MOST_DOCUMENTS = 50_000  # read in all
MOST_SENTENCES = 20_000  # of one language, of which some are drawn
MOST_CHARACTERS = 400


def some_sentences(model: FrozenModel, count: int, rng: Rng) -> list[tuple[str, str]]:
    """Sample about `count` different sentences that the model can read, as (text, language).

    Raises UsageError where there is no corpus, DataError where it has no sentence.
    """
    by_language: dict[str, dict[str, None]] = {}
    for document in islice(model.probe_data.documents(), MOST_DOCUMENTS):
        own = by_language.setdefault(document.language, {})
        if document.text is not None and len(own) < MOST_SENTENCES:
            sentences = (sentence.strip() for sentence in split_sentences(document))
            found = filter(None, sentences)
            own.update(dict.fromkeys(model.lengths.shorter(found, MOST_CHARACTERS)))
    chosen = []
    for language, own in by_language.items():
        fitting = [
            text for text, fits in zip(own, usable_texts(model, list(own)), strict=True) if fits
        ]
        chosen += [
            (text, language)
            for text in rng.some(f"sentences {language}", fitting, -(-count // len(by_language)))
        ]
    if not chosen:
        raise DataError(
            "there is no sentence in the data that this model can read", "give other --data"
        )
    return chosen


def words_in(tokenizer: Tokenizer, sentences: Sequence[tuple[str, str]]) -> list[WordOccurrence]:
    """Return every word of the sentences: pieces that continue one another.

    Pieces without a letter or digit, and unknown pieces, are no words.
    """
    found = []
    encoded = tokenizer.encode_with_places([text for text, _ in sentences])
    for (text, language), (tokens_T, places_T2) in zip(sentences, encoded, strict=True):
        firsts = np.flatnonzero(~tokenizer.continues[tokens_T])
        for pieces in np.split(np.arange(len(tokens_T)), firsts[firsts > 0]):
            start, stop = int(places_T2[pieces[0], 0]), int(places_T2[pieces[-1], 1])
            if (
                any(map(str.isalnum, text[start:stop]))
                and not (tokens_T[pieces] == tokenizer.unknown).any()
            ):
                found.append(WordOccurrence(text, start, stop, language=language))
    return found
