"""The plan of a comparison: who trains how many steps of what price; kept in comparison.json.

Steps are fixed before anything is trained, so that every schedule ends with its run, and a
comparison that was killed goes on with the same numbers of steps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from sslcli import plainfiles
from sslcli.errors import DataError, UsageError
from sslcli.folders import write_atomically
from sslcli.reports import amount
from sslcli.workflows.compare.budget import Unit, alike_steps, cost_in_words, equal_steps

FILE = "comparison.json"
FEWEST_STEPS = 10  # of a training that shows anything


@dataclass(frozen=True)
class Price:
    """Means of a step: operations, rows, tokens, and seconds, 0 where nothing was timed.

    `around`: seconds of a training beside its steps. `uncounted`: what the operations leave out,
    in words.
    """

    flops: float
    rows: float
    tokens: float
    seconds: float = 0.0
    around: float = 0.0
    uncounted: str = ""

    def of(self, unit: Unit) -> float:
        """The price of a step in a unit."""
        return self.seconds if unit == "seconds" else self.flops


@dataclass(frozen=True)
class PlannedPretraining:
    """The pretraining of one objective: what it trains, on what, and how long."""

    objective: str
    architecture: str
    layers: str
    parameters: int
    samples: int
    documents: int
    price: Price
    steps: int = 0


@dataclass(frozen=True)
class PlannedTask:
    """The fine-tunings for one task: equally many steps of each model. `prices` by model."""

    task: str
    prices: Mapping[str, Price]
    steps: int = 0


@dataclass(frozen=True)
class ComparisonPlan:
    """`measuring`: seconds that it took to find it. `around`: seconds beside all steps;
    `each`: how much of `equal` every pretraining has. `tokenizer`: its hash.
    """

    budget: float
    unit: Unit
    equal: Unit
    measuring: float
    around: float
    for_pretraining: float
    for_finetuning: float
    each: float
    tokenizer: str
    pretrainings: Sequence[PlannedPretraining]
    tasks: Sequence[PlannedTask]

    def of(self, objective: str) -> PlannedPretraining:
        """The pretraining of an objective."""
        return next(each for each in self.pretrainings if each.objective == objective)

    def steps_of(self, task: str) -> int:
        """The steps of every fine-tuning for a task."""
        return next(each.steps for each in self.tasks if each.task == task)

    @property
    def planned(self) -> float:
        """What all of it is to cost together."""
        beside = self.measuring + self.around if self.unit == "seconds" else 0.0
        return beside + self.for_pretraining + self.for_finetuning


def load_plan(folder: Path) -> ComparisonPlan | None:
    """The plan of a comparison that was begun; None where there is none yet. Raises DataError
    where it is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        saved = plainfiles.read_whole_json(path)
        return TypeAdapter(ComparisonPlan).validate_python(saved)
    except (OSError, ValueError) as error:
        hint = "remove the folder, and compare anew"
        raise DataError(f"{path} cannot be read: {plainfiles.reason(error)}", hint) from error


def save_plan(plan: ComparisonPlan, folder: Path) -> None:
    """Write comparison.json, whole or not at all."""
    write_atomically(folder / FILE, json.dumps(asdict(plan), indent=1, ensure_ascii=False))


def divided(plan: ComparisonPlan, share: float, seeds: int) -> ComparisonPlan:
    """The plan with all steps: `share` of what the steps may cost is for pretraining, and every
    task has as much of the rest as another.

    Raises UsageError where that leaves a run with too few steps.
    """
    unit = plan.unit
    around = sum(each.price.around for each in plan.pretrainings)
    around += seeds * sum(price.around for each in plan.tasks for price in each.prices.values())
    left = plan.budget - plan.measuring - around if unit == "seconds" else plan.budget
    if left <= 0:
        measured, beside = (cost_in_words(each, unit) for each in (plan.measuring, around))
        spent = f"{measured} of measuring and {beside} around the steps"
        raise _too_little(plan, f"{spent} leave nothing to train with", around)
    costs = [each.price.of(unit) for each in plan.pretrainings]
    measures = [each.price.of(plan.equal) for each in plan.pretrainings]
    steps, each = equal_steps(costs, measures, share * left)
    per_task = (1 - share) * left / len(plan.tasks)
    of_tasks = [
        alike_steps([price.of(unit) for price in task.prices.values()], per_task / seeds)
        for task in plan.tasks
    ]
    found = replace(
        plan,
        around=around if unit == "seconds" else 0.0,
        for_pretraining=share * left,
        for_finetuning=(1 - share) * left,
        each=each,
        pretrainings=[
            replace(one, steps=count) for one, count in zip(plan.pretrainings, steps, strict=True)
        ],
        tasks=[replace(one, steps=count) for one, count in zip(plan.tasks, of_tasks, strict=True)],
    )
    counts = {
        one.objective: (one.steps, each / measure)
        for one, measure in zip(found.pretrainings, measures, strict=True)
    }
    for task in found.tasks:
        together = seeds * sum(price.of(unit) for price in task.prices.values())
        counts[f"every fine-tuning for {task.task}"] = task.steps, per_task / together
    who, (fewest, unrounded) = min(counts.items(), key=lambda item: item[1])
    if fewest < FEWEST_STEPS:
        raise _too_little(plan, f"{who} would have {amount(fewest, 'step')}", around, unrounded)
    return found


def _too_little(plan: ComparisonPlan, problem: str, around: float, fewest: float = 0) -> UsageError:
    """With what would do: as much more as the shortest run lacks, and what is spent beside it."""
    beside = plan.measuring + around if plan.unit == "seconds" else 0.0
    wanted = beside + (plan.budget - beside) * FEWEST_STEPS / fewest if fewest else 2 * beside
    enough = max(wanted * 1.1, plan.budget * 1.1)
    written = f"{round(enough) + 1}s" if plan.unit == "seconds" else f"{enough:.2g}flops"
    hint = (
        f"give more, as --budget {written}, or leave out tasks, objectives, seeds or --no-scratch"
    )
    return UsageError(
        f"a budget of {cost_in_words(plan.budget, plan.unit)} is too little: {problem}", hint
    )
