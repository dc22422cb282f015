"""LayerNorm or RMSNorm, by the shape of a Transformer."""

from typing import Protocol

from torch import nn


class NormShape(Protocol):
    """The fields of a Transformer's shape that its norms are built from."""

    @property
    def norm(self) -> str:
        """The kind: "layer" or "rms"."""

    @property
    def norm_epsilon(self) -> float:
        """Added to the variance."""

    @property
    def biases(self) -> str:
        """Which layers have biases: norms do where it is "all"."""


def build_norm(shape: NormShape, width: int) -> nn.LayerNorm | nn.RMSNorm:
    """Build the norm of this shape over the last `width` features.

    RMSNorm (Zhang and Sennrich 2019, equation 4) never has a bias.
    """
    if shape.norm == "rms":
        return nn.RMSNorm(width, eps=shape.norm_epsilon)
    return nn.LayerNorm(width, eps=shape.norm_epsilon, bias=shape.biases == "all")
