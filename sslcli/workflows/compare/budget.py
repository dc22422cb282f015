"""What a comparison may cost, and how many steps that is: arithmetic alone."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sslcli.config import parse_seconds
from sslcli.progress import duration

Unit = Literal["seconds", "flops"]
SECONDS, FLOPS = "15m", "2e15flops"  # how each is written
LARGEST = 1e30
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
_OPERATIONS = re.compile(r"([\d_.]+(?:e[+-]?\d+)?)\s*([kmgtpe]?)flops?", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """A time, or a number of floating-point operations."""

    amount: float
    unit: Unit

    def __str__(self) -> str:
        return cost_in_words(self.amount, self.unit)


def cost_in_words(amount: float, unit: Unit) -> str:
    """ "4m 30s", or "1.2e+15 FLOPs"."""
    return duration(amount) if unit == "seconds" else f"{amount:.3g} FLOPs"


def parse_budget(text: str) -> Budget:
    """ "15m", "1h30m", "90s" or "2e15flops", "2 PFLOPs".

    Raises ValueError for anything else, a bare number among it, which may be either.
    """
    given = text.strip()
    if (match := _OPERATIONS.fullmatch(given)) is not None:
        amount = _number(match[1]) * _PREFIXES[match[2].lower()]
        unit: Unit = "flops"
    else:
        is_bare = _number(given) > 0
        seconds = None if is_bare else parse_seconds(given)
        if seconds is None:
            said = "says neither seconds nor FLOPs" if is_bare else "is no time and no FLOPs"
            raise ValueError(f"'{text:.40}' {said}; write {SECONDS} or {FLOPS}")
        amount, unit = seconds, "seconds"
    if not 0 < amount <= LARGEST:
        raise ValueError(f"must be above 0 and at most {LARGEST:g}, not '{text:.40}'")
    return Budget(amount, unit)


def equal_steps(
    costs: Sequence[float], measures: Sequence[float], available: float
) -> tuple[list[int], float]:
    """Return how many steps each of several trainings makes, and the measure that each then has.

    `costs`: of a step of each, in the unit of what is `available`. `measures`: of a step of each,
    in the unit that is to be equal. n_i measures_i = c for all, and the sum of n_i costs_i is what
    is available; steps are rounded down.
    """
    equal = available / sum(cost / measure for cost, measure in zip(costs, measures, strict=True))
    # a whole number of steps that rounding has brought just below is that number
    return [math.floor(equal / measure * (1 + 1e-12)) for measure in measures], equal


def alike_steps(costs: Sequence[float], available: float) -> int:
    """Return how many steps all of several trainings can make, the same for each, rounded down."""
    return math.floor(available / sum(costs) * (1 + 1e-12))


def _number(text: str) -> float:
    try:
        found = float(text.replace("_", ""))
    except ValueError:
        return 0.0
    return found if math.isfinite(found) else 0.0
