"""What a comparison found, from the folders of its runs: one table, one picture, and sentences."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sslcli.metrics.intervals import interval_over_runs
from sslcli.reporting.saved_reports import read_scores
from sslcli.reports import Curve, Plot, Report, Score, Table, amount
from sslcli.runs.catalogue import read_facts, read_metrics
from sslcli.workflows.compare.budget import cost_in_words
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.division import EQUAL, plan_notes
from sslcli.workflows.compare.parts import Model, fine_tuning, models_of, named, pretraining_of
from sslcli.workflows.compare.planned import ComparisonPlan

COLUMNS = (
    "objective", "architecture", "layers", "parameters", "steps", "documents", "rows", "tokens",
    "FLOPs", "seconds", "held-out loss", "unit",
)  # fmt: skip
WITHOUT_MODEL = "best without a model"


@dataclass(frozen=True)
class Reached:
    """The first score of a task that a model reached with every seed; its own baselines need no
    model.
    """

    model: Model
    scores: Sequence[Score]

    @property
    def values(self) -> list[float]:
        """Of every seed."""
        return [score.value for score in self.scores]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    def over_seeds(self) -> Score:
        """Mean and interval over the seeds."""
        first = self.scores[0]
        return replace(first, value=self.mean, interval=interval_over_runs(self.values))


def comparison_report(
    settings: CompareSettings, plan: ComparisonPlan, folder: Path, seconds: float
) -> Report:
    """`seconds`: that all of it took. Raises DataError where a run's files cannot be read."""
    models = models_of(settings)
    reached = {task: _reached(settings, models, task, folder) for task in settings.tasks}
    title = f"{len(settings.objectives)} objectives, {amount(len(settings.tasks), 'task')}"
    return Report(
        title,
        scores=[
            replace(
                each.over_seeds(),
                name=f"{task} {each.scores[0].name}, {each.model.name}",
                baselines=_beside(each, of_task),
            )
            for task, of_task in reached.items()
            for each in of_task
        ],
        tables=[_table(settings, plan, models, reached, folder)],
        plots=[_plot(task, of_task) for task, of_task in reached.items()],
        notes=list(_notes(settings, plan, reached, seconds)),
    )


def _reached(
    settings: CompareSettings, models: Sequence[Model], task: str, folder: Path
) -> list[Reached]:
    first = settings.training.seed
    return [
        Reached(
            model,
            [
                read_scores(folder / fine_tuning(model, task, seed, first).name)[0]
                for seed in range(first, first + settings.seeds)
            ],
        )
        for model in models
    ]


def _beside(own: Reached, others: Sequence[Reached]) -> Mapping[str, float]:
    """Random weights of the same architecture."""
    same = (each for each in others if each.model.architecture == own.model.architecture)
    scratch = next((each for each in same if each.model.start == "random"), None)
    return {} if scratch is None or scratch is own else {"random weights": scratch.mean}


def _table(
    settings: CompareSettings,
    plan: ComparisonPlan,
    models: Sequence[Model],
    reached: Mapping[str, Sequence[Reached]],
    folder: Path,
) -> Table:
    rows: list[list[Any]] = []
    for number, model in enumerate(models):
        scores = [_in_words(of_task[number].over_seeds()) for of_task in reached.values()]
        rows.append([model.name, *_pretraining_cells(settings, plan, model, folder), *scores])
    guesses = [_without_model(of_task[0].scores[0]) for of_task in reached.values()]
    if any(guesses):
        rows.append([WITHOUT_MODEL, *[None] * (len(COLUMNS) - 1), *guesses])
    names = [f"{task} {of_task[0].scores[0].name}" for task, of_task in reached.items()]
    return Table("comparison", (*COLUMNS, *names), rows)


def _pretraining_cells(
    settings: CompareSettings, plan: ComparisonPlan, model: Model, folder: Path
) -> list[Any]:
    """All columns of a model but the name and the scores."""
    planned = plan.of(model.objective)
    shape = [named(planned.architecture), planned.layers, planned.parameters]
    if model.start == "random":
        return [*shape, *[None] * (len(COLUMNS) - 1 - len(shape))]
    run = folder / pretraining_of(model).name
    facts, lines = read_facts(run), read_metrics(run)
    last = next((line for line in reversed(lines) if line["split"] == "eval"), {})
    steps, price = planned.steps, planned.price
    return [
        *shape,
        steps,
        round(planned.documents * steps * settings.training.batch_size / planned.samples),
        round(price.rows * steps),
        round(price.tokens * steps),
        f"{price.flops * steps:.3g}",
        round(float(facts.get("seconds") or 0.0), 1),
        last.get("loss"),
        str(facts.get("loss_unit", "nats")) or "of several units",
    ]


def _in_words(score: Score) -> str:
    if score.interval is None:
        return f"{score.value:.4g}"
    return f"{score.value:.4g} ({score.interval[0]:.4g} to {score.interval[1]:.4g})"


def _without_model(score: Score) -> str:
    """The best baseline that the task itself has, with its name."""
    if not score.baselines:
        return ""
    best = max if score.higher_is_better is not False else min
    name, value = best(score.baselines.items(), key=lambda item: item[1])
    return f"{value:.4g} ({name})"


def _plot(task: str, reached: Sequence[Reached]) -> Plot:
    """A point a model, in the order of the table."""
    curves = []
    for place, each in enumerate(reached, start=1):
        low, high = each.over_seeds().interval or (each.mean, each.mean)
        curves.append(Curve(each.model.name, [place], [each.mean], [low], [high]))
    return Plot(f"{task}: {reached[0].scores[0].name}", "row of the table", "score", curves)


def _notes(
    settings: CompareSettings,
    plan: ComparisonPlan,
    reached: Mapping[str, Sequence[Reached]],
    seconds: float,
) -> Iterator[str]:
    each = cost_in_words(plan.each, plan.equal)
    yield f"equal are {EQUAL[plan.equal]}: {each} each, rounded to steps"
    yield from plan_notes(plan)
    yield (
        "held-out losses are of different targets: they do not compare across objectives,"
        " the scores of the tasks do"
    )
    yield _about_intervals(settings.seeds)
    yield (
        "all models of a task are fine-tuned with the same steps, batches and examples; documents"
        " come again where data is short, rows are those of encoder and decoder together"
    )
    if any(one.architecture == "decoder" for one in plan.pretrainings):
        yield "a decoder reads each token without those after it: tasks are harder for it by design"
    for task, of_task in reached.items():
        yield from _not_emerged(task, of_task)
    planned = (
        f", planned {cost_in_words(plan.planned, 'seconds')}" if plan.unit == "seconds" else ""
    )
    yield f"all of it took {cost_in_words(seconds, 'seconds')}{planned}"


def _about_intervals(seeds: int) -> str:
    left_out = "that another seed of pretraining makes another model (each has one)"
    if seeds == 1:
        return f"one seed of fine-tuning has no interval; what is left out besides: {left_out}"
    return (
        f"intervals: 95 %, Student's t over {seeds} seeds of fine-tuning; they leave out"
        f" {left_out}, and that other held-out examples would be scored otherwise"
    )


def _not_emerged(task: str, reached: Sequence[Reached]) -> Iterator[str]:
    """Whose worst seed is no better than the best from random weights of the same architecture."""
    higher = reached[0].scores[0].higher_is_better is not False
    best, worst = (max, min) if higher else (min, max)
    scratch = {
        each.model.architecture: best(each.values)
        for each in reached
        if each.model.start == "random"
    }
    failed = []
    for each in reached:
        floor = scratch.get(each.model.architecture)
        if each.model.start == "random" or floor is None:
            continue
        own = worst(each.values)
        if own <= floor if higher else own >= floor:
            failed.append(each.model.name)
    if failed:
        yield (
            f"not emerged in {task}: of {', '.join(failed)} the worst seed is no better than the"
            " best from random weights of the same shape"
        )
