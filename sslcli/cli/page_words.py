"""The words of a page in other languages: its own ones, and those of what the commands of this
project write into reports.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from sslcli.workflows.tour.chapters import Tongue

DEEPEST = 4  # a name that is made of others, which are made of others
FIRST_OF_CJK = "\u2e80"
_KNOWN = re.compile(r"\{k\[(\d+)\]\}")


@dataclass(frozen=True)
class PageWords:
    """`texts`: whole ones; `patterns`: those that are made of others, and what they become;
    `headings`: texts of columns alone, since elsewhere they may be names of the data. Of what is
    made of others, {0} is a part as it is, {t[0]} as it is told, {k[0]} so too, where it is known.

    What is in neither stays as it is.
    """

    language: Tongue = "en"
    texts: Mapping[str, str] = field(default_factory=dict)
    patterns: Sequence[tuple[re.Pattern[str], str]] = ()
    headings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    @cache
    def of(cls, language: Tongue) -> "PageWords":
        """Those of a language; English ones are those of the program."""
        if language == "en":
            return cls()
        file = Path(__file__).with_name(f"words_{language}.yaml")
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
        patterns = [(re.compile(pattern), made) for pattern, made in said["patterns"]]
        return cls(language, said["texts"], patterns, said["headings"])

    def __call__(self, text: str, depth: int = 0) -> str:
        """The text in this language, as far as it is known."""
        if self.language == "en":
            return text
        text = text.strip()  # of two columns of one name the second has a blank more
        small = text[:1].lower() + text[1:]
        if known := self.texts.get(text) or self.texts.get(small):
            return known
        for pattern, made in self.patterns if depth < DEEPEST else ():
            if found := pattern.fullmatch(text):
                groups = [group or "" for group in found.groups()]
                told = [self(group, depth + 1) for group in groups]
                if all(told[at] != groups[at] for at in map(int, _KNOWN.findall(made))):
                    return made.format(*groups, t=told, k=told)
        return text

    def heading(self, text: str) -> str:
        """The text of a column."""
        return self.headings.get(text.strip()) or self(text)

    def knows(self, columns: Sequence[str]) -> bool:
        """Tell whether these are columns of ours: where one is not known, all may be the data's."""
        return all(
            self.heading(each) != each or not re.search("[A-Za-z]{2}", each) for each in columns
        )

    def is_foreign(self, text: str) -> bool:
        """Tell whether a text stays English on a page in another language, for who reads aloud."""
        return self.language != "en" and max(self(text), default="") < FIRST_OF_CJK
