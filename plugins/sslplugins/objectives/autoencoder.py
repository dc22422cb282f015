"""Auto-encoder: an image, or a record of a table, through a code of few numbers and back (Hinton
and Salakhutdinov 2006).

With `--corrupt` the network reads a broken image and restores the whole one (Vincent et al. 2008,
"denoising autoencoders"). That is what BERT does to text: its corruption is [MASK], its restoration
is told at the hidden places alone, and it needs no code in between, since most of a text is hidden
from nobody.

Of a record the numbers of each column are restored, scaled as they are read; of a category one for
each that there is, 1 for its own. All by their squared error.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, F numbers of a
row, P numbers of an item, D width, K numbers of a code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    NUMBERS_OF_RECORD,
    Batch,
    Config,
    Context,
    Counting,
    Inputs,
    Loss,
    ModelBatch,
    Objective,
    Report,
    Restoration,
    Rng,
    RowDecoder,
    Transformer,
    UsageError,
    item_tables,
    principal_components,
    setting,
    usual_rows,
)

Corruption = Literal["none", "gaussian", "mask", "salt"]


@dataclass(frozen=True)
class ItemBatch(ModelBatch):
    """`inputs` are the rows as the network reads them, `whole_TF` as they are; `counted_TF`: which
    of their numbers are to be restored, 1 or 0, None for all.
    """

    whole_TF: Tensor
    counted_TF: Tensor | None = None

    def squared_errors(self, restored_TF: Tensor) -> Tensor:
        """[T, F], of the numbers that count."""
        found_TF = (restored_TF - self.whole_TF).square()
        return found_TF if self.counted_TF is None else found_TF * self.counted_TF


class AutoEncoder(Objective[ItemBatch, "AutoEncoder.Options"]):
    """Reconstruct images or records from a code that has no room for them."""

    class Options(Config):
        code: int = setting(32, "numbers that an image or a record is reduced to", "--code", gt=0)
        decoder_width: int = setting(
            512, "features of the two layers that make the item of the code", gt=0
        )
        corrupt: Corruption = setting(
            "none",
            "break what the network reads: gaussian adds noise to each number, mask blackens"
            " patches or empties columns, salt makes pixels black or white; all is restored",
            "--corrupt",
        )
        corrupt_rate: float = setting(
            0.3,
            "how much: the noise's deviation, the share of the rows, or that of the numbers",
            "--corrupt-rate",
            gt=0,
            le=1,
        )

    summary = "reconstruct images or records from a code of few numbers (auto-encoder)"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images", "table"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, inside = context.architecture, options.decoder_width
        if shape.layout is None:
            raise UsageError("this model reads no images and no table", "choose another --model")
        self.layout, numbers = shape.layout, shape.layout.numbers
        item = "an image" if shape.table is None else "a record"
        if options.code >= numbers:
            raise UsageError(
                f"a code of {options.code} numbers leaves nothing to learn: {item} has {numbers}",
                f"use a smaller one: --code {max(1, numbers // 4)}",
            )
        if options.corrupt == "salt" and shape.table is not None:
            raise UsageError(
                "salt makes pixels black or white, and a table has none", "use gaussian or mask"
            )
        self.counting = Counting(self.layout)
        self.encode = nn.Linear(self.layout.rows * shape.width, options.code)
        sizes = (self.layout.rows, self.layout.features) if shape.table is None else (1, numbers)
        self.decode = RowDecoder(options.code, inside, *sizes)
        self.register_buffer("mean_LF", torch.zeros(self.layout.rows, self.layout.features))
        places_P = None if shape.table is None else torch.tensor(shape.table.places)
        self.register_buffer("places_P", places_P, persistent=False)

    def begin(self, backbone: Transformer, first_batch: Callable[[], ItemBatch]) -> None:
        """The decoder adds to the mean of the first batch."""
        self.mean_LF.copy_(first_batch().whole_TF.unflatten(0, (-1, self.layout.rows)).mean(dim=0))

    def collate(self, batch: Batch, rng: Rng) -> ItemBatch:
        inputs, whole_TF = Inputs.of(batch), batch.rows
        assert whole_TF is not None, "items are rows"
        broken_TF = self._broken(whole_TF, batch, rng)
        counted_TF = None if self.places_P is None else self.counting(whole_TF)
        return ItemBatch(
            replace(inputs, rows_TD=torch.from_numpy(broken_TF)),
            {"reconstruction": whole_TF.size if counted_TF is None else int(counted_TF.sum())},
            whole_TF=torch.from_numpy(whole_TF),
            counted_TF=None if counted_TF is None else torch.from_numpy(counted_TF).float(),
        )

    def _broken(self, whole_TF: np.ndarray, batch: Batch, rng: Rng) -> np.ndarray:
        """What the network reads; the same numbers of an item wherever it is met."""
        kind, rate = self.options.corrupt, self.options.corrupt_rate
        samples_T, positions_T = batch.sample_of, batch.positions
        features = whole_TF.shape[1]
        places_TF = positions_T[:, None] * features + np.arange(features)
        if kind == "mask":
            hidden_T = rng.uniform("mask", samples_T, positions_T) < rate
            return np.where(hidden_T[:, None], np.float32(0), whole_TF)
        if kind == "salt":
            drawn_TF = rng.uniform("salt", samples_T[:, None], places_TF)
            extreme_TF = (drawn_TF < rate / 2).astype(np.float32)  # half of them white
            return np.where(drawn_TF < rate, extreme_TF, whole_TF)
        if kind == "gaussian":
            radius_TF, turn_TF = (
                rng.uniform(name, samples_T[:, None], places_TF) for name in ("radius", "turn")
            )
            # Box and Muller 1958; a uniform number may be 0
            normal_TF = np.sqrt(-2 * np.log1p(-radius_TF)) * np.cos(2 * np.pi * turn_TF)
            noise_TF = np.float32(rate) * normal_TF.astype(np.float32)
            if self.places_P is not None:
                items = len(noise_TF) // self.layout.rows
                noise_TF = noise_TF * np.tile(self.counting.noisy_LF, (items, 1))
            return whole_TF + noise_TF
        return whole_TF

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, K], the numbers that each item is reduced to."""
        rows_TD = backbone(inputs).last_TD
        return self.encode(rows_TD.unflatten(0, (-1, self.layout.rows)).flatten(1))

    def decoded(self, codes_BK: Tensor) -> Tensor:
        """Rows [T, F] of the items that codes stand for, not clipped."""
        rows_BLF = self.decode(codes_BK)
        if self.places_P is not None:
            shape = (self.layout.rows, self.layout.features)
            blank_BP = rows_BLF.new_zeros(len(rows_BLF), shape[0] * shape[1])
            rows_BLF = blank_BP.index_copy(1, self.places_P, rows_BLF[:, 0]).unflatten(1, shape)
        return (rows_BLF + self.mean_LF).flatten(0, 1)

    def forward(self, backbone: Transformer, batch: ItemBatch) -> Loss:
        """The squared error of all numbers."""
        restored_TF = self.decoded(self.codes(backbone, batch.inputs)).float()
        return Loss({"reconstruction": batch.squared_errors(restored_TF).sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[ItemBatch]
    ) -> Mapping[str, float]:
        """What is usual, as many principal components as the code has numbers, and what is read as
        it is where that is broken.
        """
        train_NLF = np.stack(train)
        counted_LF = self.counting.own_LF
        train_NP = train_NLF[:, counted_LF].astype(np.float64)
        whole_BP, read_BP, weights_BP = (
            np.concatenate([self._numbers(x_TF) for x_TF in parts])
            for parts in (
                [batch.whole_TF for batch in held_out],
                [batch.inputs.ready_TF for batch in held_out],
                [
                    torch.ones_like(batch.whole_TF)
                    if batch.counted_TF is None
                    else batch.counted_TF
                    for batch in held_out
                ],
            )
        )
        mean_P = train_NP.mean(axis=0)
        components_KP = principal_components(train_NP - mean_P, self.options.code)
        restored_BP = mean_P + (read_BP - mean_P) @ components_KP.T @ components_KP
        usual = usual_rows(self.layout, train_NLF)
        found = {name: rows_LF[counted_LF] for name, rows_LF in usual.items()}
        found[f"PCA of {len(components_KP)}"] = restored_BP
        if self.options.corrupt != "none":
            found["as it is broken"] = read_BP
        return {
            name: float((np.square(x - whole_BP) * weights_BP).sum() / weights_BP.sum())
            for name, x in found.items()
        }

    def _numbers(self, rows_TF: Tensor) -> np.ndarray:
        """[B, P], the own numbers of each item."""
        rows_BLF = rows_TF.unflatten(0, (-1, self.layout.rows)).numpy()
        return rows_BLF[:, self.counting.own_LF]

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: ItemBatch) -> Sequence[Restoration]:
        """Return each item as it is, as it was read, and as its code makes it."""
        codes_BK = self.codes(backbone, batch.inputs)
        restored_TF = self.decoded(codes_BK).float()
        errors_TF = batch.squared_errors(restored_TF)
        counted_TF = torch.ones_like(errors_TF) if batch.counted_TF is None else batch.counted_TF
        parts = (batch.whole_TF, batch.inputs.ready_TF, restored_TF, errors_TF, counted_TF)
        each = (x_TF.cpu().float().split(self.layout.rows) for x_TF in parts)
        return [
            Restoration(
                whole_LF.numpy(),
                broken_LF.numpy(),
                restored_LF.numpy(),
                (errors_LF.sum() / counted_LF.sum()).item(),
                code_K[None].cpu().float().numpy(),
            )
            for whole_LF, broken_LF, restored_LF, errors_LF, counted_LF, code_K in zip(
                *each, codes_BK, strict=True
            )
        ]

    def show(self, batch: ItemBatch) -> Report:
        """Items as they are and as they are read: images in characters, records in words."""
        shown = {"as it is": batch.whole_TF.numpy()}
        if self.options.corrupt != "none":
            shown["as read"] = batch.inputs.ready_TF.numpy()
        item = "an image" if self.places_P is None else "a record"
        return Report(
            "what is restored",
            tables=item_tables(self.layout, shown),
            notes=[
                f"{item} of {self.layout.numbers} numbers becomes a code of {self.options.code}",
                *([] if self.places_P is None else [NUMBERS_OF_RECORD]),
            ],
        )
