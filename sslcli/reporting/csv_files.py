"""Tables as CSV files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sslcli.folders import write_atomically


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Raises RunError where the disk refuses."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    write_atomically(path, text.getvalue())
