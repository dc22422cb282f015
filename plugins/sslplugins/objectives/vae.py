"""Variational auto-encoder (Kingma and Welling 2013): a code is a normal distribution, and codes
are near to the standard one, so that new images can be made of random codes.

The loss is the negative ELBO in nats an image: of a normal decoder, whose one variance is learnt
(Rybkin et al. 2020, "sigma-VAE"), plus the divergence of the code from its prior. A variance fixed
too large makes codes collapse, as a large weight of the divergence does. Densities are of numbers
from 0 to 1, so nats may be below 0.

Letters: B images, L patches of one, T patches of all of them end to end, F numbers of a patch, P
numbers of an image, D width, K numbers of a code.
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
    ModelBatch,
    Moments,
    Objective,
    Ratio,
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

WIDEST_LOG_VARIANCE = 10.0  # of a code, up and down
FEWEST_ACTIVE = 0.05  # share of the numbers of a code
MOMENTUM = 0.9  # of the divergence of each number
CODE_MOMENTUM = 0.99  # of mean and covariance of codes
LEAST_VARIANCE = 1e-6
VARIANCE_RATE = 10.0  # times the learning rate


@dataclass(frozen=True)
class NoisyBatch(ModelBatch):
    """`inputs` are the patches; `noise_BK`: standard normal numbers, of each number of a code."""

    noise_BK: Tensor


class VariationalAutoEncoder(Objective[NoisyBatch, "VariationalAutoEncoder.Options"]):
    """Reconstruct images from a code that is drawn near to the prior."""

    class Options(Config):
        code: int = setting(16, "numbers of a code", "--code", gt=0)
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
            512, "features of the two layers that make the image of a code", gt=0
        )

    class Request(Config):
        n: Count = setting(16, "images that are made", "--n", gt=0, le=10_000)
        prior: Literal["normal", "codes"] = setting(
            "normal",
            "what their codes are drawn of: the normal distribution that the model is trained"
            " towards, or one with mean and covariance of the codes of training images",
            "--prior",
        )

    summary = "reconstruct images from codes near to a normal prior (VAE), and make new ones"
    architectures = frozenset({"encoder"})
    modalities = frozenset({"images"})
    arranges = "items"

    def __init__(self, options: Options, context: Context) -> None:
        super().__init__(options, context)
        shape = context.architecture
        if shape.grid is None:
            raise UsageError("this model reads no images", "choose another --model")
        self.grid, self.numbers = shape.grid, shape.grid.rows * shape.grid.features
        if options.code >= self.numbers:
            raise UsageError(
                f"a code of {options.code} numbers leaves nothing to learn: an image has "
                f"{self.numbers}",
                f"use a smaller one: --code {max(1, self.numbers // 4)}",
            )
        self.encode = nn.Linear(self.grid.rows * shape.width, 2 * options.code)
        self.decode = RowDecoder(
            options.code, options.decoder_width, self.grid.rows, self.grid.features
        )
        fixed = log(options.variance) if options.variance else 0.0
        self.log_variance_1 = nn.Parameter(
            torch.full((1,), fixed), requires_grad=not options.variance
        )
        self.register_buffer("mean_LF", torch.zeros(self.grid.rows, self.grid.features))
        self.register_buffer("divergence_K", torch.full((options.code,), torch.inf))
        # of codes that are drawn as in training, for the prior of `generate`
        self.register_buffer("code_mean_K", torch.zeros(options.code))
        self.register_buffer("code_square_KK", torch.eye(options.code))

    def begin(self, backbone: Transformer, first_batch: Callable[[], NoisyBatch]) -> None:
        """The decoder adds to the mean image of the first batch, with the variance around that."""
        rows_BLF = first_batch().inputs.ready_TF.unflatten(0, (-1, self.grid.rows))
        self.mean_LF.copy_(rows_BLF.mean(dim=0))
        if not self.options.variance:
            around = (rows_BLF - self.mean_LF).square().mean()
            self.log_variance_1.copy_(around.clamp_min(LEAST_VARIANCE).log())

    def collate(self, batch: Batch, rng: Rng) -> NoisyBatch:
        numbers_B1, places_K = batch.numbers[:, None], np.arange(self.options.code)
        noise_BK = _normal(rng, numbers_B1, places_K)
        return NoisyBatch(
            Inputs.of(batch), {"vae": len(batch)}, noise_BK=torch.from_numpy(noise_BK)
        )

    def code_of(self, backbone: Transformer, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of each image's code, [B, K] each."""
        rows_TD = backbone(inputs).last_TD
        told_BC = self.encode(rows_TD.unflatten(0, (-1, self.grid.rows)).flatten(1))
        mean_BK, log_variance_BK = told_BC.to(self.mean_LF.dtype).chunk(2, dim=1)
        return mean_BK, log_variance_BK.clamp(-WIDEST_LOG_VARIANCE, WIDEST_LOG_VARIANCE)

    def codes(self, backbone: Transformer, inputs: Inputs) -> Tensor:
        """[B, K], the mean code of each image."""
        return self.code_of(backbone, inputs)[0]

    def decoded(self, codes_BK: Tensor) -> Tensor:
        """Patches [T, F] of the mean images that codes stand for, not clipped."""
        return (self.decode(codes_BK) + self.mean_LF).flatten(0, 1)

    def weight(self, progress: float) -> float:
        """Of the divergence: it grows to `beta` in the first part of the training."""
        warmup = self.options.divergence_warmup
        return self.options.beta * (min(1.0, progress / warmup) if warmup else 1.0)

    def forward(self, backbone: Transformer, batch: NoisyBatch) -> Loss:
        """The negative ELBO, by one draw of each code."""
        mean_BK, log_variance_BK = self.code_of(backbone, batch.inputs)
        noise_BK = batch.noise_BK.to(mean_BK)
        code_BK = mean_BK + (log_variance_BK / 2).exp() * noise_BK
        error = (
            (self.decoded(code_BK).to(self.mean_LF.dtype) - batch.inputs.ready_TF).square().sum()
        )
        numbers = batch.inputs.ready_TF.numel()
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
        """Nats an image of a normal distribution around the mean image, and of probabilistic
        principal components (Tipping and Bishop 1999), which is the best linear VAE.
        """
        train_NP = np.stack([rows_LF.ravel() for rows_LF in train]).astype(np.float64)
        whole_TF = torch.cat([batch.inputs.ready_TF for batch in held_out])
        whole_BP = whole_TF.double().numpy().reshape(-1, self.numbers)
        mean_P = train_NP.mean(axis=0)
        train_NP, whole_BP = train_NP - mean_P, whole_BP - mean_P
        directions_KP = principal_components(train_NP, self.options.code)
        found = {}
        for name, axes_KP in (
            ("mean image", directions_KP[:0]),
            (f"probabilistic PCA of {len(directions_KP)}", directions_KP),
        ):
            found[name] = _nats(train_NP, whole_BP, axes_KP)
        return found

    @torch.no_grad()
    def restore(self, backbone: Transformer, batch: NoisyBatch) -> Sequence[Restoration]:
        """Return each image as it is, and as its mean code makes it."""
        codes_BK = self.codes(backbone, batch.inputs)
        whole_TF, restored_TF = batch.inputs.ready_TF.cpu(), self.decoded(codes_BK).cpu().float()
        parts = (x_TF.split(self.grid.rows) for x_TF in (whole_TF, restored_TF))
        return [
            Restoration(
                whole_LF.numpy(),
                whole_LF.numpy(),
                restored_LF.numpy(),
                (restored_LF - whole_LF).square().mean().item(),
                code_K[None].cpu().float().numpy(),
                unit="squared error",
            )
            for whole_LF, restored_LF, code_K in zip(*parts, codes_BK, strict=True)
        ]

    @torch.no_grad()
    def generate(self, backbone: Transformer, request: Request, rng: Rng) -> Iterator[Artifact]:
        """Yield the mean images of random codes, each the same whatever their number."""
        places_K = np.arange(self.options.code)
        code_NK = torch.from_numpy(_normal(rng, np.arange(request.n)[:, None], places_K))
        code_NK = code_NK.to(self.mean_LF)
        if request.prior == "codes":
            mean_K = self.code_mean_K
            covariance_KK = (self.code_square_KK - torch.outer(mean_K, mean_K)).double()
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
            bits = loss / self.numbers / log(2)
            found.append(f"ELBO {-loss:,.1f} nats an image, {-bits:.3f} bits a number of 0 to 1")
        active = metrics.get("active_units")
        if active is not None and active < max(1, FEWEST_ACTIVE * self.options.code):
            found.append(
                f"not emerged: {active:.0f} of {self.options.code} numbers of a code say anything; "
                "try --free-bits 0.1, a longer options.vae.divergence_warmup, or a smaller --beta"
            )
        return found

    def show(self, batch: NoisyBatch) -> Report:
        """Images in characters."""
        return Report(
            "what is restored",
            tables=image_tables(self.grid, {"as it is": batch.inputs.ready_TF.numpy()}),
            notes=[
                f"an image of {self.numbers} numbers becomes a distribution of codes of "
                f"{self.options.code}, near to the standard normal one"
            ],
        )


def _normal(rng: Rng, samples_B1: np.ndarray, places_K: np.ndarray) -> np.ndarray:
    """Standard normal numbers [B, K] (Box and Muller 1958); a uniform number may be 0."""
    radius_BK, turn_BK = (rng.uniform(name, samples_B1, places_K) for name in ("radius", "turn"))
    return np.sqrt(-2 * np.log1p(-radius_BK)) * np.cos(2 * np.pi * turn_BK)


def _nats(train_NP: np.ndarray, whole_BP: np.ndarray, axes_KP: np.ndarray) -> float:
    """Mean negative logarithm of a normal density: its own variance along each axis, another that
    all other directions share.
    """
    numbers, axes = train_NP.shape[1], len(axes_KP)
    along_NK, along_BK = train_NP @ axes_KP.T, whole_BP @ axes_KP.T
    variance_K = np.maximum(np.square(along_NK).mean(axis=0), LEAST_VARIANCE)
    rest = np.square(train_NP).sum() - np.square(along_NK).sum()
    rest = max(rest / len(train_NP) / (numbers - axes), LEAST_VARIANCE)
    apart_B = np.square(whole_BP).sum(axis=1) - np.square(along_BK).sum(axis=1)
    spread = np.log(variance_K).sum() + (numbers - axes) * np.log(rest)
    distance_B = (np.square(along_BK) / variance_K).sum(axis=1) + apart_B / rest
    return float((numbers * np.log(2 * np.pi) + spread + distance_B.mean()) / 2)
