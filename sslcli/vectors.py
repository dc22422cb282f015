"""Vectors of words and of sentences, out of the hidden states of any layer, the pieces of a word pooled in a way that is said.

Letters: N words or sentences, T tokens of a text, D width.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sslcli.data.arrangements import enclose
from sslcli.data.tokenizer import Tokenizer
from sslcli.errors import DataError
from sslcli.subjects import Subject

Pool = Literal["mean", "first"]


@dataclass(frozen=True, slots=True)
class Use:
    """A word where it stands: text[start:stop]. `sense`, `language`: empty where they are not known."""

    text: str
    start: int
    stop: int
    sense: str = ""
    language: str = ""

    @property
    def word(self) -> str:
        return self.text[self.start : self.stop]


def word_vectors(subject: Subject, uses: Sequence[Use], layers: Collection[int], pool: Pool = "mean") -> dict[int, np.ndarray]:
    """float32 [N, D] by layer: of the pieces of each word their mean, or the first. Raises DataError for a word without a piece."""
    texts = list(dict.fromkeys(use.text for use in uses))
    number_of = {text: number for number, text in enumerate(texts)}
    sequences, pieces = [], []
    encoded = subject.tokenizer.encode_with_places(texts)
    for tokens_T, _ in encoded:
        sequences.append(enclose(tokens_T, subject.tokenizer))
    before = _before(subject.tokenizer)
    for use in uses:
        places_T2 = encoded[number_of[use.text]][1]
        own = np.flatnonzero((places_T2[:, 0] < use.stop) & (places_T2[:, 1] > use.start)) + before
        if not len(own):
            raise DataError(f"'{use.word}' in '{use.text}' is no token of this model", "its tokenizer drops the word; choose another")
        pieces.append(own if pool == "mean" else own[:1])
    return _pooled(subject, sequences, [number_of[use.text] for use in uses], pieces, layers)


def sentence_vectors(subject: Subject, texts: Sequence[str], layers: Collection[int]) -> dict[int, np.ndarray]:
    """float32 [N, D] by layer: the mean over each text's tokens, special ones apart. Raises DataError for a text without a token."""
    tokens = subject.tokenizer.encode_batch(list(texts))
    if (empty := next((number for number, tokens_T in enumerate(tokens) if not len(tokens_T)), None)) is not None:
        raise DataError(f"the text '{texts[empty]}' has no token", "leave it out")
    before = _before(subject.tokenizer)
    sequences = [enclose(tokens_T, subject.tokenizer) for tokens_T in tokens]
    return _pooled(subject, sequences, range(len(texts)), [np.arange(len(tokens_T)) + before for tokens_T in tokens], layers)


def static_vectors(subject: Subject, uses: Sequence[Use], pool: Pool = "mean") -> np.ndarray:
    """float32 [N, E]: rows of the input embedding, which know no context: what a contextual vector is compared with."""
    table_VE = subject.backbone.embedding.detach().float().cpu().numpy()
    rows = []
    for use in uses:
        tokens_T, places_T2 = subject.tokenizer.encode_with_places([use.text])[0]
        own = tokens_T[(places_T2[:, 0] < use.stop) & (places_T2[:, 1] > use.start)]
        rows.append(table_VE[own if pool == "mean" else own[:1]].mean(axis=0))
    return np.stack(rows)


def _before(tokenizer: Tokenizer) -> int:
    """How many special tokens stand before a text."""
    return 0 if tokenizer.classify is None else 1


def _pooled(
    subject: Subject, sequences: Sequence[np.ndarray], owners: Sequence[int], pieces: Sequence[np.ndarray], layers: Collection[int]
) -> dict[int, np.ndarray]:
    """The mean of `pieces[n]` (places in sequence `owners[n]`) for every n, by layer."""
    width = subject.backbone.settings.width
    found = {layer: np.zeros((len(owners), width), dtype=np.float32) for layer in layers}
    wanted: dict[int, list[int]] = {}
    for number, owner in enumerate(owners):
        wanted.setdefault(owner, []).append(number)
    for batch in subject.hidden(sequences, layers):
        starts = dict(zip(batch.numbers, np.cumsum((0, *batch.hidden.packing.lengths[:-1])).tolist(), strict=True))
        kept: Mapping[int, np.ndarray] = {layer: rows_TD.float().cpu().numpy() for layer, rows_TD in batch.hidden.kept.items()}
        for owner, start in starts.items():
            for number in wanted.get(owner, ()):
                for layer in layers:
                    found[layer][number] = kept[layer][start + pieces[number]].mean(axis=0)
    return found
