"""`ssl probe`: a question about a frozen model, answered with scores and pictures.

The answer to a repeated question comes from the cache, without torch.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.asides import refuse_unwritable
from sslcli.deferred import Deferred
from sslcli.errors import UsageError
from sslcli.modalities import WORDS, modality_read
from sslcli.models.kept_answers import Answer, kept, recalled
from sslcli.models.places import WeightsRef, locate_weights
from sslcli.models.question_key import question_key
from sslcli.reporting.report_files import font_notes, save_report
from sslcli.reporting.saved_reports import own_folder
from sslcli.reports import Report
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE, runs_folder
from sslcli.runs.command_line import command_line
from sslcli.workflows.probe.aim import Aim

look = Deferred("sslcli.workflows.probe.look")


@dataclass(frozen=True)
class Looked:
    """A report, its files, and remarks."""

    report: Report
    files: Sequence[Path]
    remarks: Sequence[str] = ()


def probe(
    name: str,
    aim: Aim,
    options: Mapping[str, Any],
    *,
    folder: Path | None = None,
    writes: bool = True,
) -> Looked:
    """Look into a model. Files go into `folder`; when not given, below the run, or below the runs
    folder.

    Raises ConfigError, DataError, ModelError, PluginError or UsageError.
    """
    place = locate_weights(aim.reference)
    refuse_other_modality(name, place)
    if writes:
        refuse_unwritable_files(aim.reference, folder)
    asked = {"options": dict(options), "seed": aim.seed, "stack": aim.stack}
    key = question_key(("probes", name), asked, aim.reference, place, **aim.where)
    answer = recalled(key) or kept(key, look.look(name, aim, options))
    return (
        saved(answer, place, folder, aim.seed)
        if writes
        else Looked(answer.report, (), answer.remarks)
    )


def refuse_other_modality(name: str, place: WeightsRef) -> None:
    """Raise UsageError where the probe is asked of models that read something else: before torch
    is imported. What a directory of another tool reads, its family knows.
    """
    known = registry.attribute("probes", name, "modalities")
    if place.run is None:
        return
    shape = (read_layer(place.run / RUN_FILE).values.get("model") or {}).get("shape") or {}
    found = modality_read(shape)
    if found not in known:
        reads = "rows of numbers" if found is None else WORDS[found]
        wanted = " and ".join(WORDS[each] for each in sorted(known))
        raise UsageError(
            f"'{name}' looks into models of {wanted}, and {place.run} reads {reads}",
            "choose another probe, or another --model",
        )


def refuse_unwritable_files(reference: str, folder: Path | None) -> None:
    """Raise RunError where the files of a report on a model could not be written in the end."""
    refuse_unwritable(folder or _folder(locate_weights(reference), ""))


def saved(answer: Answer, place: WeightsRef, folder: Path | None, seed: int) -> Looked:
    """Write the files of a report, where no folder is given into one of its own. Raises RunError
    where they cannot be written.
    """
    caption = f"{answer.model} · seed {seed} · {shlex.join(['ssl', *command_line()[1:]])}"
    return Looked(
        answer.report,
        save_report(
            answer.report, folder or own_folder(_folder(place, answer.stem), caption), caption
        ),
        [*font_notes(answer.report), *answer.remarks],
    )


def _folder(place: WeightsRef, stem: str) -> Path:
    return (
        place.run / "probes"
        if place.run is not None
        else runs_folder() / "probes" / place.weights.name
    ) / stem
