"""The token matrix: rows are looked up, and a tied head reads all of it.

Letters: T rows that are looked up, U different ones among them, V rows of the matrix, E width.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from sslcli.core.losses import LaterProduct, differentiable_once


class Embedding(nn.Embedding):
    """torch's Embedding that generates no random numbers on the meta device.

    There torch would import torch._dynamo, half of all that a command imports.
    """

    def reset_parameters(self) -> None:
        """Initialise as torch does, except on the meta device."""
        if not self.weight.is_meta:
            super().reset_parameters()


class TokenEmbedding(Embedding):
    """torch's Embedding, equal to it to the bit, which can share one backward pass with a tied
    head.

    torch fills a matrix [V, E] with zeros for the gradient of the rows, and adds all of it to the
    head's. On a CPU that is a tenth of a small model's step. Within `sharing` the rows alone are
    added, in place, and a loss of few targets leaves its product in `later`: formed last, when the
    backward pass has let go of what the forward pass kept.
    """

    _shares = False
    _shared_VE: Tensor | None = None
    later: list[LaterProduct] | None = None  # of the last lookup within `sharing`

    @contextmanager
    def sharing(self) -> Generator[None]:
        """Share one backward pass between lookup and tied head, within one forward pass of both.

        The backward pass cannot be differentiated again. Nothing is shared on a GPU, whose host
        would have to wait for the unique rows.
        """
        self._shares = self.weight.device.type == "cpu"
        self._shared_VE = self.later = None
        try:
            yield
        finally:
            self._shares, self._shared_VE, self.later = False, None, None

    @property
    def matrix(self) -> Tensor:
        """[V, E], the matrix for a tied head: the weight, or its stand-in since the last lookup."""
        return self.weight if self._shared_VE is None else self._shared_VE

    def forward(self, input: Tensor) -> Tensor:
        """Rows of tokens, [T] -> [T, E]."""
        if not (self._shares and self.weight.requires_grad and torch.is_grad_enabled()):
            return super().forward(input)
        self.later = []
        rows_TE, self._shared_VE = _RowsAndMatrix.apply(self.weight, input, self.later)
        return rows_TE


class _RowsAndMatrix(torch.autograd.Function):
    """One node for both readers of the matrix: autograd hands it both gradients together."""

    @staticmethod
    def forward(
        context: Any,
        weight_VE: Tensor,
        tokens_T: Tensor,
        later: list[LaterProduct],
    ) -> tuple[Tensor, Tensor]:
        context.save_for_backward(tokens_T)
        context.set_materialize_grads(False)
        context.rows, context.later = len(weight_VE), later
        return embedding(tokens_T, weight_VE), weight_VE.detach()

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None]:
        gradient_TE, gradient_VE = gradients
        (tokens_T,) = ctx.saved_tensors
        while ctx.later:
            gradient_VE = ctx.later.pop(0).added_to(gradient_VE)
        if gradient_TE is None:
            return gradient_VE, None, None
        if gradient_VE is None:
            return _summed(gradient_TE, tokens_T, ctx.rows), None, None
        unique_U, places_T = tokens_T.unique(return_inverse=True)
        # Summed by themselves first, as torch does, so that every bit is the same. In place,
        # because a product with the matrix, which is all that a head does with it, makes a gradient
        # that nobody else holds.
        sums_UE = _summed(gradient_TE, places_T, len(unique_U))
        return gradient_VE.index_add_(0, unique_U, sums_UE), None, None


def _summed(gradient_TE: Tensor, places_T: Tensor, rows: int) -> Tensor:
    """[rows, E], as the backward pass of torch's Embedding has it."""
    return torch.ops.aten.embedding_dense_backward(gradient_TE, places_T, rows, -1, False)
