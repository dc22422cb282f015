"""Cross-entropy of a linear layer, in chunks, so that all logits never exist at once.

Letters: N targets, C of them in a chunk, R of those in a block, E width of the embeddings, V
vocabulary.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK_BYTES = 1 << 27  # of float32 logits: how much exists at once, and is multiplied at once
# Of float32 logits: what the five passes between the products read and write stays in a CPU's
# cache. A GPU is faster with all of a chunk at once.
CPU_BLOCK_BYTES = 1 << 21
# Of a float32 weight: how much is multiplied at once on a CPU, whose library takes up to twice as
# long for few rows times all of a weight that is far larger than its cache. A sum goes over E
# alone, and in blocks of so many rows it is added up as in the whole, to the bit; a single row, or
# a rest of a few, is added up in another order.
CPU_WEIGHT_BYTES = 1 << 20
LEAST_ROWS = 64


F = TypeVar("F", bound=Callable[..., Any])


def differentiable_once(backward: F) -> F:
    """torch's `once_differentiable`, typed as the function that it decorates.

    torch's own type loses the name of the first parameter.
    """
    return cast(F, once_differentiable(backward))


@dataclass(frozen=True)
class TokenLoss:
    """Sums over the targets: negative log-likelihood in nats, and the number of correct
    predictions.

    `smoothed_sum`: the loss with label smoothing. It has the gradients then, and `nll_sum` has
    none; without smoothing they are one.
    """

    nll_sum: Tensor
    correct: Tensor
    smoothed_sum: Tensor


@dataclass(frozen=True)
class LaterProduct:
    """A weight gradient, factor * error.T @ hidden, formed only when it is added to its sum."""

    error_CV: Tensor
    hidden_CE: Tensor
    factor: Tensor

    def added_to(self, sum_VE: Tensor | None) -> Tensor:
        """Add the product to the sum in place, or return it alone if there is none.

        It works by blocks of rows, each multiplied with the factor while it is in a CPU's cache.
        """
        rows, features = self.error_CV.shape[1], self.hidden_CE.shape[1]
        blocks = _weight_blocks(rows, features)
        if sum_VE is None:
            made_VE = self.hidden_CE.new_empty(rows, features)
            for block in blocks:
                torch.mm(self.error_CV[:, block].T, self.hidden_CE, out=made_VE[block])
                made_VE[block].mul_(self.factor)
            return made_VE
        for block in blocks:
            product = (self.error_CV[:, block].T @ self.hidden_CE).mul_(self.factor)
            sum_VE[block].add_(product)
        return sum_VE


def linear_cross_entropy(
    hidden_NE: Tensor,
    weight_VE: Tensor,
    bias_V: Tensor | None,
    targets_N: Tensor,
    later: list[LaterProduct] | None = None,
    smoothing: float = 0.0,
) -> TokenLoss:
    """Cross-entropy of the logits hidden @ weight.T + bias.

    N may be 0; rows of hidden beyond the last target are padding. The gradients of hidden, weight
    and bias are formed together with the loss, while a chunk's logits exist, so memory is that of
    one chunk and nothing is computed twice (as Hsu et al. 2024, "Liger Kernel", do inside one
    kernel). Products run in autocast's dtype, sums in float32. Its backward pass can run once.

    With `later`, a list to which the owner of the weight adds, the backward pass may put the
    weight's gradient there and return none: the factors of the gradient take less memory than the
    gradient until it is needed.

    `smoothing` gives so much of each target's probability to all tokens alike (Szegedy et al. 2016,
    section 7), as torch's cross_entropy with label_smoothing does.
    """
    with_gradients = torch.is_grad_enabled()
    smoothed_sum, correct, nll_sum = _LinearCrossEntropy.apply(
        hidden_NE, weight_VE, bias_V, targets_N, with_gradients, later, smoothing
    )
    return TokenLoss(nll_sum if smoothing else smoothed_sum, correct, smoothed_sum)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        hidden_NE: Tensor,
        weight_VE: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        with_gradients: bool,
        later: list[LaterProduct] | None,
        smoothing: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        device, context.later = hidden_NE.device, None
        inputs = (hidden_NE, weight_VE, bias_V)
        needed = [with_gradients and each for each in context.needs_input_grad[:3]]
        hidden_gradient_NE, bias_gradient_V = (
            _gradient_sum(hidden_NE, needed[0]),
            _gradient_sum(bias_V, needed[2]),
        )
        # The largest by far: the first chunk's product makes it, so that nothing is filled with
        # zeros before.
        weight_gradient_VE: Tensor | None = None
        smoothed_sum, nll_sum = (
            torch.zeros((), dtype=torch.float32, device=device) for _ in range(2)
        )
        correct = torch.zeros((), dtype=torch.int64, device=device)
        product_type = (
            torch.get_autocast_dtype(device.type)
            if torch.is_autocast_enabled(device.type)
            else hidden_NE.dtype
        )
        hidden, weight = hidden_NE.to(product_type), weight_VE.to(product_type)
        with torch.autocast(device.type, enabled=False):
            for chunk in _slices(len(hidden_NE), CHUNK_BYTES, len(weight_VE)):
                nll, excess, hits, error_CV = _chunk_loss(
                    hidden[chunk], weight, bias_V, targets_N[chunk], bias_gradient_V, smoothing
                )
                nll_sum += nll
                smoothed_sum += nll + excess if smoothing else nll
                correct += hits
                if hidden_gradient_NE is not None:
                    hidden_gradient_NE[chunk] = error_CV @ weight
                if needed[1] and later is not None and _may_wait(error_CV, hidden, weight_VE):
                    # Detached, because an input of a node is not to hold on to the graph before it.
                    context.later, needed[1] = (later, error_CV, hidden.detach()), False
                elif needed[1]:
                    weight_gradient_VE = _with_product(weight_gradient_VE, error_CV, hidden[chunk])
            if needed[1] and weight_gradient_VE is None:
                weight_gradient_VE = torch.zeros_like(weight_VE, dtype=torch.float32)
        gradients = (hidden_gradient_NE, weight_gradient_VE, bias_gradient_V)
        context.gradients = [
            None if g is None or x is None else g.to(x.dtype)
            for g, x in zip(gradients, inputs, strict=True)
        ]
        context.mark_non_differentiable(correct, nll_sum)
        return smoothed_sum, correct, nll_sum

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, *output_gradients: Tensor) -> tuple[Tensor | None, ...]:
        nll_gradient = output_gradients[0]
        # In place, and given away: a copy of the largest gradient there is would cost more than the
        # multiplication.
        gradients, ctx.gradients = ctx.gradients, None
        if ctx.later is not None:
            (later, error_CV, hidden_CE), ctx.later = ctx.later, None
            later.append(LaterProduct(error_CV, hidden_CE, nll_gradient))
            # Of a pass that does not reach the weight, nothing may be left to the next one.
            torch.autograd.Variable._execution_engine.queue_callback(later.clear)
        return (
            *(None if g is None else g.mul_(nll_gradient) for g in gradients),
            None,
            None,
            None,
            None,
        )


def _gradient_sum(of: Tensor | None, is_needed: bool) -> Tensor | None:
    """Zeros in float32, to which the gradient of an input is added."""
    return torch.zeros_like(of, dtype=torch.float32) if of is not None and is_needed else None


def _may_wait(error_CV: Tensor, hidden_NE: Tensor, weight_VE: Tensor) -> bool:
    """Tell whether these two, for all targets, take no more memory than the weight's gradient."""
    is_all = len(error_CV) == len(hidden_NE) <= weight_VE.shape[1]
    return is_all and error_CV.dtype == weight_VE.dtype == torch.float32


def _slices(rows: int, most_bytes: int, width: int) -> Iterator[slice]:
    """Yield slices of rows of float32 numbers, each at most `most_bytes`, or one row."""
    size = max(1, most_bytes // (4 * width))
    return (slice(start, start + size) for start in range(0, rows, size))


def _weight_blocks(rows: int, features: int) -> list[slice]:
    """Whole LEAST_ROWS rows each; a rest that is shorter goes with the last."""
    size = max(1, CPU_WEIGHT_BYTES // (4 * features) // LEAST_ROWS) * LEAST_ROWS
    starts = range(0, max(1, rows - LEAST_ROWS + 1), size)
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], rows], strict=True)]


def _chunk_loss(
    hidden_CE: Tensor,
    weight_VE: Tensor,
    bias_V: Tensor | None,
    targets_C: Tensor,
    bias_gradient_V: Tensor | None,
    smoothing: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Summed loss, what smoothing adds to it, correct ones, and the gradient of the loss by the
    logits: probability minus truth.

    The logits lose their place to that gradient, block by block; its sum over the rows is added to
    `bias_gradient_V`.
    """
    product_CV = _logits(hidden_CE, weight_VE)
    product_CV[len(targets_C) :] = 0  # a spare row has no gradient
    logits_CV = product_CV[: len(targets_C)]
    added_V = None if bias_V is None else bias_V.to(torch.float32)
    nll_sum, excess, correct = (
        torch.zeros((), dtype=kind, device=targets_C.device)
        for kind in (torch.float32, torch.float32, torch.int64)
    )
    block_bytes = CPU_BLOCK_BYTES if hidden_CE.device.type == "cpu" else CHUNK_BYTES
    for block in _slices(len(targets_C), block_bytes, len(weight_VE)):
        logits_RV = (
            logits_CV[block].to(torch.float32) if added_V is None else logits_CV[block] + added_V
        )
        targets_R1 = targets_C[block, None]
        largest_R, wanted_R = logits_RV.amax(dim=1), logits_RV.gather(1, targets_R1).squeeze(1)
        correct += _hits(logits_RV, targets_R1.squeeze(1), wanted_R == largest_R)
        error_RV = logits_RV.softmax(dim=1)
        # The largest probability is exp(largest - normalizer), and far from underflow, as that of
        # the target may not be.
        nll_sum += (largest_R - error_RV.amax(dim=1).log() - wanted_R).sum()
        if smoothing:
            excess += smoothing * (wanted_R - logits_RV.mean(dim=1)).sum()
            error_RV -= smoothing / len(weight_VE)
        truth = error_RV.new_full((1, 1), smoothing - 1.0)
        error_RV.scatter_add_(1, targets_R1, truth.expand_as(targets_R1))
        if bias_gradient_V is not None:
            bias_gradient_V += error_RV.sum(dim=0)
        logits_CV[block] = error_RV
    return nll_sum, excess, correct, product_CV


def _logits(hidden_CE: Tensor, weight_VE: Tensor) -> Tensor:
    """hidden @ weight.T"""
    if weight_VE.device.type != "cpu" or weight_VE.dtype != torch.float32:
        return hidden_CE @ weight_VE.T
    logits_CV = hidden_CE.new_empty(len(hidden_CE), len(weight_VE))
    for block in _weight_blocks(*weight_VE.shape):
        torch.mm(hidden_CE, weight_VE[block].T, out=logits_CV[:, block])
    return logits_CV


def _hits(logits_RV: Tensor, targets_R: Tensor, among_largest_R: Tensor) -> Tensor:
    """How many targets are the largest logit, of equal ones the first.

    Finding the place costs a CPU many times as much as finding the value: only rows that may count
    are searched.
    """
    if logits_RV.device.type == "cpu":
        logits_RV, targets_R = logits_RV[among_largest_R], targets_R[among_largest_R]
    return (logits_RV.argmax(dim=1) == targets_R).sum()


def _with_product(sum_VE: Tensor | None, error_CV: Tensor, hidden_CE: Tensor) -> Tensor:
    """sum + error.T @ hidden in float32, in the place of `sum_VE`; the product alone where there is
    no sum yet.
    """
    if sum_VE is None:
        return (error_CV.T @ hidden_CE).float()
    if error_CV.dtype == sum_VE.dtype:
        return sum_VE.addmm_(error_CV.T, hidden_CE)
    return sum_VE.add_(error_CV.T @ hidden_CE)
