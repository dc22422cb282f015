"""Templates of prompts: how a labelled record is written for a language model.

A template is a text, and nothing in it is run: names in braces are replaced, once, by the texts of
the record. A file of one has up to three parts, with a line of three dashes between them:

    Review: {text}
    Sentiment: {label}
    ---
    pos = positive
    neg = negative
    ---
    ###

how an example is written, up to its label (a task may call that {answer} or {target}); the words
for labels that are not written as they are; and a line that stands between two examples, an empty
one where not given.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from sslcli.errors import DataError, did_you_mean
from sslcli.plainfiles import no_such_file, read_whole_text, reason

LABEL = "label"
# Kojima et al. 2022 (arXiv 2205.11916): what leads to steps, and how an answer is given behind them
STEPS = {
    "en": (" ", "Let's think step by step.", " The answer is ", "."),
    "zh": ("", "让我们一步一步地思考。", "答案是", "。"),
}
_PARTS = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_NAMES = re.compile(r"\{([A-Za-z_][A-Za-z_0-9]*)\}")


@dataclass(frozen=True)
class PromptTemplate:
    """How examples are written, one below the other, the last one without its label.

    `before`: an example up to its label, with the names of its texts in braces. `words`: label ->
    word. `between`: what stands between two examples. `is_given`: whether somebody wrote it for
    this data, whose labels it then knows. `around`: what stands around the answer of a worked
    example. `thinks`: whether the answer comes behind steps (see `step_by_step`).
    """

    before: str
    words: Mapping[str, str]
    between: str = "\n\n"
    is_given: bool = False
    around: tuple[str, str] = ("", "")
    thinks: bool = False

    @classmethod
    def read(cls, file: str, names: Sequence[str], answer: str = LABEL) -> Self:
        """Parse a file, as `parse` does. Raises DataError also where it cannot be read."""
        path = Path(file)
        if not path.is_file():
            raise no_such_file(file)
        try:
            text = read_whole_text(path)
        except (OSError, ValueError) as error:
            hint = "a template is a text in UTF-8"
            raise DataError(f"{file} cannot be read: {reason(error)}", hint) from error
        return cls.parse(text.removeprefix("\ufeff"), names, file, answer)

    @classmethod
    def parse(cls, text: str, names: Sequence[str], where: str = "", answer: str = LABEL) -> Self:
        """Parse the text of a template for records with texts of these names.

        `where`: the file, of one that somebody gave. `answer`: how it names what comes last. Raises
        DataError naming what is wrong.
        """
        last = f"{{{answer}}}"
        said = where or "the template"
        parts = _PARTS.split(text.replace("\r\n", "\n") + "\n")
        if len(parts) > 3:
            hint = "an example, the words for the labels, and the line between examples"
            raise DataError(f"{said} has {len(parts)} parts with --- between them", hint)
        example = parts[0].strip("\n")
        before = example.removesuffix(last)
        if before == example or last in before:
            problem = f"{said} does not end an example with {last}"
            raise DataError(problem, f"write {last} once, and nothing behind it")
        used = _NAMES.findall(before)
        known = ", ".join(f"{{{name}}}" for name in names)
        if unknown := [name for name in used if name not in names]:
            hint = did_you_mean(unknown[0], names) or f"there are {known}"
            raise DataError(f"{said} names {{{unknown[0]}}}, which no example has", hint)
        if not used:
            raise DataError(f"{said} shows nothing of an example", f"name {known} in it")
        between = parts[2].strip("\n") if len(parts) > 2 else ""
        return cls(before, _words(parts[1:2], said), f"\n{between}\n", bool(where))

    def step_by_step(self, language: str) -> Self:
        """Return the template that asks for steps, in "zh" or in English, and has "The answer is"
        before the answers of worked examples.
        """
        space, asks, leads, ends = STEPS.get(language, STEPS["en"])
        before = f"{self.before.rstrip()}{space}{asks}"
        return replace(self, before=before, around=(leads, ends), thinks=True)

    def context(self, texts: Mapping[str, str]) -> str:
        """Write an example up to its label; a name in braces within a text stays as it is."""
        return _NAMES.sub(lambda match: texts[match[1]], self.before)

    def word_of(self, label: str) -> str:
        """Return the word for a label; without one it is written as it is."""
        return self.words.get(label, label)

    def words_of(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the word for each label.

        Raises DataError where two are the same, or the template has words for other labels.
        """
        strange = [label for label in self.words if label not in labels] if self.is_given else []
        if strange:
            hint = did_you_mean(strange[0], labels) or f"labels: {', '.join(labels[:12])}"
            raise DataError(f"the template has a word for '{strange[0]}', which is no label", hint)
        words = tuple(map(self.word_of, labels))
        twice = next((word for word in words if words.count(word) > 1), None)
        if twice is not None:
            problem = f"two labels are both written '{twice}' in the template"
            raise DataError(problem, "give each its own word")
        return words

    def with_answer(self, context: str, answer: str) -> str:
        """Write a worked example: its context, and its answer."""
        return answer.join((context + self.around[0], self.around[1]))

    @property
    def next_begins(self) -> str:
        """What another example begins with."""
        return (self.between + self.before.partition("{")[0]).rstrip(" ")

    def behind(self, worked: Sequence[str], context: str) -> str:
        """Write an example up to its label behind worked ones, which have theirs."""
        return self.between.join((*worked, context))


def _words(parts: Sequence[str], said: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for line in parts[0].splitlines() if parts else ():
        label, equals, word = (piece.strip() for piece in line.partition("="))
        if not line.strip():
            continue
        if not (label and equals and word):
            raise DataError(f"{said} has no word in the line '{line:.60}'", "write LABEL = WORD")
        if label in words:
            raise DataError(f"{said} has two words for '{label}'", "leave one of them out")
        words[label] = word
    return words
