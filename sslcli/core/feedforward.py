"""The position-wise feed-forward layer.

Letters: N rows, D width, F features inside.
"""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from sslcli.core.settings import TransformerSettings

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}


class FeedForward(nn.Module):
    """down(act(up(x))), or down(act(gate(x)) * up(x)) where gated (Shazeer 2020, "GLU variants
    improve Transformer").

    The activated half is `gate`; ModernBERT's files call that half the input and the other one the
    gate.
    """

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        bias = settings.biases == "all"
        self.activation = ACTIVATIONS[settings.activation]
        self.up = nn.Linear(settings.width, settings.feedforward_width, bias=bias)
        self.gate = (
            nn.Linear(settings.width, settings.feedforward_width, bias=bias)
            if settings.feedforward == "gated"
            else None
        )
        self.down = nn.Linear(settings.feedforward_width, settings.width, bias=bias)

    def forward(self, x_ND: Tensor) -> Tensor:
        """[N, D] -> [N, D]"""
        if self.gate is None:
            inside_NF = self.activation(self.up(x_ND))
        else:
            inside_NF = self.activation(self.gate(x_ND)) * self.up(x_ND)
        return self.down(inside_NF)
