"""Array documents: some rows of a table or of sound are hidden, and told from the others.

The rows that the backbone reads are made in forward, by a projection that is trained.

Letters: T rows of all samples end to end, N hidden rows, F features, D width.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import Batch, Config, Draws, Frame, Inputs, Loss, Objective, Ratio, Report, Table, Transformer, Views, setting


@dataclass(frozen=True)
class RowViews(Views):
    values_TF: Tensor
    hidden_T: Tensor
    places_N: Tensor


class MaskedRows(Objective[RowViews]):
    class Options(Config):
        hidden_rate: float = setting(0.3, "share of the rows that are hidden", gt=0, lt=1)
        features: int = setting(8, "numbers in a row", gt=0)

    summary = "reconstruct hidden rows of a table or of sound"
    needs = frozenset({"encoder"})
    reads = frozenset({"sound", "table"})
    arranges = "items"

    def __init__(self, options: Options, frame: Frame) -> None:
        super().__init__(options, frame)
        width = frame.architecture.width
        self.project = nn.Linear(options.features, width)
        self.reconstruct = nn.Linear(width, options.features)
        self.blank_D = nn.Parameter(torch.zeros(width))

    def views(self, batch: Batch, draws: Draws) -> RowViews:
        hidden_T = draws.uniform("hidden", batch.sample_of, batch.positions) < self.options.hidden_rate
        hidden_T |= batch.positions == 0  # a short sample may draw none
        places_N = np.flatnonzero(hidden_T)
        return RowViews(
            Inputs.of(batch),
            {"reconstruction": batch.rows.shape[1] * len(places_N)},
            torch.from_numpy(batch.rows),
            torch.from_numpy(hidden_T),
            torch.from_numpy(places_N),
        )

    def forward(self, backbone: Transformer, views: RowViews) -> Loss:
        rows_TD = torch.where(views.hidden_T[:, None], self.blank_D, self.project(views.values_TF))
        hidden = backbone(replace(views.inputs, rows_TD=rows_TD))
        told_NF = self.reconstruct(hidden.last_TD.index_select(0, views.places_N))
        errors = (told_NF - views.values_TF.index_select(0, views.places_N)).square().sum()
        return Loss({"reconstruction": errors}, {"squared_error": Ratio(errors.detach(), views.counts["reconstruction"])})

    def show(self, views: RowViews) -> Report:
        rows = [[place, bool(views.hidden_T[place]), f"{float(values.mean()):.3f}"] for place, values in enumerate(views.values_TF)]
        return Report("which rows are hidden", tables=[Table("rows", ["row", "hidden", "mean"], rows)])
