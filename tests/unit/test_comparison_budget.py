"""A budget divided among trainings: against a slow obvious search, and what is no budget."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from sslcli.errors import UsageError
from sslcli.metrics.intervals import interval_over_runs
from sslcli.workflows.compare.budget import (
    Budget,
    alike_steps,
    cost_in_words,
    equal_steps,
    parse_budget,
)
from sslcli.workflows.compare.planned import (
    FEWEST_STEPS,
    ComparisonPlan,
    PlannedPretraining,
    PlannedTask,
    Price,
    divided,
)

PRICES = st.lists(
    st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=6
)  # of a step: cost, measure


def slow_steps(costs, measures, available):
    """Raise what all have alike by the smallest next step that any of them can make, as long as
    all of it together is paid for: a training is paid for by what it has, not by whole steps.
    """
    steps = [0] * len(costs)
    while True:
        nearest = min(
            Fraction(count + 1) * measure for count, measure in zip(steps, measures, strict=True)
        )
        price = sum(
            nearest * Fraction(cost, measure) for cost, measure in zip(costs, measures, strict=True)
        )
        if price > available:
            return steps
        steps = [
            max(count, math.floor(nearest / measure))
            for count, measure in zip(steps, measures, strict=True)
        ]


@settings(max_examples=200, deadline=None)
@given(PRICES, st.integers(1, 2_000))
def test_equal_steps_are_those_of_a_slow_search(prices, available):
    costs, measures = zip(*prices, strict=True)
    steps, equal = equal_steps(costs, measures, available)
    assert steps == slow_steps(costs, measures, available)
    assert sum(count * cost for count, cost in zip(steps, costs, strict=True)) <= available
    for count, measure in zip(steps, measures, strict=True):
        assert count * measure <= equal * (1 + 1e-9) < (count + 1) * measure * (1 + 1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 2_000))
def test_alike_steps_are_the_most_that_all_can_make(costs, available):
    steps = alike_steps(costs, available)
    assert steps * sum(costs) <= available < (steps + 1) * sum(costs)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("15m", Budget(900, "seconds")),
        ("1h30m", Budget(5_400, "seconds")),
        ("90s", Budget(90, "seconds")),
        ("2e15flops", Budget(2e15, "flops")),
        ("2e15 FLOPs", Budget(2e15, "flops")),
        ("1.5 PFLOPs", Budget(1.5e15, "flops")),
        ("300 gflops", Budget(3e11, "flops")),
    ],
)
def test_budgets_are_times_or_operations(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text",
    ["", "90", "2e15", "0s", "0flops", "-5m", "soon", "15", "m", "1e99flops", "nan", "inf s"],
)
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(ValueError, match=r"write 15m or 2e15flops|must be above 0"):
        parse_budget(text)


def plan_of(unit, equal, pretrainings, tasks, budget, measuring=0.0):
    """`pretrainings`: of each the price of a step; `tasks`: of each those of its models."""
    return ComparisonPlan(
        budget=budget,
        unit=unit,
        equal=equal,
        measuring=measuring,
        around=0.0,
        for_pretraining=0.0,
        for_finetuning=0.0,
        each=0.0,
        tokenizer="",
        pretrainings=[
            PlannedPretraining(f"o{number}", "encoder", "2", 1, 1, 1, price)
            for number, price in enumerate(pretrainings)
        ],
        tasks=[
            PlannedTask(f"t{number}", {f"m{place}": price for place, price in enumerate(prices)})
            for number, prices in enumerate(tasks)
        ],
    )


FAST, SLOW = (Price(flops, 1, 1, seconds, 2.0) for flops, seconds in ((1e9, 0.01), (3e9, 0.04)))


@pytest.mark.parametrize("unit", ["seconds", "flops"])
@pytest.mark.parametrize("equal", ["seconds", "flops"])
def test_all_of_a_budget_is_divided_and_what_is_equal_is_equal(unit, equal):
    amount = 600.0 if unit == "seconds" else 2e14
    plan = plan_of(unit, equal, [FAST, SLOW], [[FAST, SLOW], [SLOW]], amount, measuring=30.0)
    found = divided(plan, 0.6, seeds=3)
    measures = [one.steps * one.price.of(equal) for one in found.pretrainings]
    assert measures == pytest.approx([found.each] * 2, rel=0.01)
    spent = sum(one.steps * one.price.of(unit) for one in found.pretrainings)
    assert spent == pytest.approx(found.for_pretraining, rel=0.01)
    per_task = [
        3 * one.steps * sum(price.of(unit) for price in one.prices.values()) for one in found.tasks
    ]
    assert per_task == pytest.approx([found.for_finetuning / 2] * 2, rel=0.02)
    # of a time, what is around two pretrainings and nine fine-tunings is paid for first
    beside = 30.0 + 2.0 * (2 + 9) if unit == "seconds" else 0.0
    assert beside + found.for_pretraining + found.for_finetuning == pytest.approx(amount)
    assert found.for_pretraining == pytest.approx(0.6 * (amount - beside))


@pytest.mark.parametrize(
    ("budget", "says"), [(40.0, "leave nothing to train with"), (47.0, "would have")]
)
def test_too_little_is_refused_with_what_is_enough(budget, says):
    plan = plan_of("seconds", "seconds", [FAST, SLOW], [[FAST, SLOW]], budget, measuring=30.0)
    with pytest.raises(UsageError, match=says) as refused:
        divided(plan, 0.6, seeds=3)
    for _ in range(3):  # what is enough for the shortest run may not be for the next one
        enough = parse_budget(refused.value.hint.split("--budget ")[1].split(",")[0])
        try:
            found = divided(replace(plan, budget=enough.amount), 0.6, seeds=3)
            break
        except UsageError as error:
            refused.value.hint = error.hint
    assert min(one.steps for one in (*found.pretrainings, *found.tasks)) >= FEWEST_STEPS


def test_what_is_enough_operations_is_said_at_once_for_far_too_few():
    plan = plan_of("flops", "flops", [FAST, SLOW], [[FAST, SLOW]], 1e6)
    with pytest.raises(UsageError, match="fine-tuning for t0 would have 0 steps") as refused:
        divided(plan, 0.6, seeds=3)
    enough = parse_budget(refused.value.hint.split("--budget ")[1].split(",")[0])
    found = divided(replace(plan, budget=enough.amount), 0.6, seeds=3)
    fewest = min(one.steps for one in (*found.pretrainings, *found.tasks))
    assert FEWEST_STEPS <= fewest <= 1.2 * FEWEST_STEPS


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=60))
def test_intervals_over_runs_are_those_of_scipy(values):
    low, high = interval_over_runs(values)
    mean = sum(values) / len(values)
    if max(values) - min(values) < 1e-6:
        assert (low, high) == pytest.approx((mean, mean), abs=1e-5)
        return
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    scale = deviation / len(values) ** 0.5
    expected = t.interval(0.95, len(values) - 1, loc=mean, scale=scale)
    assert (low, high) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_single_run_has_no_interval():
    assert interval_over_runs([0.5]) is None


def test_amounts_are_written_in_their_unit():
    assert cost_in_words(90, "seconds") == "1m 30s"
    assert cost_in_words(2e15, "flops") == "2e+15 FLOPs"
