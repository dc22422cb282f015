"""Masked auto-encoder (He et al. 2022, "MAE"): most patches of an image are left out, the encoder
reads the others alone, and a small decoder restores what it has not seen.

Of a record of a table the columns are what patches are of an image. Their numbers are restored as
they are scaled, categories as one number for each that there is, 1 for its own, all by their
squared error.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, V visible
ones, N hidden ones, F numbers of a row, D width of the encoder, E width of the decoder.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    NUMBERS_OF_RECORD,
    Batch,
    Config,
    Context,
    Counting,
    Grid,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Report,
    Restoration,
    Rng,
    Transformer,
    UsageError,
    item_tables,
    setting,
    usual_rows,
)

EPSILON = 1e-6  # added to a patch's variance


@dataclass(frozen=True)
class PatchBatch(ModelBatch):
    """`inputs` are the visible patches at their own positions, `whole` all patches; `visible_V` and
    `hidden_N` say which of T they are, in order; `counted_NF`: which numbers of the hidden ones are
    to be restored, 1 or 0, None for all.
    """

    whole: Inputs
    visible_V: Tensor
    hidden_N: Tensor
    counted_NF: Tensor | None = None

    def squared_errors(self, told_NF: Tensor, right_NF: Tensor) -> Tensor:
        """[N, F], of the numbers that count."""
        found_NF = (told_NF - right_NF).square()
        return found_NF if self.counted_NF is None else found_NF * self.counted_NF


class MaskedAutoEncoder(Objective[PatchBatch, "MaskedAutoEncoder.Options"]):
    """Restore the patches that the encoder has not seen."""

    class Options(Config):
        mask_ratio: float = setting(
            0.75, "share of the patches or columns that is left out", "--mask-ratio", gt=0, lt=1
        )
        norm_pixels: bool = setting(
            False,
            "restore each patch as it is around its own mean, in its own deviations: better for"
            " probes, but its brightness cannot be told from that",
            "--norm-pixels",
        )
        decoder_width: int = setting(64, "features of the decoder", gt=0)
        decoder_depth: int = setting(2, "layers of the decoder", gt=0, le=1_000)
        decoder_heads: int = setting(4, "attention heads of the decoder", gt=0)
        decoder_feedforward_width: int | None = setting(
            None,
            "features inside the decoder's feed-forward layers; 4 times its own when not given",
            gt=0,
        )

    summary = "restore patches or columns that the encoder does not see (MAE)"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, width = context.architecture, options.decoder_width
        layout = shape.layout
        if layout is None or layout.rows < 2:
            raise UsageError(
                "this model reads no images of several patches, and no table of several columns",
                "use images, and a --patch smaller than they are, or a table",
            )
        if options.norm_pixels and shape.grid is None:
            raise UsageError("a table has no pixels to norm", "leave out --norm-pixels")
        if options.norm_pixels and layout.features < 2:
            raise UsageError(
                "a patch of one number has no deviation to restore it in",
                "use a larger --patch, or leave out --norm-pixels",
            )
        if width % options.decoder_heads:
            raise UsageError(
                f"a decoder of width {width} does not divide into {options.decoder_heads} heads",
                "change options.mae.decoder_width or options.mae.decoder_heads",
            )
        self.layout, self.counting = layout, Counting(layout)
        changes = {
            "width": width,
            "depth": options.decoder_depth,
            "heads": options.decoder_heads,
            "feedforward_width": options.decoder_feedforward_width or 4 * width,
            "row_features": 0,
            "table": None,
            "grid": shape.grid if shape.positions == "sincos" else None,
            # the row of the class token comes from the encoder, at position -1
            "class_token": False,
            "position_offset": shape.position_offset + shape.class_token,
        }
        self.narrow = nn.Linear(shape.width, width)
        self.mask_E = nn.Parameter(torch.zeros(width))
        self.decoder = Transformer(shape.model_copy(update=changes))
        self.restore_patch = nn.Linear(width, layout.features)

    def visible(self, rows: int) -> int:
        """How many of an item's rows the encoder reads: one at least, and not all."""
        return min(max(1, round(rows * (1 - self.options.mask_ratio))), rows - 1)

    def collate(self, batch: Batch, rng: Rng) -> PatchBatch:
        noise_T = rng.uniform("mask", batch.sample_of, batch.positions)
        order_T = np.lexsort((noise_T, batch.sample_of))  # by noise within each image
        visible_T = np.zeros(len(noise_T), dtype=bool)
        visible_T[order_T] = batch.positions < self.visible(self.layout.rows)
        visible_V, hidden_N = (
            torch.from_numpy(np.flatnonzero(each)) for each in (visible_T, ~visible_T)
        )
        count, counted_NF = len(hidden_N) * self.layout.features, None
        if not isinstance(self.layout, Grid):
            counted_NF = torch.from_numpy(self.counting(batch.values)[~visible_T]).float()
            count = int(counted_NF.sum())
        return PatchBatch(
            Inputs.of(batch.subset(visible_T)),
            {"restoration": count},
            whole=Inputs.of(batch),
            visible_V=visible_V,
            hidden_N=hidden_N,
            counted_NF=counted_NF,
        )

    def _told(self, backbone: Transformer, batch: PatchBatch) -> Tensor:
        """[N, F], what the decoder makes of each hidden patch."""
        hidden = backbone(batch.inputs)
        seen_VE = self.narrow(hidden.last_TD)
        blank_TE = self.mask_E.to(seen_VE.dtype).expand(batch.whole.packing.total, -1)
        whole = replace(batch.whole, rows_TD=blank_TE.index_copy(0, batch.visible_V, seen_VE))
        if hidden.class_BD is None:
            return self.restore_patch(self.decoder(whole).last_TD.index_select(0, batch.hidden_N))
        whole, first_B, others_T = whole.with_first_rows()
        rows_TE = whole.ready_TF.index_copy(0, first_B, self.narrow(hidden.class_BD))
        told_TE = self.decoder(replace(whole, rows_TD=rows_TE, last_position=self.layout.rows - 1))
        hidden_N = others_T.index_select(0, batch.hidden_N)
        return self.restore_patch(told_TE.last_TD.index_select(0, hidden_N))

    def forward(self, backbone: Transformer, batch: PatchBatch) -> Loss:
        """The squared error of all numbers of hidden patches."""
        right_NF = batch.whole.ready_TF.index_select(0, batch.hidden_N)
        if self.options.norm_pixels:
            right_NF = _normed(right_NF)
        told_NF = self._told(backbone, batch).float()
        return Loss({"restoration": batch.squared_errors(told_NF, right_NF).sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[PatchBatch]
    ) -> Mapping[str, float]:
        """What is usual, and of an image the mean of its visible patches; with normed pixels the
        loss of telling nothing.
        """
        usual = usual_rows(self.layout, np.stack(train))
        errors, count = defaultdict[str, float](float), 0
        for batch in held_out:
            right_NF = batch.whole.ready_TF.index_select(0, batch.hidden_N).double()
            count += batch.counts["restoration"]
            if self.options.norm_pixels:
                errors["nothing"] += _normed(right_NF).square().sum().item()
                continue
            for name, rows_LF in usual.items():
                told_NF = torch.from_numpy(rows_LF)[batch.hidden_N % self.layout.rows]
                errors[name] += batch.squared_errors(told_NF, right_NF).sum().item()
            if not isinstance(self.layout, Grid):
                continue
            seen_BLF = batch.whole.ready_TF[batch.visible_V].unflatten(
                0, (len(batch.inputs.packing), -1)
            )
            of_seen_NF = seen_BLF.double().mean(dim=1)[batch.hidden_N // self.layout.rows]
            errors["mean of the visible"] += (right_NF - of_seen_NF).square().sum().item()
        return {name: error / count for name, error in errors.items()}

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: PatchBatch) -> Sequence[Restoration]:
        """Return each item, black or empty where rows are hidden, and restored there.

        Normed pixels are brought back with the mean and deviation of the true patch.
        """
        whole_TF, told_NF = batch.whole.ready_TF, self._told(backbone, batch).float()
        right_NF = whole_TF.index_select(0, batch.hidden_N)
        if self.options.norm_pixels:
            told_NF = told_NF * _deviation(right_NF) + right_NF.mean(dim=1, keepdim=True)
        own_TF = torch.from_numpy(self.counting.own_LF).to(told_NF)[
            batch.hidden_N % self.layout.rows
        ]
        restored_TF = whole_TF.index_copy(0, batch.hidden_N, told_NF * own_TF)
        counted_NF = torch.ones_like(told_NF) if batch.counted_NF is None else batch.counted_NF
        blank_TF, zeros_TF = whole_TF.index_fill(0, batch.hidden_N, 0), torch.zeros_like(whole_TF)
        errors_TF, counted_TF = (
            zeros_TF.index_copy(0, batch.hidden_N, x_NF)
            for x_NF in (batch.squared_errors(told_NF, right_NF), counted_NF)
        )
        is_hidden_T = torch.zeros(len(whole_TF), dtype=torch.bool, device=whole_TF.device)
        is_hidden_T[batch.hidden_N] = True
        each = (whole_TF, blank_TF, restored_TF, errors_TF, counted_TF, is_hidden_T)
        parts = (x_T.cpu().split(self.layout.rows) for x_T in each)
        return [
            Restoration(
                whole_LF.numpy(),
                blank_LF.numpy(),
                restored_LF.numpy(),
                (errors_LF.sum() / counted_LF.sum().clamp(min=1)).item(),
                hidden=is_hidden_L.numpy(),
            )
            for whole_LF, blank_LF, restored_LF, errors_LF, counted_LF, is_hidden_L in zip(
                *parts, strict=True
            )
        ]

    def show(self, batch: PatchBatch) -> Report:
        """Items as they are, and what the encoder sees of them: images in characters, records in
        words.
        """
        is_image = isinstance(self.layout, Grid)
        seen = batch.whole.ready_TF.index_fill(0, batch.hidden_N, 0 if is_image else nan)
        what = "patches of each image" if is_image else "columns of each record"
        rows = self.layout.rows
        return Report(
            "what is restored",
            tables=item_tables(
                self.layout,
                {"as it is": batch.whole.ready_TF.numpy(), "what is seen": seen.numpy()},
            ),
            notes=[
                f"{self.visible(rows)} of {rows} {what} are seen",
                *([] if is_image else [NUMBERS_OF_RECORD]),
            ],
        )


def _normed(x_NF: Tensor) -> Tensor:
    """Each patch around its own mean, in its own deviations."""
    return (x_NF - x_NF.mean(dim=1, keepdim=True)) / _deviation(x_NF)


def _deviation(x_NF: Tensor) -> Tensor:
    """[N, 1], of each patch's numbers, by the unbiased variance, as the paper's code has it."""
    return (x_NF.var(dim=1, keepdim=True) + EPSILON).sqrt()
