"""Hidden states of the tokens of sentences, what a shift is estimated on; and those of the last
layer after a move on the way there.

Letters: T rows of a packed batch, N tokens of sentences, special ones apart, D width.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel
from sslcli.contracts.shift import Shift
from sslcli.core.packing import Packing
from sslcli.data.rng import Rng
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.workflows.translate_shift.sentences import Sentences

# of hidden states of several layers, which one pass gives; a single layer's are streamed, however
# many
KEPT_BYTES = 1 << 28


def inner_T(packing: Packing, tokenizer: Tokenizer) -> Tensor:
    """bool [T]: not the special tokens that `enclose` puts around each sequence."""
    table_T = np.ones(packing.total, dtype=bool)
    ends = np.cumsum(packing.lengths)
    single = tokenizer.template.single
    for place in range(single.before):
        table_T[ends - packing.lengths + place] = False
    for place in range(single.room - single.before):
        table_T[ends - 1 - place] = False
    return torch.from_numpy(table_T).to(packing.starts_B1.device)


def layer_rows(
    model: FrozenModel, sentences: Sentences, layers: Collection[int]
) -> Iterator[Mapping[int, Tensor]]:
    """Yield hidden states [N, D] of each layer, float32, on the model's device; short sentences
    first.
    """
    for batch in model.hidden(sentences.enclosed, layers):
        inside_T = inner_T(batch.hidden.packing, model.tokenizer)
        yield {layer: batch.hidden.kept[layer][inside_T].float() for layer in layers}


def estimate_moves(
    shift: Shift, model: FrozenModel, source: Sentences, target: Sentences, layers: Sequence[int]
) -> dict[int, LinearShift]:
    """The move at each layer. Where the shift is `paired`, the sentences are translations, and its
    rows are their means.
    """
    if shift.paired:
        source_rows, target_rows = (
            sentence_means(model, sentences, layers) for sentences in (source, target)
        )
        return {
            layer: shift.fit(iter([source_rows[layer]]), iter([target_rows[layer]]))
            for layer in layers
        }
    bytes_of_layer = 4 * model.settings.width * (len(source.tokens_N) + len(target.tokens_N))
    together = max(1, KEPT_BYTES // max(1, bytes_of_layer))
    moves: dict[int, LinearShift] = {}
    for start in range(0, len(layers), together):
        moves |= _estimated_together(shift, model, source, target, layers[start : start + together])
    return moves


def _estimated_together(
    shift: Shift, model: FrozenModel, source: Sentences, target: Sentences, layers: Sequence[int]
) -> dict[int, LinearShift]:
    sides: list[Iterator[Mapping[int, Tensor]] | list[Mapping[int, Tensor]]] = [
        layer_rows(model, sentences, layers) for sentences in (source, target)
    ]
    if len(layers) > 1:
        sides = [list(side) for side in sides]
    return {
        layer: shift.fit(*((rows[layer] for rows in side) for side in sides)) for layer in layers
    }


def sentence_means(
    model: FrozenModel, sentences: Sentences, layers: Collection[int]
) -> dict[int, Tensor]:
    """float32 [sentences, D] by layer, in their order: the mean over the tokens of each."""
    found = {layer: torch.zeros(len(sentences.tokens), model.settings.width) for layer in layers}
    for batch in model.hidden(sentences.enclosed, layers):
        inside_T = inner_T(batch.hidden.packing, model.tokenizer)
        sizes = [len(sentences.tokens[number]) for number in batch.numbers]
        for layer in layers:
            parts = batch.hidden.kept[layer][inside_T].float().cpu().split(sizes)
            found[layer][list(batch.numbers)] = torch.stack([part.mean(dim=0) for part in parts])
    return {layer: rows.to(model.backbone.embedding.device) for layer, rows in found.items()}


def moved_rows(
    model: FrozenModel,
    sentences: Sentences,
    layer: int = 0,
    shift: LinearShift | None = None,
    alpha: float = 0.0,
) -> Tensor:
    """float32 [N, D] of the last layer, in the order of the sentences, their tokens moved at
    `layer`, the special ones not.

    Where the layer is not the last, what was moved runs through the remaining ones. Without a
    shift, and at alpha 0, nothing is touched.
    """

    edits = None
    if shift is not None and alpha:

        def edit(x_TD: Tensor, packing: Packing) -> Tensor:
            return torch.where(inner_T(packing, model.tokenizer)[:, None], shift(x_TD, alpha), x_TD)

        edits = {layer: edit}
    last = model.depth
    found_ND = torch.zeros(
        len(sentences.tokens_N),
        model.settings.width,
        device=model.backbone.embedding.device,
    )
    for batch in model.hidden(sentences.enclosed, [last], edit=edits):
        inside_T = inner_T(batch.hidden.packing, model.tokenizer)
        places = [
            sentences.starts[number] + np.arange(len(sentences.tokens[number]))
            for number in batch.numbers
        ]
        found_ND[torch.from_numpy(np.concatenate(places)).to(found_ND.device)] = batch.hidden.kept[
            last
        ][inside_T].float()
    return found_ND


def length_of(move: LinearShift, rows_ND: Tensor) -> float:
    """Return the mean length of the shift at alpha 1."""
    return float((move(rows_ND, 1.0) - rows_ND).norm(dim=1).mean())


def random_move(length: float, width: int, rng: Rng, number: int) -> LinearShift:
    """A vector in a random direction, of the given length."""
    direction_D = torch.from_numpy(
        rng.sample(number).generator("random vector").standard_normal(width)
    )
    return LinearShift(length * direction_D / direction_D.norm())
