"""What a learnable says of its parameters: groups with a rate of their own, moving averages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """A parameter group: parameters whose names match `match` (fnmatch; "backbone.*",
    "learnable.*").

    They are updated with `rate` times the learning rate, at steps with step % every == phase; at
    other steps their gradients are dropped.
    """

    match: str
    rate: float = 1.0
    every: int = 1
    phase: int = 0


@dataclass(frozen=True)
class Follower:
    """Parameters that are a moving average of others: Follower("learnable.teacher.*",
    leader="backbone.*").

    The * stands for the same words in both names. Before step 0 each matching parameter is a copy
    of its leader; after every applied step it becomes momentum · itself + (1 - momentum) · leader.
    `momentum` is a number, or (first, last): from one to the other along half a cosine over
    `progress`. No gradient reaches a follower, no optimizer holds it, and a module of followers
    alone has no dropout.
    """

    match: str
    leader: str
    momentum: float | tuple[float, float] = (0.996, 1.0)
