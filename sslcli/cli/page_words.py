"""The words of a page in other languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PageWords:
    """`language`: its code."""

    language: str

    @classmethod
    def of(cls, language: str) -> "PageWords":
        """Those of a language."""
        return cls(language)

    def __call__(self, text: str) -> str:
        return text
