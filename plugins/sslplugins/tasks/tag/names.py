"""Names of columns in headers, CoNLL-U Plus and --columns."""

from collections.abc import Sequence

from sslcli.api import DataError, UsageError, Where, amount
from sslplugins.tasks.tag.sentences import listed, wrong

WORDS = frozenset(
    ("word", "words", "token", "tokens", "form", "text", "surface", "char", "character")
)
TAGS = frozenset(
    ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "ne", "entity", "entities",
    "pos", "pos_tag", "pos_tags", "upos",
     "xpos", "chunk", "chunk_tag", "chunk_tags", "iob", "bio", "slot", "slots")
)  # fmt: skip
SENTENCES = frozenset(
    ("sentence", "sentence #", "sentence_id", "sent_id", "sentence_idx", "sentence_number", "sent")
)
OTHERS = frozenset(
    ("-", "_", "", "id", "idx", "index", "number", "no", "#", "lemma", "feats", "features", "head",
    "deprel", "deps", "misc", "start",
     "end", "offset", "doc", "doc_id", "document", "score", "confidence", "speaker", "token_id",
     "word_id")
)  # fmt: skip

# tags that losses of torch and `datasets` give to words that are not counted
NOT_COUNTED = (-100, -1, "-100", "-1")


def named(where: Where, field: str, tag: str, names: Sequence[str]) -> str:
    """Return the name of a tag that is a number. Raises DataError for a number without a name."""
    if not names or not tag.isdigit():
        return tag
    if int(tag) >= len(names):
        problem = f"there are names for the tags 0 to {len(names) - 1}, and none for {tag}"
        raise wrong(where, field, problem, "--label-names gives a name for each number, from 0")
    return names[int(tag)]


def is_header(cells: Sequence[str]) -> bool:
    """Return whether all cells are column names, and one is that of the words."""
    names = [cell.lower() for cell in cells]
    known = all(name in WORDS | TAGS | SENTENCES | OTHERS for name in names)
    return known and len(names) > 1 and sum(name in WORDS for name in names) == 1


def word_and_tags(names: Sequence[str]) -> tuple[int, list[int]]:
    """Return the indices of the words' column and of those that may hold tags."""
    lowered = [name.lower() for name in names]
    return next(place for place, name in enumerate(lowered) if name in WORDS), [
        p for p, name in enumerate(lowered) if name in TAGS
    ]


def asked_places(
    names: Sequence[str], width: int, reference: str, at_least: bool
) -> tuple[int, int | None]:
    """Parse --columns, as in "number,word,tag"; other names are ignored.

    Raises UsageError unless it names one column of words and at most one of tags, DataError where
    the file has another number of columns. `at_least`: rows differ in width, and may be longer.
    """
    columns = ",".join(names)
    words, tags = (
        [place for place, name in enumerate(names) if name.lower() in known]
        for known in (WORDS, TAGS)
    )
    if len(words) != 1 or len(tags) > 1:
        found = f"{amount(len(words), 'column')} of words and {len(tags)} of tags"
        raise UsageError(
            f"--columns {columns} names {found}",
            "name one word and one tag, and - what is neither: --columns -,word,-,tag",
        )
    if len(names) > width or (len(names) < width and not at_least):
        problem = (
            f"{reference} has {amount(width, 'column')}, and --columns {columns} names {len(names)}"
        )
        raise DataError(problem, "name all of them: word, tag, and - for each that is neither")
    return words[0], tags[0] if tags else None


def columns_hint(width: int, word: int | None, tag: int | None) -> str:
    """Return the flag --columns as it would be typed."""
    names = ["-"] * width
    if word is not None:
        names[word] = "word"
    if tag is not None:
        names[tag] = "tag"
    return f"--columns {','.join(names)}"


def shown_row(cells: Sequence[str]) -> str:
    """Say which cells the first line of a file has, for an error message."""
    return f"its first line has {listed(list(cells), 12)}"
