"""One sentence per line: "word/TAG word/TAG" as in Brown and MSRA, or words, a tab, tags."""

import re
from collections.abc import Sequence

from sslcli.api import DataError, Example, Where, remark
from sslplugins.tasks.tag.names import is_header
from sslplugins.tasks.tag.rows import FEWEST_ROWS
from sslplugins.tasks.tag.sentences import Block, Line, Sentence

_MARKS = ("/", "_")
_LISTED = re.compile(r"\s*\"?\[.*\]\"?\s*\t\s*\"?\[.*\]\"?\s*")  # as Python and JSON write them


def sentences_in_lines(reference: str, blocks: Sequence[Block]) -> list[Example]:
    """Read one sentence per line; nothing where the lines are not sentences."""
    lines = [line for block in blocks for line in block.lines]
    named = is_header([cell.strip() for cell in lines[0].text.split("\t")])
    if lines[named:] and all(_LISTED.fullmatch(line.text) for line in lines[named:]):
        hint = "give it the ending .tsv, and a first line of names: tokens, a tab, tags"
        raise DataError(f"{reference} has lists in its lines, and nothing says what they are", hint)
    whole = len(blocks) > 1 and any(len(block.lines) > 1 for block in blocks)
    pairs = [] if whole else _beside_tab(lines[named:])
    said = "a line is a sentence: words, a tab and as many tags"
    said += "; the first line is a header" * named
    if not pairs:
        mark = next((mark for mark in _MARKS if _is_marked(lines, mark)), None)
        if mark is None:
            return []
        pairs = [
            tuple(zip(*(part.rsplit(mark, 1) for part in line.text.split()), strict=True))
            for line in lines
        ]
        said = f"a line is a sentence of words with '{mark}' and their tag"
    remark(f"{reference}: {said}")
    return [
        Example(str(record), Where(reference, record), Sentence(tuple(words)), tuple(tags))
        for record, (words, tags) in enumerate(pairs, start=1)
    ]


def _beside_tab(lines: Sequence[Line]) -> list[tuple[list[str], list[str]]]:
    """Return words and tags where every line has as many of both.

    Not where all lines have one word, or several have the same number.
    """
    pairs = []
    for line in lines:
        cells = [cell.split() for cell in line.text.split("\t")]
        if len(cells) != 2 or not cells[0] or len(cells[0]) != len(cells[1]):
            return []
        pairs.append((cells[0], cells[1]))
    counts = {len(words) for words, _ in pairs}
    return pairs if counts != {1} and (len(counts) > 1 or len(pairs) < FEWEST_ROWS) else []


def _is_marked(lines: Sequence[Line], mark: str) -> bool:
    """Return whether all parts of all lines are word, mark and tag, most lines having several."""
    several = 0
    for line in lines:
        parts = line.text.split()
        if not all(0 < part.rfind(mark) < len(part) - 1 for part in parts):
            return False
        several += len(parts) > 1
    return several * 2 > len(lines)
