"""A document's sentences: pieces that concatenate to its text, so that nothing is lost on the way to tokens."""

import re
from collections.abc import Iterator

import sentencex

from sslcli.data.documents import Document

_LOOKED_AT_CHARACTERS = 2_000
_ENOUGH_HAN = 0.2
_HAN, _KANA = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff]")
LONGEST_CHARACTERS = 20_000  # of a sentence; what goes on longer is cut, so that no sentence takes memory without bound


def guess_language(text: str) -> str:
    """ "zh" where a good part of the letters are Han characters without kana, else "en"; only good enough to split by."""
    start = text[:_LOOKED_AT_CHARACTERS]
    if start.isascii() or _KANA.search(start) or not (han := len(_HAN.findall(start))):
        return "en"
    return "zh" if han / sum(map(str.isalpha, start)) > _ENOUGH_HAN else "en"


def split_sentences(document: Document, guessed: str = "") -> list[str]:
    """Pieces of the text, by the document's own sentences or by `sentencex` for its language; a line end ends one too.

    The white space between two sentences goes with the second, as byte-level BPE has it ("Ġword"); what ends the text,
    with the last. A text of white space alone has no sentence. `guessed` is its language where the document says none.
    """
    if document.sentences is not None:
        return [sentence for sentence in document.sentences if sentence]
    text = document.text or ""
    return list(_leading_space(_segments(text, document.language or guessed or guess_language(text))))


def _segments(text: str, language: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        for part in _parts(line):
            pieces = sentencex.segment(language, part)
            yield from pieces if "".join(pieces) == part else [part]


def _parts(line: str) -> Iterator[str]:
    """Parts of at most LONGEST_CHARACTERS, cut before a space where there is one."""
    start = 0
    while len(line) - start > LONGEST_CHARACTERS:
        space = line.rfind(" ", start + 1, start + LONGEST_CHARACTERS)
        stop = space if space > 0 else start + LONGEST_CHARACTERS
        yield line[start:stop]
        start = stop
    yield line[start:]


def _leading_space(pieces: Iterator[str]) -> Iterator[str]:
    held = space = ""
    for piece in pieces:
        body = piece.rstrip()
        if not body:
            space += piece
            continue
        if held:
            yield held
        held, space = space + body, piece[len(body) :]
    if held:
        yield held + space
