"""What a frozen model makes of images: the code of each, and its restoration.

Letters: N items, B of one batch, L rows of an item, F numbers of a row, T rows of a batch, D width,
K numbers of a code.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sslcli.contracts.abilities import Encodes, Quantizes, Restoration, Restores
from sslcli.contracts.probe import FrozenModel
from sslcli.core.initialize import initialize
from sslcli.core.inputs import Hidden, Inputs, to_device
from sslcli.core.transformer import Transformer
from sslcli.data.items import ITEMS_AT_ONCE, Items
from sslcli.data.rng import Rng
from sslcli.errors import UsageError
from sslcli.grid import Grid
from sslcli.progress import working_on

_PART = re.compile(r"parts\.[^.]+")


def part_with(model: FrozenModel, ability: type) -> Any:
    """The learnable, or its first joined part, that has an ability; None where there is none."""
    if model.learnable is None:
        return None
    parts = (module for name, module in model.learnable.named_modules() if _PART.fullmatch(name))
    return next((part for part in (model.learnable, *parts) if isinstance(part, ability)), None)


@torch.no_grad()
def item_codes(model: FrozenModel, items: Items) -> np.ndarray:
    """float32 [N, K]: the code of each item as it is, by the learnable's bottleneck; the mean of
    the last hidden rows where it has none.
    """
    encoder = part_with(model, Encodes)
    found = []
    for inputs in _inputs(model, items, "codes"):
        if encoder is not None:
            codes_BK = encoder.codes(model.backbone, inputs)
        else:
            codes_BK = model.backbone(inputs).means_BD
        found.append(codes_BK.flatten(1).float().cpu().numpy())
    return np.concatenate(found)


@torch.no_grad()
def item_layers(model: FrozenModel, items: Items) -> list[np.ndarray]:
    """For every layer float32 [N, D], the mean of each item's rows; layer 0 is the embeddings."""
    found: list[list[Tensor]] = [[] for _ in range(model.depth + 1)]
    for inputs in _inputs(model, items, "hidden states"):
        kept = model.backbone(inputs, keep=range(model.depth + 1)).kept
        for layer, own in enumerate(found):
            own.append(Hidden(kept[layer], inputs.packing).means_BD.float().cpu())
    return [torch.cat(own).numpy() for own in found]


@torch.no_grad()
def item_row_layers(model: FrozenModel, items: Items) -> list[list[np.ndarray]]:
    """For every layer the hidden rows of each item, float32 [L, D]; layer 0 is the embeddings."""
    found: list[list[np.ndarray]] = [[] for _ in range(model.depth + 1)]
    for inputs in _inputs(model, items, "hidden states"):
        kept = model.backbone(inputs, keep=range(model.depth + 1)).kept
        for layer, own in enumerate(found):
            rows = kept[layer].float().cpu().split(inputs.packing.lengths)
            own += [rows_LD.numpy() for rows_LD in rows]
    return found


def untrained(model: FrozenModel, rng: Rng) -> FrozenModel:
    """The same model as it is before it learns anything: a baseline of what its shape alone
    gives.
    """
    seed = int(rng.sample(0).generator("untrained").integers(1 << 62))
    with torch.random.fork_rng(devices=[]):  # modules are born with weights of the global one
        backbone = Transformer(model.backbone.settings)
    initialize(backbone, torch.Generator().manual_seed(seed))
    return replace(model, backbone=backbone.to(_device(model)).eval(), learnable=None)


@torch.no_grad()
def reconstructed_items(
    model: FrozenModel, items: Items
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows [B, L, F] of some items as they are, and as their codes make them: without the
    corruption that they may be learnt with.

    Raises UsageError where the model has no codes that can be made items again.
    """
    encoder = part_with(model, Encodes)
    if encoder is None:
        raise UsageError(
            f"{model.name} was not trained to reconstruct from a code",
            "pretrain one with --objective autoencoder",
        )
    for inputs in _inputs(model, items, "reconstructions"):
        rows_TF = encoder.decoded(encoder.codes(model.backbone, inputs))
        yield _apart(inputs, inputs.ready_TF), _apart(inputs, rows_TF)


@torch.no_grad()
def item_code_ids(model: FrozenModel, items: Items) -> np.ndarray:
    """int64 [N, G]: the numbers of each item's codes, of a learnable that `Quantizes`."""
    coder = quantizer_of(model)
    found = [coder.code_ids(model.backbone, inputs) for inputs in _inputs(model, items, "codes")]
    return torch.cat(found).cpu().numpy()


@torch.no_grad()
def decoded_ids(model: FrozenModel, ids_NG: np.ndarray) -> np.ndarray:
    """float32 [N, L, F]: the rows of the items that have these codes; images [N, H, W, C]."""
    coder, found = quantizer_of(model), []
    for start in range(0, len(ids_NG), ITEMS_AT_ONCE):
        ids_BG = torch.from_numpy(ids_NG[start : start + ITEMS_AT_ONCE]).to(_device(model))
        rows_TF = coder.decoded(coder.of_ids(ids_BG))
        found.append(rows_TF.unflatten(0, (len(ids_BG), -1)).float().cpu().numpy())
    rows_NLF, grid = np.concatenate(found), model.settings.grid
    return rows_NLF if grid is None else np.stack([grid.joined(rows_LF) for rows_LF in rows_NLF])


@torch.no_grad()
def decoded_codes(model: FrozenModel, codes_NK: np.ndarray) -> np.ndarray | None:
    """float32 images [N, H, W, C] of codes, as `item_codes` gives them; None of a model without a
    bottleneck, whose codes cannot be made images again.
    """
    encoder, grid = part_with(model, Encodes), model.settings.grid
    if encoder is None or grid is None:
        return None
    codes = torch.from_numpy(codes_NK).to(_device(model), torch.float32)
    rows_NLF = encoder.decoded(codes).unflatten(0, (len(codes), -1)).float().cpu().numpy()
    return np.stack([grid.joined(rows_LF) for rows_LF in rows_NLF])


def quantizer_of(model: FrozenModel) -> Quantizes:
    """The part of the learnable that has codes of few values. Raises UsageError where none has."""
    part = part_with(model, Quantizes)
    if part is None:
        raise UsageError(
            f"{model.name} has no codes that could be counted", "pretrain one with --objective vq"
        )
    return part


def item_images(items: Items) -> np.ndarray:
    """float32 [N, H, W, C]: all items as the images that their rows are."""
    grid = items.layout
    assert isinstance(grid, Grid), "they are images"
    return np.stack([grid.joined(items.rows(item)) for item in range(len(items))])


@torch.no_grad()
def restored_items(model: FrozenModel, items: Items, rng: Rng) -> Iterator[Restoration]:
    """Yield each item as the objective that the model was trained with corrupts and restores it.

    Raises UsageError where it restores nothing.
    """
    part = part_with(model, Restores)
    if part is None:
        raise UsageError(
            f"{model.name} was not trained to restore anything",
            "pretrain one with an objective that does, such as mae",
        )
    done = 0
    for batch in items.batches():
        if done:
            working_on("restorations", done, len(items), "items")
        done += len(batch)
        device = _device(model)
        yield from part.restore(model.backbone, to_device(part.collate(batch, rng), device))


def _inputs(model: FrozenModel, items: Items, what: str) -> Iterator[Inputs]:
    device, done = _device(model), 0
    for batch in items.batches():
        if done:
            working_on(what, done, len(items), "items")
        done += len(batch)
        yield to_device(Inputs.of(batch), device)


def _device(model: FrozenModel) -> torch.device:
    return next(model.backbone.parameters()).device


def _apart(inputs: Inputs, rows_TF: Tensor) -> np.ndarray:
    """[B, L, F]"""
    return rows_TF.unflatten(0, (len(inputs.packing.lengths), -1)).float().cpu().numpy()
