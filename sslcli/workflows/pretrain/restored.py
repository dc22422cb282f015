"""A few held-out samples as the model was given them, and as it restores them."""

from collections.abc import Sequence

import numpy as np

from sslcli.contracts.abilities import Restores
from sslcli.core.inputs import to_device
from sslcli.data.batches import collate
from sslcli.data.rng import Rng
from sslcli.engine.composite import CompositeBatch, with_ability
from sslcli.engine.evaluator import Illustrate
from sslcli.engine.learner import Learner
from sslcli.workflows.pretrain.prepare import Prepared

MOST_CHARACTERS, MOST_NUMBERS = 160, 8  # of one sample, in a line


def restored_samples(prepared: Prepared) -> Illustrate | None:
    """The same samples, corrupted in the same way, at every evaluation; None where no part
    restores.
    """
    name, part = next(with_ability(prepared.collator, Restores), (None, None))
    if part is None:
        return None
    rng = Rng(prepared.settings.training.seed, 0, "restoration")
    numbers, samples = prepared.shown_samples(rng)
    if not samples:
        return None
    batch = prepared.collator.collate(collate(numbers, samples), rng)
    own = batch.parts[name] if isinstance(batch, CompositeBatch) and name is not None else batch

    def illustrate(learner: Learner) -> Sequence[tuple[str, str]]:
        restoring = dict(with_ability(learner.learnable, Restores))[name]
        unit = f" {restoring.loss_unit}" if restoring.loss_unit else ""
        found = restoring.restore(
            learner.backbone, to_device(own, next(learner.backbone.parameters()).device)
        )
        return [
            (
                _in_a_line(each.corrupted),
                f"{_in_a_line(each.restored)} (error {each.error:.3g}{unit})",
            )
            for each in found
        ]

    return illustrate


def _in_a_line(content: str | np.ndarray) -> str:
    """The beginning of a text, or of the mean of each row."""
    if isinstance(content, str):
        text = " ".join(content.split())
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."
    means = [
        f"{value:.2f}" for value in content.reshape(len(content), -1).mean(axis=1)[:MOST_NUMBERS]
    ]
    return " ".join(means + ["..."] * (len(content) > MOST_NUMBERS))
