"""LoRA (Hu et al. 2021, arXiv 2106.09685): a trained low-rank update beside a frozen matrix.

Letters: N rows, I features in, O features out, R rank.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from sslcli.core.settings import AdapterSettings
from sslcli.core.transformer import Transformer
from sslcli.errors import UsageError

A, B = "lora_a", "lora_b"


class AdaptedLinear(nn.Linear):
    """W x + b + (alpha / R) B A dropout(x), equation 3. W and b keep their names in the state,
    frozen.

    A is uniform as in torch's linear layer, B is zero: at first the output is unchanged.
    """

    def __init__(
        self, features_in: int, features_out: int, bias: bool, settings: AdapterSettings
    ) -> None:
        super().__init__(features_in, features_out, bias)
        self.factor, self.dropout = settings.alpha / settings.rank, settings.dropout
        self.lora_a = nn.Parameter(torch.zeros(settings.rank, features_in))
        self.lora_b = nn.Parameter(torch.zeros(features_out, settings.rank))

    @classmethod
    def over(cls, plain: nn.Linear, settings: AdapterSettings) -> Self:
        """Return the layer with an adapter; its matrix and bias are the same tensors."""
        with torch.device("meta"):
            adapted = cls(plain.in_features, plain.out_features, plain.bias is not None, settings)
        adapted.weight, adapted.bias = plain.weight, plain.bias
        for name in (A, B):
            setattr(
                adapted,
                name,
                nn.Parameter(torch.zeros_like(getattr(adapted, name), device=plain.weight.device)),
            )
        return adapted.train(plain.training)

    def forward(self, input: Tensor) -> Tensor:
        """[N, I] -> [N, O]"""
        low_NR = linear(dropout(input, self.dropout, self.training), self.lora_a) * self.factor
        return super().forward(input) + linear(low_NR, self.lora_b)


@torch.no_grad()
def add_adapters(
    backbone: Transformer, settings: AdapterSettings, generator: torch.Generator
) -> None:
    """Put adapters on every layer that `settings.targets` names, and freeze the rest of the
    backbone.

    Call it after weights are loaded and before the backbone is distributed. Numbers are generated
    on the generator's device, the same on every accelerator, and none on the meta device. Rank 0
    changes nothing. Raises UsageError if the backbone has none of a target.
    """
    if not settings.rank:
        return
    found = [
        (stack.blocks, name, module)
        for stack in backbone.stacks
        for name, module in stack.blocks.named_modules()
        if isinstance(module, nn.Linear)
    ]
    names = {name.rpartition(".")[2] for _, name, _ in found}
    if missing := [target for target in settings.targets if target not in {*names, "all"}]:
        raise UsageError(
            f"this model has no layer '{missing[0]}' to adapt", f"it has {', '.join(sorted(names))}"
        )
    backbone.requires_grad_(False)
    for blocks, name, module in found:
        parent, _, last = name.rpartition(".")
        if last in settings.targets or "all" in settings.targets:
            adapted = AdaptedLinear.over(module, settings)
            setattr(blocks.get_submodule(parent), last, adapted)
            if not adapted.lora_a.is_meta:
                bound = 1 / sqrt(adapted.in_features)
                drawn = torch.empty(adapted.lora_a.shape, device=generator.device).uniform_(
                    -bound, bound, generator=generator
                )
                adapted.lora_a.copy_(drawn)


def adapted_layers(state: Mapping[str, Tensor]) -> Sequence[str]:
    """Return names of the layers in a backbone's state that have an adapter
    ("blocks.0.attention.query").
    """
    return [name.removesuffix(f".{A}") for name in state if name.endswith(f".{A}")]


def without_adapters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state without adapters: that of the backbone before they were added."""
    return {name: value for name, value in state.items() if not name.endswith((f".{A}", f".{B}"))}


def merged_state(state: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """Merge adapters into a backbone's state: W + (alpha / R) B A. Other tensors pass through."""
    plain = without_adapters(state)
    for layer in adapted_layers(state):
        a_RI, b_OR = state[f"{layer}.{A}"], state[f"{layer}.{B}"]
        plain[f"{layer}.weight"] = torch.addmm(
            plain[f"{layer}.weight"], b_OR, a_RI, alpha=alpha / len(a_RI)
        )
    return plain
