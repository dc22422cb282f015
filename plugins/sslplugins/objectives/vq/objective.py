"""Vector-quantised auto-encoder (van den Oord et al. 2017, "VQ-VAE"): an image, or a record of a
table, through few codes, each one of K, and back.

The encoder makes G vectors of an item; each becomes a code: the nearest of a codebook, its numbers
rounded to levels, their signs, or the largest of them. The decoder sees codes alone, so an item is
G log2(K) bits.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, F numbers of a
row, P numbers of an item, D width, G codes of an item, K values of a code, W numbers of one, N
codes of all items (B G), C numbers of an item's codes (G W).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log2
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
    kmeans,
    nearest_centre,
    setting,
)
from sslplugins.objectives.reconstructing import ItemBatch, Reconstructing
from sslplugins.objectives.vq.codebooks import LinearCodebook, MovingCodebook
from sslplugins.objectives.vq.fixed import Bits, Classes, FiniteScalars
from sslplugins.objectives.vq.quantizers import Chance, Quantized, Quantizer

Kind = Literal["codebook", "fsq", "binary", "one-hot"]
MOST_LEVELS, FEWEST_LEVELS = 256, 3
LARGEST_CODEBOOK = 8_192
LARGEST_PRODUCT = 65_536
BITS_OF_A_PIXEL, BITS_OF_A_NUMBER = 8, 32  # as they lie in a file, and as they are read
USUAL_POSITIONS = 32
COLLAPSED = 0.05  # share of the codes


@dataclass(frozen=True)
class CodedBatch(ItemBatch):
    """`chance`: random numbers of each code."""

    chance: Chance


class VectorQuantized(Reconstructing[CodedBatch, "VectorQuantized.Options"]):
    """Reconstruct images or records from few codes, each one of K."""

    class Options(Config):
        codes: Kind = setting(
            "codebook",
            "what a code is: the nearest of learnt vectors (codebook), numbers rounded to levels"
            " (fsq), their signs (binary), or the largest of them (one-hot)",
            "--codes",
        )
        positions: int | None = setting(
            None, "codes that an image or a record becomes; when not given 32, and of one with "
            "fewer than 128 numbers a quarter of them", "--positions", gt=0, le=4_096,
        )  # fmt: skip
        codebook_size: int = setting(
            256, "values of a code; binary: a power of 2; fsq: see --levels", "--codebook-size",
            gt=1, le=LARGEST_PRODUCT,
        )  # fmt: skip
        code_width: int = setting(16, "numbers of a code of a codebook", "--code-width", gt=1)
        codebook: Literal["ema", "linear"] = setting(
            "ema",
            "how a codebook is learnt: moving averages of what chose each code, or random vectors"
            " times a learnt matrix (SimVQ)",
            "--codebook",
        )
        levels: tuple[int, ...] = setting(
            (8, 6, 5), "levels of each number of a code with fsq; their product is its values",
            "--levels", min_length=1, max_length=16,
        )  # fmt: skip
        commitment: float = setting(
            0.25, "weight of the distance from a vector to its code, beside the squared error in"
            " units of the data's variance", ge=0,
        )  # fmt: skip
        decay: float = setting(0.99, "share of itself that a code keeps at each step", gt=0, lt=1)
        fewest: float = setting(
            0.1,
            "a code chosen by less than this share of what it would have if all were chosen alike"
            " begins anew",
            ge=0,
            lt=1,
        )
        decoder_width: int = setting(
            512, "features of the two layers that make the item of its codes", gt=0
        )

    summary = "reconstruct images or records from few codes of K values (VQ-VAE, SimVQ, FSQ, bits)"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.positions = self.sized(options.positions, USUAL_POSITIONS, "--positions")
        self.options = options.model_copy(update={"positions": self.positions})
        self.quantizer = built_quantizer(options)
        each = BITS_OF_A_PIXEL if self.table is None else BITS_OF_A_NUMBER
        if self.bits >= each * self.layout.numbers:
            raise UsageError(
                f"{self.described} leave nothing to learn: {self.item} has "
                f"{self.layout.numbers} numbers of {each} bits",
                "use fewer --positions",
            )
        coded = self.positions * self.quantizer.width
        self.encode = nn.Linear(self.layout.rows * context.architecture.width, coded)
        self.restore_from(coded, options.decoder_width)
        self.register_buffer("variance", torch.ones(()))

    @property
    def code_sizes(self) -> Sequence[int]:
        """K of each code of an item, in order."""
        return [self.quantizer.size] * self.positions

    @property
    def bits(self) -> float:
        """Of an item, if its codes were chosen alike."""
        return self.positions * log2(self.quantizer.size)

    @property
    def described(self) -> str:
        """The codes of an item in words."""
        count, size = self.positions, self.quantizer.size
        codes = f"{count} codes of {size:,}" if count > 1 else f"one code of {size:,}"
        return f"{codes}, {self.bits:,.4g} bits,"

    def idle_options(self) -> Collection[str]:
        """What belongs to other kinds of codes, or to codebooks learnt otherwise."""
        is_codebook = self.options.codes == "codebook"
        of_others = {"codebook_size": self.options.codes == "fsq"}
        of_others["levels"] = self.options.codes != "fsq"
        of_others |= dict.fromkeys(("code_width", "codebook"), not is_codebook)
        is_averaged = is_codebook and self.options.codebook == "ema"
        of_others |= dict.fromkeys(("decay", "fewest"), not is_averaged)
        of_others["commitment"] = "commitment" not in self.quantizer.terms
        return [name for name, is_idle in of_others.items() if is_idle]

    def begin(self, backbone: Transformer, first_batch: Callable[[], CodedBatch]) -> None:
        """The decoder adds to the mean item of the first batch, the vectors are centred on it, and
        a codebook begins at some of them.
        """
        batch = first_batch()
        self.variance.copy_(self.variance_of(self.begin_at(batch.whole_TF)))
        vectors_BGW = self._vectors(backbone, batch.inputs)
        mean_GW = vectors_BGW.mean(dim=0)
        self.encode.bias.sub_(mean_GW.flatten())
        self.quantizer.begin((vectors_BGW - mean_GW).flatten(0, 1), batch.chance.order_N)

    def collate(self, batch: Batch, rng: Rng) -> CodedBatch:
        positions = np.arange(self.positions)
        numbers_B1 = batch.numbers[:, None]
        order_BG = rng.uniform("order", numbers_B1, positions)
        uniform_NK = None
        if self.quantizer.samples_choices and rng.progress < 1:
            size = self.quantizer.size
            places_GK = positions[:, None] * size + np.arange(size)
            uniform_BGK = rng.uniform("choice", numbers_B1[..., None], places_GK)
            uniform_NK = torch.from_numpy(uniform_BGK.reshape(-1, size))
        counted_TF = self.counted(batch)
        whole = batch.values.size if counted_TF is None else int(counted_TF.sum())
        coded = len(batch) * self.positions * self.quantizer.width
        return CodedBatch(
            Inputs.of(batch),
            {"vq": whole, **dict.fromkeys(self.quantizer.terms, coded)},
            chance=Chance(torch.from_numpy(order_BG.ravel()), uniform_NK),
            counted_TF=counted_TF,
        )

    def _vectors(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, G, W], what is quantized."""
        flat_BC = self.encoded(backbone(inputs).last_TD, self.encode)
        return flat_BC.unflatten(1, (self.positions, -1)).to(self.mean_LF.dtype)

    def _quantized(
        self, backbone: Transformer, inputs: Inputs, chance: Chance | None, progress: float
    ) -> Quantized:
        vectors_NW = self._vectors(backbone, inputs).flatten(0, 1)
        with torch.autocast(vectors_NW.device.type, enabled=False):
            return self.quantizer(vectors_NW, chance, progress)

    def code_ids(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """int64 [B, G], the number of each code."""
        ids_N = self._quantized(backbone, inputs, None, 1.0).ids_N
        return ids_N.unflatten(0, (-1, self.positions))

    def of_ids(self, ids_BG: Tensor) -> Tensor:
        """[B, C], the codes of these numbers."""
        codes_NW = self.quantizer.of_ids(ids_BG.flatten())
        return codes_NW.to(self.mean_LF.dtype).unflatten(0, ids_BG.shape).flatten(1)

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, C], the codes of each item as the decoder reads them."""
        return self.of_ids(self.code_ids(backbone, inputs))

    def forward(self, backbone: Transformer, batch: CodedBatch) -> Loss:
        """The squared error of all numbers, and the terms of the quantizer."""
        found = self._quantized(backbone, batch.inputs, batch.chance, batch.progress)
        codes_BC = found.codes_NW.unflatten(0, (-1, self.positions)).flatten(1)
        error = batch.squared_errors(self.decoded(codes_BC).float()).sum()
        weights = {"commitment": self.options.commitment}
        losses = {
            term: value * self.variance * weights.get(term, 1.0)
            for term, value in found.losses.items()
        }
        return Loss({"vq": error, **losses}, self.quantizer.histogram(found.ids_N), found.state)

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        self.quantizer.after_step(state, rng.progress)

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[CodedBatch]
    ) -> Mapping[str, float]:
        """What is usual, as many principal components as there are codes, of any value, and for a
        single code the best K items (k-means).
        """
        held, found = self.held(held_out), {}
        train_NP = self.numbers_of(train)
        if self.positions == 1 and self.quantizer.size <= len(train_NP):
            centres_KP = kmeans(train_NP, self.quantizer.size, seed=0)
            found[f"k-means of {len(centres_KP)}"] = centres_KP[
                nearest_centre(held.whole_BP, centres_KP)
            ]
        return self.usual_errors(train, held, self.positions, found)

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: CodedBatch) -> Sequence[Restoration]:
        """Return each item as it is, and as its codes make it."""
        codes_BC = self.codes(backbone, batch.inputs)
        codes_BGW = codes_BC.unflatten(1, (self.positions, -1))
        return self.restorations(batch, self.decoded(codes_BC), codes_BGW)

    def conclusions(self, loss: float, metrics: Mapping[str, float]) -> Sequence[str]:
        """How many bits an item is, and whether the codes are used."""
        each = self.bits / self.layout.numbers
        found = [f"{self.item} is {self.described} {each:.3g} a number"]
        perplexity = metrics.get("perplexity_of_codes")
        if perplexity is not None and perplexity < COLLAPSED * self.quantizer.size:
            found.append(
                f"not emerged: the codes are worth {perplexity:.1f} of {self.quantizer.size:,} "
                "used alike; try a smaller --codebook-size or more steps"
            )
        return found

    def show(self, batch: CodedBatch) -> Report:
        """Images in characters, records in words, and how many bits they become."""
        return self.shown(batch, f"{self.described} of which it is restored")


def built_quantizer(options: VectorQuantized.Options) -> Quantizer:
    """The quantizer that options ask for. Raises UsageError for sizes that it cannot have."""
    size = options.codebook_size
    if options.codes == "fsq":
        if not all(FEWEST_LEVELS <= levels <= MOST_LEVELS for levels in options.levels):
            raise UsageError(
                f"a number of {min(options.levels)} to {max(options.levels)} levels is asked for",
                f"use {FEWEST_LEVELS} to {MOST_LEVELS} --levels, or --codes binary for 2",
            )
        found = FiniteScalars(options.levels)
        if found.size > LARGEST_PRODUCT:
            raise UsageError(
                f"levels of a product of {found.size:,} are asked for",
                f"use --levels with a product of at most {LARGEST_PRODUCT:,}",
            )
        return found
    if options.codes == "binary":
        if size & (size - 1):
            raise UsageError(
                f"{size:,} is no power of 2, as the values of several bits are",
                f"use --codebook-size {1 << size.bit_length() - 1} or {1 << size.bit_length()}",
            )
        return Bits(size)
    if size > LARGEST_CODEBOOK:
        raise UsageError(
            f"a codebook of {size:,} is asked for", f"use at most {LARGEST_CODEBOOK:,}, or fsq"
        )
    if options.codes == "one-hot":
        return Classes(size)
    if options.codebook == "linear":
        return LinearCodebook(size, options.code_width)
    return MovingCodebook(size, options.code_width, options.decay, options.fewest)
