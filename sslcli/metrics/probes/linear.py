"""Linear probes on frozen vectors, and the control task that shows what a probe could memorise.

L2-regularised logistic regression on standardised features (Alain & Bengio 2016, arXiv 1610.01644);
control tasks: Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks" (arXiv
1909.03368). The same as scikit-learn's LogisticRegression (C=1, for two labels C=2), which takes as
long to import as torch does.

Letters: N training vectors, M test vectors, D width, C labels.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from sslcli.errors import DataError
from sslcli.metrics.scores import mean_score
from sslcli.reports import Score

_MOST_EVALUATIONS = 300
_FLAT_GRADIENT = 1e-6


@dataclass(frozen=True)
class LinearProbe:
    """label = names[argmax((row - mean_D) / deviation_D @ weights_DC + bias_C)]"""

    names: Sequence[str]
    mean_D: np.ndarray
    deviation_D: np.ndarray
    weights_DC: np.ndarray
    bias_C: np.ndarray

    @classmethod
    def fit(cls, rows_ND: np.ndarray, labels: Sequence[str]) -> "LinearProbe":
        """Fit a probe. Raises DataError if there is nothing to train on, or a number is not
        finite.
        """
        rows = _checked(rows_ND, labels)
        mean_D, deviation_D = rows.mean(axis=0), rows.std(axis=0)
        # a feature that never changes says nothing, and is not to be divided by
        deviation_D[deviation_D == 0] = 1.0
        names, numbers_N = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
        weights_DC, bias_C = _fitted(
            torch.from_numpy((rows - mean_D) / deviation_D), torch.from_numpy(numbers_N), len(names)
        )
        return cls(names.tolist(), mean_D, deviation_D, weights_DC, bias_C)

    def predict(self, rows_MD: np.ndarray) -> Sequence[str]:
        """Return the label of each row [M, D]."""
        scores_MC = (
            np.asarray(rows_MD, dtype=np.float64) - self.mean_D
        ) / self.deviation_D @ self.weights_DC + self.bias_C
        return [self.names[number] for number in scores_MC.argmax(axis=1)]


def linear_probe(
    rows_ND: np.ndarray,
    labels: Sequence[str],
    test_MD: np.ndarray,
    test_labels: Sequence[str],
    name: str = "accuracy",
) -> Score:
    """Return the accuracy on test rows, beside that of the commonest training label.

    Raises DataError as `fit`.
    """
    _checked(test_MD, test_labels)
    predicted = LinearProbe.fit(rows_ND, labels).predict(test_MD)
    right_M = [guess == label for guess, label in zip(predicted, test_labels, strict=True)]
    return replace(mean_score(name, right_M), baselines={"majority": majority(labels, test_labels)})


def majority(labels: Sequence[str], test_labels: Sequence[str]) -> float:
    """The share of the test labels that are the commonest training label."""
    names, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    return float(np.mean(np.asarray(test_labels, dtype=str) == names[counts.argmax()]))


def control_labels(
    words: Sequence[str], labels: Sequence[str], generator: np.random.Generator
) -> list[str]:
    """Return a random label per word, sampled by label frequency: a probe can only memorise it."""
    drawn = {word: labels[int(generator.integers(len(labels)))] for word in sorted(set(words))}
    return [drawn[word] for word in words]


def _fitted(
    rows_ND: torch.Tensor, numbers_N: torch.Tensor, count: int
) -> tuple[np.ndarray, np.ndarray]:
    weights_DC = torch.zeros(rows_ND.shape[1], count, dtype=torch.float64, requires_grad=True)
    bias_C = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    search = _LBFGS(
        [weights_DC, bias_C],
        max_iter=_MOST_EVALUATIONS,
        tolerance_grad=_FLAT_GRADIENT,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> torch.Tensor:
        search.zero_grad()
        value = cross_entropy(
            rows_ND @ weights_DC + bias_C, numbers_N
        ) + weights_DC.square().sum() / (2 * len(rows_ND))
        value.backward()
        return value

    search.step(loss)
    return weights_DC.detach().numpy(), bias_C.detach().numpy()


class _LBFGS(torch.optim.LBFGS):
    """torch's, to the bit, which does not import torch._dynamo, half of all that torch is.

    torch wraps these two so that its compiler looks away, and imports the compiler for that.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)


def _checked(rows: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    wide = np.asarray(rows, dtype=np.float64)
    if len(wide) != len(labels):
        raise ValueError(f"{len(wide)} rows and {len(labels)} labels")
    if not len(wide):
        raise DataError(
            "there is nothing for a linear probe to learn from or to be tested with",
            "give more labelled data",
        )
    if not np.isfinite(wide).all():
        raise DataError(
            "a vector holds what is not a finite number",
            "the model's weights are damaged, or its training went wrong",
        )
    return wide
