"""How a budget is divided among the runs of a comparison, found once and kept: comparison.json.

Steps are fixed before anything is trained, so that every schedule ends with its run, and a
comparison that was killed goes on with the same numbers of steps.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from sslcli import plainfiles
from sslcli.core.arithmetic import parameters
from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say, cache_folder, quiet
from sslcli.datasets.labelled import labelled_data
from sslcli.datasets.tasks import task_class, task_options
from sslcli.datasets.tokenized import shards_for
from sslcli.datasets.tokenizer_training import piece_trainer, usual_tokenizer
from sslcli.engine.precision import Hardware, choose_hardware
from sslcli.errors import DataError, UsageError
from sslcli.folders import write_atomically
from sslcli.models.fitting import refuse_tokens_not_among, tokenizers_with
from sslcli.models.objectives import objective_classes
from sslcli.models.weights import Pretrained
from sslcli.settings import FinetuneSettings
from sslcli.workflows.compare.budget import Unit, alike_steps, equal_steps, parse_budget, worded
from sslcli.workflows.compare.parts import (
    EVALUATIONS,
    Model,
    fine_tuning,
    finetune_settings,
    models_of,
    pretrain_settings,
)
from sslcli.workflows.compare.prices import Price, priced
from sslcli.workflows.compare.settings import CompareSettings
from sslcli.workflows.finetune.finetune import Finetuning
from sslcli.workflows.pretrain.prepare import prepare
from sslcli.workflows.pretrain.pretrain import Pretraining

FILE = "comparison.json"
FEWEST_STEPS = 10  # of a training that shows anything
TRIED_STEPS = 100  # of the settings of a job that is only looked at


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


def with_tokenizer_kind(settings: CompareSettings) -> CompareSettings:
    """Choose the tokenizer where none is named: the usual one of the first architecture that has
    all special tokens that objectives and tasks need.

    Raises UsageError where the one that is named lacks one of them.
    """
    classes = {
        name: cls for each in settings.objectives for name, cls in objective_classes(each).items()
    }
    needing = {**classes, **{task: task_class(task) for task in settings.tasks}}
    wanted = {token for cls in needing.values() for token in cls.special_tokens}
    chosen = settings.tokenizer
    if chosen.source is not None:
        return settings
    architectures = dict.fromkeys(model.architecture for model in models_of(settings))
    kinds = [chosen.kind] if chosen.kind else [*map(usual_tokenizer, architectures)]
    offered = {
        kind: piece_trainer(chosen.model_copy(update={"kind": kind})).special_tokens()
        for kind in kinds
    }
    kind = next((kind for kind, own in offered.items() if own is None or wanted <= own), kinds[0])
    if (own := offered[kind]) is not None:
        refuse_tokens_not_among(needing, own, f"the tokenizer '{kind}'", tokenizers_with(wanted))
    named = chosen.model_copy(update={"kind": kind})
    return settings.model_copy(update={"tokenizer": named})


def plan_comparison(
    settings: CompareSettings, say: Say = quiet
) -> tuple[ComparisonPlan, Tokenizer]:
    """Look at all data and models, time what is to be timed, and divide the budget.

    Raises UsageError for a budget that is not enough, and whatever the runs would raise before
    their first step.
    """
    begun, budget = time.perf_counter(), parse_budget(settings.budget)
    equal = settings.equal or budget.unit
    is_timed, hardware = "seconds" in (budget.unit, equal), choose_hardware(settings.hardware)
    tokenizer = shards_for(settings.data, settings.tokenizer, cache_folder(), say=say).tokenizer
    if tokenizer is None:
        hint = "compare objectives on text"
        raise UsageError("tasks read text, and the data holds none", hint)
    models = models_of(settings)
    pretrainings, shapes = [], dict[str, TransformerSettings]()
    for model in models:
        if model.start == "pretrained":
            say(f"looking at {model.name}")
            found = _pretraining(settings, model, hardware, timed=is_timed)
            shapes[model.objective] = found[1]
            pretrainings.append(found[0])
    tasks = []
    for task in settings.tasks:
        say(f"looking at {task}")
        tasks.append(_task(settings, task, models, shapes, tokenizer, hardware, is_timed))
    measuring = time.perf_counter() - begun if budget.unit == "seconds" else 0.0
    plan = ComparisonPlan(
        budget=budget.amount,
        unit=budget.unit,
        equal=equal,
        measuring=measuring,
        around=0.0,
        for_pretraining=0.0,
        for_finetuning=0.0,
        each=0.0,
        tokenizer=tokenizer.hash,
        pretrainings=pretrainings,
        tasks=tasks,
    )
    return divided(plan, settings.pretraining, settings.seeds), tokenizer


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
        beside = f"{worded(plan.measuring, unit)} of measuring and {worded(around, unit)} around"
        raise _too_little(plan, f"{beside} the steps leave nothing to train with", around)
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
    counts = {one.objective: one.steps for one in found.pretrainings}
    counts |= {f"every fine-tuning for {one.task}": one.steps for one in found.tasks}
    who, fewest = min(counts.items(), key=lambda item: item[1])
    if fewest < FEWEST_STEPS:
        raise _too_little(plan, f"{who} would have {fewest} steps", around, fewest)
    return found


def _too_little(plan: ComparisonPlan, problem: str, around: float, fewest: int = 0) -> UsageError:
    """With what would do: as much more as the shortest run lacks, and what is spent beside it."""
    beside = plan.measuring + around if plan.unit == "seconds" else 0.0
    wanted = beside + (plan.budget - beside) * FEWEST_STEPS / fewest if fewest else 2 * beside
    enough = max(wanted * 1.1, plan.budget * 1.1)
    written = f"{round(enough) + 1}s" if plan.unit == "seconds" else f"{enough:.2g}flops"
    hint = (
        f"give more, as --budget {written}, or leave out tasks, objectives, seeds or --no-scratch"
    )
    return UsageError(
        f"a budget of {worded(plan.budget, plan.unit)} is too little: {problem}", hint
    )


def _pretraining(
    settings: CompareSettings, model: Model, hardware: Hardware, *, timed: bool
) -> tuple[PlannedPretraining, TransformerSettings]:
    asked = pretrain_settings(settings, model, TRIED_STEPS)
    job, price = priced(
        lambda: Pretraining(prepare(asked)),
        hardware,
        timed=timed,
        preparations=1,
        evaluations=EVALUATIONS + 1,
    )
    shape, corpus = job.learner.backbone.settings, job.prepared.train.corpus
    found = PlannedPretraining(
        model.objective,
        model.architecture,
        shape.described_depth,
        parameters(shape),
        len(job.prepared.train),
        len({*corpus.spans[:, 0].tolist()}),
        price,
    )
    return found, shape


def _task(
    settings: CompareSettings,
    task: str,
    models: Sequence[Model],
    shapes: Mapping[str, TransformerSettings],
    tokenizer: Tokenizer,
    hardware: Hardware,
    timed: bool,
) -> PlannedTask:
    """Its price for each model: equal shapes cost the same, and are timed once."""
    by_shape: dict[str, Price] = {}
    prices = {}
    asked = finetune_settings(
        settings, fine_tuning(models[0], task, settings.training.seed, 0), TRIED_STEPS, "."
    )
    for model in models:
        shape = shapes[model.objective]
        key = shape.model_dump_json()
        if key not in by_shape:
            _, by_shape[key] = priced(
                lambda shape=shape: _finetuning(asked, shape, tokenizer),
                hardware,
                timed=timed,
                preparations=3,  # before, and twice for the answers of the best checkpoint
                evaluations=3,
            )
        prices[model.name] = by_shape[key]
    return PlannedTask(task, prices)


def _finetuning(
    asked: FinetuneSettings, shape: TransformerSettings, tokenizer: Tokenizer
) -> Finetuning:
    """The job of a fine-tuning from new weights, as from trained ones: they cost the same."""
    data = labelled_data(
        task_class(asked.task), task_options(asked.task, asked.options), asked.data
    )
    return Finetuning(asked, Pretrained(shape, Path(), backbone={}), tokenizer, data)
