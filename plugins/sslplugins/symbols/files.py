"""Sequences of symbols out of FASTA, FASTQ and plain lines.

FASTA: Pearson and Lipman 1988, a header line ">name description" and lines of letters. FASTQ: Cock et al. 2010
(doi 10.1093/nar/gkp1137), four lines a record.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from sslcli.api import DataError, Record, Where, read_lines

_LETTERS = re.compile(r"[A-Za-z*.-]+")  # IUPAC codes, a stop, and gaps
_LABEL = re.compile(r"\blabel=(\S+)")
_LINES_OF_FASTQ = 4


def fasta_records(reference: str) -> Iterator[Record]:
    """Columns id, sequence and, where the header has one, label. Raises DataError naming the line."""
    header, where, parts = "", None, []
    for number, line in read_lines(reference):
        line = line.strip()
        if line.startswith(">"):
            if where is not None:
                yield _record(where, header, parts)
            header, where, parts = line[1:], Where(reference, number), []
        elif line and not line.startswith(";"):  # a comment, in files of the first kind
            if where is None:
                raise DataError(f"{Where(reference, number)}: letters without a header", "a FASTA record begins with '>name'")
            parts.append(_checked(line, Where(reference, number)))
    if where is not None:
        yield _record(where, header, parts)


def fastq_records(reference: str) -> Iterator[Record]:
    """As `fasta_records`; how sure the letters are is left out. Raises DataError naming the line."""
    hint = "a FASTQ record is '@name', letters, '+' and as many marks of quality, a line each"
    lines: list[str] = []
    where = Where(reference, 1)
    for number, line in read_lines(reference):
        if not lines and not line.strip():
            continue
        where = where if lines else Where(reference, number)
        lines.append(line.strip())
        if len(lines) == _LINES_OF_FASTQ:
            header, letters, plus, quality = lines
            if not header.startswith("@") or not plus.startswith("+") or len(letters) != len(quality):
                raise DataError(f"{where}: this is no FASTQ record", hint)
            yield _record(where, header[1:], [_checked(letters, where)])
            lines = []
    if lines:
        raise DataError(f"{where}: the last record has {len(lines)} of {_LINES_OF_FASTQ} lines", hint)


def line_records(reference: str) -> Iterator[Record]:
    """One sequence a line and, behind a tab, its label. Raises DataError naming the line."""
    for number, line in read_lines(reference):
        if line.strip():
            sequence, *label = line.split("\t")
            if len(label) > 1:
                raise DataError(f"{Where(reference, number)} has {1 + len(label)} columns", "write a sequence, and a tab and its label")
            yield Record(Where(reference, number), {"sequence": sequence, **({"label": label[0].strip()} if label else {})})


FORMATS: Mapping[str, Callable[[str], Iterator[Record]]] = {
    **dict.fromkeys(("fasta", "fa", "fna", "ffn", "faa", "fas"), fasta_records),
    **dict.fromkeys(("fastq", "fq"), fastq_records),
    "txt": line_records,
}


def _record(where: Where, header: str, parts: list[str]) -> Record:
    """The label is what label=... says, or the only word after the name: more words describe."""
    if not parts:
        raise DataError(f"{where}: '{header[:40]}' has no letters", "a record has lines of letters after its header")
    name, _, description = header.strip().partition(" ")
    said, words = _LABEL.search(description), description.split()
    label = said[1] if said else words[0] if len(words) == 1 else None
    return Record(where, {"id": name, "sequence": "".join(parts), "label": label})


def _checked(letters: str, where: Where) -> str:
    if not _LETTERS.fullmatch(letters):
        stranger = next((letter for letter in letters if not _LETTERS.fullmatch(letter)), "")
        raise DataError(f"{where}: '{stranger}' is no letter of a sequence", "IUPAC letters, '*', '-' and '.' are")
    return letters
