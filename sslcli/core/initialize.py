"""Initial weights from one generator, and shuffled weights as a baseline."""

from math import sqrt

import torch
from torch import Tensor, nn

from sslcli.core.heads import ItemClassifier, LanguageModelHead, PooledClassifier, RowClassifier
from sslcli.core.positions import FixedPositions
from sslcli.core.transformer import Block, Stack

DEVIATION = 0.02  # of layers without settings of their own (BERT, GPT-2)


@torch.no_grad()
def initialize(module: nn.Module, generator: torch.Generator, deviation: float = DEVIATION) -> None:
    """Initialise linear layers, convolutions and embeddings: normal with `deviation`, zero biases.

    Norms become one and zero, fixed positions what they are. A Transformer or a head of core brings
    the deviation of its own settings. In a pre-norm Transformer the layers that write to the
    residual path are scaled by 1/sqrt(n), n being how many of them a stack has (two a block, three
    where it reads a memory), so that its variance does not grow with depth (Radford et al. 2019,
    section 2.3). Numbers are generated on the generator's device: the same on every accelerator.
    Modules of other kinds keep what their constructor gave them; a module of core built on the meta
    device only needs `to_empty` before.
    """
    heads = LanguageModelHead | PooledClassifier | RowClassifier | ItemClassifier
    if isinstance(module, Stack | heads):
        deviation = module.settings.initial_deviation
    for child in module.children():
        initialize(child, generator, deviation)
    if isinstance(module, nn.Linear | nn.Embedding | nn.Conv1d | nn.Conv2d):
        _draw(module.weight, generator, deviation)
        if not isinstance(module, nn.Embedding) and module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm | FixedPositions):
        module.reset_parameters()
    elif isinstance(module, LanguageModelHead):
        if module.bias is not None:
            module.bias.zero_()
        if module.weight is not None:
            _draw(module.weight, generator, deviation)
    elif isinstance(module, Stack) and module.settings.norm_place == "pre":
        for block in module.blocks:
            assert isinstance(block, Block)
            writers = block.writers()
            for layer in writers:
                layer.weight.mul_(1 / sqrt(len(writers) * module.depth))


@torch.no_grad()
def shuffle(module: nn.Module, generator: torch.Generator) -> None:
    """Permute the entries within every parameter: the scale stays, what was learned is lost.

    A baseline: what such weights can still do is due to their scale, not to pretraining. Orders are
    generated on the generator's device.
    """
    for parameter in module.parameters():
        order = torch.randperm(parameter.numel(), generator=generator, device=generator.device)
        parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))


def _draw(weight: Tensor, generator: torch.Generator, deviation: float) -> None:
    weight.copy_(
        torch.empty(weight.shape, device=generator.device).normal_(
            0.0, deviation, generator=generator
        )
    )
