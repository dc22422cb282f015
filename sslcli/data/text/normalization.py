"""What a tokenizer does to a text before it cuts it, in words: what decoding will not give back.

White space is left out: what a tokenizer makes of it belongs to how it joins pieces.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

import tokenizers

# Lower-case letters and signs of ASCII are left as they are by every normalizer known.
_MAY_CHANGE = re.compile("[A-Z]|[^\x00-\x7f]")
_SHOWN = 3  # examples of a kind of change, the most frequent first
_BLANKS = str.maketrans("", "", " \u2581")  # set around Chinese characters, and before a text
_LOWERS, _MARKS, _APART = "lower-cases", "strips accents and marks", "takes letters apart"
_DROPS, _FORMS = "drops", "writes compatibility forms as plain ones (NFKC)"
_COMPOSES, _ELSE = "composes letters and marks (NFC)", "writes other characters"


def changeable(text: str) -> Counter[str]:
    """How often each character that a normalizer may change stands in a text."""
    return Counter(_MAY_CHANGE.findall(text))


def changes(library: tokenizers.Tokenizer, counts: Mapping[str, int], total: int) -> list[str]:
    """A phrase for each kind of change to texts of `total` characters, of which `counts` are the
    changeable ones: "lower-cases" first, the others with examples and their share."""
    normalizer = library.normalizer
    if normalizer is None:
        return []
    found: dict[str, Counter[tuple[str, str]]] = {}
    for character, count in counts.items():
        if not character.isspace():
            became = normalizer.normalize_str(character).translate(_BLANKS)
            found.setdefault(_kind(character, became), Counter())[character, became] += count
    found.pop("", None)
    phrases = [_LOWERS] if found.pop(_LOWERS, None) else []
    if any(map(unicodedata.combining, counts)) and "\u00e9" in normalizer.normalize_str("e\u0301"):
        phrases.append(_COMPOSES)
    return [*phrases, *(_phrase(kind, found[kind], total) for kind in sorted(found))]


def _kind(character: str, became: str) -> str:
    """How a character was changed; the empty string where it was not."""
    lower = character.lower()
    if became in (character, lower):
        return "" if became == character else _LOWERS
    apart, there = unicodedata.normalize("NFD", lower), unicodedata.normalize("NFD", became)
    bare = "".join(part for part in apart if unicodedata.category(part) != "Mn")
    if bare != apart and bare == there.lower():
        return _MARKS
    if not became:
        return _DROPS
    if there.lower() == apart:
        return _APART if len(became) > 1 else ""
    plain = unicodedata.normalize("NFKC", lower).lower()
    return _FORMS if unicodedata.normalize("NFKC", became).lower() == plain else _ELSE


def _phrase(kind: str, found: Counter[tuple[str, str]], total: int) -> str:
    shown = [_example(*pair) for pair, _ in found.most_common(_SHOWN)]
    more = ", ..." if len(found) > _SHOWN else ""
    share = sum(found.values()) / max(total, 1)
    rounded = f"{share:.2%}" if share >= 1e-4 else "under 0.01%"
    return f"{kind}: {', '.join(shown)}{more} ({rounded} of the characters)"


def _example(character: str, became: str) -> str:
    if not became:
        return _named(character)
    return f"{_named(character)} as {'+'.join(map(_named, became))}"


def _named(character: str) -> str:
    """The character, on a dotted circle where it is a mark, or its number where it does not show."""
    if unicodedata.category(character).startswith("M"):
        return f"\u25cc{character}"
    return character if character.isprintable() else f"U+{ord(character):04X}"
