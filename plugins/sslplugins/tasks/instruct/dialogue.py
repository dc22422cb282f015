"""The turns before an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from sslcli.api import Record

KINDS = ("kind", "category")  # how files call the kind of an instruction
_LONGEST = 40


@dataclass(frozen=True)
class Dialogue:
    """The turns before the last answer, and the kind of instruction, empty where it is not said."""

    turns: tuple[Mapping[str, str], ...]
    kind: str = ""

    @property
    def asked(self) -> str:
        """What was said last."""
        return self.turns[-1]["content"]


def kind_of(record: Record) -> str:
    """The kind that a record says; empty where it says none, or a long text."""
    _, value = record.find(*KINDS)
    return value if isinstance(value, str) and len(value) <= _LONGEST else ""
