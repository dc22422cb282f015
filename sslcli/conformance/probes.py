"""Checks that every probe and every shift must pass, on a tiny model.

A check is a function of a ProbeBench or a ShiftBench; it raises CheckError where something does not
hold.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from sslcli.config import Config
from sslcli.conformance import plugin_class
from sslcli.conformance.plugin_class import demand, refuse_taken_flags
from sslcli.conformance.subjects import state_of, tiny_frozen_model
from sslcli.conformance.tiny import SUBJECTS
from sslcli.conformance.trees import equal, global_generators
from sslcli.contracts.linear_shift import LinearShift
from sslcli.contracts.probe import FrozenModel, Probe
from sslcli.contracts.shift import Shift
from sslcli.core.settings import ARCHITECTURES, Architecture
from sslcli.data.rng import Rng
from sslcli.data.special_tokens import SPECIAL_TOKENS
from sslcli.errors import CheckError, SslError
from sslcli.modalities import WORDS
from sslcli.reports import Report

COMMAND_FLAGS = frozenset(
    {
        "--model",
        "--data",
        "--reader",
        "--seed",
        "--out",
        "--device",
        "--precision",
        "--compile",
        "--deterministic",
        "--json",
        "--quiet",
        "--verbose",
    }
    | {"--debug", "--no-color", "--help"}
)
ROWS, WIDTH = 24, 8


@dataclass(frozen=True)
class ProbeBench:
    """One probe with its options, on a tiny frozen model of one architecture."""

    cls: type[Probe]
    options: Config
    architecture: Architecture

    @classmethod
    def of(
        cls, probe: type[Probe], options: Config | None, architecture: Architecture
    ) -> "ProbeBench":
        """Build the bench; the option that a bare word fills is a word of the tiny world by
        default.
        """
        typed = (
            {probe.positional_fields: SUBJECTS[0]}
            if probe.positional_fields in probe.Options.model_fields
            else {}
        )
        return cls(probe, probe.Options(**typed) if options is None else options, architecture)

    def report(self, model: FrozenModel | None = None) -> Report:
        """Run the probe on `model`, the tiny frozen model when none is given, with seed 0."""
        return self.cls(self.options).run(model or self.model(), Rng(0, 0, "probe"))

    def model(self, *, known: bool = True) -> FrozenModel:
        """Build the tiny frozen model: of text, or of the first of what the probe looks into."""
        modalities = self.cls.modalities
        modality = "text" if "text" in modalities else min(modalities)
        return tiny_frozen_model(self.architecture, modality, known=known)


@dataclass(frozen=True)
class ShiftBench:
    """One shift with its options, fitted on random rows [ROWS, WIDTH] of two languages."""

    cls: type[Shift]
    options: Config

    def moved(self, parts: int = 1) -> tuple[Tensor, Tensor]:
        """Return rows and their shifted positions, by a shift fitted on `parts` chunks."""
        source, _ = self._sides()
        return source, self.shift(parts)(source, 1.0)

    def shift(self, parts: int = 1) -> LinearShift:
        """Fit the shift on the same rows, handed over in `parts` chunks."""
        source, target = (iter(rows.chunk(parts)) for rows in self._sides())
        return self.cls(self.options).fit(source, target)

    def _sides(self) -> tuple[Tensor, Tensor]:
        source, target = (
            torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(seed))
            for seed in (0, 1)
        )
        return source, target


def probe_declarations(bench: ProbeBench) -> None:
    """summary, architectures and positional_fields are as the contract requires."""
    cls = bench.cls
    demand(
        bool(getattr(cls, "summary", "").strip()),
        "summary is missing",
        'write summary = "..." in one line',
    )
    demand(
        bool(cls.architectures) and cls.architectures <= {*ARCHITECTURES},
        f"architectures is {set(cls.architectures)}",
        f"name some of {', '.join(ARCHITECTURES)}",
    )
    demand(
        bool(cls.modalities) and cls.modalities <= {*WORDS},
        f"modalities is {set(cls.modalities)}",
        f"name some of {', '.join(WORDS)}",
    )
    strange = sorted(map(str, cls.special_tokens - SPECIAL_TOKENS.keys()))
    demand(
        not strange,
        f"special_tokens has {', '.join(strange)}",
        f"name some of {', '.join(SPECIAL_TOKENS)}",
    )
    known = not cls.positional_fields or cls.positional_fields in cls.Options.model_fields
    demand(
        known,
        f"positional_fields is '{cls.positional_fields}', which is no option",
        "name the option that a bare word on the line fills",
    )


def shift_declarations(bench: ShiftBench) -> None:
    """summary and paired are as the contract requires."""
    demand(
        bool(getattr(bench.cls, "summary", "").strip()),
        "summary is missing",
        'write summary = "..." in one line',
    )
    demand(
        isinstance(bench.cls.paired, bool),
        f"paired is {bench.cls.paired!r}",
        "say whether translations are needed",
    )


def probe_option_flags(bench: ProbeBench | ShiftBench) -> None:
    """Every option is described, and none takes a flag of the command."""
    refuse_taken_flags(bench.cls.Options, COMMAND_FLAGS)


def answers(bench: ProbeBench) -> None:
    """A report is not empty, has a count for every score, and can be written as JSON."""
    report = bench.report()
    shown = (
        report.scores,
        report.tables,
        report.plots,
        report.matrices,
        report.scatters,
        report.galleries,
        report.passages,
    )
    demand(
        any(shown),
        "the report is empty",
        "give scores, tables, plots, matrices, scatters or galleries",
    )
    silent = [score.name for score in report.scores if not score.count]
    demand(
        not silent,
        f"score '{(silent or [''])[0]}' does not say over how many it is",
        "give Score(..., count=n)",
    )
    try:
        json.dumps(asdict(report))
    except TypeError as error:
        raise CheckError(
            f"the report is not plain data: {error}",
            "give texts, numbers and lists, no arrays or tensors",
        ) from error


def repeatable(bench: ProbeBench) -> None:
    """The same run gives the same report, and leaves global random state alone."""
    generators = global_generators()
    demand(
        equal(bench.report(), bench.report()), "the second report is another one", "use `rng` alone"
    )
    demand(
        equal(generators, global_generators()), "global random state is changed", "use `rng` alone"
    )


def frozen(bench: ProbeBench) -> None:
    """The model is not changed."""
    model = bench.model()
    before = state_of(model)
    bench.report(model)
    demand(equal(before, state_of(model)), "the model's weights are changed", "a probe only reads")
    demand(
        not model.backbone.training, "the model is left in training mode", "leave its mode alone"
    )


def without_known_facts(bench: ProbeBench) -> None:
    """Without known facts or without a head, the probe still reports or says what is missing."""
    for model in (
        bench.model(known=False),
        replace(bench.model(), learnable=None),
    ):
        try:
            bench.report(model)
        except SslError as error:
            demand(bool(error.hint), f"'{error.message}' has no hint", "say what to give instead")


def fitted(bench: ShiftBench) -> None:
    """fit gives a finite LinearShift of the rows' width, reproducibly; at alpha 1 something
    changes.
    """
    shift, again = bench.shift(), bench.shift()
    demand(
        isinstance(shift, LinearShift),
        f"fit gives a {type(shift).__name__}",
        "return LinearShift(vector)",
    )
    demand(shift.width == WIDTH, f"the shift has {shift.width} features, and the rows have {WIDTH}")
    finite = all(bool(tensor.isfinite().all()) for tensor in shift.tensors().values())
    demand(finite, "the shift is not finite")
    demand(
        equal(shift.tensors(), again.tensors()),
        "the same rows give another shift",
        "use no random numbers",
    )
    rows, moved = bench.moved()
    demand(not torch.equal(rows, moved), "alpha 1 changes nothing")


def in_parts(bench: ShiftBench) -> None:
    """The fit does not depend on the number of rows that arrive at once."""
    one, several = (bench.moved(parts)[1] for parts in (1, 5))
    demand(
        torch.allclose(one, several, atol=1e-4),
        "the estimate depends on how many rows come at once",
        "add up over all parts",
    )


PROBE_CHECKS: Mapping[str, Callable[[ProbeBench], None]] = {
    "declarations": probe_declarations,
    "imports": plugin_class.imports,
    "options round-trip": plugin_class.options,
    "options as flags": probe_option_flags,
    "answers": answers,
    "repeatable": repeatable,
    "the model stays as it is": frozen,
    "without known facts": without_known_facts,
}
SHIFT_CHECKS: Mapping[str, Callable[[ShiftBench], None]] = {
    "declarations": shift_declarations,
    "imports": plugin_class.imports,
    "options round-trip": plugin_class.options,
    "options as flags": probe_option_flags,
    "fitted": fitted,
    "in parts": in_parts,
}
