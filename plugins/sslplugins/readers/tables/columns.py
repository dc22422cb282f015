"""Which columns of a table are read, and as what: told by their names and by all of their values.

A column is one of numbers where its values are; a few texts among many numbers are refused, for
whoever wrote them is to say what they are.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sslcli.api import DataError, TableColumn, Where, amount, choices
from sslplugins.readers.tables.values import has_comma, is_missing, number_in, why_no_number

LABELS = ("label", "labels", "target", "targets", "class", "y", "anomaly", "is_anomaly", "outlier",
          "is_outlier", "fraud", "is_fraud", "isfraud")  # fmt: skip
_IDENTIFIER = re.compile(
    r"|unnamed: 0|id|ids|index|row|row ?id|uuid|guid|.+[_ .-]id|.+[a-z]I[Dd]", re.ASCII
)
MOST_DISTINCT = 10_000  # texts of a column that are told apart
FEWEST_OF_IDENTIFIER = 20
STRAY = 0.1  # share of texts among numbers up to which they are taken for mistakes
WORDS_OF_SENTENCE = 3
NO_LABEL = "none"
Unit = Literal["record", "line"]


@dataclass
class Seen:
    """What a column holds: how many numbers, texts and missing values, which texts, where the first
    of them stands.
    """

    name: str
    numbers: int = 0
    missing: int = 0
    texts: int = 0
    commas: int = 0
    first: tuple[int, str] = (0, "")
    distinct: dict[str, None] = field(default_factory=dict)
    digits: dict[str, None] = field(default_factory=dict)  # numbers as they are written

    def note(self, cell: str, line: int, *, is_named: bool) -> None:
        """`is_named`: the column is read as categories, whatever it holds."""
        if is_missing(cell):
            self.missing += 1
        elif not is_named and number_in(cell) is not None:
            self.numbers += 1
            if len(self.digits) < MOST_DISTINCT:
                self.digits.setdefault(cell)
        else:
            self.texts += 1
            self.commas += has_comma(cell)
            if not self.first[0]:
                self.first = (line, cell)
            if len(self.distinct) < MOST_DISTINCT:
                self.distinct.setdefault(cell)

    def column(self, reference: str, unit: Unit) -> TableColumn | str:
        """The column, or why it is not read; `unit`: what records are counted in. Raises DataError
        naming the line of a cell that is neither a number nor one of some categories.
        """
        if not self.numbers + self.texts:
            return "it is empty"
        if not self.texts:
            return TableColumn(self.name)
        told = self.numbers + self.texts
        if self.commas == self.texts or (self.numbers > 0 and self.texts <= max(1, STRAY * told)):
            raise _refused(self, reference, unit)
        if self._are_sentences:
            return "it holds texts of several words"
        if len(self.distinct) == self.texts > FEWEST_OF_IDENTIFIER:
            return "its texts are all different"
        return self._named(reference)

    @property
    def _are_sentences(self) -> bool:
        """Whether most texts are different from one another and have several words."""
        words = sum(len(text.split()) for text in self.distinct) / len(self.distinct)
        return words >= WORDS_OF_SENTENCE and 2 * len(self.distinct) > self.texts

    def as_categories(self, reference: str) -> TableColumn | str:
        """The same of a column that is said to hold categories."""
        return self._named(reference) if self.texts else "it is empty"

    def _named(self, reference: str) -> TableColumn:
        names = {**self.distinct, **self.digits}
        if len(names) >= MOST_DISTINCT:
            raise DataError(
                f"{reference}: column '{self.name}' has {MOST_DISTINCT:,} categories and more",
                f"leave it out: --leave-out {self.name}",
            )
        return TableColumn(self.name, "category", categories=tuple(sorted(names)))


def _refused(seen: Seen, reference: str, unit: Unit) -> DataError:
    line, cell = seen.first
    what, hint = why_no_number(cell)
    where = Where(reference, line, seen.name, unit)
    others = f" among {amount(seen.numbers, 'number')}" if seen.numbers else ""
    return DataError(
        f"{where}{others} holds {what}",
        hint
        or f"mend it, leave it empty, or read the column as categories: --categories {seen.name}",
    )


def label_among(names: Sequence[str], asked: str | None, reference: str) -> str:
    """The column that says what a record is; empty where there is none. Raises DataError for one
    that is asked for and is not there.
    """
    if asked == NO_LABEL:
        return ""
    if asked is not None:
        return present(names, [asked], "--label", reference)[0]
    return next((name for name in names if name.strip().lower() in LABELS), "")


def present(names: Sequence[str], asked: Iterable[str], flag: str, reference: str) -> list[str]:
    """The columns that are asked for: each by its name, or several behind commas. Raises DataError
    for one that is not there.
    """
    found: list[str] = []
    for each in asked:
        for name in [each] if each in names else [part.strip() for part in each.split(",")]:
            if name not in names:
                hint = choices(name, names[:40], "it has")
                raise DataError(f"{reference} has no column '{name}', which {flag} names", hint)
            found.append(name)
    return found


def is_identifier(name: str) -> bool:
    """Tell whether a name says that its column only tells records apart."""
    return bool(_IDENTIFIER.fullmatch(name) or _IDENTIFIER.fullmatch(name.strip().lower()))
