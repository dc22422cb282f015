"""Length and intervals of a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Length and intervals, all in steps.

    `patience`: evaluations in a row without a better one, after which training ends.
    """

    total_steps: int
    log_every: int
    eval_every: int
    save_every: int
    milestones: bool
    seed: int
    patience: int | None = None
