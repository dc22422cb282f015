"""Special tokens by the names that plugins declare, and those of them that a tokenizer lacks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

SpecialToken = Literal["mask", "cls", "sep", "pad", "unk", "bos", "eos"]
# What each is called in a sentence.
SPECIAL_TOKENS: Mapping[SpecialToken, str] = {
    "mask": "mask token",
    "cls": "classification token ([CLS])",
    "sep": "separator token ([SEP])",
    "pad": "padding token",
    "unk": "unknown token",
    "bos": "beginning-of-text token",
    "eos": "end-of-text token",
}


def worded(names: Collection[SpecialToken]) -> str:
    """ "mask token and separator token ([SEP])", always in one order."""
    return " and ".join(called for name, called in SPECIAL_TOKENS.items() if name in names)


def missing(
    wanted: Collection[SpecialToken], there: Collection[SpecialToken]
) -> Sequence[SpecialToken]:
    """Return the wanted tokens that are absent, in the order of SPECIAL_TOKENS."""
    return [name for name in SPECIAL_TOKENS if name in wanted and name not in there]
