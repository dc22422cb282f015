"""Labels of questions: the spans of the right answers in their passage.

Every decision that the file leaves open becomes a note, which is counted and reported.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sslcli.api import DataError, Where
from sslplugins.tasks.qa.counting import Answer, Claim, Rule

NO_OFFSET = "no offset is given, and the answer is taken where it stands, which is in one place"
FIRST = "no offset is given, and the answer is taken at the first of its places (--offsets nearest)"
ONCE = (
    "the offset is wrong, and the answer is taken where "
    "it stands, which is in one place (--offsets once)"
)
NEAREST = (
    "the offset is wrong, and the answer is taken at the nearest of its places (--offsets nearest)"
)
EMPTY = "an answer with an empty text is read as: there is no answer"
BESIDE = "answers with an empty text are left out beside others"
# offsets that are written beside an empty text where there is no answer
_NOWHERE = (None, "", -1, "-1", 0, "0")
_OFFSET_HINT = "offsets count characters from 0; mend the offset or take the question out"
_NONE_HINT = (
    'give it an answer, or write "is_impossible": true where it rightly has none (SQuAD 2.0)'
)


class AnswerLabels(NamedTuple):
    """Labels of one question.

    `answers`: empty where the right answer is "no answer", None where the file has no label.
    `note`: what was decided in reading them.
    """

    answers: tuple[Answer, ...] | None
    note: str = ""


class Entry(NamedTuple):
    """One answer as the file has it, unchecked, and its place in the file."""

    text: Any
    start: Any
    where: Where


def labels_of(
    value: Any, impossible: bool | None, may_lack: bool, passage: str, where: Where, rule: Rule
) -> AnswerLabels:
    """Read labels: {"text", "answer_start"} as an object, a list or two lists; or texts alone.

    `impossible`: value of is_impossible; `may_lack`: whether a question without is_impossible may
    have no answer. Raises DataError naming the field.
    """
    entries = _entries(value, where)
    if entries is None:
        return AnswerLabels(() if impossible else None)
    filled = [entry for entry in entries if not _is_empty(entry)]
    if filled and impossible:
        at = replace(where, field=re.sub("answers?$", "is_impossible", where.field or ""))
        raise wrong(
            at,
            "the question has answers, and is_impossible is true",
            "take out the answers, or write false",
        )
    if not filled:
        # any other offset means a text that got lost
        is_said = all(entry.start in _NOWHERE for entry in entries)
        if not (may_lack and is_said if impossible is None else impossible):
            empty = bool(entries)
            place = below(entries[0].where, ".text") if empty else where
            raise wrong(place, "the text is empty" if empty else "there is no answer", _NONE_HINT)
        return AnswerLabels((), EMPTY if entries else "")
    found = [placed(entry, passage, rule) for entry in filled]
    notes = [note for _, note in found] + [BESIDE] * (len(filled) < len(entries))
    return AnswerLabels(
        tuple(answer for answer, _ in found), "; ".join(dict.fromkeys(filter(None, notes)))
    )


def whole_number(value: Any, where: Where, name: str) -> int:
    """Parse a whole number: 5, 5.0, "5" or "5.0". Raises DataError for anything else."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}(\.0*)?", value.strip()):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        problem = "it is missing" if value is None else f"{value!r:.40} is no whole number"
        raise wrong(below(where, f".{name}"), problem, f"'{name}' must be a whole number")
    return value


def below(where: Where, path: str) -> Where:
    """Return the place of a field inside `where`; `path` is appended, as in "[0].text"."""
    return replace(where, field=f"{where.field or ''}{path}")


def wrong(where: Where, problem: str, hint: str) -> DataError:
    """Return (not raise) a DataError that names the place."""
    return DataError(f"{where}: {problem}", hint)


def _entries(value: Any, where: Where) -> list[Entry] | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return [Entry(value, None, where)]
    if isinstance(value, Mapping):
        return _in_turn(value, where)
    if not isinstance(value, list):
        raise wrong(
            where,
            f"this is no list but {type(value).__name__}",
            'give [{"text": "...", "answer_start": 0}]',
        )
    found = []
    for number, each in enumerate(value):
        at = below(where, f"[{number}]")
        if not isinstance(each, Mapping | str):
            raise wrong(
                at,
                f"this is no object but {type(each).__name__}",
                'an answer is {"text": "...", "answer_start": 0}',
            )
        found.append(_entry(each, at))
    return found


def _entry(value: Mapping[str, Any] | str, where: Where) -> Entry:
    if isinstance(value, str):
        return Entry(value, None, where)
    if "text" not in value:
        raise wrong(below(where, ".text"), "it is missing", "'text' must be a text")
    return Entry(value["text"], value.get("answer_start"), where)


def _in_turn(answers: Mapping[str, Any], where: Where) -> list[Entry]:
    """Read {"text": [...], "answer_start": [...]}; single values are one answer, offsets may be
    missing.
    """
    texts, starts = answers.get("text"), answers.get("answer_start")
    if not isinstance(texts, list) and not isinstance(starts, list):
        return [_entry(answers, below(where, "[0]"))]
    if isinstance(texts, list) and starts is None:
        starts = [None] * len(texts)
    if not (isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)):
        raise wrong(
            where,
            "'text' and 'answer_start' are not two lists of one length",
            "every answer needs its text and its offset",
        )
    pairs = enumerate(zip(texts, starts, strict=True))
    return [Entry(text, start, below(where, f"[{number}]")) for number, (text, start) in pairs]


def _is_empty(entry: Entry) -> bool:
    if entry.text is None or (isinstance(entry.text, str) and not entry.text.strip()):
        return True
    if not isinstance(entry.text, str):
        raise wrong(below(entry.where, ".text"), "this is no text", "'text' must be a text")
    return False


def placed(entry: Entry, passage: str, rule: Rule) -> tuple[Answer, str]:
    """Locate an answer at its offset, or where its position is beyond doubt.

    Returns the answer and a note on what was decided. Raises DataError where neither holds.
    """
    text, where = entry.text, below(entry.where, ".answer_start")
    if entry.start is None:
        return _looked_for(text, passage, where, rule)
    start = whole_number(entry.start, entry.where, "answer_start")
    if rule.claims is not None:
        rule.claims.append(Claim(passage, text, start))
        return Answer(start, text), ""
    if (found := rule.counting.find(passage, text, start)) is not None:
        return found, ""
    places = _places(text, passage)
    if places and rule.offsets != "exact" and (len(places) == 1 or rule.offsets == "nearest"):
        nearest = min(places, key=lambda place: abs(place - start))
        return Answer(nearest, text), ONCE if len(places) == 1 else NEAREST
    error = _misplaced(text, start, passage, places, where)
    raise DataError(error.message, f"{error.hint}; {rule.hint}".removesuffix("; "))


def _looked_for(text: str, passage: str, where: Where, rule: Rule) -> tuple[Answer, str]:
    if rule.claims is not None:
        return Answer(0, text), ""
    places = _places(text, passage)
    if len(places) == 1:
        return Answer(places[0], text), NO_OFFSET
    if not places:
        raise wrong(
            where,
            f"there is no offset for {text!r:.60}, and {_elsewhere(text, passage)}",
            _OFFSET_HINT,
        )
    if rule.offsets == "nearest":
        return Answer(places[0], text), FIRST
    problem = (
        f"there is no offset for {text!r:.60}, which stands in the passage {len(places)} times"
    )
    raise wrong(
        where, problem, "give its 'answer_start', or take the first place: --offsets nearest"
    )


def _misplaced(
    text: str, start: int, passage: str, places: Sequence[int], where: Where
) -> DataError:
    hint = _OFFSET_HINT
    if places:
        way = "--offsets once" if len(places) == 1 else "--offsets nearest"
        hint = f"{hint}; or take the answer where it stands: {way}"
    if not 0 <= start < len(passage):
        elsewhere = f"; the answer {text!r:.60} {_elsewhere(text, passage)[3:]}" if places else ""
        problem = (
            f"{start!s:.20} is outside the passage, which has {len(passage)} characters{elsewhere}"
        )
        return wrong(where, problem, hint)
    there = passage[start : start + len(text)]
    return wrong(
        where,
        (
            f"at {start} the passage has {there!r:.60}, not the "
            f"answer {text!r:.60}; {_elsewhere(text, passage)}"
        ),
        hint,
    )


def _places(text: str, passage: str) -> list[int]:
    """Return every offset of a text, overlapping ones too."""
    return [match.start() for match in re.finditer(f"(?={re.escape(text)})", passage)]


def _elsewhere(text: str, passage: str) -> str:
    """Say where an answer was found instead, or why it seems to be nowhere."""
    if places := _places(text, passage):
        return (
            f"it stands at {places[0]}"
            if len(places) == 1
            else f"it stands there {len(places)} times"
        )
    if unicodedata.normalize("NFC", text) in unicodedata.normalize("NFC", passage):
        return "it stands there in another normal form of Unicode (NFC, NFD)"
    return (
        "it stands there in another case"
        if text.casefold() in passage.casefold()
        else "it is not in it"
    )
