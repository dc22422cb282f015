"""The chapters of `ssl tour`: what is told, the lines that show it, and what to look at."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

Tongue = Literal["en", "zh"]
LECTURE = Path(__file__).with_name("lecture.yaml")
TRAINING = ("pretrain", "finetune")


@dataclass(frozen=True)
class TourLine:
    """One command of a chapter: the words behind `ssl`."""

    words: tuple[str, ...]

    @property
    def typed(self) -> str:
        """As it is typed."""
        return shlex.join(["ssl", *self.words])

    @property
    def run(self) -> str | None:
        """The name of the run that it makes, if it makes one."""
        if self.words[0] not in TRAINING:
            return None
        return self.words[self.words.index("--name") + 1]

    @property
    def model(self) -> str | None:
        """The name of the run that it looks into or goes out from."""
        place = self.words.index("--model") if "--model" in self.words else -1
        return None if place < 0 else self.words[place + 1]

    def going_on(self) -> "TourLine":
        """The line that goes on with its run, where that was begun."""
        begins = self.words[: 2 if self.words[0] == "finetune" else 1]
        return TourLine((*begins, "--resume", str(self.run)))


@dataclass(frozen=True)
class Chapter:
    """`number` counts from 1."""

    number: int
    title: str
    told: str
    look: str
    lines: Sequence[TourLine]


def wanted_lines(
    everyone: Sequence[Chapter], chosen: Collection[int]
) -> Sequence[tuple[Chapter, Sequence[TourLine]]]:
    """The lines of the chosen chapters, with those of others that make the models they ask, in
    order.
    """
    lines = [line for chapter in everyone if chapter.number in chosen for line in chapter.lines]
    models = {line.model for line in lines}
    own = [
        (chapter, [line for line in chapter.lines if line in lines or line.run in models - {None}])
        for chapter in everyone
    ]
    return [(chapter, wanted) for chapter, wanted in own if wanted]


@cache
def chapters(tongue: Tongue) -> Sequence[Chapter]:
    """The lecture in a language."""
    entries = yaml.safe_load(LECTURE.read_text(encoding="utf-8"))
    return [
        Chapter(
            number,
            entry["title"][tongue],
            entry["told"][tongue],
            entry["look"][tongue],
            [TourLine(tuple(shlex.split(line))) for line in entry["lines"]],
        )
        for number, entry in enumerate(entries, start=1)
    ]
