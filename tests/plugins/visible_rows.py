"""A masked auto-encoder over ready rows, whose encoder reads the visible ones alone (as MAE, arXiv
2111.06377).

Its data are waves out of a reader of its own ("waves:40"), each with a phase and a length of its
own.

Letters: T rows of all samples end to end, V visible ones, N hidden ones, F features, D width.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    Batch,
    Config,
    Context,
    Document,
    Inputs,
    Loss,
    Modality,
    ModelBatch,
    Objective,
    Ratio,
    Reader,
    Report,
    Rng,
    Table,
    Transformer,
    Where,
    setting,
)


@dataclass(frozen=True)
class VisibleBatch(ModelBatch):
    """`inputs` are the visible rows at their own positions, `whole` all rows."""

    whole: Inputs
    visible_V: Tensor
    hidden_N: Tensor


class VisibleRows(Objective[VisibleBatch, "VisibleRows.Options"]):
    class Options(Config):
        hide_rate: float = setting(0.6, "share of the rows that are hidden", gt=0, lt=1)
        decoder_width: int = setting(16, "features of the decoder, which has one layer", gt=0)

    summary = "reconstruct hidden rows from the visible ones"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"sound", "table"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, width = context.architecture, options.decoder_width
        changes = {
            "depth": 1,
            "width": width,
            "feedforward_width": 2 * width,
            "row_features": 0,
            "dropout": 0.0,
        }
        self.decoder = Transformer(shape.model_copy(update=changes))
        self.narrow, self.reconstruct = (
            nn.Linear(shape.width, width),
            nn.Linear(width, shape.row_features),
        )
        self.blank_D = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean_F", torch.zeros(shape.row_features))
        self.register_buffer("deviation_F", torch.ones(shape.row_features))

    def begin(self, backbone: Transformer, first_batch: Callable[[], VisibleBatch]) -> None:
        """Errors are counted in deviations of each feature."""
        rows_TF = first_batch().whole.rows_TD.to(self.mean_F.dtype)
        self.mean_F.copy_(rows_TF.mean(dim=0))
        self.deviation_F.copy_(rows_TF.std(dim=0).clamp(min=1e-3))

    def collate(self, batch: Batch, rng: Rng) -> VisibleBatch:
        drawn_T = rng.uniform("hidden", batch.sample_of, batch.positions)
        least_B, most_B = (
            reduce.reduceat(drawn_T, batch.starts[:-1]) for reduce in (np.minimum, np.maximum)
        )
        hidden_T = (drawn_T < self.options.hide_rate) | (
            drawn_T == np.repeat(least_B, batch.lengths)
        )
        hidden_T &= drawn_T < np.repeat(most_B, batch.lengths)  # one row at least is visible
        visible_V, hidden_N = (
            torch.from_numpy(np.flatnonzero(each)) for each in (~hidden_T, hidden_T)
        )
        count = len(hidden_N) * batch.rows.shape[1]
        return VisibleBatch(
            Inputs.of(batch.subset(~hidden_T)),
            {"error": count},
            Inputs.of(batch),
            visible_V,
            hidden_N,
        )

    def forward(self, backbone: Transformer, views: VisibleBatch) -> Loss:
        seen_VD = self.narrow(backbone(views.inputs).last_TD)
        rows_TD = (
            self.blank_D.expand(views.whole.packing.total, -1)
            .to(seen_VD.dtype)
            .index_copy(0, views.visible_V, seen_VD)
        )
        told = self.decoder(replace(views.whole, rows_TD=rows_TD)).last_TD.index_select(
            0, views.hidden_N
        )
        right_NF = (
            views.whole.rows_TD.index_select(0, views.hidden_N) - self.mean_F
        ) / self.deviation_F
        error = (self.reconstruct(told) - right_NF).square().sum()
        return Loss(
            {"error": error}, {"squared_error": Ratio(error.detach(), views.counts["error"])}
        )

    def show(self, views: VisibleBatch) -> Report:
        means = views.whole.rows_TD.mean(dim=1).tolist()
        hidden = set(views.hidden_N.tolist())
        rows = [[place, place in hidden, f"{mean:.3f}"] for place, mean in enumerate(means)]
        return Report(
            "which rows are hidden", tables=[Table("rows", ["row", "hidden", "mean"], rows)]
        )


class Waves(Reader["Waves.Options"]):
    class Options(Config):
        features: int = setting(6, "numbers in a row", gt=0)

    summary = 'so many waves: "waves:40"'
    modality: Modality = "sound"

    def documents(self, reference: str) -> Iterator[Document]:
        features_F = np.arange(self.options.features)
        for number in range(int(reference.partition(":")[2])):
            random = np.random.default_rng(number)
            phase, speed = random.uniform(0, 6), random.uniform(0.3, 0.6)
            angles_TF = phase + speed * np.arange(random.integers(5, 13))[:, None] + features_F
            yield Document(
                Where(reference, number + 1), array=3 + np.sin(angles_TF).astype(np.float32)
            )
