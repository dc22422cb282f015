"""`ssl probe`: one question to a frozen model, its answer in figures and pictures."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.config import Config, checked
from sslcli.contracts.probe import Probe, Subject
from sslcli.data.rng import Draws
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.models.fitting import refuse_missing_tokens, refuse_other_architecture
from sslcli.models.places import locate
from sslcli.reporting.report_files import file_name, font_notes, save_report
from sslcli.reporting.saved_reports import caption_of
from sslcli.reports import Report
from sslcli.runs.catalogue import runs_folder
from sslcli.runs.run_folder import command_line
from sslcli.workflows.probe.frozen_model import load_subject


@dataclass(frozen=True)
class Looked:
    """A report, the files that hold it, and what is to be said of them."""

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
    cls = registry.load("probes", name)
    complete = probe_options(cls, name, options)
    subject = load_subject(reference, data, choose_hardware(hardware or HardwareSettings()), reader)
    refuse_other_architecture({name: cls}, subject.backbone.settings.architecture, subject.name)
    refuse_missing_tokens({name: cls}, subject.tokenizer)
    report = cls(complete).run(subject, Draws(seed, 0, "probe"))
    report = replace(report, notes=[*report.notes, *subject.lengths.remarks()])
    typed = str(getattr(complete, cls.typed, "")) if cls.typed else ""
    return saved(report, reference, file_name(f"{name} {typed}"), folder, subject, seed)


def saved(report: Report, reference: str, stem: str, folder: Path | None, subject: Subject, seed: int) -> Looked:
    """Write the files of a report; `stem` names their folder where none is given. Raises RunError where they cannot be written."""
    caption = f"{subject.name} · seed {seed} · {shlex.join(['ssl', *command_line()[1:]])}"
    return Looked(
        report,
        save_report(report, folder or _free(_folder(reference, stem), caption), caption),
        [*font_notes(report), *subject.tokenizer.remarks()],
    )


def probe_options(cls: type[Probe], name: str, given: Mapping[str, Any]) -> Config:
    """Raises ConfigError with every mistake at once."""
    return checked(cls.Options, given, hint=f"ssl probe {name} --help lists the options")


def _free(folder: Path, caption: str) -> Path:
    """The folder, or one beside it, that holds no answer to another question: only the same command replaces what it wrote."""
    names = chain([folder], (folder.with_name(f"{folder.name}-{number}") for number in count(2)))
    return next(each for each in names if caption_of(each) in (None, caption))


def _folder(reference: str, stem: str) -> Path:
    place = locate(reference)
    return (place.run / "probes" if place.run is not None else runs_folder() / "probes" / place.weights.name) / stem
