"""Symbol sequences out of FASTA, FASTQ and plain lines.

FASTA: Pearson and Lipman 1988, a header line ">name description" and lines of letters. FASTQ: Cock
et al. 2010 (doi 10.1093/nar/gkp1137): "@name description", letters, "+", and one quality character
for each letter.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from sslcli.api import DataError, PassedOver, Record, Unreadable, Where, read_lines

_LETTERS = re.compile(r"[A-Za-z*.-]+")  # IUPAC codes, a stop, and gaps
_LABEL = re.compile(r"(?:^|\s)label=(\S+)")
# a single word with one of these is a number of a read or a field, not a class
_NO_LABEL = re.compile(r"[=:|]")
# what the first line of a table of sequences may begin with
_COLUMN_NAMES = ("sequence", "seq", "text")
_NOTHING = "the record has a name and no letters"
_FASTQ_HINT = "a FASTQ record is '@name', letters, '+' and as many quality characters"
Lines = Iterator[tuple[int, str]]


def fasta_records(reference: str) -> Iterator[Record]:
    """Yield records of id, sequence and, where the header has one, label.

    Blank lines and comments (;) are skipped; a record without letters is passed over. Raises
    DataError naming the line.
    """
    return _of_fasta(reference, read_lines(reference))


def _of_fasta(reference: str, lines: Lines) -> Iterator[Record]:
    record: _Gathered | None = None
    for number, line in lines:
        line, where = line.strip(), Where.at_line(reference, number)
        if line.startswith(">"):
            if record is not None:
                yield record.finished()
            record = _Gathered(where, line[1:])
        elif line and not line.startswith(";"):
            if record is None:
                raise DataError(
                    f"{where}: letters without a header", "a FASTA record begins with '>name'"
                )
            record.add(line, where)
    if record is not None:
        yield record.finished()


def fastq_records(reference: str) -> Iterator[Record]:
    """Yield records as `fasta_records` does; qualities are not read.

    Letters and qualities may span several lines. A quality line may begin with "@" or "+": the
    number of letters decides where the qualities end.
    """
    lines = ((number, line.strip()) for number, line in read_lines(reference))
    for number, line in lines:
        if line:
            yield _fastq_record(Where.at_line(reference, number), line, lines)


def _fastq_record(where: Where, header: str, lines: Lines) -> Record:
    """Read the record of a header; its other lines are taken from `lines`."""
    if not header.startswith("@"):
        raise DataError(f"{where}: this is no FASTQ record, which begins with '@name'", _FASTQ_HINT)
    record, letters = _Gathered(where, header[1:]), 0
    for number, line in lines:
        if line.startswith("+"):
            break
        letters += len(line)
        record.add(line, Where.at_line(where.file, number))
    else:
        raise DataError(f"{where}: the last record has no '+' line", _FASTQ_HINT)
    if line[1:].strip() not in ("", header[1:].strip(), record.name):
        raise DataError(
            f"{where}: the '+' line names '{line[1:41].strip()}', another record", _FASTQ_HINT
        )
    qualities = 0
    while qualities < letters:
        _, line = next(lines, (0, None))
        if line is None:
            problem = f"the last record has {letters} letters and {qualities} quality characters"
            raise DataError(f"{where}: {problem}", _FASTQ_HINT)
        qualities += len(line)
    if qualities > letters:
        raise DataError(
            f"{where}: there are {letters} letters and {qualities} quality characters", _FASTQ_HINT
        )
    return record.finished()


def line_records(reference: str) -> Iterator[Record]:
    """Yield one sequence per line and, behind a tab, its label.

    A first line that is a FASTA header makes the file FASTA. Raises DataError.
    """
    lines = ((number, line) for number, line in read_lines(reference) if line.strip())
    first = next(lines, None)
    if first is None:
        return iter(())
    if first[1].lstrip().startswith(">"):
        return _of_fasta(reference, chain([first], lines))
    names_columns = first[1].split("\t")[0].strip().lower() in _COLUMN_NAMES
    rows = lines if names_columns else chain([first], lines)
    return (_line_record(Where.at_line(reference, number), line) for number, line in rows)


def _line_record(where: Where, line: str) -> Record:
    sequence, *label = line.split("\t")
    if '"' in line:
        problem = f"{where} has a quotation mark in it, which is no symbol of a sequence"
        hint = "write a sequence, a tab and its label; tables and JSON go by .csv, .tsv and .jsonl"
        return Record(where, Unreadable(DataError(problem, hint)))
    if len(label) > 1:
        problem = f"{where} has {1 + len(label)} columns"
        return Record(
            where, Unreadable(DataError(problem, "write a sequence, and a tab and its label"))
        )
    if label and not any(map(str.isalpha, sequence)):
        problem = f"{where} begins with '{sequence[:40]}', which is no sequence"
        return Record(
            where,
            Unreadable(DataError(problem, "write the sequence first, then a tab and its label")),
        )
    return Record(where, {"sequence": sequence, **({"label": label[0].strip()} if label else {})})


FORMATS: Mapping[str, Callable[[str], Iterator[Record]]] = {
    **dict.fromkeys(("fasta", "fa", "fna", "ffn", "faa", "frn", "fas", "mfa"), fasta_records),
    **dict.fromkeys(("fastq", "fq"), fastq_records),
    "txt": line_records,
}


def label_hint(suffix: str, name: str) -> str:
    """Say how a file of this suffix gives the label of the record with this name."""
    if FORMATS.get(suffix) is line_records:
        return "the label stands behind the sequence and a tab"
    if suffix not in FORMATS:
        return ""
    mark = "@" if FORMATS[suffix] is fastq_records else ">"
    name, _, label = name.rpartition("|") if "|" in name else (name, "", "CLASS")
    return f"the label is the only word behind the name, or label=...: '{mark}{name} {label}'"


@dataclass
class _Gathered:
    """A record while its lines are read."""

    where: Where
    header: str
    parts: list[str] = field(default_factory=list)
    problem: DataError | None = None

    @property
    def name(self) -> str:
        """The record's name, up to the first white space."""
        return next(iter(self.header.split()), "")

    def add(self, line: str, where: Where) -> None:
        """Add letters, spaces between allowed; anything else becomes the record's problem."""
        letters = "".join(line.split())
        if letters and self.problem is None and not _LETTERS.fullmatch(letters):
            stranger = next(letter for letter in letters if not _LETTERS.fullmatch(letter))
            problem = f"{where}: '{stranger}' is no letter of a sequence"
            self.problem = DataError(problem, "IUPAC letters, '*', '-' and '.' are")
        self.parts.append(letters)

    def finished(self) -> Record:
        """Build the record; its label is label=..., or the only word after the name."""
        sequence = "".join(self.parts)
        if self.problem is not None:
            return Record(self.where, Unreadable(self.problem))
        if not sequence:
            return Record(self.where, Unreadable(PassedOver(self.where, _NOTHING)))
        _, *words = self.header.split() or [""]
        said = _LABEL.search(" ".join(words))
        label = words[0] if len(words) == 1 and not _NO_LABEL.search(words[0]) else None
        return Record(
            self.where, {"id": self.name, "sequence": sequence, "label": said[1] if said else label}
        )
