"""Metrics of whole histograms, against scipy's entropy of all values counted at once."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from sslcli.api import Histogram, Loss, Ratio
from sslcli.engine.metric_sums import MetricSums

VALUES, QUANTITIES = 6, 3
random = np.random.default_rng(3)
MET = random.choice(VALUES - 1, size=(40, QUANTITIES), p=[0.5, 0.2, 0.2, 0.1, 0.0])


def loss_of(met, measures=("usage", "perplexity", "entropy")):
    counts = torch.stack(
        [torch.bincount(torch.from_numpy(each), minlength=VALUES) for each in met.T]
    )
    return Loss({}, {"vq.codes": Histogram(counts, measures), "right": Ratio(1.0, 2.0)})


def expected(met):
    counts = np.stack([np.bincount(each, minlength=VALUES) for each in met.T])
    bits = np.asarray([entropy(each, base=2) for each in counts])
    return {
        "vq.usage_of_codes": (counts > 0).mean(),
        "vq.perplexity_of_codes": (2**bits).mean(),
        "vq.entropy_of_codes": bits.mean(),
    }


def read(sums):
    return {name: value for name, value in sums.read()[2].items() if name != "right"}


@pytest.mark.parametrize("parts", [1, 3, 40])
def test_of_all_that_was_met_together_whatever_the_micro_batches(parts):
    sums = MetricSums()
    for part in np.array_split(MET, parts):
        sums.add(loss_of(part), {})
    assert read(sums) == pytest.approx(expected(MET))
    assert sums.counts()["vq.usage_of_codes"] == MET.size


def test_what_is_not_asked_for_is_not_reported_and_no_count_is_nothing():
    sums = MetricSums()
    sums.add(loss_of(MET, ("usage",)), {})
    assert read(sums).keys() == {"vq.usage_of_codes"}
    idle = MetricSums()
    idle.add(loss_of(MET), {}, counted=False)
    assert read(idle) == {}


def test_a_skipped_step_counts_nothing_and_languages_add_up():
    first, second = MetricSums(), MetricSums()
    first.merge(sums_of(MET[:10]), torch.tensor(True))
    first.merge(sums_of(MET[10:20]), torch.tensor(False))
    second.merge(sums_of(MET[20:]), torch.tensor(True))
    whole = MetricSums.total([first, second])
    assert read(whole) == pytest.approx(expected(np.concatenate([MET[:10], MET[20:]])))
    assert read(first) == pytest.approx(expected(MET[:10]))  # as it was


def sums_of(met):
    sums = MetricSums()
    sums.add(loss_of(met), {})
    return sums


def test_a_stop_in_between_changes_no_bit():
    dumped = json.loads(json.dumps(sums_of(MET[:7]).dump()))
    whole, again, idle = sums_of(MET), MetricSums.restore(dumped), MetricSums.restore(dumped, False)
    again.add(loss_of(MET[7:]), {})
    assert read(again) == read(whole)
    assert read(idle) == {}
    idle.add(loss_of(MET[7:]), {})
    assert read(idle) == read(sums_of(MET[7:]))
    assert "tallies" not in MetricSums().dump()  # which older versions read


@dataclass(frozen=True)
class Two:
    """A rank beside another one, which has met something else."""

    other: MetricSums
    size: int = 2

    def gather(self, row):
        told = [*self.other.metrics["right"], *self.other.tallies["vq.codes"].counts_GV.flatten()]
        part = told[:2] if len(row) == 2 else told[2:]
        return np.asarray([row, [float(value) for value in part]])


def test_ranks_add_up():
    whole = sums_of(MET[:25]).over(Two(sums_of(MET[25:])))
    assert read(whole) == pytest.approx(expected(MET))
    assert whole.read()[2]["right"] == 0.5
