"""Images for the comparison of an export, and what transformers computes of them.

Letters: B images, L patches, T patches of all of them, F numbers of one, D width.
"""

from typing import Any

import numpy as np
import torch

from sslcli.core.inputs import Inputs
from sslcli.core.settings import TransformerSettings
from sslcli.grid import Grid
from sslcli.workflows.export.numbers import Numbers

IMAGES = 3


def image_inputs(settings: TransformerSettings, generator: np.random.Generator) -> Inputs:
    """Return a few random images."""
    shape = (IMAGES, settings.longest_tokens, settings.row_features)
    return Inputs.pack(torch.from_numpy(generator.random(shape, dtype=np.float32)))


@torch.no_grad()
def oracle_of_images(model: Any, inputs: Inputs, grid: Grid) -> Numbers:
    """Hidden states of the patches of every layer, then those of the class token, and logits of
    classes. Of a masked auto-encoder with nothing masked: its encoder.
    """
    images = [grid.joined(rows_LF.numpy()) for rows_LF in inputs.ready_TF.split(grid.rows)]
    pixels = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())
    given: dict[str, Any] = {"pixel_values": pixels}
    body, ratio = getattr(model, "vit", model), getattr(model.config, "mask_ratio", None)
    if ratio is not None:
        body.config.mask_ratio = 0.0
        # patches are ordered by it
        given["noise"] = torch.arange(grid.rows, dtype=torch.float32).expand(len(images), -1)
    found = body(**given, output_hidden_states=True)
    if ratio is not None:
        body.config.mask_ratio = ratio
    layers = [*found.hidden_states[:-1], found.last_hidden_state]
    patches = [layer[:, 1:].flatten(0, 1) for layer in layers]
    logits = model.classifier(layers[-1][:, 0]) if hasattr(model, "classifier") else None
    return Numbers([*patches, *(layer[:, 0] for layer in layers)], logits)
