"""Special tokens that raw text may not produce, and how often it tried.

A text that reads "[SEP]" would otherwise pretend to be two. Such a spelling is tokenized as
ordinary text, and counted, so that a command can report it.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise


class Guard:
    """`tokens`: the ids that no text may yield, and how each is spelled.

    `literals`: special tokens that a text may spell, which may begin as a guarded one does.
    """

    def __init__(self, tokens: Mapping[int, str], literals: Collection[str] = ()) -> None:
        self.ids = frozenset(tokens)
        self.spellings: Counter[str] = Counter()
        self._names = frozenset(name for name in tokens.values() if name)
        names = sorted({*self._names, *literals}, key=lambda name: (-len(name), name))
        self._pattern = re.compile("|".join(map(re.escape, names)))
        self._first = tuple({name[0] for name in self._names})

    def count(self, texts: Sequence[str]) -> None:
        """Takes note of the guarded spellings in these texts."""
        for text in texts:
            if any(letter in text for letter in self._first):
                self.spellings.update(match[0] for match in self._found(text))

    def taken(self) -> Counter[str]:
        """The spellings since this was last asked."""
        found, self.spellings = self.spellings, Counter()
        return found

    def _found(self, text: str) -> Iterator[re.Match[str]]:
        return (match for match in self._pattern.finditer(text) if match[0] in self._names)

    def apart(self, text: str) -> tuple[list[int], list[str]]:
        """Return offsets and parts: the text, cut after the first character of every such
        spelling.
        """
        starts = [0, *(match.start() + 1 for match in self._found(text))]
        return starts, [text[start:stop] for start, stop in pairwise([*starts, len(text)])]


def as_remark(spellings: Mapping[str, int]) -> str:
    """A sentence about counted spellings; empty where there are none."""
    if not spellings:
        return ""
    named = ", ".join(f"{name} ({count:,} times)" for name, count in sorted(spellings.items()))
    return f"special tokens that the text spells out were read as plain text: {named}"
