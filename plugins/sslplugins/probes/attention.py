"""Attention maps of a text, and statistics of every head averaged over its queries.

Maps are recomputed from the input of each block; every row sums to 1. The patterns that are counted
(the token itself, its neighbours, special tokens) are those of Clark et al. 2019, "What does BERT
look at?", section 3. The baseline of each is uniform attention to all that the head may see.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sslcli.api import (
    Config,
    FrozenModel,
    Matrix,
    Probe,
    Report,
    Rng,
    Table,
    TransformerSettings,
    UsageError,
    amount,
    enclose,
    setting,
    split_sentences,
)

MOST_CELLS = 200_000  # of all maps in one report
STANDS_OUT = 0.5  # of a head's attention, on one pattern
NEARLY_EVEN = 0.95  # of the entropy that even attention has
PATTERNS = {
    "self": "the token itself",
    "previous": "the token before",
    "next": "the token behind",
    "special": "special tokens",
}


@dataclass(frozen=True)
class Pieces:
    """A text as the model reads it, special tokens included: [T] each.

    `tokens` are those that are given to the model; a decoder that reads a memory reads its start
    token before them, and has as many `labels` more.
    """

    tokens: np.ndarray
    labels: Sequence[str]
    special: np.ndarray

    @property
    def labels_of_tokens(self) -> Sequence[str]:
        """The labels of what the encoder reads."""
        return self.labels[len(self.labels) - len(self.tokens) :]


@dataclass(frozen=True)
class Look:
    """Statistics of one head, averaged over the queries.

    `entropy` in nats, `distance` in tokens, `shares` of the attention by pattern. A query without a
    token before or behind it does not count for "previous" and "next".
    """

    entropy: float
    distance: float
    shares: dict[str, float]

    @classmethod
    def of(cls, map_TT: np.ndarray, special_T: np.ndarray) -> "Look":
        """Compute the statistics of one attention map [T, T] whose rows sum to 1.

        `special_T` marks the special tokens.
        """
        places = np.arange(len(map_TT))
        logs = np.log(np.where(map_TT > 0, map_TT, 1.0))
        beside = {"self": 0, "previous": -1, "next": 1}
        shares = {
            name: float(np.diagonal(map_TT, offset).mean()) if len(map_TT) > abs(offset) else 0.0
            for name, offset in beside.items()
        }
        return cls(
            entropy=float(-(map_TT * logs).sum(axis=1).mean()),
            distance=float((map_TT * np.abs(places[:, None] - places[None, :])).sum(axis=1).mean()),
            shares={**shares, "special": float(map_TT[:, special_T].sum(axis=1).mean())},
        )

    @property
    def figures(self) -> list[float]:
        """Entropy, distance and the shares in the order of PATTERNS, one table row."""
        return [self.entropy, self.distance, *(self.shares[name] for name in PATTERNS)]


class AttentionMaps(Probe["AttentionMaps.Options"]):
    """Attention maps and head statistics of one text, the data's first sentence when not given."""

    summary = "attention maps by layer and head, and what each head looks at"
    positional_fields = "text"

    class Options(Config):
        text: str = setting(
            "", "the text to look at; the first sentence of the data when not given"
        )
        layer: int | None = setting(None, "layer of the map, from 1; the last when not given", ge=1)
        head: int = setting(1, "head of the map, from 1", ge=1)

    def run(self, model: FrozenModel, rng: Rng) -> Report:
        settings, options = model.settings, self.options
        layer = model.depth if options.layer is None else options.layer
        if layer > model.depth:
            raise UsageError(
                f"layer {layer} does not exist",
                f"this model has layers 1 to {model.depth} with attention in them",
            )
        if options.head > settings.heads:
            raise UsageError(
                f"head {options.head} does not exist",
                f"a layer of this model has heads 1 to {settings.heads}",
            )
        pieces = pieces_of(model, options.text or _first_sentence(model))
        maps = _maps(model, pieces)
        looks = {
            at: [Look.of(map_TT, pieces.special) for map_TT in maps_HTT]
            for at, maps_HTT in maps.items()
        }
        even = {at: Look.of(_even(settings, at, len(pieces.labels)), pieces.special) for at in maps}
        notes = [
            (
                f"layer {layer} of {model.depth}, head {options.head} "
                f"of {settings.heads}; {amount(len(pieces.tokens), 'token')}"
            )
        ]
        shown = maps
        if len(maps) * settings.heads * len(pieces.labels) ** 2 > MOST_CELLS:
            shown = {layer: maps[layer]}
            notes.append(f"the text is long, so only the maps of layer {layer} are given")
        evenness = [
            [each.entropy / (even[at].entropy or 1.0) for each in found]
            for at, found in looks.items()
        ]
        on_special = [[each.shares["special"] for each in found] for found in looks.values()]
        return Report(
            title=f"attention of {model.name}",
            tables=[_table(layer, looks[layer], even[layer])],
            matrices=[
                _matrix(
                    f"attention, layer {layer}, head {options.head}",
                    pieces,
                    maps[layer][options.head - 1],
                ),
                _by_head("entropy of layer by head, of 1 for uniform attention", evenness),
                _by_head("share of layer by head on special tokens", on_special),
                *(
                    _matrix(f"layer {at} head {head}", pieces, found[head - 1])
                    for at, found in shown.items()
                    for head in _numbers(found)
                ),
                *(_to_memory(model, pieces, shown) if model.reads_memory else ()),
            ],
            notes=[*notes, *_found(looks, even)],
        )


def pieces_of(model: FrozenModel, text: str) -> Pieces:
    """Tokenize a text for the model.

    Raises UsageError where nothing of the text is a token of the model.
    """
    ((tokens_T, places_T2),) = model.tokenizer.encode_with_places([text])
    if not len(tokens_T):
        raise UsageError(f"the text '{text}' has no token", "give a text with words in it")
    tokens = enclose(tokens_T, model.tokenizer)
    read = model.as_read(tokens)
    labels = model.tokenizer.pieces(read)
    before = len(read) - len(tokens) + model.tokenizer.template.single.before
    for place, (start, stop) in enumerate(places_T2.tolist(), start=before):
        labels[place] = text[start:stop] or labels[place]
    return Pieces(tokens, labels, model.tokenizer.specials[read])


def _first_sentence(model: FrozenModel) -> str:
    try:
        documents = model.probe_data.documents()
        return next(
            sentence.strip()
            for document in documents
            if document.text
            for sentence in split_sentences(document)
        )
    except (UsageError, StopIteration) as error:
        raise UsageError(
            "there is no text to look at", 'give one: ssl probe attention "She ate an apple."'
        ) from error


def _maps(model: FrozenModel, pieces: Pieces) -> dict[int, np.ndarray]:
    """float64 [H, T, T] of every layer."""
    found = model.attention_maps(pieces.tokens, range(1, model.depth + 1))
    return {layer: map_HTT.double().cpu().numpy() for layer, map_HTT in found.items()}


def _even(settings: TransformerSettings, layer: int, length: int) -> np.ndarray:
    """Return uniform attention over all that a query may see.

    That is everything before it where causal, and what is in the layer's window.
    """
    behind_TT = np.arange(length)[:, None] - np.arange(length)[None, :]
    window_tokens = settings.window_of(layer - 1) or 2 * length
    if settings.causal:
        seen_TT = (behind_TT >= 0) & (behind_TT < window_tokens)
    else:
        seen_TT = np.abs(behind_TT) <= window_tokens // 2
    return seen_TT / seen_TT.sum(axis=1, keepdims=True)


def _table(layer: int, looks: Sequence[Look], even: Look) -> Table:
    columns = ["head", "entropy (nats)", "distance (tokens)", *(f"on {name}" for name in PATTERNS)]
    rows = [[str(head), *look.figures] for head, look in enumerate(looks, 1)]
    return Table(
        f"what the heads of layer {layer} look at, mean over tokens",
        columns,
        [*rows, ["uniform", *even.figures]],
    )


def _matrix(title: str, pieces: Pieces, map_TT: np.ndarray) -> Matrix:
    axes = {"x": "looks at", "y": "token"}
    return Matrix(title, pieces.labels, pieces.labels, map_TT.tolist(), low=0.0, high=1.0, **axes)


def _to_memory(model: FrozenModel, pieces: Pieces, layers: Collection[int]) -> Iterator[Matrix]:
    """Yield what each head of a decoder looks at in the encoder."""
    axes = {"x": "looks at, in the encoder", "y": "token"}
    found = model.attention_maps(pieces.tokens, layers, to_memory=True)
    for layer, maps_HTS in found.items():
        for head, map_TS in enumerate(maps_HTS.cpu().double().tolist(), start=1):
            title = f"attention to the encoder, layer {layer} head {head}"
            sides = (pieces.labels, pieces.labels_of_tokens)
            yield Matrix(title, *sides, map_TS, low=0.0, high=1.0, **axes)


def _by_head(title: str, values: list[list[float]]) -> Matrix:
    rows, columns = (list(map(str, _numbers(found))) for found in (values, values[0]))
    return Matrix(title, rows, columns, values, low=0.0, high=1.0, x="head", y="layer")


def _numbers(found: Sequence | np.ndarray) -> range:
    """Return the numbers of layers and heads, from 1."""
    return range(1, len(found) + 1)


def _found(looks: dict[int, list[Look]], even: dict[int, Look]) -> list[str]:
    """Say which head stands out most for each pattern, or that all are near uniform attention."""
    if all(
        each.entropy >= NEARLY_EVEN * even[layer].entropy
        for layer, found in looks.items()
        for each in found
    ):
        return ["not emerged: the attention of every head is nearly uniform over all that it sees"]
    notes = []
    for name, words in PATTERNS.items():
        share, layer, head = max(
            (each.shares[name], at, head)
            for at, found in looks.items()
            for head, each in enumerate(found, 1)
        )
        if share >= STANDS_OUT:
            expected = even[layer].shares[name]
            notes.append(
                f"layer {layer}, head {head} looks at {words}: "
                f"{share:.2f} of its attention (uniform: {expected:.2f})"
            )
    return notes or [
        (
            f"no head gives {STANDS_OUT} of its attention to "
            "a token itself, its neighbours or special tokens"
        )
    ]
