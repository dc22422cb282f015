"""Sums and counts that add up over micro-batches and steps; read only when a log line is due.

Letters: G quantities, each of V values.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sslcli.contracts.loss import Histogram, Loss, Measure, Moments
from sslcli.core.inputs import in_double
from sslcli.engine.processes.process_group import ProcessGroup

LEAST_VARIANCE = 0.01  # of a number that says something


@dataclass
class Tally:
    """A histogram or moments in the making: [G, V] in float64, and what is reported of it."""

    counts_GV: Tensor
    measures: tuple[Measure, ...]

    def add(self, counts_GV: Tensor) -> None:
        """Add counts."""
        self.counts_GV = self.counts_GV + counts_GV

    @property
    def count(self) -> int:
        """How often anything was met; samples, of moments."""
        of_moments = self.measures == ("active",)
        return round(float(self.counts_GV[0, 0] if of_moments else self.counts_GV.sum()))

    def read(self) -> dict[str, float]:
        """Return each measure; nothing of no count."""
        counts_GV = self.counts_GV.cpu()
        if not counts_GV.sum():
            return {}
        if self.measures == ("active",):
            return {"active": _active(counts_GV)}
        shares_GV = counts_GV / counts_GV.sum(dim=1, keepdim=True).clamp_min(1)
        entropy_G = -torch.special.xlogy(shares_GV, shares_GV).sum(dim=1) / math.log(2)
        found = {
            "usage": (counts_GV > 0).double().mean(),
            "perplexity": (2**entropy_G).mean(),
            "entropy": entropy_G.mean(),
        }
        return {measure: found[measure].item() for measure in self.measures}


class MetricSums:
    """Terms and metrics as running (sum, count), in float64 on the device of the data; `tallies`
    are metrics of whole histograms.
    """

    def __init__(self) -> None:
        self.terms: dict[str, list[Tensor | float]] = {}
        self.metrics: dict[str, list[Tensor | float]] = {}
        self.tallies: dict[str, Tally] = {}
        self.exponential: set[str] = set()

    def add(self, loss: Loss, counts: Mapping[str, int], counted: bool = True) -> None:
        """Add a loss; one that is not counted leaves its names with zeros, so all ranks have the
        same.
        """
        for term, value in loss.sums.items():
            _accumulate(self.terms, term, *((value, counts[term]) if counted else (0.0, 0.0)))
        for name, ratio in loss.metrics.items():
            if isinstance(ratio, Histogram):
                met_GV = torch.atleast_2d(in_double(ratio.counts.detach())) * counted
                self._tally(name, met_GV, ratio.measures)
                continue
            if isinstance(ratio, Moments):
                met_G3 = in_double(ratio.columns_G3.detach()) * counted
                self._tally(name, met_G3, ("active",))
                continue
            _accumulate(self.metrics, name, *((ratio.sum, ratio.count) if counted else (0.0, 0.0)))
            if ratio.exponential:
                self.exponential.add(name)

    def _tally(self, name: str, counts_GV: Tensor, measures: tuple[Measure, ...]) -> None:
        if name in self.tallies:
            self.tallies[name].add(counts_GV)
        else:
            self.tallies[name] = Tally(counts_GV, measures)

    def merge(self, other: "MetricSums", finite: Tensor) -> None:
        """Add another one, or zeros if the scalar bool `finite`, on the device, is false."""
        for mine, theirs in ((self.terms, other.terms), (self.metrics, other.metrics)):
            for name, pair in theirs.items():
                _accumulate(mine, name, *(_where(finite, value) for value in pair))
        for name, tally in other.tallies.items():
            counts_GV = torch.where(finite, tally.counts_GV, 0.0)
            self._tally(name, counts_GV, tally.measures)
        self.exponential |= other.exponential

    @classmethod
    def total(cls, parts: Iterable["MetricSums"]) -> "MetricSums":
        """Sum several; a single one keeps its numbers exactly."""
        whole = cls()
        for part in parts:
            for mine, theirs in ((whole.terms, part.terms), (whole.metrics, part.metrics)):
                for name, pair in theirs.items():
                    _accumulate(mine, name, *pair)
            for name, tally in part.tallies.items():
                whole._tally(name, tally.counts_GV, tally.measures)
            whole.exponential |= part.exponential
        return whole

    def over(self, process_group: ProcessGroup) -> "MetricSums":
        """Return the sums over all ranks, the same on each."""
        if process_group.size == 1:
            return self
        whole = MetricSums()
        entries = [(sums, name) for sums in (self.terms, self.metrics) for name in sorted(sums)]
        rows = process_group.gather(
            [float(value) for sums, name in entries for value in sums[name]]
        )
        totals = rows.sum(axis=0).tolist()
        for index, (sums, name) in enumerate(entries):
            (whole.terms if sums is self.terms else whole.metrics)[name] = totals[
                2 * index : 2 * index + 2
            ]
        for name, tally in sorted(self.tallies.items()):
            rows = process_group.gather(tally.counts_GV.flatten().tolist())
            counts_GV = torch.from_numpy(rows.sum(axis=0)).view(tally.counts_GV.shape)
            whole.tallies[name] = Tally(counts_GV, tally.measures)
        whole.exponential = self.exponential
        return whole

    def read(self) -> tuple[float, dict[str, float], dict[str, float]]:
        """Return (loss, its terms, the metrics) as Python numbers.

        Terms without targets are left out; a loss without terms is NaN.
        """
        terms = {
            name: float(total) / float(count)
            for name, (total, count) in self.terms.items()
            if float(count)
        }
        metrics = {
            name: float(total) / float(count)
            for name, (total, count) in self.metrics.items()
            if float(count)
        }
        shown = {
            name: _exponential(value) if name in self.exponential else value
            for name, value in metrics.items()
        }
        shown |= {
            _of(measure, name): value
            for name, tally in self.tallies.items()
            for measure, value in tally.read().items()
        }
        return (sum(terms.values()) if terms else math.nan), terms, shown

    def counts(self) -> dict[str, int]:
        """Return the number of targets of each term and metric."""
        return {
            name: round(float(count))
            for sums in (self.terms, self.metrics)
            for name, (_, count) in sums.items()
        } | {
            _of(measure, name): tally.count
            for name, tally in self.tallies.items()
            for measure in tally.measures
        }

    def dump(self) -> dict[str, Any]:
        """Return it as JSON; Python writes a float so that it reads back to the bit."""

        def numbers(sums: dict[str, list]) -> dict[str, list[float]]:
            return {name: [float(total), float(count)] for name, (total, count) in sums.items()}

        tallies = {
            name: {"counts": tally.counts_GV.tolist(), "measures": list(tally.measures)}
            for name, tally in self.tallies.items()
        }
        return {
            "terms": numbers(self.terms),
            "metrics": numbers(self.metrics),
            "exponential": sorted(self.exponential),
            **({"tallies": tallies} if tallies else {}),
        }

    @classmethod
    def restore(cls, dumped: Mapping[str, Any], counted: bool = True) -> "MetricSums":
        """Restore a `dump`; if not counted, its names only, for one rank alone takes the numbers
        of all.
        """
        sums = cls()
        if dumped:
            sums.terms, sums.metrics = (
                {name: list(pair) if counted else [0.0, 0.0] for name, pair in dumped[kind].items()}
                for kind in ("terms", "metrics")
            )
            sums.exponential = set(dumped["exponential"])
            for name, found in dumped.get("tallies", {}).items():
                counts_GV = torch.tensor(found["counts"], dtype=torch.float64) * counted
                sums.tallies[name] = Tally(counts_GV, tuple(found["measures"]))
        return sums


def _of(measure: str, name: str) -> str:
    """ "usage" of "codes" is "usage_of_codes", of "vq.codes" "vq.usage_of_codes"; "active" of
    "units" is "active_units".
    """
    part, dot, own = name.rpartition(".")
    return (
        f"{part}{dot}{measure}_{own}" if measure == "active" else f"{part}{dot}{measure}_of_{own}"
    )


def _active(columns_G3: Tensor) -> float:
    """How many numbers have a variance above LEAST_VARIANCE."""
    count_G, sums_G, squares_G = columns_G3.unbind(dim=1)
    return float((squares_G / count_G - (sums_G / count_G).square() > LEAST_VARIANCE).sum())


def _accumulate(
    sums: dict[str, list], name: str, total: Tensor | float, count: Tensor | float
) -> None:
    pair = [
        in_double(value.detach()) if isinstance(value, Tensor) else float(value)
        for value in (total, count)
    ]
    have = sums.get(name)
    sums[name] = pair if have is None else [have[0] + pair[0], have[1] + pair[1]]


def _where(finite: Tensor, value: Tensor | float) -> Tensor:
    return (
        torch.where(finite, value, 0.0) if isinstance(value, Tensor) else in_double(finite) * value
    )


def _exponential(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
