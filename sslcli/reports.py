"""Results of workflows as plain data; screen and page decide on their presentation."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from textwrap import wrap
from typing import Any

# Control characters, line and paragraph ends, and halves of characters, none of which a terminal
# shows as itself.
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp", "Cs"})
# What turns the direction of all text behind it.
_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})

LINE_WIDTH = 100  # of what is read as sentences
SERIES = 5  # so many matrices of the same rows and columns are one picture
MOST_NUMBERED = 20  # rows and columns of a matrix with numbers in its cells
LONGEST_COLUMN = 11  # characters of a label
_LOWER_IS_BETTER = ("loss", "perplexity", "bits_per_byte", "error", "divergence")
# a setting or a size, or what one would compare with
_NEITHER = ("threshold", "share", "tokens", "other_source_loss")


@dataclass(frozen=True)
class Score:
    """A score with its baselines; `interval`: 95 %, if it was computed.

    `higher_is_better`: None for a setting, such as a threshold, which is neither good nor bad.
    """

    name: str
    value: float
    unit: str = ""
    higher_is_better: bool | None = True
    count: int = 0
    interval: tuple[float, float] | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the interval, of a score that was made with one."""
        assert self.interval is not None, f"{self.name} has no interval"
        return self.interval

    @property
    def better(self) -> str:
        """ "higher" or "lower"; empty for a setting, and for a score over nothing."""
        if self.higher_is_better is None or not self.count:
            return ""
        return "higher" if self.higher_is_better else "lower"


def higher_is_better(name: str) -> bool | None:
    """Return the direction of a metric known by name alone, as in metrics.jsonl; None for one that
    is neither good nor bad.

    The name of an objective may precede it.
    """
    return None if name.endswith(_NEITHER) else not name.endswith(_LOWER_IS_BETTER)


@dataclass(frozen=True)
class Table:
    """A table of a report."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True)
class Curve:
    """A line of a plot. `lows`, `highs`: 95 % intervals, if they were computed."""

    title: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()


@dataclass(frozen=True)
class Plot:
    """Curves in one picture, over a common x."""

    title: str
    x: str
    y: str
    curves: Sequence[Curve]
    logarithmic: bool = False  # in x, where 0 has its place too
    log_y: bool = False


@dataclass(frozen=True)
class Matrix:
    """values[row][column], each cell a colour and a number.

    `row_groups`, `column_groups`: the group of each, where like stands beside like; `low`, `high`:
    the ends of the colours, those of the values where not given; `x`, `y`: what columns and rows
    are.
    """

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    row_groups: Sequence[str] = ()
    column_groups: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    x: str = ""
    y: str = ""


@dataclass(frozen=True)
class Scatter:
    """Points in a plane, coloured by group. `links`: pairs of points that belong together, as
    translations do; `x`, `y`: what the axes are."""

    title: str
    xs: Sequence[float]
    ys: Sequence[float]
    labels: Sequence[str]
    groups: Sequence[str]
    links: Sequence[tuple[int, int]] = ()
    x: str = "x"
    y: str = "y"


@dataclass(frozen=True)
class Gallery:
    """Images of one size side by side: `images[row][column]`, with a name for each row and, where
    they have some, for each column.

    `size`: height, width and channels. An image is a text: two hexadecimal digits a number, row by
    row, from black to white; an empty text is an empty place.
    """

    title: str
    size: Sequence[int]
    rows: Sequence[str]
    images: Sequence[Sequence[str]]
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class Sound:
    """A recording of one channel, `rate` samples a second.

    `samples`: two bytes a number, the lower one first, each byte as two hexadecimal digits.
    """

    title: str
    rate: int
    samples: str

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / 4 / self.rate


@dataclass(frozen=True)
class Span:
    """A piece of text with its part in the story: "plain", "corrupted", "target", "special" or
    "correct".
    """

    text: str
    role: str = "plain"


@dataclass(frozen=True)
class Passage:
    """A titled text made of spans. `excerpt`: whether a terminal shows no more than what is near to
    its marks.
    """

    title: str
    spans: Sequence[Span]
    excerpt: bool = False


@dataclass(frozen=True)
class Report:
    """`counts`: what was counted beside the scores: "examples", of how many something was "cut",
    records "left out". `sheets`: tables that are too long for a screen, written as CSV alone.
    """

    title: str = ""
    scores: Sequence[Score] = ()
    tables: Sequence[Table] = ()
    curves: Sequence[Curve] = ()
    plots: Sequence[Plot] = ()
    matrices: Sequence[Matrix] = ()
    scatters: Sequence[Scatter] = ()
    passages: Sequence[Passage] = ()
    notes: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    galleries: Sequence[Gallery] = ()
    sounds: Sequence[Sound] = ()
    sheets: Sequence[Table] = ()

    def score(self, name: str) -> Score:
        """The score of a name ("f1", "exact match"). Raises KeyError with the names that there
        are.
        """
        found = next((score for score in self.scores if score.name == name), None)
        if found is None:
            raise KeyError(
                f"there is no score '{name}'; there are "
                f"{', '.join(score.name for score in self.scores)}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON can hold it, as `--json` prints it."""
        return finite(asdict(self))


def in_language(score: Score, language: str) -> Score:
    """Return the score named after its language, if that has a name."""
    return replace(score, name=f"{score.name} in {language}") if language else score


def filled(table: Table) -> Table:
    """Drop columns that are empty in every row, except the first."""
    width = len(table.columns)
    rows = [[*row, *[None] * width][:width] for row in table.rows]
    said = {at for row in rows for at, cell in enumerate(row) if cell not in (None, "")}
    kept = [at for at in range(width) if at in said or at == 0 or not rows]
    columns = [table.columns[at] for at in kept]
    return Table(table.title, columns, [[row[at] for at in kept] for row in rows])


def stretches(names: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return start, stop and name of each run of equal names."""
    found, start = [], 0
    for name, alike in groupby(names):
        stop = start + len(list(alike))
        found.append((start, stop, name))
        start = stop
    return found


def series(matrices: Sequence[Matrix]) -> list[list[Matrix]]:
    """Group consecutive matrices with equal rows, columns and limits, if they are many."""
    found: list[list[Matrix]] = []
    for _, group in groupby(
        matrices,
        lambda matrix: (tuple(matrix.rows), tuple(matrix.columns), matrix.low, matrix.high),
    ):
        alike = list(group)
        found += [alike] if len(alike) >= SERIES else [[matrix] for matrix in alike]
    return found


def is_series(matrices: Sequence[Matrix]) -> bool:
    """Tell whether there are so many on one scale that each is drawn small and without numbers."""
    return len(matrices) >= SERIES and len({(matrix.low, matrix.high) for matrix in matrices}) == 1


def sheets_of(matrices: Sequence[Matrix]) -> list[list[Matrix]]:
    """Group matrices into pictures: a series, or consecutive ones with the same few rows and
    columns.
    """
    found: list[list[Matrix]] = []
    for alike in series(matrices):
        before = found[-1] if found else []
        if before and _fits(before, alike):
            before += alike
        else:
            found.append(alike)
    return found


def _fits(before: Sequence[Matrix], alike: Sequence[Matrix]) -> bool:
    first, second = before[0], alike[0]
    same = list(first.rows) == list(second.rows) and list(first.columns) == list(second.columns)
    few = max(len(first.rows), len(first.columns)) <= MOST_NUMBERED
    return same and few and not is_series(before) and not is_series(alike)


def panels(plots: Sequence[Plot]) -> list[list[Plot]]:
    """Group consecutive plots over the same x into one picture with several panels."""
    return [list(group) for _, group in groupby(plots, lambda plot: (plot.x, plot.logarithmic))]


def panels_title(plots: Sequence[Plot]) -> str:
    """The title of a picture with these panels."""
    return " and ".join(plot.title for plot in plots)


def has_rows_as_columns(matrix: Matrix) -> bool:
    """Tell whether rows and columns share labels too long for columns, which are then numbered."""
    return (
        list(matrix.rows) == list(matrix.columns)
        and max(map(len, matrix.rows), default=0) > LONGEST_COLUMN
    )


def in_cell(value: float) -> str:
    """A number of a matrix, in few letters."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"


def finite(value: Any) -> Any:
    """Return a form that JSON can hold: null for non-finite numbers, lists for ranges and
    arrays.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    return [finite(inner) for inner in value] if isinstance(value, list | tuple | range) else value


def amount(count: int, one: str, more: str = "") -> str:
    """Return a number with its noun, as in "1 suite" and "1,200 suites".

    `more`: the plural where it is not `one` with an s.
    """
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def mebibytes(count: float) -> str:
    """Format a number of bytes."""
    return f"{count / 2**20:,.1f} MiB"


def printable(text: str) -> str:
    r"""Return one line without terminal control: line ends as ⏎, others as \xNN or \uNNNN."""
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """`printable` line by line, for texts of ours that may have several."""
    return "\n".join(printable(line) for line in text.split("\n"))


def folded(text: str, width: int) -> str:
    """Text in lines of at most so many columns, parted between words; what goes on is indented. A
    word that is longer, as a path, stays whole.
    """
    lines = []
    for line in text.split("\n"):
        margin = line[: len(line) - len(line.lstrip())]
        if len(line) <= width:
            lines.append(line)
            continue
        after = f"{margin}  "
        lines += wrap(
            line, width, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
        )
    return "\n".join(lines)


def _shown(letter: str) -> str:
    if letter == "\n":
        return "⏎"
    if (
        unicodedata.category(letter) in _UNPRINTABLE
        or unicodedata.bidirectional(letter) in _TURNING
    ):
        return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"
    return letter
