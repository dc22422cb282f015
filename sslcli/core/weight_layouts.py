"""Weights of a frozen model on a CPU, laid out for products with few rows.

A step of generation multiplies every weight matrix by a row for each text. Libraries are made for
many rows: with few, the usual layout reads memory at a fraction of its speed, and the blocks of
oneDNN at all of it. Those that it chooses for one row do not: a single row is multiplied by blocks
for a few.

Letters: N rows, D and F features in and out.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from sslcli.core.heads import LanguageModelHead
from sslcli.core.transformer import Transformer

FEWEST_BYTES = 1 << 24  # of weights; fewer stay in the processor's caches
FEWEST_ROWS = 4  # that blocks are asked for: those for one row are read at half the speed
PASSES_THAT_PAY = 12  # save what a new layout costs


@contextmanager
def laid_out(
    backbone: Transformer, head: LanguageModelHead, *, rows: int, passes: int
) -> Generator[None]:
    """Lay weights out for passes of so many rows, where that pays; as they were again after.

    Values are kept to the bit; sums of products may be taken in another order. Meanwhile a matrix
    in blocks has no plain one beside it, so that no weight is held twice; only a tied token matrix
    is, whose rows are looked up.
    """
    layers = list(_linears(backbone, head))
    matrix = backbone.embedding if head.weight is None else head.weight
    found = [layer.weight for layer in layers] + [matrix] * _is_plain(matrix)
    pays = passes >= PASSES_THAT_PAY and sum(map(_bytes, found)) >= FEWEST_BYTES
    with ExitStack() as after:
        if pays and torch.backends.mkldnn.is_available():
            for layer in layers:
                after.enter_context(_in_blocks(layer, rows))
            if _is_plain(matrix) and head.multiply is linear:
                after.enter_context(_head_in_blocks(head, matrix, rows))
        yield


def _linears(*modules: nn.Module) -> Iterator[nn.Linear]:
    """Plain linear layers; none of a compiled model, which knows the layout of its weights."""
    parts = [part for module in modules for part in module.modules()]
    if any(part._compiled_call_impl is not None for part in parts):
        return
    readers = Counter(id(weight) for part in parts for weight in part.parameters(recurse=False))
    for part in parts:
        is_whole = type(part) is nn.Linear and "forward" not in vars(part)
        if is_whole and _is_plain(part.weight) and readers[id(part.weight)] == 1:
            yield part


def _is_plain(weight: Tensor) -> bool:
    return (
        type(weight) is nn.Parameter
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.is_contiguous()
    )


def _bytes(weight: Tensor) -> int:
    return weight.numel() * weight.element_size()


@contextmanager
def _in_blocks(layer: nn.Linear, rows: int) -> Generator[None]:
    """A layer that multiplies by blocks; its own matrix is empty meanwhile."""
    blocks = _blocks(layer.weight.data, rows)
    layer.weight.data = layer.weight.data.new_empty(0)
    layer.forward = partial(_product, blocks, layer.bias)
    try:
        yield
    finally:
        del layer.forward
        layer.weight.data = blocks.to_dense()


@contextmanager
def _head_in_blocks(head: LanguageModelHead, matrix_VE: Tensor, rows: int) -> Generator[None]:
    blocks = _blocks(matrix_VE.data, rows)
    head.multiply = lambda input, weight, bias=None: _product(blocks, bias, input)
    try:
        yield
    finally:
        head.multiply = linear


def _blocks(weight_FD: Tensor, rows: int) -> Tensor:
    """The matrix in the layout that oneDNN likes best for so many rows."""
    return torch.ops.mkldnn._reorder_linear_weight(weight_FD, max(rows, FEWEST_ROWS))


def _product(blocks: Tensor, bias_F: Tensor | None, x_ND: Tensor) -> Tensor:
    """x W^T + b, [N, D] -> [N, F]."""
    return torch.ops.mkldnn._linear_pointwise(x_ND, blocks, bias_F, "none", [], "")
