"""Array documents: some rows of a table or of sound are hidden, and told from the others.

A row that stands for all hidden ones is trained.

Letters: T rows of all samples end to end, N hidden rows, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    Batch,
    Config,
    Context,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Restoration,
    Rng,
    Table,
    Transformer,
    setting,
)


@dataclass(frozen=True)
class RowBatch(ModelBatch):
    hidden_T: Tensor
    places_N: Tensor


class MaskedRows(Objective[RowBatch]):
    class Options(Config):
        hidden_rate: float = setting(0.3, "share of the rows that are hidden", gt=0, lt=1)

    summary = "reconstruct hidden rows of a table or of sound"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"sound", "table"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        features = context.architecture.row_features
        self.reconstruct = nn.Linear(context.architecture.width, features)
        self.blank_F = nn.Parameter(torch.zeros(features))

    def collate(self, batch: Batch, rng: Rng) -> RowBatch:
        hidden_T = (
            rng.uniform("hidden", batch.sample_of, batch.positions) < self.options.hidden_rate
        )
        hidden_T |= batch.positions == 0  # a short sample may draw none
        places_N = np.flatnonzero(hidden_T)
        return RowBatch(
            Inputs.of(batch),
            {"reconstruction": batch.rows.shape[1] * len(places_N)},
            torch.from_numpy(hidden_T),
            torch.from_numpy(places_N),
        )

    def forward(self, backbone: Transformer, views: RowBatch) -> Loss:
        values_TF = views.inputs.rows_TD
        told_NF = self._told(backbone, views)
        errors = (told_NF - values_TF.index_select(0, views.places_N)).square().sum()
        return Loss(
            {"reconstruction": errors},
            {"squared_error": Ratio(errors.detach(), views.counts["reconstruction"])},
        )

    def _told(self, backbone: Transformer, views: RowBatch) -> torch.Tensor:
        seen_TF = torch.where(views.hidden_T[:, None], self.blank_F, views.inputs.rows_TD)
        hidden = backbone(replace(views.inputs, rows_TD=seen_TF))
        return self.reconstruct(hidden.last_TD.index_select(0, views.places_N))

    def restore(self, backbone: Transformer, views: RowBatch) -> Sequence[Restoration]:
        with torch.no_grad():
            told_NF = self._told(backbone, views)
        values_TF, hidden_T = views.inputs.rows_TD, views.hidden_T
        seen_TF = torch.where(hidden_T[:, None], self.blank_F.detach(), values_TF)
        restored_TF = values_TF.index_copy(0, views.places_N, told_NF.to(values_TF.dtype))
        lengths, found = views.inputs.packing.lengths, []
        for *each_tF, hidden_t in zip(
            *(x.cpu().split(list(lengths)) for x in (values_TF, seen_TF, restored_TF, hidden_T)),
            strict=True,
        ):
            error = (each_tF[2] - each_tF[0])[hidden_t].square().mean().item()
            found.append(Restoration(*(x_tF.float().numpy() for x_tF in each_tF), error))
        return found

    def show(self, views: RowBatch) -> Report:
        rows = [
            [place, bool(views.hidden_T[place]), f"{float(values.mean()):.3f}"]
            for place, values in enumerate(views.inputs.rows_TD)
        ]
        return Report(
            "which rows are hidden", tables=[Table("rows", ["row", "hidden", "mean"], rows)]
        )
