"""Which noises are asked for, as `--noise infill=0.3,permute=1.0` says it."""

from collections.abc import Mapping

from sslcli.api import parse_shares

# Share where none is given, and what it is a share of.
USUAL: Mapping[str, tuple[float, str]] = {
    "mask": (0.3, "tokens, each masked"),
    "delete": (0.3, "tokens, each deleted"),
    "infill": (0.3, "tokens, in spans that become one mask each"),
    "permute": (1.0, "sentences, permuted among their places"),
    "rotate": (1.0, "texts, begun at another token"),
    "spans": (0.15, "tokens, in spans that the decoder writes alone (T5)"),
}
HIDING = ("mask", "delete", "infill")  # of which a text gets one
# True for noises of which a share of 1 leaves nothing to read.
BART_NOISES: Mapping[str, bool] = {
    "mask": True,
    "delete": True,
    "infill": True,
    "permute": False,
    "rotate": False,
}
ALL_NOISES: Mapping[str, bool] = {**BART_NOISES, "spans": True}


def parsed_noises(given: str, names: Mapping[str, bool]) -> dict[str, float]:
    """Return the share of each noise. Raises ValueError with what is wrong."""
    found = parse_shares(given, names, "noise")
    return {name: USUAL[name][0] if share is None else share for name, share in found.items()}
