"""Variational auto-encoder (Kingma and Welling 2013): a code is a normal distribution, and codes
are near to the standard one, so that new images, or records, can be made of random codes.

The loss is the negative ELBO in nats an item: of a normal decoder, whose one variance is learnt
(Rybkin et al. 2020, "sigma-VAE"), plus the divergence of the code from its prior. A variance fixed
too large makes codes collapse, as a large weight of the divergence does. Densities are of the
numbers as they are read, those of an image from 0 to 1, so nats may be below 0; a number that is
missing has none.

Letters: B items, L rows of one (patches, columns), T rows of all of them end to end, F numbers of a
row, P numbers of an item, D width, K numbers of a code.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sslcli.api import (
    Artifact,
    Batch,
    Config,
    Context,
    Count,
    Group,
    Inputs,
    Loss,
    Moments,
    Ratio,
    Report,
    Restoration,
    Rng,
    Transformer,
    in_double,
    principal_components,
    setting,
)
from sslplugins.objectives.reconstructing import ItemBatch, Reconstructing

USUAL_CODE = 16
WIDEST_LOG_VARIANCE = 10.0  # of a code, up and down
FEWEST_ACTIVE = 0.05  # share of the numbers of a code
MOMENTUM = 0.9  # of the divergence of each number
CODE_MOMENTUM = 0.99  # of mean and covariance of codes
LEAST_VARIANCE = 1e-6
VARIANCE_RATE = 10.0  # times the learning rate


@dataclass(frozen=True)
class NoisyBatch(ItemBatch):
    """`noise_BK`: standard normal numbers, of each number of a code."""

    noise_BK: Tensor


class VariationalAutoEncoder(Reconstructing[NoisyBatch, "VariationalAutoEncoder.Options"]):
    """Reconstruct images or records from a code that is drawn near to the prior."""

    class Options(Config):
        code: int | None = setting(
            None,
            "numbers of a code; when not given 16, and of an image or a record with fewer than 64 "
            "numbers a quarter of them",
            "--code",
            gt=0,
        )
        beta: float = setting(
            1.0, "weight of the divergence; with another than 1 the loss is no ELBO", "--beta", gt=0
        )
        divergence_warmup: float = setting(
            0.2, "share of the training over which the divergence comes to its weight", ge=0, le=1
        )
        free_bits: float = setting(
            0.0,
            "nats that each number of a code has free in training: where its mean divergence, over"
            " past steps, is less, nothing pulls it to the prior",
            "--free-bits",
            ge=0,
        )
        variance: float = setting(0.0, "of the decoder; 0: it is learnt", "--variance", ge=0)
        decoder_width: int = setting(
            512, "features of the two layers that make the item of a code", gt=0
        )

    class Request(Config):
        n: Count = setting(16, "images or records that are made", "--n", gt=0, le=10_000)
        prior: Literal["normal", "codes"] = setting(
            "normal",
            "what their codes are drawn of: the normal distribution that the model is trained"
            " towards, or one with mean and covariance of the codes of training data",
            "--prior",
        )

    summary = "reconstruct images or records from codes near to a normal prior (VAE), and make some"
    generates = "images or records from random codes"
    request_example = "--n 16 --out DIR"
    loss_unit = "nats"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        self.size = self.sized(options.code, USUAL_CODE, "--code")
        self.options = options.model_copy(update={"code": self.size})
        self.refuse_wide_code(self.size)
        self.encode = nn.Linear(self.layout.rows * context.architecture.width, 2 * self.size)
        self.restore_from(self.size, options.decoder_width)
        fixed = log(options.variance) if options.variance else 0.0
        self.log_variance_1 = nn.Parameter(
            torch.full((1,), fixed), requires_grad=not options.variance
        )
        self.register_buffer("divergence_K", torch.full((self.size,), torch.inf))
        # of codes that are drawn as in training, for the prior of `generate`
        self.register_buffer("code_mean_K", torch.zeros(self.size))
        self.register_buffer("code_square_KK", torch.eye(self.size))

    def begin(self, backbone: Transformer, first_batch: Callable[[], NoisyBatch]) -> None:
        """The decoder adds to the mean item of the first batch, with the variance around that."""
        rows_BLF = self.begin_at(first_batch().whole_TF)
        if not self.options.variance:
            around = self.variance_of(rows_BLF)
            self.log_variance_1.copy_(around.clamp_min(LEAST_VARIANCE).log())

    def collate(self, batch: Batch, rng: Rng) -> NoisyBatch:
        numbers_B1, places_K = batch.numbers[:, None], np.arange(self.size)
        noise_BK = _normal(rng, numbers_B1, places_K)
        return NoisyBatch(
            Inputs.of(batch),
            {"vae": len(batch)},
            noise_BK=torch.from_numpy(noise_BK),
            counted_TF=self.counted(batch),
        )

    def code_of(self, backbone: Transformer, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of each item's code, [B, K] each."""
        told_BC = self.encoded(backbone(inputs).last_TD, self.encode)
        mean_BK, log_variance_BK = told_BC.to(self.mean_LF.dtype).chunk(2, dim=1)
        return mean_BK, log_variance_BK.clamp(-WIDEST_LOG_VARIANCE, WIDEST_LOG_VARIANCE)

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, K], the mean code of each item."""
        return self.code_of(backbone, inputs)[0]

    def weight(self, progress: float) -> float:
        """Of the divergence: it grows to `beta` in the first part of the training."""
        warmup = self.options.divergence_warmup
        return self.options.beta * (min(1.0, progress / warmup) if warmup else 1.0)

    def forward(self, backbone: Transformer, batch: NoisyBatch) -> Loss:
        """The negative ELBO, by one draw of each code."""
        mean_BK, log_variance_BK = self.code_of(backbone, batch.inputs)
        noise_BK = batch.noise_BK.to(mean_BK)
        code_BK = mean_BK + (log_variance_BK / 2).exp() * noise_BK
        error = batch.squared_errors(self.decoded(code_BK).to(self.mean_LF.dtype)).sum()
        numbers = batch.restored
        log_variance = self.log_variance_1[0].to(error.dtype)
        likelihood = (numbers * (log(2 * pi) + log_variance) + error / log_variance.exp()) / 2
        divergence_BK = (mean_BK.square() + log_variance_BK.exp() - 1 - log_variance_BK) / 2
        pulling_BK = divergence_BK
        if batch.progress < 1 and self.options.free_bits:
            is_free_K = self.divergence_K < self.options.free_bits
            pulling_BK = torch.where(is_free_K, self.options.free_bits, divergence_BK)
        count = len(mean_BK)
        return Loss(
            {"vae": likelihood + self.weight(batch.progress) * pulling_BK.sum()},
            {
                "divergence": Ratio(divergence_BK.sum(), count),
                "squared_error": Ratio(error, numbers),
                "units": Moments(mean_BK.sum(dim=0), mean_BK.square().sum(dim=0), count),
            },
            {
                "divergence": divergence_BK.sum(dim=0),
                "count": mean_BK.new_tensor(count),
                "codes": code_BK.sum(dim=0),
                "squares": code_BK.T @ code_BK,
            },
        )

    def groups(self) -> Sequence[Group]:
        """The logarithm of the variance goes a longer way than weights do, in steps of their size
        it would be behind the error all the time.
        """
        if self.options.variance:
            return ()
        return [Group("learnable.log_variance_1", rate=VARIANCE_RATE)]

    def after_step(self, backbone: Transformer, state: Mapping[str, Tensor], rng: Rng) -> None:
        met_K = (state["divergence"] / state["count"]).to(self.divergence_K)
        averaged_K = MOMENTUM * self.divergence_K + (1 - MOMENTUM) * met_K
        self.divergence_K.copy_(torch.where(self.divergence_K.isinf(), met_K, averaged_K))
        for kept, name in ((self.code_mean_K, "codes"), (self.code_square_KK, "squares")):
            kept.lerp_((state[name] / state["count"]).to(kept), 1 - CODE_MOMENTUM)

    def baseline_losses(
        self, train: Sequence[np.ndarray], held_out: Sequence[NoisyBatch]
    ) -> Mapping[str, float]:
        """Nats an item of a normal distribution around the mean item, and of probabilistic
        principal components (Tipping and Bishop 1999), which is the best linear VAE.
        """
        train_NP, held = self.numbers_of(train), self.held(held_out)
        mean_P = train_NP.mean(axis=0)
        train_NP, held_BP = train_NP - mean_P, held.whole_BP.astype(np.float64) - mean_P
        directions_KP = principal_components(train_NP, self.size)
        mean = "mean image" if self.table is None else "mean of each column"
        parts = {
            mean: directions_KP[:0],
            f"probabilistic PCA of {len(directions_KP)}": directions_KP,
        }
        return {
            name: _nats(train_NP, held_BP, held.weights_BP, axes_KP)
            for name, axes_KP in parts.items()
        }

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: NoisyBatch) -> Sequence[Restoration]:
        """Return each item as it is, and as its mean code makes it."""
        codes_BK = self.codes(backbone, batch.inputs)
        restored_TF = self.decoded(codes_BK)
        return self.restorations(batch, restored_TF, codes_BK[:, None], "squared error")

    @torch.no_grad()
    def generate(self, backbone: Transformer, request: Request, rng: Rng) -> Iterator[Artifact]:
        """Yield the mean items of random codes, each the same whatever their number."""
        places_K = np.arange(self.size)
        code_NK = torch.from_numpy(_normal(rng, np.arange(request.n)[:, None], places_K))
        code_NK = code_NK.to(self.mean_LF)
        if request.prior == "codes":
            mean_K = self.code_mean_K
            covariance_KK = in_double(self.code_square_KK - torch.outer(mean_K, mean_K))
            least_KK = LEAST_VARIANCE * torch.eye(len(mean_K), device=mean_K.device)
            root_KK = torch.linalg.cholesky(covariance_KK + least_KK).to(code_NK)
            code_NK = mean_K + code_NK @ root_KK.T
        rows_NLF = self.decoded(code_NK).unflatten(0, (request.n, -1)).float().cpu().numpy()
        for rows_LF in rows_NLF:
            yield Artifact("", rows=rows_LF)

    def conclusions(self, loss: float, metrics: Mapping[str, float]) -> Sequence[str]:
        """The ELBO, where it is one, and whether the code is used."""
        found = []
        if self.options.beta == 1:
            bits = loss / self.layout.numbers / log(2)
            each = "a number" if self.table is not None else "a number of 0 to 1"
            found.append(f"ELBO {-loss:,.1f} nats {self.item}, {-bits:.3f} bits {each}")
        active = metrics.get("active_units")
        if active is not None and active < max(1, FEWEST_ACTIVE * self.size):
            found.append(
                f"not emerged: {active:.0f} of {self.size} numbers of a code say anything; "
                "try --free-bits 0.1, a longer options.vae.divergence_warmup, or a smaller --beta"
            )
        return found

    def show(self, batch: NoisyBatch) -> Report:
        """Images in characters, records in words."""
        becomes = f"a distribution of codes of {self.size}, near to the standard normal one"
        return self.shown(batch, becomes)


def _normal(rng: Rng, samples_B1: np.ndarray, places_K: np.ndarray) -> np.ndarray:
    """Standard normal numbers [B, K] (Box and Muller 1958); a uniform number may be 0."""
    radius_BK, turn_BK = (rng.uniform(name, samples_B1, places_K) for name in ("radius", "turn"))
    return np.sqrt(-2 * np.log1p(-radius_BK)) * np.cos(2 * np.pi * turn_BK)


def _nats(
    train_NP: np.ndarray, whole_BP: np.ndarray, weights_BP: np.ndarray, axes_KP: np.ndarray
) -> float:
    """Mean negative logarithm of a normal density: its own variance along each axis, another that
    all other directions share; of the numbers that count, whatever the others are.
    """
    numbers, axes = train_NP.shape[1], len(axes_KP)
    variance_K = np.maximum(np.square(train_NP @ axes_KP.T).mean(axis=0), LEAST_VARIANCE)
    rest = np.square(train_NP).sum() - np.square(train_NP @ axes_KP.T).sum()
    rest = max(rest / len(train_NP) / (numbers - axes), LEAST_VARIANCE)
    # of the covariance rest * (1 + A' G A) by the K x K matrix 1 + G A A', where A are the axes
    # at the numbers that count (Woodbury, Sylvester)
    gain_K = variance_K / rest - 1
    counted_BP = whole_BP * weights_BP
    along_BK = counted_BP @ axes_KP.T
    alike_BP = weights_BP[:1] if weights_BP.all() else weights_BP
    inner_BKK = np.einsum("kp,bp,lp->bkl", axes_KP, alike_BP, axes_KP, optimize=True)
    inner_BKK = np.eye(axes) + gain_K[:, None] * inner_BKK
    count_B = weights_BP.sum(axis=1)
    spread_B = count_B * np.log(2 * np.pi * rest) + np.linalg.slogdet(inner_BKK)[1]
    solved_BK = np.linalg.solve(inner_BKK, (gain_K * along_BK)[:, :, None])[:, :, 0]
    distance_B = (np.square(counted_BP).sum(axis=1) - (along_BK * solved_BK).sum(axis=1)) / rest
    return float((spread_B + distance_B).mean() / 2)
