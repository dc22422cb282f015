"""The table of reader x kind of oddity: how a row is written, and what becomes of its file.

To add rows for a reader: write a module `oddities_NAME.py` beside this one with a list `ODDITIES`
of Oddity objects; `test_reader_oddities.py` finds it. One row is one small file and one outcome:

- "read N": N examples are trained on. `words` must stand in what is said aloud; `said=False` means
  that nothing is said.
- "asked": an error whose hint names the flag that settles what is ambiguous. `words` must stand in
  sentence or hint.
- "refused": an error whose sentence names the file. `words` must stand in sentence or hint.

`examples` states what the first examples are as (data, label), where the right value is known.
`options` are those of the task, `data` fields of LabelledSettings (columns, separator, ...).
`predicts`: the file is read as by `ssl predict`, where labels do not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sslcli.contracts.examples import Example
from sslcli.datasets.label_sets import with_labels
from sslcli.datasets.labelled import examples_of
from sslcli.datasets.sifter import FLAG, Sifter
from sslcli.datasets.tasks import task_class, task_options
from sslcli.errors import SslError
from sslcli.settings import LabelledSettings


@dataclass(frozen=True)
class Oddity:
    """`reader`: the task that reads the file. `oddity`: what is odd, in words; unique beside reader
    and file.
    """

    reader: str
    file: str
    oddity: str
    content: str | bytes
    outcome: str
    words: Sequence[str] = ()
    examples: Sequence[tuple[Any, Any]] = ()
    said: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    predicts: bool = False

    def __str__(self) -> str:
        return f"{self.reader}-{self.file}-{self.oddity}".replace(" ", "-")


@dataclass(frozen=True)
class Outcome:
    """`name` as in Oddity.outcome; `words`: all that was said; `examples`: what was read."""

    name: str
    words: str
    examples: Sequence[Example] = ()


def outcome_of(row: Oddity, folder: Path) -> Outcome:
    """Write the file and read it as a fine-tuning would, or as a prediction."""
    path = folder / row.file
    path.write_bytes(row.content.encode() if isinstance(row.content, str) else row.content)
    task, settings = task_class(row.reader), LabelledSettings(train=(str(path),), **row.data)
    try:
        examples, said = _read(task, task_options(row.reader, row.options), settings, row.predicts)
    except SslError as error:
        named = "refused" if path.name in error.message else "refused without the file's name"
        return Outcome(
            "asked" if "--" in error.hint.replace(FLAG, "") else named,
            f"{error.message}\n{error.hint}",
        )
    return Outcome(f"read {len(examples)}", "\n".join(said), examples)


def _read(task, options, settings, predicts):
    sifter = Sifter(settings.skip_bad_records)
    examples = examples_of(task, options, settings.train, "train", settings, sifter)
    said: list[str] = []
    if not predicts:
        options, said = task.understand(options, examples)
        examples = with_labels(task, options, None, examples, sifter)
    return examples, [
        *sifter.remarks,
        *said,
        *sifter.sentences(),
        *task.how_read(options, examples),
    ]
