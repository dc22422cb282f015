"""Frames told ahead: what `clm` is on recordings.

Chung et al. 2019, "An unsupervised autoregressive model for speech representation learning" (APC,
arXiv 1904.03240), equation 1: from the frames up to one of them the frame some steps further is
told. The next frame is too much like the last one to learn anything from.

Letters: T frames of all recordings end to end, N that have one so far ahead, M mel bands, D width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    Batch,
    Config,
    Context,
    Hidden,
    Inputs,
    Loss,
    ModelBatch,
    Readout,
    Report,
    Rng,
    Transformer,
    UsageError,
    frame_tables,
    setting,
)
from sslplugins.objectives.sound.telling import FrameTeller

USUAL_AHEAD = 5


class AheadOptions(Config):
    """Options of `clm`, of which text needs none."""

    ahead: int | None = setting(
        None,
        f"of recordings: how many frames ahead is told, {USUAL_AHEAD} when not given; of text it is"
        " always the next token",
        "--ahead",
        gt=0,
    )


@dataclass(frozen=True)
class AheadBatch(ModelBatch):
    """`places_N`: frames that another one is told from; `right_NM`: those others."""

    places_N: Tensor
    right_NM: Tensor


class FramesAhead(Readout[AheadBatch, AheadOptions]):
    """Tell the frame some steps ahead, with a decoder; the error is absolute, in nats a band.

    Of a recording with fewer frames than that nothing is told.
    """

    Options = AheadOptions
    summary = "tell frames ahead (APC)"
    loss_unit = "nats a band"
    architectures = frozenset({"decoder"})
    modalities = frozenset({"sound"})
    arranges = "items"

    def __init__(self, options: AheadOptions, context: Context) -> None:
        super().__init__(options, context)
        self.ahead = options.ahead or USUAL_AHEAD
        bands = context.architecture.row_features
        self.tell = FrameTeller(nn.Linear(context.architecture.width, bands), bands)

    def begin(self, backbone: Transformer, first_batch: Callable[[], AheadBatch]) -> None:
        """Frames are told around the mean frame. Raises UsageError where none is so far ahead."""
        batch = first_batch()
        if not batch.counts["clm"]:
            longest = batch.inputs.packing.longest
            raise UsageError(
                f"no recording of the first batch has a frame {self.ahead:,} ahead of another: the "
                f"longest has {longest:,}",
                "use a smaller --ahead, or longer recordings",
            )
        self.tell.begin(batch.inputs.ready_TF)

    def collate(self, batch: Batch, rng: Rng) -> AheadBatch:
        ends_T = np.repeat(batch.starts[1:], batch.lengths)
        places_N = np.flatnonzero(np.arange(len(ends_T)) + self.ahead < ends_T)
        right_NM = batch.values[places_N + self.ahead]
        return AheadBatch(
            Inputs.of(batch),
            {"clm": right_NM.size},
            torch.from_numpy(places_N),
            torch.from_numpy(right_NM),
        )

    def read(self, hidden: Hidden, batch: AheadBatch, backbone: Transformer) -> Loss:
        """The absolute error of all bands of the frames that are told."""
        told_NM = self.tell(hidden.last_TD.index_select(0, batch.places_N))
        return Loss({"clm": (told_NM - batch.right_NM).abs().sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[AheadBatch]
    ) -> Mapping[str, float]:
        """The mean frame, the last frame again, and the straight line through it and the one as far
        back.
        """
        mean_M, ahead = np.concatenate(train).mean(axis=0), self.ahead
        errors = {"mean frame": 0.0, "the same frame": 0.0, "straight on": 0.0}
        count = 0
        for batch in held_out:
            whole_TM, right_NM = batch.inputs.ready_TF.numpy(), batch.right_NM.numpy()
            places_N = batch.places_N.numpy()
            last_NM = whole_TM[places_N]
            before_NM = whole_TM[np.maximum(places_N - ahead, _first(batch))]
            told = (mean_M, last_NM, 2 * last_NM - before_NM)
            for name, told_NM in zip(errors, told, strict=True):
                errors[name] += float(np.abs(told_NM - right_NM).sum(dtype=np.float64))
            count += right_NM.size
        return {name: error / max(count, 1) for name, error in errors.items()}

    def show(self, batch: AheadBatch) -> Report:
        """Recordings in characters, and how far ahead is told."""
        rows = {"as it is": batch.inputs.ready_TF.numpy()}
        return Report(
            "frames are told from those before them",
            tables=frame_tables(rows, batch.inputs.packing.lengths),
            notes=[f"each frame is told from those up to {self.ahead} before it"],
        )


def _first(batch: AheadBatch) -> np.ndarray:
    """[N], the first frame of the recording that each place lies in."""
    starts_B1 = batch.inputs.packing.starts_B1.numpy()
    return starts_B1[np.searchsorted(starts_B1, batch.places_N.numpy(), side="right") - 1]
