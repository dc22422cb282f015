"""Cross-entropy of a linear layer whose logits never exist all at once.

Letters: N targets, C of them in a chunk, E width of the embeddings, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_BYTES = 1 << 27  # of float32 logits


@dataclass(frozen=True)
class TokenLoss:
    """Sums over the targets, never means: negative log-likelihood in nats, and how many were the most likely token."""

    nll_sum: Tensor
    correct: Tensor


def linear_cross_entropy(hidden_NE: Tensor, weight_VE: Tensor, bias_V: Tensor | None, targets_N: Tensor) -> TokenLoss:
    """Loss of the logits hidden @ weight.T + bias; N may be 0.

    The gradients of hidden, weight and bias are formed together with the loss, while a chunk's logits exist, so memory
    is that of one chunk and nothing is computed twice (as Hsu et al. 2024, "Liger Kernel", do inside one
    kernel). Products run in autocast's type, sums in float32.
    """
    nll_sum, correct = _LinearCrossEntropy.apply(hidden_NE, weight_VE, bias_V, targets_N, torch.is_grad_enabled())
    return TokenLoss(nll_sum, correct)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, hidden_NE: Tensor, weight_VE: Tensor, bias_V: Tensor | None, targets_N: Tensor, with_gradients: bool
    ) -> tuple[Tensor, Tensor]:
        device = hidden_NE.device
        inputs = (hidden_NE, weight_VE, bias_V)
        gradients = [
            torch.zeros_like(x, dtype=torch.float32) if with_gradients and needed else None
            for x, needed in zip(inputs, context.needs_input_grad, strict=False)
        ]
        nll_sum = torch.zeros((), dtype=torch.float32, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        product_type = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else hidden_NE.dtype
        hidden, weight = hidden_NE.to(product_type), weight_VE.to(product_type)
        rows = max(1, CHUNK_BYTES // (4 * len(weight_VE)))
        with torch.autocast(device.type, enabled=False):
            for start in range(0, len(hidden_NE), rows):
                chunk = slice(start, start + rows)
                nll, hits, error_CV = _chunk_loss(hidden[chunk], weight, bias_V, targets_N[chunk])
                nll_sum += nll
                correct += hits
                _add_gradients(gradients, chunk, error_CV, hidden[chunk], weight)
        context.save_for_backward(*(None if g is None else g.to(x.dtype) for g, x in zip(gradients, inputs, strict=True)))
        context.mark_non_differentiable(correct)
        return nll_sum, correct

    @staticmethod
    @once_differentiable
    def backward(context: Any, nll_gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        return *(None if g is None else g * nll_gradient for g in context.saved_tensors), None, None


def _chunk_loss(hidden_CE: Tensor, weight_VE: Tensor, bias_V: Tensor | None, targets_C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Summed loss, correct ones, and the gradient of the loss by the logits: probability minus truth."""
    logits_CV = (hidden_CE @ weight_VE.T).to(torch.float32)
    if bias_V is not None:
        logits_CV += bias_V
    rows_C = torch.arange(len(targets_C), device=targets_C.device)
    hits = (logits_CV.argmax(dim=1) == targets_C).sum()
    normalizer_C = logits_CV.logsumexp(dim=1)
    nll = (normalizer_C - logits_CV[rows_C, targets_C]).sum()
    error_CV = logits_CV.sub_(normalizer_C[:, None]).exp_()  # in place: the logits are not needed again
    error_CV[rows_C, targets_C] -= 1.0
    return nll, hits, error_CV


def _add_gradients(gradients: list[Tensor | None], chunk: slice, error_CV: Tensor, hidden_CE: Tensor, weight_VE: Tensor) -> None:
    hidden_gradient_NE, weight_gradient_VE, bias_gradient_V = gradients
    if bias_gradient_V is not None:
        bias_gradient_V += error_CV.sum(dim=0)
    error_CV = error_CV.to(hidden_CE.dtype)
    if hidden_gradient_NE is not None:
        hidden_gradient_NE[chunk] = error_CV @ weight_VE
    if weight_gradient_VE is not None:
        weight_gradient_VE += error_CV.T @ hidden_CE
