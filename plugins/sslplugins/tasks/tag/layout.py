"""Columns of words and tags in a file: by header, by known formats, by what the columns hold.

CoNLL-2000 to 2003: word first, tag last. CoNLL-2009: ID FORM LEMMA PLEMMA POS ... HEAD PHEAD ...
CoNLL-2012: document, part, number, word, POS, parse, lemma, frameset, sense, speaker, names in
brackets, ... GermEval 2014: number, word, outer and inner names. MIT Restaurant: tag, word. Where
it stays ambiguous, the error's hint is the flag that decides it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sslcli.api import DataError, amount, current_reading
from sslplugins.tasks.tag.facts import WITHHELD, Column, columns_of
from sslplugins.tasks.tag.names import (
    WORDS,
    asked_places,
    columns_hint,
    is_header,
    shown_row,
    word_and_tags,
)
from sslplugins.tasks.tag.rows import FEWEST_ROWS, Row, Rows
from sslplugins.tasks.tag.sentences import Places, listed

LEAST_2009, LEAST_2012 = 14, 12  # columns
_POS_2009, _NAMES_2012 = 4, 10
_DIGIT = re.compile(r"\d")
_LIKE_TAG = re.compile("[A-Za-z][-_]")  # a tag with a mistake in it names no column
HEADER_SENTENCES = 1_000  # beside which a first line is held
FEWEST = 100  # lines, before kinds of cells are compared


@dataclass(frozen=True)
class Layout:
    """Columns of one file.

    `number`: the column of word numbers, if any. `tag` is None where no row has one.
    `may_be_longer`: rows differ in width, as in CoNLL-2009 and 2012. `header`: the cells of a first
    row of names. `why`: what decided, as a sentence.
    """

    word: int
    tag: int | None
    width: int
    number: int | None = None
    brackets: bool = False
    may_be_longer: bool = False
    header: tuple[str, ...] = ()
    why: str = ""
    columns: Sequence[Column] = field(default=(), repr=False, compare=False)

    @property
    def places(self) -> Places:
        """Word column, tag column and width, as they are saved with the model."""
        return Places(self.word, self.tag, self.width)


def layout_of(reference: str, rows: Rows, asked: Sequence[str], settled: Places | None) -> Layout:
    """Find the columns of words and tags.

    `asked`: value of --columns. `settled`: the columns of the training data, which hold for a file
    of the same width unless it evidently has others. Raises DataError where the file leaves it
    open.
    """
    if not rows.sentences:
        raise DataError(f"{reference} has no sentences", "give a file with at least one")
    widths = sorted({len(row.cells) for row in rows.all})
    if (
        widths[0] >= LEAST_2012
        and len(widths) > 1
        and (known := _known_format(_begun(_narrow(rows, widths[0]))))
        and not asked
    ):
        return _checked(reference, replace(known, may_be_longer=True))
    few = len(rows.all) < FEWEST_ROWS and rows.width > 2 and rows.separator == "blanks"
    if len(widths) > 1 and (len(rows.even) * 2 < len(rows.all) or few):
        problem = (
            f"{reference}: lines have {widths[0]} to {widths[-1]} "
            "columns, so they are none of one word and its tag"
        )
        raise DataError(
            problem,
            'running text to be tagged goes into .jsonl: {"text": "..."}, a line for each sentence',
        )
    rows, header = _without_header(rows)
    made = _begun(rows, header)
    if asked:
        word, tag = asked_places(asked, widths[0], reference, len(widths) > 1)
        made = replace(made, word=word, tag=tag, may_be_longer=len(widths) > 1, why="--columns")
    elif (known := _known_format(made)) is not None:
        made = known
    elif names := _names_of(rows, header):
        made = _by_names(reference, names, made)
    elif settled is not None and settled.width == rows.width and _may_be(settled, made):
        made = replace(made, word=settled.word, tag=settled.tag, why="as in training")
    else:
        made = _by_evidence(reference, made)
    return _checked(reference, made)


def _begun(rows: Rows, header: tuple[str, ...] = ()) -> Layout:
    """Return a layout with the facts of the columns and nothing decided."""
    columns = columns_of(rows)
    number = (
        next((column.place for column in columns if column.counts), None)
        if len(columns) > 1
        else None
    )
    return Layout(0, None, rows.width, number, header=header, columns=columns)


def _narrow(rows: Rows, width: int) -> Rows:
    """Drop the columns that not all rows have."""
    sentences = (
        tuple(Row(row.number, row.cells[:width]) for row in sentence) for sentence in rows.sentences
    )
    return replace(rows, sentences=tuple(sentences), width=width)


def _checked(reference: str, made: Layout) -> Layout:
    """Drop an empty tag column. Raises DataError where the words are withheld."""
    columns = made.columns
    if made.word < len(columns) and columns[made.word].kinds <= WITHHELD:
        problem = (
            f"{reference} has {listed(sorted(columns[made.word].kinds))} "
            "in place of every word: the text is withheld"
        )
        raise DataError(problem, "get the words from where the text is sold, and put them in")
    if made.tag is None:
        return made
    tags = columns[made.tag] if made.tag < len(columns) else None
    is_nothing = tags is not None and tags.is_empty and not tags.is_bracketed and not made.brackets
    return replace(
        made,
        tag=None if is_nothing else made.tag,
        brackets=made.brackets or (tags is not None and tags.is_bracketed),
    )


def _without_header(rows: Rows) -> tuple[Rows, tuple[str, ...]]:
    """Split off the first row where it names the columns, or is unlike all others."""
    first, rest = rows.sentences[0][0], [rows.sentences[0][1:], *rows.sentences[1:]]
    left = replace(rows, sentences=tuple(filter(None, rest)))
    if is_header(first.cells):
        left = left.without(first.cells)
    if not left.even or len(first.cells) != rows.width:
        return rows, ()
    return (
        (left, first.cells)
        if is_header(first.cells) or _stands_out(first.cells, rows, left)
        else (rows, ())
    )


def _names_of(rows: Rows, header: Sequence[str]) -> Sequence[str]:
    """Return the columns' names of a header or "# global.columns"."""
    if is_header(header):
        return header
    return (
        rows.names
        if len(rows.names) == rows.width and sum(name.lower() in WORDS for name in rows.names) == 1
        else ()
    )


def _stands_out(cells: Sequence[str], rows: Rows, left: Rows) -> bool:
    """Return whether a column has numbers or spans except in its first cell."""
    if rows.width < 2:
        return False
    pairs = zip(
        *(
            columns_of(replace(each, sentences=each.sentences[:HEADER_SENTENCES]))
            for each in (rows, left)
        ),
        strict=True,
    )
    return any(
        (after.counts and not before.counts and not cells[after.place].strip("-").isdigit())
        or (
            after.reading is not None
            and before.reading is None
            and not _LIKE_TAG.match(cells[after.place])
        )
        for before, after in pairs
    )


def _known_format(made: Layout) -> Layout | None:
    columns = made.columns
    if (
        made.width >= LEAST_2012
        and columns[2].counts
        and columns[0].is_constant
        and _is_names_2012(columns[_NAMES_2012])
    ):
        return replace(
            made, word=3, tag=_NAMES_2012, brackets=True, may_be_longer=True, why="as in CoNLL-2012"
        )
    is_2009 = (
        made.width >= LEAST_2009
        and columns[0].counts
        and columns[8].is_numeric
        and columns[9].is_numeric
    )
    if is_2009 and not columns[1].is_numeric:
        return replace(made, word=1, tag=_POS_2009, may_be_longer=True, why="as in CoNLL-2009")
    return None


def _is_names_2012(column: Column) -> bool:
    return column.is_bracketed or column.kinds <= {"*", "-"}


def _by_names(reference: str, names: Sequence[str], made: Layout) -> Layout:
    word, tags = word_and_tags(names)
    why = f"as '{names[word]}'"
    if not tags or current_reading().labels == "unread":
        return replace(made, word=word, why=why)
    spans = [place for place in tags if made.columns[place].reading is not None]
    if len(tags) > 1 and len(spans) != 1 and tags[-1] not in spans:
        named = [names[place] for place in tags]
        problem = f"{reference}: which column has the tags, of {listed(named)}?"
        raise DataError(problem, f"{columns_hint(made.width, word, tags[-1])} takes '{named[-1]}'")
    tag = tags[-1] if tags[-1] in spans or not spans else spans[0]
    return replace(made, word=word, tag=tag, why=f"{why} and '{names[tag]}'")


def _may_be(places: Places, made: Layout) -> bool:
    """Return whether the training data's columns fit: words must not be numbers or spans."""
    word = made.columns[places.word]
    tag = None if places.tag is None else made.columns[places.tag]
    return not (word.counts or _says_spans(word) or (tag is not None and tag.counts))


def _by_evidence(reference: str, made: Layout) -> Layout:
    columns = made.columns
    if made.width == 1:
        return made
    word = _word_of(reference, made)
    if current_reading().labels == "unread":
        return replace(made, word=word.place)
    others = [
        column
        for column in columns
        if column is not word and not column.counts and not column.is_empty
    ]
    others = [column for column in others if not _says_where(column, word, made.width)]
    others = [column for column in others if not column.is_numeric] or others
    others = [column for column in others if len(column.kinds) > 1 or column.is_outside] or others
    behind = [column for column in others if column.place > word.place] or others
    tag = _tag_of(reference, made, word, behind)
    made = replace(made, word=word.place, tag=None if tag is None else tag.place)
    if tag is not None:
        _refuse_doubtful(reference, made, word, tag, others)
    return made


def _says_where(column: Column, word: Column, width: int) -> bool:
    """Return whether names of documents or sentences stand in front of the words."""
    says_tags = column.is_outside or _says_spans(column)
    return (
        width > 2
        and column.place < word.place
        and (column.is_constant or column.joins)
        and not says_tags
    )


def _says_spans(column: Column) -> bool:
    return column.reading is not None or column.is_bracketed


def _word_of(reference: str, made: Layout) -> Column:
    """Return the first column that can hold words."""
    possible = [column for column in made.columns if not (column.counts or column.is_empty)]
    possible = [
        column for column in possible if not (_says_spans(column) or column.is_outside)
    ] or possible
    if made.width > 2:
        possible = [
            column
            for column in possible
            if not (column.is_constant or column.is_numeric or column.joins)
        ] or possible
    if not possible:
        problem = f"{reference}: no column can be that of the words ({_first_row(made)})"
        raise DataError(problem, f"{columns_hint(made.width, 0, made.width - 1)} says which one is")
    _refuse_names(reference, made, possible)
    return possible[0]


def _refuse_names(reference: str, made: Layout, possible: Sequence[Column]) -> None:
    """Raise DataError where the seeming words may be their ids, as in WebAnno."""
    first, *rest = possible
    words = next((column for column in rest if not all(map(_DIGIT.search, column.kinds))), None)
    if made.width < 3 or words is None or not first.names_words:
        return
    named = f"column {first.place + 1} ({listed(first.cells[:3])})"
    problem = f"{reference}: {named} may be words, or only number those of column {words.place + 1}"
    spans = [column.place for column in made.columns if _says_spans(column)]
    hint = columns_hint(made.width, words.place, (spans or [made.width - 1])[-1])
    hint = f"{hint} takes column {words.place + 1}"
    raise DataError(f"{problem} ({listed(words.cells[:3])})", hint)


def _tag_of(reference: str, made: Layout, word: Column, others: Sequence[Column]) -> Column | None:
    spans = [column for column in others if _says_spans(column)]
    if len(others) < 2:
        return others[0] if others else None
    last = others[-1]
    if last.is_outside and made.number is not None and len(spans) == 1 and spans[0] is others[-2]:
        return spans[0]  # GermEval: inner names, of which a small file has none
    if _says_spans(last):
        return next((column for column in spans[:-1] if _is_layer(column, last)), last)
    if last.is_outside and not spans:
        return last
    if len(spans) == 1 and not last.is_outside:
        return spans[0]
    closed = [column for column in others if len(column.kinds) * 4 < len(word.kinds)]
    if not spans and len(closed) == 1 and len(word.cells) >= FEWEST:
        return closed[0]  # beside lemmas, as TreeTagger writes them
    hint = (
        f"{columns_hint(made.width, word.place, (spans or others)[-1].place)} "
        "takes the last of them"
    )
    named = " or ".join(f"column {column.place + 1}" for column in others)
    raise DataError(f"{reference}: which column has the tags, {named}? ({_first_row(made)})", hint)


def _is_layer(outer: Column, inner: Column) -> bool:
    """Return whether two columns have spans of the same kinds, more in the first: nested names."""
    if outer.reading is None or inner.reading is None:
        return False
    both = ((outer, outer.reading.tags), (inner, inner.reading.tags))
    kinds = [{tag[2:] for tag in tags.values() if tag != "O"} for _, tags in both]
    counts = [sum(tags[cell] != "O" for cell in column.cells) for column, tags in both]
    return bool(kinds[0] & kinds[1]) and kinds[1] <= kinds[0] and counts[0] >= counts[1]


def _refuse_doubtful(
    reference: str, made: Layout, word: Column, tag: Column, others: Sequence[Column]
) -> None:
    """Raise DataError where tags vary like words, or another column varies more than the words."""
    if len(word.cells) < FEWEST:
        return
    most = max(others, key=lambda column: len(column.kinds))
    if len(word.kinds) * 2 < len(most.kinds):
        problem = (
            f"{reference}: column {word.place + 1} has {len(word.kinds):,} "
            f"different values and column {most.place + 1}"
        )
        hint = (
            f"{columns_hint(made.width, most.place, word.place)}, "
            "or the other way round, says which has the words"
        )
        raise DataError(f"{problem} {len(most.kinds):,}: which has the words?", hint)
    if len(tag.kinds) > len(tag.cells) / 2:
        problem = (
            f"{reference}: column {tag.place + 1} has {len(tag.kinds):,} "
            f"different values in {amount(len(tag.cells), 'line')}"
        )
        raise DataError(
            f"{problem}, too many for tags",
            f"{columns_hint(made.width, word.place, tag.place)} says that they are tags",
        )


def _first_row(made: Layout) -> str:
    return shown_row([column.cells[0] for column in made.columns])
