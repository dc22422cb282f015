"""The learning rate against torch's own schedulers and the properties each shape must have."""

import math
from itertools import pairwise

import pytest
import torch

from sslcli.engine.schedule import rate_factor, warmup_steps
from sslcli.engine.settings import ScheduleSettings

NAMES = ["linear", "cosine", "constant", "wsd"]


@pytest.mark.parametrize("name", NAMES)
def test_warmup_rises_to_the_peak_and_the_end_is_as_promised(name):
    settings = ScheduleSettings(name=name, warmup=10, final=0.1)
    rising = [rate_factor(settings, step, 100) for step in range(10)]
    assert rising == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rate_factor(settings, 10, 100) == pytest.approx(1.0)
    assert rate_factor(settings, 100, 100) == pytest.approx(1.0 if name == "constant" else 0.1)
    assert rate_factor(settings, 500, 100) == rate_factor(settings, 100, 100)


@pytest.mark.parametrize("name", NAMES)
def test_never_rises_after_warmup(name):
    settings = ScheduleSettings(name=name, warmup=0.1)
    factors = [rate_factor(settings, step, 200) for step in range(20, 201)]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(factors))


def test_linear_and_cosine_equal_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    for name, scheduler in (
        ("linear", lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=50)),
        ("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=50)),
    ):
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        oracle = scheduler(optimizer)
        settings = ScheduleSettings(name=name, warmup=0)
        for step in range(50):
            assert rate_factor(settings, step, 50) == pytest.approx(
                optimizer.param_groups[0]["lr"], abs=1e-6
            )
            optimizer.step()
            oracle.step()


def test_wsd_holds_the_peak_until_the_decay():
    settings = ScheduleSettings(name="wsd", warmup=5, decay=0.2)
    assert all(rate_factor(settings, step, 100) == 1.0 for step in range(5, 80))
    assert rate_factor(settings, 90, 100) == pytest.approx(0.5)


def test_warmup_below_one_is_a_share():
    assert warmup_steps(ScheduleSettings(warmup=0.06), 1000) == 60
    assert warmup_steps(ScheduleSettings(warmup=300), 1000) == 300
    assert math.isfinite(rate_factor(ScheduleSettings(warmup=50), 0, 10))
