"""Masked frames: runs of a recording's frames are hidden and told from those around them.

Liu et al. 2020, "Mockingjay" (arXiv 1910.12638), section 2.2: 15 % of the frames, of which 80 % are
blank, 10 % are other ones and 10 % stay; runs of 7 and hidden bands as in Liu et al. 2021, "TERA"
(arXiv 2007.06028). The error is that of the log-mel frames themselves, in nats a band.

Letters: B recordings, T frames of all of them end to end, N hidden ones, M mel bands, D width.
"""

from collections.abc import Callable, Mapping, Sequence
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
    Report,
    Restoration,
    Rng,
    Transformer,
    UsageError,
    frame_tables,
    setting,
)
from sslplugins.objectives.sound.spans import hidden_runs, interpolated
from sslplugins.objectives.sound.telling import FrameTeller


@dataclass(frozen=True)
class FrameBatch(ModelBatch):
    """`inputs` are frames with others among them; `blank_TM` those and the bands that nothing is
    seen of. `whole_TM` as it is, and `places_N` of the frames to tell.
    """

    whole_TM: Tensor
    places_N: Tensor
    blank_TM: Tensor


class MaskedFrames(Objective[FrameBatch, "MaskedFrames.Options"]):
    """Tell hidden frames from those before and behind them."""

    class Options(Config):
        mask_rate: float = setting(
            0.15, "share of the frames that is hidden", "--mask-rate", gt=0, lt=1
        )
        run: int = setting(7, "frames that are hidden one after another", "--run", gt=0)
        mask_share: float = setting(
            0.8, "of the hidden runs: share that is blank", "--mask-share", ge=0, le=1
        )
        random_share: float = setting(
            0.1,
            "share that is replaced by other frames of the recording; the rest stays",
            "--random-share",
            ge=0,
            le=1,
        )
        band_share: float = setting(
            0.0,
            "share of the neighbouring bands that is blank in all frames of a recording, at most",
            "--band-share",
            ge=0,
            lt=1,
        )

    summary = "tell runs of hidden frames of a recording (Mockingjay, TERA)"
    loss_unit = "nats a band"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"sound"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        if options.mask_share + options.random_share > 1:
            raise UsageError(
                "--mask-share and --random-share are more than 1 together", "lower one of them"
            )
        width, bands = context.architecture.width, context.architecture.row_features
        self.tell = FrameTeller(
            nn.Sequential(
                nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, bands)
            ),
            bands,
        )

    def begin(self, backbone: Transformer, first_batch: Callable[[], FrameBatch]) -> None:
        """Frames are told around the mean frame, which is what is blank."""
        self.tell.begin(first_batch().whole_TM)

    def collate(self, batch: Batch, rng: Rng) -> FrameBatch:
        options = self.options
        runs = hidden_runs(batch, rng, options.mask_rate, options.run)
        places_N = np.flatnonzero(runs.hidden_T)
        fate_T = rng.uniform("fate", batch.sample_of, batch.positions)[runs.start_T]
        blank_T = runs.hidden_T & (fate_T < options.mask_share)
        other_T = runs.hidden_T & ~blank_T & (fate_T < options.mask_share + options.random_share)
        seen_TM = batch.values.copy()
        seen_TM[other_T] = batch.values[_elsewhere(batch, rng, runs.start_T)[other_T]]
        is_blank_TM = blank_T[:, None] | self._blank_bands(batch, rng)
        return FrameBatch(
            replace(Inputs.of(batch), rows_TD=torch.from_numpy(seen_TM)).reading(places_N),
            {"frames": len(places_N) * seen_TM.shape[1]},
            whole_TM=torch.from_numpy(batch.values),
            places_N=torch.from_numpy(places_N),
            blank_TM=torch.from_numpy(is_blank_TM),
        )

    def _blank_bands(self, batch: Batch, rng: Rng) -> np.ndarray:
        """[T, M], neighbouring bands of each recording that are blank in all its frames."""
        bands = batch.values.shape[1]
        size_B, place_B = (rng.uniform(name, batch.numbers) for name in ("bands", "lowest"))
        count_B = np.floor(size_B * (self.options.band_share * bands + 1)).astype(np.int64)
        first_B = np.floor(place_B * (bands - count_B + 1)).astype(np.int64)
        offset_BM = np.arange(bands) - first_B[:, None]
        blank_BM = (offset_BM >= 0) & (offset_BM < count_B[:, None])
        return np.repeat(blank_BM, batch.lengths, axis=0)

    def seen(self, batch: FrameBatch) -> Tensor:
        """[T, M], what the encoder reads: the mean frame where it is blank."""
        return torch.where(batch.blank_TM, self.tell.mean_M, batch.inputs.ready_TF)

    def _told(self, backbone: Transformer, batch: FrameBatch) -> Tensor:
        """[N, M], what is told of each hidden frame."""
        hidden = backbone(replace(batch.inputs, rows_TD=self.seen(batch)))
        return self.tell(hidden.last_TD.index_select(0, batch.places_N))

    def forward(self, backbone: Transformer, batch: FrameBatch) -> Loss:
        """The absolute error of all bands of hidden frames."""
        right_NM = batch.whole_TM.index_select(0, batch.places_N)
        return Loss({"frames": (self._told(backbone, batch) - right_NM).abs().sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[FrameBatch]
    ) -> Mapping[str, float]:
        """The mean frame, and the straight line between the visible frames around a run."""
        mean_M = np.concatenate(train).mean(axis=0)
        errors, count = {"mean frame": 0.0, "interpolation": 0.0}, 0
        for batch in held_out:
            whole_TM, places_N = batch.whole_TM.numpy(), batch.places_N.numpy()
            hidden_T = np.zeros(len(whole_TM), dtype=bool)
            hidden_T[places_N] = True
            starts_B1 = batch.inputs.packing.starts_B1.numpy()
            line_TM = interpolated(whole_TM, starts_B1, hidden_T, mean_M)
            right_NM = whole_TM[places_N]
            count += right_NM.size
            errors["mean frame"] += float(np.abs(right_NM - mean_M).sum(dtype=np.float64))
            off_NM = np.abs(right_NM - line_TM[places_N])
            errors["interpolation"] += float(off_NM.sum(dtype=np.float64))
        return {name: error / count for name, error in errors.items()}

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: FrameBatch) -> Sequence[Restoration]:
        """Each recording as it is, as it is read, and with its hidden frames told."""
        whole_TM, told_NM = batch.whole_TM, self._told(backbone, batch)
        restored_TM = whole_TM.index_copy(0, batch.places_N, told_NM.to(whole_TM.dtype))
        is_hidden_T = torch.zeros(len(whole_TM), device=whole_TM.device)
        is_hidden_T[batch.places_N] = 1
        parts = (whole_TM, self.seen(batch), restored_TM, is_hidden_T)
        cut = zip(*(x.cpu().split(batch.inputs.packing.lengths) for x in parts), strict=True)
        return [
            Restoration(
                whole_tM.numpy(),
                seen_tM.numpy(),
                restored_tM.numpy(),
                (restored_tM - whole_tM)[hidden_t > 0].abs().mean().item(),
            )
            for whole_tM, seen_tM, restored_tM, hidden_t in cut
        ]

    def show(self, batch: FrameBatch) -> Report:
        """Recordings as they are, and what the encoder reads of them, in characters."""
        whole_TM = batch.whole_TM
        seen_TM = torch.where(batch.blank_TM, whole_TM.mean(dim=0), batch.inputs.ready_TF)
        share = len(batch.places_N) / len(whole_TM)
        lengths = batch.inputs.packing.lengths
        rows = {"as it is": whole_TM.numpy(), "what is read": seen_TM.numpy()}
        return Report(
            "which frames are hidden",
            tables=frame_tables(rows, lengths),
            notes=[f"{share:.1%} of the frames are to be told; bands grow upwards"],
        )


def _elsewhere(batch: Batch, rng: Rng, start_T: np.ndarray) -> np.ndarray:
    """[T], for each frame another one of its recording: all frames of a run come from one place
    on, around the end.
    """
    lengths_T = np.repeat(batch.lengths, batch.lengths)
    first_T = np.repeat(batch.starts[:-1], batch.lengths)
    moved_T = rng.uniform("elsewhere", batch.sample_of, batch.positions)[start_T]
    shift_T = 1 + np.floor(moved_T * np.maximum(lengths_T - 1, 1)).astype(np.int64)
    return first_T + (np.arange(len(first_T)) - first_T + shift_T) % lengths_T
