"""LayerNorm or RMSNorm, by the settings."""

from torch import nn

from sslcli.core.settings import TransformerSettings


def build_norm(settings: TransformerSettings, width: int) -> nn.LayerNorm | nn.RMSNorm:
    """Build the norm of these settings over the last `width` features.

    RMSNorm (Zhang and Sennrich 2019, equation 4) never has a bias.
    """
    if settings.norm == "rms":
        return nn.RMSNorm(width, eps=settings.norm_epsilon)
    return nn.LayerNorm(width, eps=settings.norm_epsilon, bias=settings.biases == "all")
