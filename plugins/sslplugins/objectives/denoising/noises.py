"""Which noises are asked for, as `--noise infill=0.3,permute=1.0` says it."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches

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


def parsed_noises(given: str, names: Collection[str]) -> dict[str, float]:
    """Return the share of each noise. Raises ValueError with what is wrong."""
    found = dict[str, float]()
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, equals, number = (word.strip() for word in part.partition("="))
        if name not in names:
            near = get_close_matches(name, names, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}"
            raise ValueError(f"there is no noise '{name}'; {hint}")
        if name in found:
            raise ValueError(f"'{name}' is named twice")
        found[name] = _share(name, number) if equals else USUAL[name][0]
    if not found:
        raise ValueError(f"names no noise; there are {', '.join(names)}")
    return found


def _share(name: str, given: str) -> float:
    """A share above 0; of a noise that hides tokens below 1, which would leave nothing to read."""
    try:
        share = float(given)
    except ValueError:
        raise ValueError(f"the share of {name} must be a number, not '{given}'") from None
    if name in (*HIDING, "spans") and share == 1:
        raise ValueError(f"{name}=1 leaves nothing of the source; use a share below 1")
    if not 0 < share <= 1:
        raise ValueError(f"the share of {name} must be above 0 and at most 1, not {given}")
    return share
