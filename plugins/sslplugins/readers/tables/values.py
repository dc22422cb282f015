"""What a cell of a table holds: a number, nothing, or a text."""

import re

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d{1,3}(?:[.\s]\d{3})*,\d+|[+-]?\d+,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII)
LARGEST = 3e38  # of float32, in whose parts numbers are kept


def is_missing(cell: str) -> bool:
    """Tell whether a cell, without white space around it, stands for a value that is not there."""
    return cell.lower() in MISSING


def number_in(cell: str) -> float | None:
    """The number that a cell is; None where it is none, or one that is too large."""
    if _NUMBER.fullmatch(cell) is None:
        return None
    value = float(cell)
    return value if abs(value) <= LARGEST else None


def why_no_number(cell: str) -> tuple[str, str]:
    """What a cell is that is no number, and what to do about it."""
    shown = f"'{cell}'" if len(cell) <= 40 else f"'{cell[:37]}...'"
    if _INFINITE.fullmatch(cell) or _NUMBER.fullmatch(cell):
        return f"{shown}, which is no finite number", "leave the cell empty, or the record out"
    if _THOUSANDS.fullmatch(cell):
        return f"{shown}, with commas between the digits", "write it without commas"
    if _COMMA.fullmatch(cell):
        return f"{shown}, with a decimal comma", f"write {_pointed(cell)}, with a point"
    return f"the text {shown}", ""


def has_comma(cell: str) -> bool:
    """Tell whether a cell would be a number if its commas were not there."""
    return bool(_COMMA.fullmatch(cell) or _THOUSANDS.fullmatch(cell))


def _pointed(cell: str) -> str:
    return re.sub(r"[.\s](?=\d{3})", "", cell).replace(",", ".")
