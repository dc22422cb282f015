"""Help texts inside documents. `python tests/house/help_blocks.py` writes them anew.

<!-- help: ssl pretrain -->
```
(what `ssl pretrain --help` prints)
```
"""

import os
import re
import subprocess
import sys

import documents
from house_files import ROOT

PAGES = documents.pages()
DOCUMENTS = (*PAGES, *map(documents.twin, PAGES), "CONTRIBUTING.md")
BLOCK = re.compile(r"(<!-- help: ssl ?([^>]*?) -->\n```\w*\n)(.*?)(```)", re.DOTALL)


def help_of(words):
    """What a command prints of itself, 100 columns wide and without colours."""
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, "-m", "sslcli", *words.split(), "--help"]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        cwd=ROOT,
        check=True,
    )
    return "\n".join(line.rstrip() for line in ended.stdout.splitlines()).strip() + "\n"


def renewed(text):
    return BLOCK.sub(lambda match: f"{match[1]}{help_of(match[2])}{match[4]}", text)


def main() -> None:
    for name in DOCUMENTS:
        path = ROOT / name
        if path.is_file():
            path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
