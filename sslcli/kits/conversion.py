"""What a frozen model that converts makes of items: codes, styles, and items in another style.

Letters: N items, c codes of one, K numbers of a code, S of a style, L rows of an item, F numbers of
a row.
"""

from collections.abc import Iterator

import numpy as np
import torch

from sslcli.contracts.abilities import Converts
from sslcli.contracts.probe import FrozenModel
from sslcli.core.inputs import Inputs, to_device
from sslcli.data.items import Items
from sslcli.errors import UsageError
from sslcli.kits.items import part_with

ITEMS_AT_ONCE = 32


def converter_of(model: FrozenModel) -> Converts:
    """The part of the learnable that converts. Raises UsageError where none does."""
    part = part_with(model, Converts)
    if part is None:
        raise UsageError(
            f"{model.name} was not trained to convert one style to another",
            "pretrain one with --objective disentangle",
        )
    return part


@torch.no_grad()
def item_codes_along(model: FrozenModel, items: Items) -> list[np.ndarray]:
    """float32 [c, K] of each item."""
    part, found = converter_of(model), []
    for inputs in _inputs(model, items):
        found += [code.float().cpu().numpy() for code in part.codes_along(model.backbone, inputs)]
    return found


@torch.no_grad()
def item_styles(model: FrozenModel, items: Items) -> np.ndarray:
    """float32 [N, S]: the style of each item by itself."""
    part = converter_of(model)
    styles = [part.styles(inputs).float().cpu().numpy() for inputs in _inputs(model, items)]
    return np.concatenate(styles)


@torch.no_grad()
def converted_items(model: FrozenModel, items: Items, style_S: np.ndarray) -> list[np.ndarray]:
    """float32 [L, F] of each item, in this style."""
    part, found = converter_of(model), []
    for inputs in _inputs(model, items):
        style = torch.from_numpy(style_S).to(inputs.ready_TF)
        rows_TF = part.converted(model.backbone, inputs, style).float().cpu()
        found += [rows.numpy() for rows in rows_TF.split(inputs.packing.lengths)]
    return found


def _inputs(model: FrozenModel, items: Items) -> Iterator[Inputs]:
    device = next(model.backbone.parameters()).device
    for batch in items.batches(ITEMS_AT_ONCE):
        yield to_device(Inputs.of(batch), device)
