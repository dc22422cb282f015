"""Masked auto-encoder (He et al. 2022, "MAE"): most patches of an image are left out, the encoder
reads the others alone, and a small decoder restores what it has not seen.

Letters: B images, L patches of one, T patches of all of them end to end, V visible ones, N hidden
ones, F numbers of a patch, D width of the encoder, E width of the decoder.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
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
    image_tables,
    setting,
)

EPSILON = 1e-6  # added to a patch's variance


@dataclass(frozen=True)
class PatchBatch(ModelBatch):
    """`inputs` are the visible patches at their own positions, `whole` all patches; `visible_V` and
    `hidden_N` say which of T they are, in order.
    """

    whole: Inputs
    visible_V: Tensor
    hidden_N: Tensor

    @property
    def whole_TF(self) -> Tensor:
        """All patches."""
        assert self.whole.rows_TD is not None, "patches are rows"
        return self.whole.rows_TD


class MaskedAutoEncoder(Objective[PatchBatch, "MaskedAutoEncoder.Options"]):
    """Restore the patches that the encoder has not seen."""

    class Options(Config):
        mask_ratio: float = setting(
            0.75, "share of an image's patches that is left out", "--mask-ratio", gt=0, lt=1
        )
        norm_pixels: bool = setting(
            False,
            "restore each patch as it is around its own mean, in its own deviations: better for"
            " probes, but its brightness cannot be told from that",
            "--norm-pixels",
        )
        decoder_width: int = setting(64, "features of the decoder", gt=0)
        decoder_depth: int = setting(2, "layers of the decoder", gt=0)
        decoder_heads: int = setting(4, "attention heads of the decoder", gt=0)

    summary = "restore patches of images that the encoder does not see (MAE)"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, width = context.architecture, options.decoder_width
        if shape.grid is None or shape.grid.rows < 2:
            raise UsageError(
                "this model reads no images of several patches",
                "use images, and a --patch smaller than they are",
            )
        if options.norm_pixels and shape.grid.features < 2:
            raise UsageError(
                "a patch of one number has no deviation to restore it in",
                "use a larger --patch, or leave out --norm-pixels",
            )
        if width % options.decoder_heads:
            raise UsageError(
                f"a decoder of width {width} does not divide into {options.decoder_heads} heads",
                "change options.mae.decoder_width or options.mae.decoder_heads",
            )
        self.grid = shape.grid
        changes = {
            "width": width,
            "depth": options.decoder_depth,
            "heads": options.decoder_heads,
            "feedforward_width": 4 * width,
            "row_features": 0,
            "grid": None,
        }
        self.narrow = nn.Linear(shape.width, width)
        self.mask_E = nn.Parameter(torch.zeros(width))
        self.decoder = Transformer(shape.model_copy(update=changes))
        self.restore_patch = nn.Linear(width, shape.grid.features)

    def visible(self, rows: int) -> int:
        """How many of an image's patches the encoder reads: one at least, and not all."""
        return min(max(1, round(rows * (1 - self.options.mask_ratio))), rows - 1)

    def collate(self, batch: Batch, rng: Rng) -> PatchBatch:
        noise_T = rng.uniform("mask", batch.sample_of, batch.positions)
        order_T = np.lexsort((noise_T, batch.sample_of))  # by noise within each image
        visible_T = np.zeros(len(noise_T), dtype=bool)
        visible_T[order_T] = batch.positions < self.visible(self.grid.rows)
        visible_V, hidden_N = (
            torch.from_numpy(np.flatnonzero(each)) for each in (visible_T, ~visible_T)
        )
        return PatchBatch(
            Inputs.of(batch.subset(visible_T)),
            {"restoration": len(hidden_N) * self.grid.features},
            whole=Inputs.of(batch),
            visible_V=visible_V,
            hidden_N=hidden_N,
        )

    def _told(self, backbone: Transformer, batch: PatchBatch) -> Tensor:
        """[N, F], what the decoder makes of each hidden patch."""
        seen_VE = self.narrow(backbone(batch.inputs).last_TD)
        blank_TE = self.mask_E.to(seen_VE.dtype).expand(batch.whole.packing.total, -1)
        rows_TE = blank_TE.index_copy(0, batch.visible_V, seen_VE)
        hidden = self.decoder(replace(batch.whole, rows_TD=rows_TE))
        return self.restore_patch(hidden.last_TD.index_select(0, batch.hidden_N))

    def forward(self, backbone: Transformer, batch: PatchBatch) -> Loss:
        """The squared error of all numbers of hidden patches."""
        right_NF = batch.whole_TF.index_select(0, batch.hidden_N)
        if self.options.norm_pixels:
            right_NF = _normed(right_NF)
        told_NF = self._told(backbone, batch).float()
        return Loss({"restoration": (told_NF - right_NF).square().sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[PatchBatch]
    ) -> Mapping[str, float]:
        """The mean image, and the mean of the visible patches; with normed pixels the loss of
        telling nothing.
        """
        mean_LF = torch.from_numpy(np.mean(train, axis=0))
        errors, count = defaultdict[str, float](float), 0
        for batch in held_out:
            right_NF = batch.whole_TF.index_select(0, batch.hidden_N).double()
            count += right_NF.numel()
            if self.options.norm_pixels:
                errors["nothing"] += _normed(right_NF).square().sum().item()
                continue
            seen_BLF = batch.whole_TF[batch.visible_V].unflatten(0, (len(batch.inputs.packing), -1))
            of_seen_NF = seen_BLF.double().mean(dim=1)[batch.hidden_N // self.grid.rows]
            of_all_NF = mean_LF[batch.hidden_N % self.grid.rows]
            errors["mean image"] += (right_NF - of_all_NF).square().sum().item()
            errors["mean of the visible"] += (right_NF - of_seen_NF).square().sum().item()
        return {name: error / count for name, error in errors.items()}

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: PatchBatch) -> Sequence[Restoration]:
        """Return each image, black where patches are hidden, and restored there.

        Normed pixels are brought back with the mean and deviation of the true patch.
        """
        whole_TF, told_NF = batch.whole_TF, self._told(backbone, batch).float()
        right_NF = whole_TF.index_select(0, batch.hidden_N)
        if self.options.norm_pixels:
            told_NF = told_NF * _deviation(right_NF) + right_NF.mean(dim=1, keepdim=True)
        blank_TF = whole_TF.index_fill(0, batch.hidden_N, 0)
        restored_TF = whole_TF.index_copy(0, batch.hidden_N, told_NF)
        parts = (x_TF.cpu().split(self.grid.rows) for x_TF in (whole_TF, blank_TF, restored_TF))
        share = batch.hidden_N.numel() / whole_TF.shape[0]
        return [
            Restoration(
                whole_LF.numpy(),
                blank_LF.numpy(),
                restored_LF.numpy(),
                (restored_LF - whole_LF).square().mean().item() / share,
            )
            for whole_LF, blank_LF, restored_LF in zip(*parts, strict=True)
        ]

    def show(self, batch: PatchBatch) -> Report:
        """Images as they are, and what the encoder sees of them, in characters."""
        whole = batch.whole_TF
        seen = whole.index_fill(0, batch.hidden_N, 0)
        return Report(
            "what is restored",
            tables=image_tables(
                self.grid, {"as it is": whole.numpy(), "what is seen": seen.numpy()}
            ),
            notes=[
                f"{self.visible(self.grid.rows)} of {self.grid.rows} patches of each image are seen"
            ],
        )


def _normed(x_NF: Tensor) -> Tensor:
    """Each patch around its own mean, in its own deviations."""
    return (x_NF - x_NF.mean(dim=1, keepdim=True)) / _deviation(x_NF)


def _deviation(x_NF: Tensor) -> Tensor:
    """[N, 1], of each patch's numbers, by the unbiased variance, as the paper's code has it."""
    return (x_NF.var(dim=1, keepdim=True) + EPSILON).sqrt()
