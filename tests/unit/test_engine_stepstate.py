"""State over micro-batches and ranks against all rows sorted at once."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sslcli.api import SampledRows, gather
from sslcli.engine.processes.gather import gathering
from sslcli.engine.processes.process_group import ALONE
from sslcli.engine.step_state import StepState

generator = np.random.default_rng(5)
ROWS_ND, ORDER_N = (
    torch.from_numpy(generator.normal(size=(12, 3))),
    torch.from_numpy(generator.permutation(12) / 12),
)


def state_of(rows, at_most=5):
    return {
        "count": torch.tensor(float(len(rows))),
        "rows": SampledRows(ROWS_ND[rows], ORDER_N[rows], at_most),
    }


def first(at_most):
    return ROWS_ND[ORDER_N.argsort()[:at_most]]


@dataclass(frozen=True)
class Recorded:
    """A rank among others whose tensors are known already."""

    size: int
    others: list

    def sum(self, value):
        return value + sum(other["count"] for other in self.others)

    def stack(self, value):
        kind = "rows" if value.ndim == 2 else "order"
        return torch.stack([value, *(other[kind] for other in self.others)])


@pytest.mark.parametrize(
    "parts", [[range(12)], [range(4), range(4, 12)], [[i] for i in range(11, -1, -1)]]
)
@pytest.mark.parametrize("at_most", [1, 5, 12, 20])
def test_the_same_rows_whatever_the_micro_batches(parts, at_most):
    state = StepState()
    for part in parts:
        state.add(state_of(list(part), at_most))
    found = state.over(ALONE)
    assert float(found["count"]) == 12
    assert torch.equal(found["rows"], first(at_most))


def test_what_is_not_counted_adds_nothing():
    state = StepState()
    state.add(state_of([3, 4]), counted=False)
    assert [len(state.over(ALONE)["rows"]), float(state.over(ALONE)["count"])] == [0, 0.0]
    state.add(state_of([3, 4]))
    assert float(state.over(ALONE)["count"]) == 2
    assert torch.equal(state.over(ALONE)["rows"], ROWS_ND[[3, 4]][ORDER_N[[3, 4]].argsort()])


@pytest.mark.parametrize("cut", [0, 2, 7, 12])
def test_the_same_rows_whatever_the_ranks(cut):
    """The other rank has what lies beyond the cut, which may be too few or none."""
    at_most, mine, theirs = 5, list(range(cut)), list(range(cut, 12))
    order = ORDER_N[theirs].argsort()[:at_most]
    missing = at_most - len(order)
    other = {
        "count": torch.tensor(float(len(theirs))),
        "rows": torch.cat([ROWS_ND[theirs][order], torch.zeros(missing, 3, dtype=torch.float64)]),
        "order": torch.cat(
            [ORDER_N[theirs][order], torch.full((missing,), torch.inf, dtype=torch.float64)]
        ),
    }
    state = StepState()
    state.add(state_of(mine, at_most))
    found = state.over(Recorded(2, [other]))
    assert float(found["count"]) == 12
    assert torch.equal(found["rows"], first(at_most))


def test_rows_leave_their_gradients_behind():
    state = StepState()
    state.add({"rows": SampledRows(torch.ones(2, 1, requires_grad=True) * 2, torch.arange(2.0), 2)})
    assert not state.over(ALONE)["rows"].requires_grad


def test_alone_gathered_rows_are_the_same_tensor():
    rows = torch.ones(3, 2, requires_grad=True)
    assert gather(rows) is rows
    with gathering(ALONE):
        assert gather(rows) is rows
