"""Views of records of a table: some of their columns (as Ucar et al. 2021, "SubTab", whose columns
lie side by side).

Letters: B records, N views of them, L columns of a table, K of them in a view, T rows of all views,
F numbers of a column.
"""

import numpy as np
import torch
from torch import Tensor

from sslcli.core.inputs import Inputs
from sslcli.data.batches import Batch
from sslcli.data.rng import Rng


def seen_columns(columns: int, hide: float) -> int:
    """How many columns a view shows that hides such a share: one at least, and not all."""
    return min(max(1, round(columns * (1 - hide))), columns - 1)


def record_views(
    batch: Batch, columns: int, seen: int, rng: Rng, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """One view of each record: so many of its columns [B, K, F], and their places [B, K], from left
    to right; the same for the same `name` and number of a sample.
    """
    drawn_BL = rng.uniform(f"{name} columns", batch.sample_of, batch.positions)
    kept_BK = np.sort(drawn_BL.reshape(-1, columns).argsort(axis=1)[:, :seen], axis=1)
    rows_BLF = batch.values.reshape(len(batch), columns, -1)
    return np.take_along_axis(rows_BLF, kept_BK[:, :, None], axis=1), kept_BK


def spread_views(inputs: Inputs, rows: int) -> Tensor:
    """[N * rows, F]: the rows of each view at their places, not a number where one is hidden."""
    lengths_N = torch.tensor(inputs.packing.lengths)
    view_T = torch.arange(len(lengths_N)).repeat_interleave(lengths_N)
    whole_TF = inputs.ready_TF.new_full(
        (len(lengths_N) * rows, inputs.ready_TF.shape[1]), torch.nan
    )
    whole_TF[view_T * rows + inputs.positions_T] = inputs.ready_TF
    return whole_TF
