"""Hidden units: runs of hidden frames are told as one of a few clusters (HuBERT).

Hsu et al. 2021 (arXiv 2106.07447): the targets are k-means clusters of MFCC in a first round, and
of the model's own features in a second one; only hidden frames count (its alpha is 1), and the
logits are cosines to a vector of each cluster, over a temperature (equation 3).

Letters: T frames of all recordings end to end, N hidden ones, M mel bands, G numbers of a target's
features, K clusters, P width of the cosines, D width.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from sslcli.api import (
    Batch,
    Config,
    Context,
    Histogram,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Ratio,
    Report,
    Rng,
    Transformer,
    UsageError,
    frame_tables,
    kmeans,
    setting,
)
from sslplugins.objectives.sound.cepstra import cepstra
from sslplugins.objectives.sound.spans import hidden_runs, nearest_visible
from sslplugins.objectives.sound.telling import in_full

MOST_CLUSTERED = 20_000  # frames of the first batch
COSINES_WIDTH = 256  # at most


@dataclass(frozen=True)
class UnitBatch(ModelBatch):
    """`inputs` are the frames as they are; `places_N` of those to tell, and `nearest_N` the visible
    frame beside each. `cepstra_TG` are the features of the first round.
    """

    places_N: Tensor
    nearest_N: Tensor
    hidden_T: Tensor
    cepstra_TG: Tensor


class HiddenUnits(Objective[UnitBatch, "HiddenUnits.Options"]):
    """Tell the clusters of hidden frames."""

    class Options(Config):
        clusters: int = setting(64, "clusters that frames are told as", "--clusters", gt=1)
        targets: Literal["cepstra", "features"] = setting(
            "cepstra",
            "what is clustered: MFCC with their changes, or the hidden states of the --model that"
            " is trained further, as it was before (the second round)",
            "--targets",
        )
        layer: int | None = setting(
            None, "layer of these features; the middle one when not given", "--target-layer", ge=0
        )
        mask_rate: float = setting(
            0.5, "share of the frames that is hidden", "--mask-rate", gt=0, lt=1
        )
        run: int = setting(10, "frames that are hidden one after another", "--run", gt=0)
        temperature: float = setting(0.1, "of the cosines", gt=0)

    summary = "tell clusters of hidden frames of a recording (HuBERT)"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"sound"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape = context.architecture
        self.layer = shape.depth // 2 if options.layer is None else options.layer
        if self.layer > shape.depth:
            raise UsageError(
                f"layer {self.layer} does not exist",
                f"this model has layers 0 (embeddings) to {shape.depth}: --target-layer",
            )
        of_frames = options.targets == "cepstra"
        features = 3 * min(13, shape.row_features) if of_frames else shape.width
        cosines = min(COSINES_WIDTH, shape.width)
        self.blank_M = nn.Parameter(torch.zeros(shape.row_features))
        self.project = nn.Linear(shape.width, cosines)
        self.units = nn.Embedding(options.clusters, cosines)
        # as it was before; it learns nothing
        self.before = None if of_frames else Transformer(shape).requires_grad_(False)
        self.register_buffer("mean_M", torch.zeros(shape.row_features))
        self.register_buffer("centre_G", torch.zeros(features))
        self.register_buffer("scale_G", torch.ones(features))
        self.register_buffer("centres_KG", torch.zeros(options.clusters, features))

    def begin(self, backbone: Transformer, first_batch: Callable[[], UnitBatch]) -> None:
        """Cluster the features of the first batch, each number around its mean in its deviations.

        Raises UsageError where there are fewer frames than clusters.
        """
        batch = first_batch()
        if self.before is not None:
            self.before.load_state_dict(backbone.state_dict())
        self.mean_M.copy_(batch.inputs.ready_TF.float().mean(dim=0))
        features_TG = self._features(batch)
        self.centre_G.copy_(features_TG.mean(dim=0))
        self.scale_G.copy_(features_TG.std(dim=0).clamp(min=1e-6))
        scaled_TG = (features_TG - self.centre_G) / self.scale_G
        some = np.linspace(0, len(scaled_TG) - 1, min(MOST_CLUSTERED, len(scaled_TG))).astype(int)
        rows_NG = scaled_TG[torch.from_numpy(some).to(scaled_TG.device)].cpu().numpy()
        if len(rows_NG) <= len(self.centres_KG):
            raise UsageError(
                f"{len(rows_NG):,} frames of the first batch are too few for "
                f"{len(self.centres_KG):,} clusters",
                "use a larger --batch-size, or fewer --clusters",
            )
        centres_KG = kmeans(rows_NG, len(self.centres_KG), seed=0)
        self.centres_KG.copy_(torch.from_numpy(np.asarray(centres_KG)))

    def collate(self, batch: Batch, rng: Rng) -> UnitBatch:
        runs = hidden_runs(batch, rng, self.options.mask_rate, self.options.run)
        places_N = np.flatnonzero(runs.hidden_T)
        return UnitBatch(
            Inputs.of(batch).reading(places_N),
            {"hubert": len(places_N)},
            places_N=torch.from_numpy(places_N),
            nearest_N=torch.from_numpy(nearest_visible(batch.starts, runs.hidden_T)),
            hidden_T=torch.from_numpy(runs.hidden_T),
            cepstra_TG=torch.from_numpy(cepstra(batch.values, batch.lengths)),
        )

    @torch.no_grad()
    def _features(self, batch: UnitBatch) -> Tensor:
        """[T, G], what is clustered."""
        if self.before is None:
            return batch.cepstra_TG
        hidden = self.before.eval()(batch.inputs, keep={self.layer})
        return in_full(hidden.kept[self.layer])

    @torch.no_grad()
    def clusters_of(self, batch: UnitBatch) -> Tensor:
        """[T], the cluster of each frame as it is, which is the nearest one."""
        scaled_TG = (self._features(batch) - self.centre_G) / self.scale_G
        squares_K = self.centres_KG.square().sum(dim=1)
        return (squares_K - 2 * scaled_TG @ self.centres_KG.T).argmin(dim=1)

    def forward(self, backbone: Transformer, batch: UnitBatch) -> Loss:
        """The cross-entropy of the clusters of hidden frames, in nats."""
        clusters_T = self.clusters_of(batch)
        right_N = clusters_T[batch.places_N]
        blank_M = self.mean_M + self.blank_M
        seen_TM = torch.where(batch.hidden_T[:, None], blank_M, batch.inputs.ready_TF)
        hidden = backbone(replace(batch.inputs, rows_TD=seen_TM))
        told_NP = in_full(self.project(hidden.last_TD.index_select(0, batch.places_N)))
        cosines_NK = normalize(told_NP, dim=1) @ normalize(in_full(self.units.weight), dim=1).T
        logits_NK = cosines_NK / self.options.temperature
        count = batch.counts["hubert"]
        # itself is no other frame: nothing tells the frames of a recording that is all hidden
        is_other_N = batch.nearest_N != batch.places_N
        beside = (is_other_N & (clusters_T[batch.nearest_N] == right_N)).sum()
        metrics = {
            "accuracy": Ratio((logits_NK.argmax(dim=1) == right_N).sum(), count),
            "accuracy_of_the_nearest_frame": Ratio(beside, count),
            "targets": Histogram(torch.bincount(right_N, minlength=len(self.centres_KG))),
        }
        return Loss({"hubert": cross_entropy(logits_NK, right_N, reduction="sum")}, metrics)

    def conclusions(self, loss: float, metrics: dict[str, float]) -> Sequence[str]:
        """Whether more is told than by taking the cluster of the nearest visible frame."""
        own, beside = metrics.get("accuracy"), metrics.get("accuracy_of_the_nearest_frame")
        if own is None or beside is None or own > beside:
            return []
        return [
            "not emerged: hidden frames are told no better than as the nearest visible one, which "
            f"is right for {beside:.1%}"
        ]

    def show(self, batch: UnitBatch) -> Report:
        """Recordings as they are, and with their hidden frames blank, in characters."""
        whole_TM = batch.inputs.ready_TF
        seen_TM = torch.where(batch.hidden_T[:, None], whole_TM.mean(dim=0), whole_TM)
        rows = {"as it is": whole_TM.numpy(), "what is read": seen_TM.numpy()}
        return Report(
            "frames whose clusters are told",
            tables=frame_tables(rows, batch.inputs.packing.lengths),
            notes=[
                f"{len(batch.places_N) / len(whole_TM):.1%} of the frames are told, as one of "
                f"{self.options.clusters} clusters: {math.log(self.options.clusters):.3g} nats"
            ],
        )
