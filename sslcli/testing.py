"""For plugin authors: a tiny world to try an objective in, and the checks that every objective must pass.

import pytest
from sslcli.testing import CHECKS, check_one

@pytest.mark.parametrize("check", CHECKS)
def test_conformance(check):
    check_one(MyObjective, check)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sslcli.config import Config
from sslcli.conformance.bench import FEATURES, Bench, architectures, corpus_in_memory, tiny_corpus, tiny_frame, tiny_tokenizer
from sslcli.conformance.checks import CHECKS
from sslcli.contracts import Objective
from sslcli.errors import CheckError

__all__ = [
    "CHECKS",
    "FEATURES",
    "Bench",
    "Finding",
    "check_objective",
    "check_one",
    "corpus_in_memory",
    "tiny_corpus",
    "tiny_frame",
    "tiny_tokenizer",
]


@dataclass(frozen=True)
class Finding:
    """What one check found; `detail` says why it did not pass."""

    name: str
    passed: bool
    detail: str = ""


def check_one(cls: type[Objective], check: str, options: Config | None = None) -> None:
    """Raises CheckError where the objective does not hold to `check`, on any kind of Transformer that it can use."""
    for architecture in architectures(cls):
        CHECKS[check](Bench.of(cls, options, architecture))


def check_objective(cls: type[Objective], options: Config | None = None) -> Sequence[Finding]:
    """All checks; whatever a plugin raises is a finding, never an error."""
    findings = []
    for check in CHECKS:
        try:
            check_one(cls, check, options)
        except CheckError as error:
            findings.append(Finding(check, False, error.message + (f" ({error.hint})" if error.hint else "")))
        except Exception as error:  # a stranger's code: anything may come
            findings.append(Finding(check, False, " ".join(f"{type(error).__name__}: {error}".split())))
        else:
            findings.append(Finding(check, True))
    return findings
