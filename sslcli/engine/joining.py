"""Rules for joining objectives with "+", checked on the command line before torch is imported."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sslcli.errors import UsageError

DIFFER = "join objectives that differ in kind, such as mlm+nsp"


@dataclass(frozen=True)
class Joinable:
    """What an objective declares; only a Readout, which shares its pass, `corrupts`."""

    architectures: Collection[str]
    arranges: str
    corrupts: bool
    modalities: Collection[str]


def refuse_unjoinable(parts: Mapping[str, Joinable]) -> None:
    """Raise UsageError if one backbone, one arrangement, one input or one kind of data cannot serve
    all parts.
    """
    if len(parts) < 2:
        return
    arrangers = [name for name, part in parts.items() if part.arranges != "single"]
    corrupters = [name for name, part in parts.items() if part.corrupts]
    for what, names in (("arrange the data", arrangers), ("corrupt the input", corrupters)):
        if len(names) > 1:
            raise UsageError(f"{' and '.join(names)} both {what}, so they cannot be joined", DIFFER)
    if not frozenset.intersection(*(frozenset(part.modalities) for part in parts.values())):
        reads = " and ".join(
            f"{name} reads {' or '.join(sorted(part.modalities))}" for name, part in parts.items()
        )
        raise UsageError(f"{reads}, so they cannot be joined", DIFFER)
    refuse_no_common_transformer({name: part.architectures for name, part in parts.items()})


def refuse_no_common_transformer(architectures: Mapping[str, Collection[str]]) -> None:
    """Raise UsageError if no architecture suits all parts."""
    if not frozenset.intersection(*map(frozenset, architectures.values())):
        raise UsageError(
            f"{' and '.join(architectures)} need different kinds of Transformer",
            "train them one by one",
        )
