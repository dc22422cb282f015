"""Sentences out of column files, one word per line; `layout` finds the columns."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice, pairwise
from pathlib import Path

from sslcli.api import (
    DataError,
    Example,
    Parsed,
    Where,
    amount,
    current_reading,
    read_lines,
    remark,
)
from sslplugins.tasks.tag.conllu import COLUMNS_OF_CONLLU, conllu_column, examples_of_blocks
from sslplugins.tasks.tag.facts import bio_of_brackets, is_beside_words
from sslplugins.tasks.tag.layout import Layout, layout_of
from sslplugins.tasks.tag.names import NOT_COUNTED, SENTENCES, columns_hint, named
from sslplugins.tasks.tag.rows import Row, Rows, rows_of
from sslplugins.tasks.tag.running import sentences_in_lines
from sslplugins.tasks.tag.sentences import (
    Block,
    Places,
    Sentence,
    blocks_of,
    listed,
    wrong,
)

# of WikiANN: "en:word", "zh-min-nan:word"
_LANGUAGE = re.compile(r"([a-z]{2,3}(?:-[a-z-]+)?):(.+)", re.DOTALL)
FEWEST_PREFIXED = 3  # words
_PLACED = re.compile(r".\d", re.DOTALL)
FEWEST_PLACED = 20  # words
LOOKED_AT = 20_000  # lines, to know what a file is
FEWEST_JOINED = 200  # words that are hardly one sentence
_HINT = (
    "a line is a word and its tag, with tabs between "
    "where words hold blanks; an empty line ends a sentence"
)


@dataclass(frozen=True)
class Asked:
    """Columns that the user or the training data decided.

    `columns`: value of --columns. `places`: those of the training data. `column`: of CoNLL-U.
    `names`: names of tags that are numbers.
    """

    columns: Sequence[str] = ()
    places: Places | None = None
    column: str | None = None
    names: Sequence[str] = ()


def read_columns(reference: str, asked: Asked) -> Iterator[Example]:
    """Read all sentences of a column file; an empty line ends one.

    Where no line has a tag there are no labels. Raises DataError naming file, sentence and field,
    or asking which column has what.
    """
    blocks = list(blocks_of(reference))
    _refuse_markup(reference, blocks)
    if not asked.columns and (found := sentences_in_lines(reference, blocks)):
        return iter(found)
    rows = rows_of(blocks)
    if not asked.columns and _is_conllu(rows):
        remark(f"{reference}: ten columns and numbered words, read as CoNLL-U")
        return examples_of_blocks(reference, blocks, conllu_column(asked.column))
    layout = layout_of(reference, rows, asked.columns, asked.places)
    sentences = _sentences(rows, layout)
    prefix = _prefix_of(sentences, layout)
    places = _with_place(sentences, layout)
    remark(_said(reference, rows, layout, sentences, prefix, places))
    return Parsed(
        partial(_example, reference, layout, (prefix, places), asked.names),
        enumerate(sentences, start=1),
    )


def has_lines_of_words(reference: str) -> bool:
    """Return whether a .csv holds one word per line, with empty lines between sentences."""
    if not Path(reference).is_file():
        return False
    lines = [text for _, text in islice(read_lines(reference), LOOKED_AT)]
    blocks = [
        list(texts)
        for is_filled, texts in groupby(lines, lambda text: bool(text.strip()))
        if is_filled
    ]
    is_parted = len(blocks) > 1 and any(len(texts) > 1 for texts in blocks[1:])
    return is_parted and all(
        " " not in text and text.count('"') % 2 == 0 for texts in blocks for text in texts
    )


def refuse_other_columns(
    examples: Iterable[Example], trained: Mapping[str, int | None] | None
) -> None:
    """Raise DataError where the tags come from another column than the training data's.

    Only files with as many columns as the training data are compared.
    """
    for example in examples:
        places, tag = example.data.places, None if trained is None else trained["tag"]
        if trained is None or tag is None or places is None or places.tag in (None, tag):
            continue
        if (places.word, places.width) == (trained["word"], trained["width"]):
            found = (
                f"the tags seem to be column {places.tag + 1}, and "
                f"in the training data they are column {tag + 1}"
            )
            hint = columns_hint(places.width, trained["word"], tag)
            raise DataError(
                f"{example.where.file}: {found}", f"{hint} says that they are the same in all files"
            )


def _sentences(rows: Rows, layout: Layout) -> list[tuple[Row, ...]]:
    """Yield sentences without headers and lines that are not words.

    They are split where the numbers of words begin anew, or where the sentence column of the header
    changes.
    """
    names = [cell.lower() for cell in layout.header]
    sentences = list((rows.without(layout.header) if layout.header else rows).sentences)
    if (number := layout.number) is not None:
        numbered = (
            tuple(row for row in sentence if not is_beside_words(row, number))
            for sentence in sentences
        )
        return [
            part
            for sentence in numbered
            if sentence
            for part in _divided(sentence, _begins_anew(sentence, number))
        ]
    named = next((place for place, name in enumerate(names) if name in SENTENCES), None)
    if named is None and len(layout.columns) > 2:
        named = next(
            (column.place for column in layout.columns[: layout.word] if column.joins), None
        )
    if named is not None and len(sentences) == 1:
        return list(_divided(sentences[0], _changes(sentences[0], named)))
    return sentences


def _begins_anew(sentence: Sequence[Row], number: int) -> Iterator[int]:
    first = sentence[0].cells[number]
    return (
        place
        for place, row in enumerate(sentence)
        if place and row.cells[number : number + 1] == (first,)
    )


def _changes(sentence: Sequence[Row], named: int) -> Iterator[int]:
    """Return whether a new sentence begins; an empty cell continues the sentence before it."""
    known = sentence[0].cells[named]
    for place, row in enumerate(sentence):
        if row.cells[named] not in ("", known):
            known = row.cells[named]
            yield place


def _divided(sentence: Sequence[Row], begins: Iterator[int]) -> Iterator[tuple[Row, ...]]:
    for start, stop in pairwise([0, *begins, len(sentence)]):
        yield tuple(sentence[start:stop])


def _example(
    reference: str,
    layout: Layout,
    beside: tuple[str, bool],
    names: Sequence[str],
    numbered: tuple[int, Sequence[Row]],
) -> Example:
    record, sentence = numbered
    where = Where(reference, record)
    if current_reading().labels == "unread":
        layout = replace(layout, tag=None, may_be_longer=True)
    for row in sentence:
        _refuse_wrong(where, row, layout)
    words = tuple(
        row.cells[layout.word].removeprefix(beside[0])[: 1 if beside[1] else None]
        for row in sentence
    )
    data = Sentence(words, places=layout.places, names=tuple(names))
    if layout.tag is None:
        return Example(str(record), where, data)
    tags = tuple(row.cells[layout.tag] for row in sentence)
    if layout.brackets:
        try:
            tags = tuple(bio_of_brackets(tags))
        except ValueError as error:
            raise wrong(
                where,
                "tag",
                f"lines {sentence[0].number} to {sentence[-1].number}: {error}",
                "mend the brackets",
            ) from error
    counted_tags = tuple(
        None if tag in NOT_COUNTED else named(where, "tag", tag, names) for tag in tags
    )
    return Example(str(record), where, data, None if set(counted_tags) == {None} else counted_tags)


def _refuse_wrong(where: Where, row: Row, layout: Layout) -> None:
    cells, width = row.cells, layout.width
    if len(cells) == 1 and width > 1 and layout.tag is not None:
        raise wrong(where, "tag", f"line {row.number}: '{cells[0]}' has no tag", _HINT)
    enough = layout.may_be_longer and len(cells) > max(layout.word, layout.tag or 0)
    if len(cells) != width and not enough:
        raise wrong(
            where,
            "word",
            f"line {row.number} has {amount(len(cells), 'column')} and most lines have {width}",
            _HINT,
        )
    if not cells[layout.word] or (layout.tag is not None and not cells[layout.tag]):
        name = "word" if not cells[layout.word] else "tag"
        raise wrong(where, name, f"line {row.number} has an empty {name}", _HINT)


def _refuse_markup(reference: str, blocks: Sequence[Block]) -> None:
    first = blocks[0].lines[0].text.strip()
    if first.lower().startswith(("<?xml", "<!doctype", "<html")):
        raise DataError(f"{reference} is XML", "write a line for each word: word, tab, tag")
    if first.startswith("{") and '"' in first:
        raise DataError(
            f"{reference} looks like JSON, and its ending is that of columns",
            "give it the ending .jsonl",
        )


def _is_conllu(rows: Rows) -> bool:
    """Return whether rows are CoNLL-U or CoNLL-X: ten cells, number, form, ..., head."""
    if rows.width != COLUMNS_OF_CONLLU or rows.separator != "tabs":
        return False
    numbered = [sentence[0].cells[0] in ("1", "1-2", "0.1") for sentence in rows.sentences]
    return all(numbered) and all(row.cells[6].isdigit() or row.cells[6] == "_" for row in rows.even)


def _prefix_of(sentences: Sequence[Sequence[Row]], layout: Layout) -> str:
    """Return a language prefix, with its colon, that every word has."""
    words = [
        row.cells[layout.word]
        for sentence in sentences
        for row in sentence
        if len(row.cells) > layout.word
    ]
    found = _LANGUAGE.fullmatch(words[0]) if len(words) >= FEWEST_PREFIXED else None
    prefix = f"{found[1]}:" if found else ""
    return prefix if all(word.startswith(prefix) for word in words) else ""


def _with_place(sentences: Sequence[Sequence[Row]], layout: Layout) -> bool:
    """Return whether every word is a character and a digit, as in early Weibo NER."""
    words = [
        row.cells[layout.word]
        for sentence in sentences
        for row in sentence
        if len(row.cells) > layout.word
    ]
    return len(words) >= FEWEST_PLACED and all(_PLACED.fullmatch(word) for word in words)


def _said(
    reference: str,
    rows: Rows,
    layout: Layout,
    sentences: Sequence[Sequence[Row]],
    prefix: str,
    places: bool,
) -> str:
    shown = [
        row.cells[layout.word].removeprefix(prefix)
        for row in sentences[0]
        if len(row.cells) > layout.word
    ]
    parts = [f"words are column {layout.word + 1} ({listed(shown, 3)})"]
    if layout.tag is None:
        parts.append("no column has tags")
    else:
        tags = sorted(layout.columns[layout.tag].kinds, key=lambda tag: (tag == "O", tag))
        parts.append(f"tags column {layout.tag + 1} ({listed(tags, 3)})")
    if rows.width == 1:
        parts = [f"one column, of words ({listed(shown, 3)}), and no tags"]
    else:
        parts[-1] += f" of {rows.width}" + (f", {layout.why}" if layout.why else "")
    sentence = f"{reference}: {' and '.join(parts)}"
    extras = [f"'{prefix}' before every word is left out"] if prefix else []
    extras += ["the digit behind every character is left out"] if places else []
    whole = len(sentences) == 1 and len(sentences[0]) >= FEWEST_JOINED
    extras += (
        [f"no empty line parts sentences, so all {len(sentences[0]):,} words are one"]
        if whole
        else []
    )
    extras += [f"{amount(rows.comments, 'line')} of no words"] if rows.comments else []
    if layout.header:
        headers = sum(row.cells == layout.header for row in rows.all)
        is_one = headers == 1
        extras.append("the first line is a header" if is_one else f"{headers} lines are headers")
    return "; ".join([sentence, *extras])
