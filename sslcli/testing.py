"""For plugin authors: a tiny world to try a plugin in, and the checks that every objective and
every task must pass.

import pytest
from sslcli.testing import CHECKS, check_one

@pytest.mark.parametrize("check", CHECKS)
def test_conformance(check):
    check_one(MyObjective, check)

Of a task the checks are TASK_CHECKS, of a probe PROBE_CHECKS, of a shift SHIFT_CHECKS. A task is
tried on generated records of its kind ("texts", "pairs", "words", "questions", "sequences",
"parallel"); a task of another kind gives `examples`, eight or more, each with a gold answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sslcli.config import Config
from sslcli.conformance.bench import Bench, TaskBench, architectures
from sslcli.conformance.objectives import CHECKS
from sslcli.conformance.probes import PROBE_CHECKS, SHIFT_CHECKS, ProbeBench, ShiftBench
from sslcli.conformance.records import tiny_records
from sslcli.conformance.subjects import TinyProbeData, tiny_frozen_model
from sslcli.conformance.tasks import TASK_CHECKS
from sslcli.conformance.tiny import (
    FEATURES,
    corpus_in_memory,
    tiny_context,
    tiny_corpus,
    tiny_tokenizer,
)
from sslcli.contracts.examples import Example
from sslcli.contracts.objective import Objective
from sslcli.contracts.probe import Probe
from sslcli.contracts.shift import Shift
from sslcli.contracts.task import Task
from sslcli.door import outdated
from sslcli.errors import CheckError
from sslcli.plugin_fitness import CONTRACTS

__all__ = [
    "CHECKS",
    "FEATURES",
    "PROBE_CHECKS",
    "SHIFT_CHECKS",
    "TASK_CHECKS",
    "Bench",
    "Finding",
    "TaskBench",
    "TinyProbeData",
    "check_objective",
    "check_one",
    "check_probe",
    "check_shift",
    "check_task",
    "corpus_in_memory",
    "tiny_context",
    "tiny_corpus",
    "tiny_frozen_model",
    "tiny_records",
    "tiny_tokenizer",
]


@dataclass(frozen=True)
class Finding:
    """Result of one check; `detail` says why it failed."""

    name: str
    passed: bool
    detail: str = ""


def check_one(
    cls: type[Objective] | type[Task] | type[Probe] | type[Shift],
    check: str,
    options: Config | None = None,
    examples: Sequence[Example] | None = None,
) -> None:
    """Run one check on every architecture that the plugin declares.

    `check` is one of CHECKS for an objective, of TASK_CHECKS, PROBE_CHECKS or SHIFT_CHECKS for the
    others; `examples` are for a task. Raises CheckError where the check fails.
    """
    if old := outdated(cls, CONTRACTS):
        raise CheckError(*old)
    if issubclass(cls, Shift):
        return SHIFT_CHECKS[check](ShiftBench(cls, options or cls.Options()))
    for architecture in architectures(cls):
        if issubclass(cls, Task):
            TASK_CHECKS[check](TaskBench.of(cls, options, architecture, examples))
        elif issubclass(cls, Probe):
            PROBE_CHECKS[check](ProbeBench.of(cls, options, architecture))
        else:
            CHECKS[check](Bench.of(cls, options, architecture))


def check_objective(cls: type[Objective], options: Config | None = None) -> Sequence[Finding]:
    """Run all checks on an objective; whatever it raises is a finding, never an error."""
    return _findings(CHECKS, lambda check: check_one(cls, check, options))


def check_task(
    cls: type[Task], examples: Sequence[Example] | None = None, options: Config | None = None
) -> Sequence[Finding]:
    """Run all checks on a task, on generated examples where none are given.

    The examples need labels. Whatever is raised is a finding.
    """
    return _findings(TASK_CHECKS, lambda check: check_one(cls, check, options, examples))


def check_probe(cls: type[Probe], options: Config | None = None) -> Sequence[Finding]:
    """Run all checks on a probe; whatever is raised is a finding."""
    return _findings(PROBE_CHECKS, lambda check: check_one(cls, check, options))


def check_shift(cls: type[Shift], options: Config | None = None) -> Sequence[Finding]:
    """Run all checks on a shift; whatever is raised is a finding."""
    return _findings(SHIFT_CHECKS, lambda check: check_one(cls, check, options))


def _findings(checks: Mapping[str, Any], hold: Callable[[str], None]) -> Sequence[Finding]:
    findings = []
    for check in checks:
        try:
            hold(check)
        except CheckError as error:
            findings.append(
                Finding(check, False, error.message + (f" ({error.hint})" if error.hint else ""))
            )
        except Exception as error:  # a stranger's code: anything may come
            findings.append(
                Finding(check, False, " ".join(f"{type(error).__name__}: {error}".split()))
            )
        else:
            findings.append(Finding(check, True))
    return findings
