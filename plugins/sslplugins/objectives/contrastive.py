"""Two views of an image are to be alike, and views of different images are not.

NT-Xent (Chen et al. 2020, "SimCLR", equation 1): among all other views of the batch, of all
processes, each view's most similar one is to be its twin. VICReg (Bardes et al. 2022, equations 1
to 6) has no negatives: twins are to be equal, while every feature of the batch keeps a deviation of
1 and no two features go together. What is compared is a projection, which is left behind: probes
and fine-tuning use what comes before it.

Letters: B images of this process, N = 2B views of them, M views of all processes, L patches, F
numbers of a patch, D width, P numbers of a projection.
"""

from collections.abc import Callable, Mapping, Sequence
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
    image_tables,
    image_views,
    setting,
)

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0  # weights of VICReg's terms
EPSILON = 1e-4  # added to a variance


@dataclass(frozen=True)
class ViewBatch(ModelBatch):
    """`inputs` are the first views of all images, then the second ones; `names_N` tells each view
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

    summary = "tell two views of an image from those of other images (SimCLR, VICReg)"
    loss_unit = ""
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})
    arranges = "items"
    couples = True

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        grid, width = context.architecture.grid, options.projection_width
        if grid is None:
            raise UsageError("this model reads no images", "choose another --model")
        self.grid, self.is_contrast = grid, options.loss == "nt-xent"
        self.enter = nn.Linear(context.architecture.width, width)
        self.project = nn.Linear(width, width)

    def begin(self, backbone: Transformer, first_batch: Callable[[], ViewBatch]) -> None:
        """Refuse batches in which no image stands beside another."""
        if len(first_batch().names_N) < 4:
            raise UsageError(
                "a batch of one image has no others to tell it from", "use a larger --batch-size"
            )

    def collate(self, batch: Batch, rng: Rng) -> ViewBatch:
        assert batch.rows is not None, "images are rows"
        rows_BLF = batch.rows.reshape(len(batch), self.grid.rows, self.grid.features)
        views_NLF = np.concatenate(
            [
                image_views(rows_BLF, self.grid, batch.numbers, rng, name, self.options)
                for name in ("first", "second")
            ]
        )
        names_N = np.concatenate([2 * batch.numbers, 2 * batch.numbers + 1])
        terms = ("nt_xent",) if self.is_contrast else ("invariance", "variance", "covariance")
        return ViewBatch(
            Inputs.pack(torch.from_numpy(views_NLF)),
            dict.fromkeys(terms, len(names_N)),
            torch.from_numpy(names_N),
        )

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
        """Two views of the first images, in characters."""
        assert batch.inputs.rows_TD is not None, "images are rows"
        first, second = batch.inputs.rows_TD.chunk(2)
        shown = {"one view": first.numpy(), "the other": second.numpy()}
        return Report("what is to be alike", tables=image_tables(self.grid, shown))
