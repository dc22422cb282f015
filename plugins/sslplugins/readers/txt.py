"""Plain text: one document per paragraph, line or file; .txt, compressed or not, and stdin."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Literal

from sslcli.api import Config, DataError, Document, Reader, Where, read_lines, setting

_LINES_LOOKED_AT = 200
_LONGEST_DOCUMENT_CHARACTERS = 1 << 24  # a document is in memory several times while it is cut
Lines = Iterator[tuple[int, str]]


class TextReader(Reader["TextReader.Options"]):
    """Documents out of plain text, separated by blank lines, by line ends, or one per file."""

    summary = "plain text, a document a paragraph, a line or a file"
    reads_plain_text = True

    class Options(Config):
        documents_by: Literal["auto", "blank-line", "line", "file"] = setting(
            "auto",
            (
                "what ends a document; auto: a blank line where "
                "one is among the first 200 lines, else the line"
            ),
            "--documents-by",
        )
        language: str = setting("", "language of all documents (en, zh, ...)", "--language")
        errors: Literal["strict", "replace"] = setting(
            "strict", "what to do with bytes that are not UTF-8"
        )

    def documents(self, reference: str) -> Iterator[Document]:
        """Yield the documents of one file, each located by its first line."""
        lines = read_lines(reference, self.options.errors)
        looked_at = list(islice(lines, _LINES_LOOKED_AT))
        way = self.options.documents_by
        if way == "auto":
            way = "blank-line" if _has_inner_blank([line for _, line in looked_at]) else "line"
        lines = chain(looked_at, lines)
        if way == "line":
            pieces = ((number, line) for number, line in lines if line.strip())
        else:
            pieces = _joined(lines, reference, ends_at_blank=way == "blank-line")
        for number, text in pieces:
            yield Document(
                Where.at_line(reference, number), text=text, language=self.options.language
            )


def _has_inner_blank(lines: list[str]) -> bool:
    """Return whether a blank line is between two that are not."""
    filled = [place for place, line in enumerate(lines) if line.strip()]
    return bool(filled) and filled[-1] - filled[0] + 1 > len(filled)


def _joined(lines: Lines, reference: str, ends_at_blank: bool) -> Lines:
    """Yield (number of its first line, text) of every document."""
    gathered: list[str] = []
    first = size = 0
    for number, line in lines:
        if ends_at_blank and not line.strip():
            if gathered:
                yield first, "\n".join(gathered)
            gathered, size = [], 0
            continue
        if not gathered:
            first = number
        gathered.append(line)
        size += len(line)
        if size > _LONGEST_DOCUMENT_CHARACTERS:
            hint = "use --documents-by line or blank-line"
            problem = f"a document has more than {_LONGEST_DOCUMENT_CHARACTERS >> 20} Mi characters"
            raise DataError(f"{Where.at_line(reference, first)}: {problem}", hint)
    if any(line.strip() for line in gathered):
        yield first, "\n".join(gathered)
