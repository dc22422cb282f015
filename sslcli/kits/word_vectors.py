"""Vectors of words and sentences from the hidden states of any layer, with explicit pooling.

Letters: N words or sentences, D width, E width of the embeddings, V vocabulary.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from sslcli.contracts.examples import Annotated
from sslcli.contracts.probe import FrozenModel, ProbeData
from sslcli.data.arrangements import enclose
from sslcli.data.rng import Rng
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.errors import DataError

Pool = Literal["mean", "first"]


@dataclass(frozen=True, slots=True)
class WordOccurrence:
    """A word in its text: text[start:stop]. `sense`, `language`: empty if unknown."""

    text: str
    start: int
    stop: int
    sense: str = ""
    language: str = ""

    @property
    def word(self) -> str:
        """The word as it is written."""
        return self.text[self.start : self.stop]


@dataclass(frozen=True)
class Located:
    """Token positions of words in sequences with special tokens.

    Word n is `places[n]` of sequence `owners[n]`.
    """

    sequences: Sequence[np.ndarray]
    owners: Sequence[int]
    places: Sequence[np.ndarray]

    def tokens(self, number: int) -> np.ndarray:
        """Return the token ids of word `number`, int64."""
        return self.sequences[self.owners[number]][self.places[number]]


def locate_words(tokenizer: Tokenizer, uses: Sequence[WordOccurrence]) -> Located:
    """Locate words; every text is one sequence, however many words it has.

    Raises DataError for a word without a token.
    """
    texts = list(dict.fromkeys(use.text for use in uses))
    number_of = {text: number for number, text in enumerate(texts)}
    encoded = _encoded(tokenizer, tuple(texts))
    before = _before(tokenizer)
    places = []
    for use in uses:
        own = _pieces(use, encoded[number_of[use.text]][1])
        if not len(own):
            raise DataError(
                f"'{use.word}' in '{use.text}' is no token of this model",
                "its tokenizer drops the word; choose another",
            )
        places.append(own + before)
    return Located(
        [enclose(tokens_T, tokenizer) for tokens_T, _ in encoded],
        [number_of[use.text] for use in uses],
        places,
    )


def usable(model: FrozenModel, uses: Sequence[WordOccurrence]) -> list[WordOccurrence]:
    """Return the occurrences that have a token, in texts that are not too long for the model."""
    texts = list(dict.fromkeys(use.text for use in uses))
    places_of = {
        text: places
        for text, (_, places) in zip(texts, _encoded(model.tokenizer, tuple(texts)), strict=True)
    }
    most = _most_tokens(model)
    model.lengths.note(texts, [len(places_of[text]) for text in texts], most)
    return [
        use
        for use in uses
        if len(places_of[use.text]) <= most and len(_pieces(use, places_of[use.text]))
    ]


def usable_texts(model: FrozenModel, texts: Sequence[str]) -> list[bool]:
    """Tell, for each text, whether it has a token and is not too long for the model."""
    most = _most_tokens(model)
    lengths = [len(tokens_T) for tokens_T in _tokens(model.tokenizer, tuple(texts))]
    model.lengths.note(texts, lengths, most)
    return [0 < length <= most for length in lengths]


def labelled_uses(model: FrozenModel, texts: Sequence[Annotated]) -> list[WordOccurrence]:
    """Return the `usable` labelled spans, text by text, with the label as the sense of the word.

    A token that crosses the end of a span, as it may in scripts without spaces, would be in both:
    then the text is taken with spaces between all spans.
    """
    encoded = _encoded(model.tokenizer, tuple(text.text for text in texts))
    return usable(
        model,
        [
            use
            for text, (_, places_T2) in zip(texts, encoded, strict=True)
            for use in _uses(text, places_T2)
        ],
    )


def _uses(text: Annotated, places_T2: np.ndarray) -> list[WordOccurrence]:
    """`places_T2`: of the pieces of the text as it is written."""
    if not text.spans:
        return []
    starts, stops = (np.asarray(ends) for ends in zip(*text.spans, strict=True))
    shared_T = (
        np.searchsorted(starts, places_T2[:, 1], "left")
        - np.searchsorted(stops, places_T2[:, 0], "right")
        > 1
    )
    said, spans = _parted(text) if shared_T.any() else (text.text, text.spans)
    return [
        WordOccurrence(said, *span, label, text.language)
        for span, label in zip(spans, text.labels, strict=True)
    ]


def _parted(text: Annotated) -> tuple[str, list[tuple[int, int]]]:
    said, spans, last = "", [], 0
    for start, stop in text.spans:
        said += text.text[last:start] or " " * bool(said)
        spans.append((len(said), len(said) + stop - start))
        said, last = said + text.text[start:stop], stop
    return said + text.text[last:], spans


def sense_uses(
    probe_data: ProbeData, per_sense: int, rng: Rng, word: str = ""
) -> list[WordOccurrence]:
    """Return occurrences with their senses from a generated source, of one word or all.

    They are balanced over senses; () if the source lacks the word. Raises UsageError without such a
    source, DataError if it knows no senses.
    """
    uses = []
    for record in probe_data.records("senses"):
        text, found, sense, language = (
            str(record.values[column]) for column in ("text", "word", "sense", "language")
        )
        if word in ("", found):
            start = int(record.values["start"])
            uses.append(WordOccurrence(text, start, start + len(found), sense, language))
    return balanced(uses, per_sense, rng)


def balanced(uses: Sequence[WordOccurrence], per_sense: int, rng: Rng) -> list[WordOccurrence]:
    """Sample at most `per_sense` occurrences of each word's senses, from different sentences.

    They are in the order in which languages, words and senses appear.
    """
    groups: dict[tuple[str, str, str], list[WordOccurrence]] = {}
    for use in dict.fromkeys(uses):
        groups.setdefault((use.language, use.word.lower(), use.sense), []).append(use)
    return [
        use for group, own in groups.items() for use in rng.some(" ".join(group), own, per_sense)
    ]


def word_vectors(
    model: FrozenModel, uses: Sequence[WordOccurrence], layers: Collection[int], pool: Pool = "mean"
) -> dict[int, np.ndarray]:
    """float32 [N, D] by layer: of the pieces of each word their mean, or the first. Raises
    DataError for a word without a piece.
    """
    found = locate_words(model.tokenizer, uses)
    if pool == "first":
        found = Located(found.sequences, found.owners, [places[:1] for places in found.places])
    return _means(model, found, layers)


def sentence_vectors(
    model: FrozenModel, texts: Sequence[str], layers: Collection[int]
) -> dict[int, np.ndarray]:
    """float32 [N, D] by layer: the mean over each text's tokens, special ones apart. Raises
    DataError for a text without a token.
    """
    tokens = _tokens(model.tokenizer, tuple(texts))
    if (
        empty := next((number for number, tokens_T in enumerate(tokens) if not len(tokens_T)), None)
    ) is not None:
        raise DataError(f"the text '{texts[empty]}' has no token", "leave it out")
    before = _before(model.tokenizer)
    places = [np.arange(len(tokens_T)) + before for tokens_T in tokens]
    return _means(
        model,
        Located(
            [enclose(tokens_T, model.tokenizer) for tokens_T in tokens], range(len(texts)), places
        ),
        layers,
    )


def static_vectors(
    model: FrozenModel, uses: Sequence[WordOccurrence], pool: Pool = "mean"
) -> np.ndarray:
    """Return rows of the input embedding, float32 [N, E]: a baseline without context."""
    table_VE, found = model.backbone.embedding.detach(), locate_words(model.tokenizer, uses)
    own = [found.tokens(number) for number in range(len(uses))]
    rows = [
        table_VE[pieces if pool == "mean" else pieces[:1]].float().mean(dim=0).cpu().numpy()
        for pieces in own
    ]
    return np.stack(rows)


# A question that is asked of every milestone is asked with the same texts and, where it is equal,
# the same tokenizer.
@lru_cache(maxsize=8)
def _encoded(tokenizer: Tokenizer, texts: tuple[str, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    return tokenizer.encode_with_places(texts)


@lru_cache(maxsize=8)
def _tokens(tokenizer: Tokenizer, texts: tuple[str, ...]) -> list[np.ndarray]:
    return tokenizer.encode_batch(list(texts))


def _pieces(use: WordOccurrence, places_T2: np.ndarray) -> np.ndarray:
    """The tokens of a text, by number, that a word has a character in."""
    return np.flatnonzero((places_T2[:, 0] < use.stop) & (places_T2[:, 1] > use.start))


def _most_tokens(model: FrozenModel) -> int:
    """Of a text, beside the special ones."""
    return model.settings.longest_tokens - model.tokenizer.template.single.room


def _before(tokenizer: Tokenizer) -> int:
    """How many special tokens stand before a text."""
    return tokenizer.template.single.before


def _means(model: FrozenModel, things: Located, layers: Collection[int]) -> dict[int, np.ndarray]:
    """float32 [N, D]: the mean over the places of each thing, by layer."""
    width = model.settings.width
    found = {layer: np.zeros((len(things.owners), width), dtype=np.float32) for layer in layers}
    wanted: dict[int, list[int]] = {}
    for number, owner in enumerate(things.owners):
        wanted.setdefault(owner, []).append(number)
    for batch in model.hidden(things.sequences, layers):
        starts = np.cumsum((0, *batch.hidden.packing.lengths[:-1])).tolist()
        kept = {
            layer: rows_TD.float().cpu().numpy() for layer, rows_TD in batch.hidden.kept.items()
        }
        for owner, start in zip(batch.numbers, starts, strict=True):
            for number in wanted.get(owner, ()):
                for layer in layers:
                    found[layer][number] = kept[layer][start + things.places[number]].mean(axis=0)
    return found
