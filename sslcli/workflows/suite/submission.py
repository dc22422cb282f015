"""The leaderboard's files of a suite: all that were written so far, and packed as soon as it would
take them.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from sslcli import plainfiles
from sslcli.contracts.suite import Suite
from sslcli.folders import replaced

SUBMISSION, ARCHIVE = "submission", "submission.zip"


def answers_in(folder: Path) -> dict[str, str]:
    """File name -> content of what was written for the leaderboard in a suite's folder."""
    files = sorted(path for path in (folder / SUBMISSION).glob("*") if path.name != ARCHIVE)
    return {path.name: plainfiles.read_whole_text(path) for path in files}


def add_answers(suite: Suite, folder: Path, files: Mapping[str, str]) -> None:
    """Write these beside those that are there, and the archive of all where the suite finds nothing
    wrong with them.
    """
    together = {**answers_in(folder), **files}
    with replaced(folder / SUBMISSION) as aside:
        for name, content in together.items():
            (aside / name).write_text(content, encoding="utf-8")
        if not suite.refusals(together):
            with zipfile.ZipFile(aside / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in together:
                    archive.write(aside / name, name)
