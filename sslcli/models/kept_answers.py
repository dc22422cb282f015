"""Cache of results about frozen models: the answer to a question, or a fitted shift.

    cache/answers/KEY    a sealed folder with answer.json, and tensors.safetensors where it has some

KEY is that of `question_key`. Together they have a bound, beyond which the one that was not asked
for the longest goes first. What is damaged is found out anew, and a folder that takes nothing costs
no more than the finding out of next time.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.datasets.cache import cache_folder
from sslcli.errors import ModelError, RunError
from sslcli.folders import read_sealed, remove, sealed
from sslcli.models.question_key import has_met_strangers
from sslcli.reports import (
    Curve,
    Gallery,
    Matrix,
    Passage,
    Plot,
    Report,
    Scatter,
    Score,
    Sound,
    Span,
    Table,
)

ANSWER, TENSORS = "answer.json", "tensors.safetensors"
MOST_KEPT, MOST_BYTES = 200, 1 << 27


@dataclass(frozen=True)
class Answer:
    """A report, the model's name in captions, the folder's name, and notes."""

    report: Report
    model: str
    stem: str
    remarks: Sequence[str] = ()


def answers_folder() -> Path:
    """Return the cache folder of answers."""
    return cache_folder() / "answers"


def recalled(key: str | None) -> Answer | None:
    """None where it was not asked yet, or what was kept is damaged."""
    said = recall(key)
    try:
        return None if said is None else answer_of(said[0])
    except (TypeError, KeyError, AttributeError, ValueError):
        return None


def kept(key: str | None, answer: Answer) -> Answer:
    """The same as plain data, whether it is kept or not: what is printed is the same now and
    later.
    """
    text = json.dumps(asdict(answer), ensure_ascii=False, default=_plain)
    keep(key, text)
    return answer_of(json.loads(text))


def recall(key: str | None) -> tuple[Any, Path] | None:
    """Return the content of answer.json and its folder."""
    if key is None or not (folder := answers_folder() / key).is_dir():
        return None
    try:
        read_sealed(folder)
        said = plainfiles.read_whole_json(folder / ANSWER)
    except (ModelError, OSError, ValueError):
        with suppress(RunError):
            remove(folder)
        return None
    with suppress(OSError):
        os.utime(folder)
    return said, folder


def keep(key: str | None, text: str, tensors: bytes = b"") -> None:
    """`text` as answer.json, and `tensors` beside it."""
    if key is None or len(text) + len(tensors) > MOST_BYTES or has_met_strangers():
        return
    with suppress(RunError, OSError, UnicodeError):
        with sealed(answers_folder() / key, {"kind": "answer"}) as aside:
            (aside / ANSWER).write_text(text, encoding="utf-8")
            if tensors:
                (aside / TENSORS).write_bytes(tensors)
        _bound()


def _bound() -> None:
    """The newest stay; others may be at work in the folder."""
    found = []
    for folder in answers_folder().iterdir():
        with suppress(OSError):
            weight = sum(path.stat().st_size for path in folder.iterdir())
            found.append((folder.stat().st_mtime_ns, weight, folder))
    total = 0
    for number, (_, weight, folder) in enumerate(sorted(found, reverse=True)):
        total += weight
        if number and (number >= MOST_KEPT or total > MOST_BYTES):
            with suppress(RunError):
                remove(folder)


def _plain(value: Any) -> Any:
    """Ranges, arrays and numbers of numpy."""
    return value.tolist() if hasattr(value, "tolist") else list(value)


def answer_of(said: dict[str, Any]) -> Answer:
    """Out of what JSON gives back. Raises TypeError or KeyError for anything else."""
    return Answer(_report(**said["report"]), said["model"], said["stem"], said["remarks"])


def _report(**parts: Any) -> Report:
    one: dict[str, Callable[..., Any]] = {
        "scores": _score, "tables": Table, "curves": Curve, "plots": _plot, "matrices": Matrix,
        "scatters": _scatter, "galleries": Gallery, "sounds": Sound,
        "passages": _passage, "sheets": Table,
    }  # fmt: skip
    read: dict[str, Any] = {
        name: [one[name](**said) for said in part] if name in one else part
        for name, part in parts.items()
    }
    return Report(**read)


def _score(interval: list[float] | None, **said: Any) -> Score:
    low_high = None if interval is None else (interval[0], interval[1])
    return Score(interval=low_high, **said)


def _plot(curves: list[dict[str, Any]], **said: Any) -> Plot:
    return Plot(curves=[Curve(**each) for each in curves], **said)


def _scatter(links: list[list[int]], **said: Any) -> Scatter:
    return Scatter(links=[(one, other) for one, other in links], **said)


def _passage(spans: list[dict[str, str]], **said: Any) -> Passage:
    return Passage(spans=[Span(**each) for each in spans], **said)
