"""A masked auto-encoder that reads visible rows only: what its encoder is given, and that it
learns.
"""

import numpy as np
import torch
from visible_rows import VisibleRows, Waves

from sslcli.conformance.tiny import corpus_in_memory
from sslcli.contracts.learnable import Context
from sslcli.core.initialize import initialize
from sslcli.core.settings import TransformerSettings
from sslcli.core.transformer import Transformer
from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.engine.learner import Learner
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.settings import OptimizerSettings

SHAPE = TransformerSettings(
    row_features=6,
    width=32,
    depth=2,
    heads=2,
    feedforward_width=64,
    longest_tokens=16,
    initial_deviation=0.1,
)
ARRAYS = [document.array for document in Waves(Waves.Options()).documents("waves:300")]
CORPUS = corpus_in_memory([[array] for array in ARRAYS], modality="sound")


def begun():
    backbone, objective = Transformer(SHAPE), VisibleRows(VisibleRows.Options(), Context(SHAPE))
    for module in (backbone, objective):
        initialize(module, torch.Generator().manual_seed(1))
    objective.begin(backbone, lambda: objective.collate(batch_of(range(64)), Rng(0, 0)))
    return Learner(backbone, objective)


def batch_of(numbers):
    objective = VisibleRows(VisibleRows.Options(), Context(SHAPE))
    rows = np.concatenate([chunk.values for chunk in objective.arrange(CORPUS)])
    return collate(
        numbers,
        [objective.sample(CORPUS, rows[number], Rng(0, 0).sample(number)) for number in numbers],
    )


def test_the_encoder_reads_visible_rows_at_their_own_positions_and_no_others():
    batch = begun().learnable.collate(batch_of(range(8)), Rng(0, 0))
    places = np.concatenate([np.arange(len(array)) for array in ARRAYS[:8]])
    everything = np.concatenate(ARRAYS[:8])
    visible_V, hidden_N = batch.visible_V.numpy(), batch.hidden_N.numpy()
    assert sorted([*visible_V, *hidden_N]) == list(range(len(everything)))
    assert np.array_equal(batch.inputs.rows_TD.numpy(), everything[visible_V])
    assert batch.inputs.positions_T.tolist() == places[visible_V].tolist()
    ends = np.cumsum([len(array) for array in ARRAYS[:8]])
    counted = np.bincount(np.searchsorted(ends, visible_V, side="right"), minlength=8)
    assert batch.inputs.packing.lengths == tuple(counted)
    assert 0.4 < len(hidden_N) / len(everything) < 0.8


def test_it_begins_with_the_mean_and_the_deviation_of_the_first_batch():
    objective, rows_TF = begun().learnable, np.concatenate(ARRAYS[:64])
    np.testing.assert_allclose(objective.mean_F.numpy(), rows_TF.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        objective.deviation_F.numpy(), rows_TF.std(axis=0, ddof=1), rtol=1e-4
    )


def test_it_tells_hidden_rows_far_better_than_their_mean():
    """Held-out waves, errors in squared deviations: the mean of each feature has an error of 1."""
    learner, random = begun(), np.random.default_rng(0)
    objective = learner.learnable
    optimizer = Optimizer(
        learner.trained_parameters(),
        learner.groups(),
        OptimizerSettings(rate=5e-3, weight_decay=0.0),
    )
    for step in range(250):
        batch = objective.collate(batch_of(random.choice(240, 24, replace=False)), Rng(0, step))
        (learner(batch).sums["error"] / batch.counts["error"]).backward()
        optimizer.step(min(1.0, (step + 1) / 20), optimizer.norm())
        optimizer.zero()
    batch = objective.collate(batch_of(range(240, 300)), Rng(0, 0))
    with torch.no_grad():
        error = float(learner.eval()(batch).sums["error"]) / batch.counts["error"]
    assert error < 0.4
