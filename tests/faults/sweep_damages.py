"""Damage a stopped run in every way of `damages.py` and by random bit flips, resume it, and see
that nothing goes on wrongly in silence.

python tests/faults/sweep_damages.py --flips 1000
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from damages import Damage, cuts, random_flips, spoilt
from harness import Bench, Ended, differences
from hooks import FaultAt

LENGTH = {"max_steps": 16, "keep": 3, "eval_every": 10}
NOTICED = ("skipped", "error:")


@dataclass(frozen=True)
class Outcome:
    """`recovered`: the run ended with the weights, the optimizer and the position of an undamaged
    one. `fault`: what should not be.
    """

    name: str
    recovered: bool
    refused: bool
    fault: str


@dataclass(frozen=True)
class DamageTally:
    name: str
    outcomes: list[Outcome]

    @property
    def tried(self) -> int:
        return len(self.outcomes)

    @property
    def recovered(self) -> int:
        return sum(outcome.recovered and not outcome.fault for outcome in self.outcomes)

    @property
    def refused(self) -> int:
        return sum(outcome.refused and not outcome.fault for outcome in self.outcomes)

    @property
    def faults(self) -> list[str]:
        return [f"{outcome.name}: {outcome.fault}" for outcome in self.outcomes if outcome.fault]

    @property
    def describe(self) -> str:
        return (
            f"{self.name} {len(self.faults)}/{self.tried} silent "
            f"({self.recovered} recovered, {self.refused} refused)"
        )


def stopped_run(bench: Bench) -> tuple[Path, Path]:
    """A whole run of 16 steps, and one that was killed just before it wrote the checkpoint of its
    last step.
    """
    stopped = bench.folder / "stopped"
    if not stopped.is_dir():
        bench.run(
            bench.words(stopped, **LENGTH),
            FaultAt(str(stopped), 1, "kill", since="checkpoints/.unfinished-step-000016"),
        )
    return bench.whole(**LENGTH), stopped


def judge(damage: Damage, ended: Ended, found: list[str]) -> Outcome:
    """`found`: what of the checkpoints differs from those of the whole run."""
    done, refused, fault = ended.code == 0, ended.code != 0, ""
    if not ended.is_clean:
        fault = f"exit {ended.code}: {ended.said[-300:]}"
    elif done and found:
        fault = f"went on wrongly: {'; '.join(found[:3])}"
    elif done and damage.heard and not any(word in ended.said for word in NOTICED):
        fault = "went on without a word"
    return Outcome(damage.name, done and not found, refused, fault)


def try_damage(bench: Bench, whole: Path, stopped: Path, damage: Damage) -> Outcome:
    run = bench.copy(stopped, "damaged")
    damage.apply(run)
    ended = bench.here(["pretrain", "--resume", str(run)])
    return judge(
        damage, ended, differences(whole, run, "checkpoints/step-000016") if ended.code == 0 else []
    )


def sweep(
    bench: Bench,
    name: str,
    damages: Iterable[Damage],
    say: Callable[[str], None] = lambda line: None,
) -> DamageTally:
    whole, stopped = stopped_run(bench)
    outcomes = []
    for damage in damages:
        outcomes.append(try_damage(bench, whole, stopped, damage))
        if outcomes[-1].fault:
            say(f"{damage.name}: {outcomes[-1].fault}")
    return DamageTally(name, outcomes)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=1000, help="single bits flipped at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rehearse", action="store_true", help="two of each kind: shows mistakes of the sweep"
    )
    asked = parser.parse_args()
    most = 2 if asked.rehearse else None
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        flips = random_flips(stopped_run(bench)[1], asked.flips, asked.seed)
        kinds = {"cuts": cuts(), "damages": spoilt(), "flips": flips}
        tallies = [
            sweep(bench, name, islice(damages, most), print) for name, damages in kinds.items()
        ]
    for tally in tallies:
        print(tally.describe)
    return int(any(tally.faults for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
