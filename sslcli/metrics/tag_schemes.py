"""Tag schemes of spans: letters and spellings of several schemes, read as those of one.

BIO: Ramshaw & Marcus 1995 (IOB1), Tjong Kim Sang & Veenstra 1999 (IOB2). BIOES: Uchimoto et al.
2000. BILOU: Ratinov & Roth 2009, "Design Challenges and Misconceptions in Named Entity
Recognition". BMES: Xue 2003, "Chinese Word Segmentation as Character Tagging". BMEWO: LingPipe's
encoding.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

OUTSIDE = "O"
# Begin, inside, end, single, whatever a scheme calls them.
MEANING = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S", "W": "S"}
LETTERS = {"BIO": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES", "BMEWO": "BMEW"}
_OTHER_OUTSIDES = ("o", "0", "OUT", "OTHER", "NONE")
_SPELLINGS = {
    "": re.compile(r"(?P<letter>[A-Za-z])[-_](?P<kind>.+)", re.DOTALL),
    "the letter behind the kind": re.compile(r"(?P<kind>.+)[-_](?P<letter>[A-Za-z])", re.DOTALL),
    "letters alone": re.compile(r"(?P<letter>[A-Za-z])(?P<kind>)"),
}
_SHOWN = 4


@dataclass(frozen=True)
class TagReading:
    """`scheme`: its name; of a mixture, the names of all that it needs. `tags`: each tag -> the
    same in BIOES with "-" between letter and kind ("U_PER" -> "S-PER"). `remark`: what is unusual,
    in words.
    """

    scheme: str
    tags: Mapping[str, str]
    remark: str = ""


def tag_reading(tags: Iterable[str]) -> TagReading | None:
    """Return how this set of tags marks spans, or None if it does not.

    Tags mark spans if all are O, or a letter of a scheme and a kind of span. Letters alone (B, I,
    O) mark spans of one kind, as in seqeval, if B and one that continues are there.
    """
    labels = set(tags)
    outside = _outside(labels)
    inside = labels - {outside}
    for remark, spelling in _SPELLINGS.items():
        matches = {label: match for label in inside if (match := spelling.fullmatch(label))}
        letters = {match["letter"] for match in matches.values()}
        if not inside or len(matches) < len(inside):
            continue
        cases = "" if _one_case(letters) else "letters of both cases"
        letters = {letter.upper() for letter in letters}
        is_bare = spelling is _SPELLINGS["letters alone"]
        if not letters <= set(MEANING) or (
            is_bare and not ("B" in letters and letters & set("IMEL"))
        ):
            continue
        read = {
            label: f"{MEANING[match['letter'].upper()]}-{match['kind'] or '_'}"
            for label, match in matches.items()
        }
        scheme, mixture = _scheme(letters)
        remarks = [
            mixture,
            remark,
            cases,
            f"'{outside}' read as {OUTSIDE}" if outside not in (None, OUTSIDE) else "",
        ]
        return TagReading(
            scheme, {**read, outside or OUTSIDE: OUTSIDE}, ", ".join(filter(None, remarks))
        )
    return None


def unread_tags(tags: Iterable[str]) -> str:
    """Return a sentence for tags that resemble a scheme but are not all of one; else "".

    The same for tags with O and nothing else. "" for spans and for plain tags such as parts of
    speech.
    """
    labels = set(tags)
    if tag_reading(labels) is not None or len(labels) < 2:
        return ""
    inside = sorted(labels - {_outside(labels)})
    strangers = [label for label in inside if not _is_marked(label)]
    if 0 < len(strangers) <= len(inside) / 2:
        shown = ", ".join(f"'{label}'" for label in strangers[:_SHOWN])
        more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
        fit = "fits" if len(strangers) == 1 else "fit"
        schemes = "no scheme (BIO, BIOES, BILOU, BMES) that the other tags are of"
        return f"there is no F1 of spans: {shown}{more} {fit} {schemes}"
    if OUTSIDE in labels:
        return (
            "there is no F1 of spans: O is among the tags, but the "
            "others have no letter of a scheme (B-, I-, ...) before a kind"
        )
    return ""


def _is_marked(label: str) -> bool:
    found = _SPELLINGS[""].fullmatch(label)
    return found is not None and found["letter"].upper() in MEANING


def _outside(labels: Collection[str]) -> str | None:
    if OUTSIDE in labels:
        return OUTSIDE
    others = [label for label in labels if label.upper() in map(str.upper, _OTHER_OUTSIDES)]
    return others[0] if len(others) == 1 else None


def _one_case(letters: Collection[str]) -> bool:
    return all(letter.isupper() for letter in letters) or all(
        letter.islower() for letter in letters
    )


def _scheme(letters: Collection[str]) -> tuple[str, str]:
    """Name and, of a mixture, a remark."""
    own = next((name for name, known in LETTERS.items() if set(letters) <= set(known)), None)
    if own is not None:
        return own, ""
    owners = {letter: name for name, known in reversed(LETTERS.items()) for letter in known}
    needed = {owners[letter] for letter in set(letters) - set("BI")}
    return " and ".join(name for name in LETTERS if name in needed), "a mixture of schemes"
