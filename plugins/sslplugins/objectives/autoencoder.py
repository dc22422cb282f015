"""Auto-encoder: an image, or a record of a table, through a code of few numbers and back (Hinton
and Salakhutdinov 2006).

With `--corrupt` the network reads a broken image and restores the whole one (Vincent et al. 2008,
"denoising autoencoders"). That is what BERT does to text: its corruption is [MASK], its restoration
is told at the hidden places alone, and it needs no code in between, since most of a text is hidden
from nobody.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, F numbers of a
row, D width, K numbers of a code.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    Batch,
    Config,
    Context,
    Inputs,
    Loss,
    Report,
    Restoration,
    Rng,
    Transformer,
    UsageError,
    setting,
)
from sslplugins.objectives.reconstructing import ItemBatch, Reconstructing

Corruption = Literal["none", "gaussian", "mask", "salt"]
USUAL_CODE = 32


class AutoEncoder(Reconstructing[ItemBatch, "AutoEncoder.Options"]):
    """Reconstruct images or records from a code that has no room for them."""

    class Options(Config):
        code: int | None = setting(
            None,
            "numbers that an image or a record is reduced to; when not given 32, and of one with "
            "fewer than 128 numbers a quarter of them",
            "--code",
            gt=0,
        )
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

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.size = self.sized(options.code, USUAL_CODE, "--code")
        self.options = options.model_copy(update={"code": self.size})
        self.refuse_wide_code(self.size)
        if options.corrupt == "salt" and self.table is not None:
            raise UsageError(
                "salt makes pixels black or white, and a table has none", "use gaussian or mask"
            )
        self.encode = nn.Linear(self.layout.rows * context.architecture.width, self.size)
        self.restore_from(self.size, options.decoder_width)

    def idle_options(self) -> Collection[str]:
        """How much is broken, where nothing is."""
        return ["corrupt_rate"] if self.options.corrupt == "none" else []

    def begin(self, backbone: Transformer, first_batch: Callable[[], ItemBatch]) -> None:
        """The decoder adds to the mean of the first batch."""
        self.begin_at(first_batch().whole_TF)

    def collate(self, batch: Batch, rng: Rng) -> ItemBatch:
        whole_TF, counted_TF = batch.values, self.counted(batch)
        read_TF = torch.from_numpy(self._broken(whole_TF, batch, rng))
        is_broken = self.options.corrupt != "none"
        return ItemBatch(
            replace(Inputs.of(batch), rows_TD=read_TF),
            {"reconstruction": whole_TF.size if counted_TF is None else int(counted_TF.sum())},
            unbroken_TF=torch.from_numpy(whole_TF) if is_broken else None,
            counted_TF=counted_TF,
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
            if self.table is not None:
                items = len(noise_TF) // self.layout.rows
                noise_TF = noise_TF * np.tile(self.counting.noisy_LF, (items, 1))
            return whole_TF + noise_TF
        return whole_TF

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, K], the numbers that each item is reduced to."""
        return self.encoded(backbone(inputs).last_TD, self.encode)

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
        held = self.held(held_out)
        broken = {"as it is broken": held.read_BP} if self.options.corrupt != "none" else {}
        return self.usual_errors(train, held, self.size, broken)

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: ItemBatch) -> Sequence[Restoration]:
        """Return each item as it is, as it was read, and as its code makes it."""
        codes_BK = self.codes(backbone, batch.inputs)
        return self.restorations(batch, self.decoded(codes_BK), codes_BK[:, None])

    def show(self, batch: ItemBatch) -> Report:
        """Items as they are and as they are read: images in characters, records in words."""
        is_broken = self.options.corrupt != "none"
        return self.shown(batch, f"a code of {self.size}", is_broken=is_broken)
