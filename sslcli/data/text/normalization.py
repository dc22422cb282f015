"""Changes that a tokenizer makes to a text before tokenizing it, which decoding cannot undo.

White space is left out: what a tokenizer makes of it belongs to how it joins pieces.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import tokenizers

from sslcli.errors import ModelError

Cut = Callable[[list[str]], Sequence[Sequence[int]]]

_SHOWN = 3  # examples of a kind of change, the most frequent first
_BLANKS = str.maketrans("", "", " \u2581")  # set around Chinese characters, and before a text
_LOWERS, _MARKS, _APART = "lower-cases", "strips accents and marks", "takes letters apart"
_DROPS, _FORMS = "drops", "writes compatibility forms as plain ones (NFKC)"
_COMPOSES, _ELSE = "composes letters and marks (NFC)", "writes other characters"


def characters_in(text: str) -> Counter[str]:
    """Count each character of a text, white space apart."""
    return Counter(
        {character: count for character, count in Counter(text).items() if not character.isspace()}
    )


def changes(
    library: tokenizers.Tokenizer, cut: Cut, counts: Mapping[str, int], total: int
) -> list[str]:
    """A phrase for each kind of change to texts of `total` characters, of which `counts` are those
    that are no white space: "lower-cases" first, the others with examples and their share.

    `cut` gives the pieces of each of some texts: a character without any is dropped like one that
    the normalizer takes away.
    """
    normalizer = library.normalizer
    found: dict[str, Counter[tuple[str, str]]] = {}
    for (character, count), pieces in zip(counts.items(), _pieces(cut, list(counts)), strict=True):
        became = (
            character
            if normalizer is None
            else normalizer.normalize_str(character).translate(_BLANKS)
        )
        became = became if pieces is None or len(pieces) else ""
        found.setdefault(_kind(character, became), Counter())[character, became] += count
    found.pop("", None)
    phrases = [_LOWERS] if found.pop(_LOWERS, None) else []
    if (
        normalizer is not None
        and any(map(unicodedata.combining, counts))
        and "\u00e9" in normalizer.normalize_str("e\u0301")
    ):
        phrases.append(_COMPOSES)
    return [*phrases, *(_phrase(kind, found[kind], total) for kind in sorted(found))]


def _pieces(cut: Cut, characters: list[str]) -> Sequence[Sequence[int] | None]:
    """Of each character alone its pieces, None where a tokenizer fails on one of them."""
    try:
        return cut(characters)
    except ModelError:
        return [None] * len(characters)


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
    """The character, on a dotted circle where it is a mark, or its number where it does not
    show.
    """
    if unicodedata.category(character).startswith("M"):
        return f"\u25cc{character}"
    shown = f"'{character}'" if character in ",;" else character  # which also part what is listed
    return shown if character.isprintable() else f"U+{ord(character):04X}"
