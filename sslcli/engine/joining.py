"""Which objectives can be joined with "+", by what they declare: a line is judged by it before torch is imported."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sslcli.errors import UsageError

DIFFER = "join objectives that differ in kind, such as mlm+nsp"


@dataclass(frozen=True)
class Joinable:
    """What an objective says of itself; only a Readout, which shares its pass, `corrupts`."""

    architectures: Collection[str]
    arranges: str
    corrupts: bool


def refuse_unjoinable(parts: Mapping[str, Joinable]) -> None:
    """Raises UsageError where one backbone, one arrangement of the data or one input cannot serve all parts."""
    if len(parts) < 2:
        return
    arrangers = [name for name, part in parts.items() if part.arranges != "single"]
    corrupters = [name for name, part in parts.items() if part.corrupts]
    for what, names in (("arrange the data", arrangers), ("corrupt the input", corrupters)):
        if len(names) > 1:
            raise UsageError(f"{' and '.join(names)} both {what}, so they cannot be joined", DIFFER)
    refuse_no_common_transformer({name: part.architectures for name, part in parts.items()})


def refuse_no_common_transformer(architectures: Mapping[str, Collection[str]]) -> None:
    """Raises UsageError where no kind of Transformer is one that all parts can use."""
    if not frozenset.intersection(*map(frozenset, architectures.values())):
        raise UsageError(f"{' and '.join(architectures)} need different kinds of Transformer", "train them one by one")
