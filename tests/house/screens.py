"""Screens inside documents: what commands print, with cuts. `python tests/house/screens.py` types
them, in their order and in an empty folder, and writes them anew with the same cuts.

<!-- screen -->
```console
$ ssl pretrain --objective mlm --name world
[...]
held-out data at step 3000
```
<!-- /screen -->

It takes as long as the commands do. A line that is printed no longer is an error.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile

import documents

CUT = "[...]"
SCREEN = re.compile(
    r"(<!-- ((?:[\w-]+ )?screen) -->\n```console\n)(.*?)(```\n<!-- /\2 -->)", re.DOTALL
)
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:]+Z ")
_STEP = re.compile(r"step=\d+ \w+")
_NUMBER = re.compile(r"[-+.\d]*\d[.,\d]*")


def key(line):
    """What a line is recognized by, whatever its figures are: the step that it is of, or its first
    column, and the second one where that is no figure.
    """
    if found := _STEP.match(line):
        return found[0]
    columns = re.split(r"\s{2,}", line.strip().partition("->")[0])
    columns = [re.sub("─+", "─", column) for column in columns[:2]]
    words = [column for column in columns[1:] if not re.search(r"\d", column)]
    first = columns[0] if re.match(r"\d+ ", columns[0]) else _NUMBER.sub("0", columns[0])
    return (first.strip(), *words)


def renewed(screen, outputs):
    """A screen with the lines that are printed now. `outputs`: of each command, its lines."""
    lines, position, printed = [], 0, []
    for line in screen.splitlines():
        if line.startswith("$ "):
            printed, position = outputs[line[2:]], 0
        elif line.strip() and line != CUT:
            position = _found(line, printed, position)
            lines.append(_cut_alike(line, printed[position]))
            position += 1
            continue
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _found(line, printed, position):
    wanted = key(line)
    for number in range(position, len(printed)):
        if key(printed[number]) == wanted:
            return number
    raise AssertionError(f"this is printed no longer: {line}")


def _cut_alike(old, new):
    """The new line, cut in its middle where the old one is."""
    before, cut, after = old.partition(f" {CUT}")
    if not cut:
        return new
    words = new.split(" ")
    behind = [word for word in after.split() if word in words]
    return " ".join([*words[: len(before.split(" "))], CUT, *behind])


def main() -> None:
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        own = {"SSLCLI_CACHE_DIR": f"{folder}/cache", "SSLCLI_RUNS_DIR": "runs", "COLUMNS": "130"}
        for name in documents.pages():
            text = documents.text_of(name)
            for _, _, screen, _ in SCREEN.findall(text):
                for line in re.findall(r"^\$ (.*)$", screen, re.MULTILINE):
                    print(f"{name}: {line}", file=sys.stderr, flush=True)
                    outputs[line] = _printed(line, folder, {**os.environ, **own})
            for page in (name, documents.twin(name)):
                new = SCREEN.sub(
                    lambda match: f"{match[1]}{renewed(match[3], outputs)}{match[4]}",
                    documents.text_of(page),
                )
                (documents.ROOT / page).write_text(new, encoding="utf-8")


def _printed(line, folder, environment):
    """The lines of standard error and output, as a terminal shows them."""
    words = [sys.executable, "-m", "sslcli", *shlex.split(line)[1:]]
    ended = subprocess.run(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=True,
    )
    said = ended.stdout.replace(f"{folder}/", "")
    return [_TIME.sub("", each).rstrip() for each in said.splitlines()]


if __name__ == "__main__":
    main()
