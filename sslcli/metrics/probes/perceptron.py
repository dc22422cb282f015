"""A small probe that is not linear: one hidden layer on frozen vectors.

What a linear probe cannot read may still be there; this one is as strong as what a decoder could do
with it in a layer (Hewitt and Liang 2019 warn of stronger ones, so it is kept small).

Letters: N training vectors, M test vectors, D width, C labels.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from sslcli.metrics.probes.linear import majority
from sslcli.metrics.scores import mean_score
from sslcli.reports import Score

HIDDEN = 64
STEPS, TOGETHER, RATE, DECAY = 400, 256, 3e-3, 1e-2


def perceptron_probe(
    rows_ND: np.ndarray,
    labels: Sequence[str],
    test_MD: np.ndarray,
    test_labels: Sequence[str],
    *,
    seed: int,
    name: str = "accuracy",
) -> Score:
    """Return the accuracy on test rows of a network of HIDDEN units, beside the commonest label.

    Features are standardised by the training rows; STEPS of AdamW with a rate that falls to 0.
    """
    mean_D, deviation_D = rows_ND.mean(axis=0), rows_ND.std(axis=0)
    deviation_D = np.where(deviation_D > 0, deviation_D, 1)
    train_ND, asked_MD = (
        torch.from_numpy(((each - mean_D) / deviation_D).astype(np.float32))
        for each in (rows_ND, test_MD)
    )
    names, numbers_N = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    network = _fitted(train_ND, torch.from_numpy(numbers_N), len(names), seed)
    with torch.no_grad():
        found_M = names[network(asked_MD).argmax(dim=1).numpy()]
    right_M = (found_M == np.asarray(test_labels, dtype=str)).tolist()
    return replace(mean_score(name, right_M), baselines={"majority": majority(labels, test_labels)})


def _fitted(
    train_ND: torch.Tensor, numbers_N: torch.Tensor, classes: int, seed: int
) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(train_ND.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
        )
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        some = torch.randint(len(train_ND), (TOGETHER,), generator=generator)
        optimizer.zero_grad()
        cross_entropy(network(train_ND[some]), numbers_N[some]).backward()
        optimizer.step()
    return network
