"""The plan of a comparison in words: what is equal, who has how much, how many steps that is."""

from collections.abc import Iterator, Mapping

from sslcli.reports import Report, Table, amount
from sslcli.workflows.compare.budget import cost_in_words
from sslcli.workflows.compare.compare_settings import CompareSettings
from sslcli.workflows.compare.parts import named
from sslcli.workflows.compare.planned import ComparisonPlan

EQUAL = {"seconds": "seconds of training steps", "flops": "FLOPs of training steps"}


def division_lines(settings: CompareSettings, plan: ComparisonPlan) -> Mapping[str, str]:
    """Return title -> line: what a comparison says before its first run."""
    unit, runs = plan.unit, len(plan.pretrainings)
    fine_tunings = settings.seeds * sum(len(task.prices) for task in plan.tasks)
    beside = (
        f"{cost_in_words(plan.measuring, unit)} to look at data and models, "
        f"{cost_in_words(plan.around, unit)} around the steps (reading, evaluations), "
        if unit == "seconds"
        else ""
    )
    lines = {
        "data": f"{', '.join(settings.data.train)} · one tokenizer, the same held-out documents",
        "budget": f"{cost_in_words(plan.budget, unit)}: {beside}"
        f"{cost_in_words(plan.for_pretraining, unit)} for {amount(runs, 'pretraining')}, "
        f"{cost_in_words(plan.for_finetuning, unit)} for {amount(fine_tunings, 'fine-tuning')}",
        "equal": f"{EQUAL[plan.equal]}: {cost_in_words(plan.each, plan.equal)} each",
    }
    for each in plan.pretrainings:
        lines[each.objective] = (
            f"{named(each.architecture)} · {each.layers} layers · "
            f"{each.parameters / 1e6:.2f} M parameters · {amount(each.steps, 'step')}"
        )
    for task in plan.tasks:
        lines[task.task] = (
            f"{amount(task.steps, 'step')} of each of {amount(len(task.prices), 'model')} "
            f"with {amount(settings.seeds, 'seed')}"
        )
    return lines


def division(settings: CompareSettings, plan: ComparisonPlan) -> Report:
    """What --dry-run shows: every price, and what the runs together come to."""
    rows = []
    for each in plan.pretrainings:
        seconds = each.price.seconds * each.steps
        rows.append(
            [
                each.objective,
                named(each.architecture),
                each.layers,
                each.parameters,
                each.steps,
                each.price.seconds * 1e3 or None,
                seconds or None,
                f"{each.price.flops * each.steps:.3g}",
            ]
        )
    columns = (
        "pretraining", "architecture", "layers", "parameters", "steps", "ms a step", "seconds",
        "FLOPs",
    )  # fmt: skip
    fine_tunings = [
        [
            task.task,
            model,
            task.steps,
            settings.seeds,
            price.seconds * 1e3 or None,
            price.seconds * task.steps * settings.seeds or None,
            f"{price.flops * task.steps * settings.seeds:.3g}",
        ]
        for task in plan.tasks
        for model, price in task.prices.items()
    ]
    of_tasks = ("fine-tuning", "model", "steps", "seeds", "ms a step", "seconds", "FLOPs")
    return Report(
        "dry run: nothing is written",
        tables=[
            Table("pretraining", columns, rows),
            Table("fine-tuning", of_tasks, fine_tunings),
        ],
        notes=list(plan_notes(plan)),
    )


def plan_notes(plan: ComparisonPlan) -> Iterator[str]:
    """How the steps were found, and what the operations leave out."""
    if "seconds" in (plan.unit, plan.equal):
        yield (
            "steps were timed before the first run and are fixed since: a schedule ends with its"
            " run, and another machine would make another number of them"
        )
    else:
        yield "steps follow from FLOPs by arithmetic alone: every machine makes the same number"
    if plan.unit == "flops":
        yield "the budget is of training steps; reading and evaluations are not counted"
    left_out = {
        each.objective: each.price.uncounted for each in plan.pretrainings if each.price.uncounted
    }
    for objective, what in left_out.items():
        yield f"FLOPs of {objective} are {what}: what its own networks compute is not counted"
