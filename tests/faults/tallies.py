"""What a sweep of bad inputs counts, so that `score.py` can add the sweeps up."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Tally:
    """Counts of cases, from one sweep: what was tried, and what came of it.

    A case is refused cleanly where the program ended by itself, with one sentence and an exit code
    of its table, or where the input was rightly taken. `silent` counts wrong results that nobody
    was told of.
    """

    name: str
    tried: int
    refused_cleanly: int
    tracebacks: int = 0
    hangs: int = 0
    silent: int = 0

    @property
    def good(self) -> bool:
        """Whether every case ended as it should."""
        return self.refused_cleanly == self.tried and not (
            self.tracebacks or self.hangs or self.silent
        )

    @property
    def describe(self) -> str:
        """The counts as one line."""
        faults = f"{self.tracebacks} tracebacks, {self.hangs} hangs, {self.silent} silent"
        return f"{self.name}: {self.refused_cleanly}/{self.tried} refused cleanly, {faults}"


def total(name: str, tallies: list[Tally]) -> Tally:
    """The sum of several sweeps, under a name of its own."""
    counts = [field.name for field in fields(Tally) if field.name != "name"]
    return Tally(
        name=name, **{count: sum(getattr(tally, count) for tally in tallies) for count in counts}
    )
