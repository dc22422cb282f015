"""A document's sentences: pieces that concatenate to its text, so that nothing is lost on the way
to tokens.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

import sentencex

from sslcli.data.documents import Document
from sslcli.data.text.quotations import ends_of_sentences

RULES = 2  # the version of the rules by which text is split; data.sentence_rules says which
_LOOKED_AT_CHARACTERS = 2_000
_ENOUGH_HAN = _ENOUGH_OF_A_SCRIPT = 0.2
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff]")
# Scripts in which text of no known language is split otherwise than English: initials and
# abbreviations in Russian, a question mark that looks like a semicolon in Greek.
_BY_SCRIPT = {
    "ko": re.compile("[\uac00-\ud7a3]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "el": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
}
_WITH_QUOTATIONS = ("zh", "yue", "wuu", "lzh", "ja", "ko")
# of a sentence; what goes on longer is cut, so that no sentence takes memory without bound
LONGEST_CHARACTERS = 20_000


def guess_language(text: str, rules: int = RULES) -> str:
    """The language whose rules split the text best, by its script, "en" for all others.

    Han characters without kana are "zh", with kana "ja". Version 1 of the rules knew "zh" and "en".
    """
    start = text[:_LOOKED_AT_CHARACTERS]
    if start.isascii():
        return "en"
    letters, han, kana = (
        sum(map(str.isalpha, start)),
        len(_HAN.findall(start)),
        len(_KANA.findall(start)),
    )
    if not kana and han > _ENOUGH_HAN * letters:
        return "zh"
    if rules == 1:
        return "en"
    if kana + han > _ENOUGH_OF_A_SCRIPT * letters:
        return "ja" if kana > 0.1 * han else "zh"
    shares = {language: len(script.findall(start)) for language, script in _BY_SCRIPT.items()}
    most = max(shares, key=shares.__getitem__)
    return most if shares[most] > _ENOUGH_OF_A_SCRIPT * letters else "en"


def split_sentences(document: Document, guessed: str = "", rules: int = RULES) -> list[str]:
    """Split a text by its document's own sentences, or by `sentencex` for its language.

    A line end ends a sentence too. The white space between two sentences goes with the second, as
    in byte-level BPE ("Ġword"); that at the end of the text with the last. A text of white space
    alone has no sentence. `guessed` is the language where the document names none. `rules` is the
    version of the rules: 1 is the library's alone, 2 keeps quotations in Chinese, Japanese and
    Korean whole (`ends_of_sentences`).
    """
    if document.sentences is not None:
        return [sentence for sentence in document.sentences if sentence]
    text = document.text or ""
    return list(
        _leading_space(
            _segments(text, document.language or guessed or guess_language(text, rules), rules)
        )
    )


def _segments(text: str, language: str, rules: int) -> Iterator[str]:
    quotes = rules > 1 and language.partition("-")[0].lower() in _WITH_QUOTATIONS
    for line in text.splitlines(keepends=True):
        for part in _parts(line):
            pieces = sentencex.segment(language, part)
            whole = "".join(pieces) == part
            if whole and quotes and len(pieces) > 1:
                ends = ends_of_sentences(part, list(accumulate(map(len, pieces[:-1]))))
                pieces = [part[start:stop] for start, stop in pairwise([0, *ends, len(part)])]
            yield from pieces if whole else [part]


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
