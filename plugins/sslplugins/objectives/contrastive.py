"""Two views of an image, or of a record, are to be alike, and views of different ones are not.

NT-Xent (Chen et al. 2020, "SimCLR", equation 1): among all other views of the batch, of all
processes, each view's most similar one is to be its twin. VICReg (Bardes et al. 2022, arXiv
2105.04906, equations 1 to 6) has no negatives: twins are to be equal, while every feature of the
batch keeps a deviation of 1 and no two features go together. As in its authors' code, which the
paper's weights belong to, the distance of twins is a mean over features, and both halves of the
variance term count a half. What is compared is a projection, which is left behind: probes and fine-
tuning use what comes before it. A view of a record shows some of its columns (`record_views`).

Letters: B items of this process, N = 2B views of them, M views of all processes, L rows of an item,
K of them in a view, F numbers of a row, D width, P numbers of a projection.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from sslcli.api import (
    Batch,
    Context,
    Grid,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Transformer,
    UsageError,
    ViewOptions,
    at_least_float32,
    collapse_signals,
    gather,
    image_views,
    item_tables,
    record_views,
    seen_columns,
    setting,
    spread_views,
    unread_views,
)

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0  # weights of VICReg's terms
EPSILON = 1e-4  # added to a variance
VIEWS = ("first", "second")


@dataclass(frozen=True)
class ViewBatch(ModelBatch):
    """`inputs` are the first views of all items, then the second ones; `names_N` tells each view
    from all others of the global batch.
    """

    names_N: Tensor


class Contrastive(Objective[ViewBatch, "Contrastive.Options"]):
    """Tell the twin of each view among the views of other images."""

    class Options(ViewOptions):
        loss: Literal["nt-xent", "vicreg"] = setting(
            "nt-xent", "nt-xent: find the twin; vicreg: be like the twin, and vary", "--loss"
        )
        temperature: float = setting(
            0.2, "what similarities are divided by in nt-xent", "--temperature", gt=0
        )
        projection_width: int = setting(
            256, "features that views are compared by, and of the layer before them", gt=1
        )

    summary = "tell two views of an image or record from those of others (SimCLR, VICReg)"
    loss_unit = ""
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})
    arranges = "items"
    couples = True

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        layout, width = context.architecture.layout, options.projection_width
        if layout is None or (not isinstance(layout, Grid) and layout.rows < 2):
            raise UsageError(
                "this model reads no images, and no table of several columns",
                "choose other data, or another --model",
            )
        self.layout, self.is_contrast = layout, options.loss == "nt-xent"
        self.enter = nn.Linear(context.architecture.width, width)
        self.project = nn.Linear(width, width)

    def idle_options(self) -> Collection[str]:
        """Views of the other kind of data, and the temperature of the other loss."""
        of_others = unread_views(self.layout)
        return of_others if self.is_contrast else [*of_others, "temperature"]

    def begin(self, backbone: Transformer, first_batch: Callable[[], ViewBatch]) -> None:
        """Refuse batches in which nothing stands beside another."""
        if len(first_batch().names_N) < 4:
            raise UsageError(
                "a batch of one has no others to tell it from", "use a larger --batch-size"
            )

    def collate(self, batch: Batch, rng: Rng) -> ViewBatch:
        cut = self._of_images if isinstance(self.layout, Grid) else self._of_records
        names_N = np.concatenate([2 * batch.numbers, 2 * batch.numbers + 1])
        terms = ("nt_xent",) if self.is_contrast else ("invariance", "variance", "covariance")
        return ViewBatch(
            cut(batch, rng),
            dict.fromkeys(terms, len(names_N)),
            torch.from_numpy(names_N),
        )

    def _of_images(self, batch: Batch, rng: Rng) -> Inputs:
        assert isinstance(self.layout, Grid), "images lie on a grid"
        rows_BLF = batch.values.reshape(len(batch), self.layout.rows, self.layout.features)
        views = [
            image_views(rows_BLF, self.layout, batch.numbers, rng, name, self.options)
            for name in VIEWS
        ]
        return Inputs.pack(torch.from_numpy(np.concatenate(views)))

    def _of_records(self, batch: Batch, rng: Rng) -> Inputs:
        """As many columns of each record, at least one and not all."""
        rows = self.layout.rows
        seen = seen_columns(rows, self.options.hide)
        views = [record_views(batch, rows, seen, rng, name) for name in VIEWS]
        views_NKF, kept_NK = (torch.from_numpy(np.concatenate(x)) for x in zip(*views, strict=True))
        return Inputs.pack(views_NKF, positions=kept_NK)

    def forward(self, backbone: Transformer, batch: ViewBatch) -> Loss:
        read_ND = backbone(batch.inputs).pooled_BD
        told_NP = at_least_float32(self.project(gelu(self.enter(read_ND))))
        compare = self._contrasted if self.is_contrast else self._varied
        loss = compare(told_NP, batch)
        signals = collapse_signals(gather(read_ND.detach()), len(read_ND))
        return Loss(loss.sums, {**loss.metrics, **signals})

    def _contrasted(self, told_NP: Tensor, batch: ViewBatch) -> Loss:
        """Cross entropy of each view's twin among all views but itself."""
        toward_NP = normalize(told_NP, dim=1)
        every_MP, names_M = gather(toward_NP), gather(batch.names_N)
        logits_NM = toward_NP @ every_MP.T / self.options.temperature
        is_itself_NM = batch.names_N[:, None] == names_M
        logits_NM = logits_NM.masked_fill(is_itself_NM, -torch.inf)
        twin_NP = toward_NP.roll(len(toward_NP) // 2, dims=0)
        twin_N = (toward_NP * twin_NP).sum(dim=1) / self.options.temperature
        found = (twin_N >= logits_NM.max(dim=1).values - 1e-6).sum()
        total = (logits_NM.logsumexp(dim=1) - twin_N).sum()
        return Loss({"nt_xent": total}, {"accuracy": Ratio(found, len(toward_NP))})

    def _varied(self, told_NP: Tensor, batch: ViewBatch) -> Loss:
        """Means over the global batch; this process answers for its own share of them."""
        first, second = told_NP.chunk(2)
        sums = {"invariance": INVARIANCE * 2 * (first - second).square().mean(dim=1).sum()}
        sums |= {name: told_NP.new_zeros(()) for name in ("variance", "covariance")}
        for own_BP in (first, second):
            every_BP = gather(own_BP)
            if len(every_BP) < 2:
                continue  # nothing varies
            centred_BP = every_BP - every_BP.mean(dim=0)
            deviation_P = (centred_BP.square().sum(dim=0) / (len(every_BP) - 1) + EPSILON).sqrt()
            covariance_PP = centred_BP.T @ centred_BP / (len(every_BP) - 1)
            together = covariance_PP.square().sum() - covariance_PP.diagonal().square().sum()
            sums["variance"] += VARIANCE / 2 * (1 - deviation_P).relu().mean() * len(told_NP)
            sums["covariance"] += COVARIANCE * together / own_BP.shape[1] * len(told_NP)
        return Loss(sums)

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[ViewBatch]
    ) -> Mapping[str, float]:
        """The loss of a network that says the same of everything."""
        if not self.is_contrast:
            return {"all alike": VARIANCE * (1 - EPSILON**0.5)}
        counts = [len(batch.names_N) for batch in held_out]
        return {"all alike": sum(count * log(count - 1) for count in counts) / sum(counts)}

    def show(self, batch: ViewBatch) -> Report:
        """Two views of the first items: images in characters, records in words."""
        first, second = spread_views(batch.inputs, self.layout.rows).chunk(2)
        shown = {"one view": first.numpy(), "the other": second.numpy()}
        return Report("what is to be alike", tables=item_tables(self.layout, shown))
