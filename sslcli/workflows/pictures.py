"""Pictures of a report: every plot, matrix and scatter as PNG and SVG, and its numbers beside it as CSV; the whole as JSON."""

import json
import re
from dataclasses import asdict
from pathlib import Path

from sslcli.errors import RunError
from sslcli.folders import write_atomically
from sslcli.reports import Report

REPORT = "report.json"


def save_report(report: Report, folder: Path, caption: str) -> list[Path]:
    """The files that were written into the folder, which is made. Raises RunError where it cannot be written.

    `caption`: model, seed and command, written below every picture.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / REPORT
        write_atomically(path, json.dumps({**asdict(report), "caption": caption}, ensure_ascii=False, indent=1))
    except OSError as error:
        raise RunError(f"cannot write in {folder}: {error.strerror}", "choose another --out") from error
    return [path]


def file_name(title: str) -> str:
    """A title as the name of a file: words of letters and digits of any script, joined by dashes."""
    return "-".join(re.findall(r"\w+", title.lower())) or "report"
