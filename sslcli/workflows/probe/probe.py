"""`ssl probe`: a question about a frozen model, answered with scores and pictures.

The answer to a repeated question comes from the cache, without torch.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from sslcli.deferred import Deferred
from sslcli.engine.settings import HardwareSettings
from sslcli.models.kept_answers import Answer, kept, recalled
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.models.question_key import question_key
from sslcli.reporting.report_files import font_notes, save_report
from sslcli.reporting.saved_reports import caption_of
from sslcli.reports import Report
from sslcli.runs.catalogue import runs_folder

look = Deferred("sslcli.workflows.probe.look")


@dataclass(frozen=True)
class Looked:
    """A report, its files, and remarks."""

    report: Report
    files: Sequence[Path]
    remarks: Sequence[str] = ()


def probe(
    name: str, reference: str, options: Mapping[str, Any], *,
    data: Sequence[str] = (), reader: str | None = None, hardware: HardwareSettings | None = None, seed: int = 42,
    folder: Path | None = None,
) -> Looked:  # fmt: skip
    """Look into the model behind `reference`. Files go into `folder`; when not given, below the run, or below the runs folder.

    Raises ConfigError, DataError, ModelError, PluginError or UsageError.
    """
    place = locate_weights(reference)
    where = {"data": data, "reader": reader, "hardware": hardware}
    key = question_key(("probes", name), {"options": dict(options), "seed": seed}, reference, place, **where)
    answer = recalled(key) or kept(key, look.look(name, reference, options, seed=seed, **where))
    return saved(answer, place, folder, seed)


def saved(answer: Answer, place: WeightsRef, folder: Path | None, seed: int) -> Looked:
    """Write the files of a report, where no folder is given into one of its own. Raises RunError where they cannot be written."""
    caption = f"{answer.model} · seed {seed} · {shlex.join(['ssl', *sys.argv[1:]])}"
    return Looked(
        answer.report,
        save_report(answer.report, folder or _free(_folder(place, answer.stem), caption), caption),
        [*font_notes(answer.report), *answer.remarks],
    )


def _free(folder: Path, caption: str) -> Path:
    """The folder, or one beside it, that holds no answer to another question: only the same command replaces what it wrote."""
    names = chain([folder], (folder.with_name(f"{folder.name}-{number}") for number in count(2)))
    return next(each for each in names if caption_of(each) in (None, caption))


def _folder(place: WeightsRef, stem: str) -> Path:
    return (place.run / "probes" if place.run is not None else runs_folder() / "probes" / place.weights.name) / stem
