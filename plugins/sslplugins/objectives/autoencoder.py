"""Auto-encoder: an image through a code of few numbers and back (Hinton and Salakhutdinov 2006).

With `--corrupt` the network reads a broken image and restores the whole one (Vincent et al. 2008,
"denoising autoencoders"). That is what BERT does to text: its corruption is [MASK], its restoration
is told at the hidden places alone, and it needs no code in between, since most of a text is hidden
from nobody.

Letters: B images, L patches of one, T patches of all of them end to end, F numbers of a patch, D
width, K numbers of a code.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    ModelBatch,
    Objective,
    Report,
    Restoration,
    Rng,
    RowDecoder,
    Transformer,
    UsageError,
    image_tables,
    principal_components,
    setting,
)

Corruption = Literal["none", "gaussian", "mask", "salt"]


@dataclass(frozen=True)
class ImageBatch(ModelBatch):
    """`inputs` are the patches as the network reads them, `whole_TF` as they are."""

    whole_TF: Tensor

    @property
    def read_TF(self) -> Tensor:
        """The patches as the network reads them."""
        assert self.inputs.rows_TD is not None, "images are rows"
        return self.inputs.rows_TD


class AutoEncoder(Objective[ImageBatch, "AutoEncoder.Options"]):
    """Reconstruct images from a code that has no room for them."""

    class Options(Config):
        code: int = setting(32, "numbers that an image is reduced to", "--code", gt=0)
        decoder_width: int = setting(
            512, "features of the two layers that make the image of the code", gt=0
        )
        corrupt: Corruption = setting(
            "none",
            "break what the network reads: gaussian adds noise to each number, mask blackens"
            " patches, salt makes numbers black or white; the whole image is restored",
            "--corrupt",
        )
        corrupt_rate: float = setting(
            0.3,
            "how much: the noise's deviation, the share of the patches, or that of the numbers",
            "--corrupt-rate",
            gt=0,
            le=1,
        )

    summary = "reconstruct images from a code of few numbers; broken ones too (auto-encoder)"
    loss_unit = "squared error"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape, inside = context.architecture, options.decoder_width
        if shape.grid is None:
            raise UsageError("this model reads no images", "choose another --model")
        self.grid, numbers = shape.grid, shape.grid.rows * shape.grid.features
        if options.code >= numbers:
            raise UsageError(
                f"a code of {options.code} numbers leaves nothing to learn: an image has {numbers}",
                "use a smaller --code",
            )
        self.encode = nn.Linear(shape.grid.rows * shape.width, options.code)
        self.decode = RowDecoder(options.code, inside, shape.grid.rows, shape.grid.features)
        self.register_buffer("mean_LF", torch.zeros(shape.grid.rows, shape.grid.features))

    def begin(self, backbone: Transformer, first_batch: Callable[[], ImageBatch]) -> None:
        """The decoder adds to the mean image of the first batch."""
        self.mean_LF.copy_(first_batch().whole_TF.unflatten(0, (-1, self.grid.rows)).mean(dim=0))

    def collate(self, batch: Batch, rng: Rng) -> ImageBatch:
        inputs, whole_TF = Inputs.of(batch), batch.rows
        assert whole_TF is not None, "images are rows"
        broken_TF = self._broken(whole_TF, batch, rng)
        return ImageBatch(
            replace(inputs, rows_TD=torch.from_numpy(broken_TF)),
            {"reconstruction": whole_TF.size},
            whole_TF=torch.from_numpy(whole_TF),
        )

    def _broken(self, whole_TF: np.ndarray, batch: Batch, rng: Rng) -> np.ndarray:
        """What the network reads; the same numbers of an image wherever it is met."""
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
            return whole_TF + np.float32(rate) * normal_TF.astype(np.float32)
        return whole_TF

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, K], the numbers that each image is reduced to."""
        rows_TD = backbone(inputs).last_TD
        return self.encode(rows_TD.unflatten(0, (-1, self.grid.rows)).flatten(1))

    def decoded(self, codes_BK: Tensor) -> Tensor:
        """Patches [T, F] of the images that codes stand for, not clipped."""
        return (self.decode(codes_BK) + self.mean_LF).flatten(0, 1)

    def forward(self, backbone: Transformer, batch: ImageBatch) -> Loss:
        """The squared error of all numbers."""
        restored_TF = self.decoded(self.codes(backbone, batch.inputs)).float()
        return Loss({"reconstruction": (restored_TF - batch.whole_TF).square().sum()})

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[ImageBatch]
    ) -> Mapping[str, float]:
        """The mean image, as many principal components as the code has numbers, and what is read as
        it is where that is broken.
        """
        train_NP = np.stack([rows_LF.ravel() for rows_LF in train]).astype(np.float64)
        whole_BP, read_BP = (
            torch.cat(parts).reshape(-1, train_NP.shape[1]).numpy()
            for parts in (
                [batch.whole_TF for batch in held_out],
                [batch.read_TF for batch in held_out],
            )
        )
        mean_P = train_NP.mean(axis=0)
        components_KP = principal_components(train_NP - mean_P, self.options.code)
        restored_BP = mean_P + (read_BP - mean_P) @ components_KP.T @ components_KP
        found = {"mean image": mean_P, f"PCA of {len(components_KP)}": restored_BP}
        if self.options.corrupt != "none":
            found["as it is broken"] = read_BP
        return {name: float(np.square(x - whole_BP).mean()) for name, x in found.items()}

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: ImageBatch) -> Sequence[Restoration]:
        """Return each image as it is, as it was read, and as its code makes it."""
        codes_BK = self.codes(backbone, batch.inputs)
        restored_TF = self.decoded(codes_BK).float()
        parts = (batch.whole_TF, batch.read_TF, restored_TF)
        each = (x_TF.cpu().float().split(self.grid.rows) for x_TF in parts)
        return [
            Restoration(
                whole_LF.numpy(),
                broken_LF.numpy(),
                restored_LF.numpy(),
                (restored_LF - whole_LF).square().mean().item(),
                code_K[None].cpu().float().numpy(),
            )
            for whole_LF, broken_LF, restored_LF, code_K in zip(*each, codes_BK, strict=True)
        ]

    def show(self, batch: ImageBatch) -> Report:
        """Images as they are and as they are read, in characters."""
        shown = {"as it is": batch.whole_TF.numpy()}
        if self.options.corrupt != "none":
            shown["as read"] = batch.read_TF.numpy()
        numbers = self.grid.rows * self.grid.features
        return Report(
            "what is restored",
            tables=image_tables(self.grid, shown),
            notes=[f"an image of {numbers} numbers becomes a code of {self.options.code}"],
        )
