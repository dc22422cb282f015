"""Language codes around a text, by one rule: source and target are `text </s> [language]`, and the
decoder, which reads the target with its last token in front, begins with the code.

Liu et al. 2020, "Multilingual denoising pre-training" (arXiv 2001.08210), section 2.2, as models in
that layout are trained further. Codes are special tokens of the tokenizer that are named like
en_XX, eng_Latn or __en__.
"""

import re
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Literal

import numpy as np

from sslcli.api import Corpus, DataError, Tokenizer, UsageError

Wish = Literal["auto", "yes", "no"]
_CODE = re.compile("([a-z]{2,3})_(?:[A-Z]{2}|[A-Z][a-z]{3})|__([a-z]{2,3})__")
MOST_NAMED = 8  # codes, in a hint


class LanguageCodes:
    """The tokenizer as it encloses texts of each language.

    With "auto" there are codes where the tokenizer has any and the data says its languages.
    """

    def __init__(self, tokenizer: Tokenizer, separator: int, wish: Wish) -> None:
        self.tokenizer, self.separator, self.wish = tokenizer, separator, wish
        self._enclosing: dict[str, Tokenizer] = {}
        if wish == "yes" and not self.codes:
            raise UsageError(
                "the tokenizer has no language codes, such as en_XX",
                "leave out --language-codes, or take a tokenizer of a model that has them",
            )

    @cached_property
    def codes(self) -> Mapping[str, int]:
        """The code of each language, which stands there by its own name and by that of the code."""
        special = np.flatnonzero(self.tokenizer.specials)
        found = dict[str, int]()
        for token, piece in zip(special.tolist(), self.tokenizer.pieces(special), strict=True):
            if match := _CODE.fullmatch(piece):
                found[piece.lower()] = token
                found.setdefault(match[1] or match[2], token)
        return found

    def remarks(self, last_B: Collection[int], first_B: Collection[int]) -> list[str]:
        """The rule, where the last tokens of texts are codes: what the decoder reads first."""
        codes = {*self.codes.values()}
        used = self.tokenizer.pieces(sorted(codes.intersection(last_B)))
        begins = ", and the decoder begins with it" if codes.issuperset(first_B) else ""
        return [f"texts end with their language code ({', '.join(used)}){begins}"] if used else []

    def tokenizer_of(self, corpus: Corpus, document: int | None = None) -> Tokenizer:
        """Return the tokenizer that encloses the texts of a document, or of any of the corpus.

        Raises DataError where a language of the corpus has no code, and codes are to be used.
        """
        said = [language for language in corpus.languages if language]
        if self.wish == "no" or not self.codes or (self.wish == "auto" and not said):
            return self.tokenizer
        enclosing = [self._of(language) for language in corpus.languages]
        return enclosing[0 if document is None else corpus.language_of(document)]

    def _of(self, language: str) -> Tokenizer:
        if language not in self._enclosing:
            closing = (self.separator, self._code(language))
            enclosing, template = copy(self.tokenizer), self.tokenizer.template
            single = replace(template.single, tokens=((), closing), types=((), (0, 0)))
            enclosing.template = replace(template, single=single)
            self._enclosing[language] = enclosing
        return self._enclosing[language]

    def _code(self, language: str) -> int:
        if not language:
            raise DataError(
                "the data does not say its language, and the tokenizer has language codes",
                "say it as in --data en=FILE, or use --language-codes no",
            )
        if (code := self.codes.get(language.lower())) is None:
            pieces = self.tokenizer.pieces(sorted(set(self.codes.values())))
            more = ", ..." if len(pieces) > MOST_NAMED else ""
            raise DataError(
                f"the tokenizer has no code for the language '{language}'",
                f"it has {', '.join(pieces[:MOST_NAMED])}{more}; or use --language-codes no",
            )
        return code
