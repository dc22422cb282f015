"""Distributions whose plugins raise, exit, print, or are none: named where they are asked for, and
nobody else's trouble.

python tests/faults/inputs_plugins.py --cases 500
"""

import contextlib
import io
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from inputs_trying import CODES, Trial, by_hand
from tallies import Tally

from sslcli.cli.app import run
from sslcli.registry import KINDS

NOISE = "NOISE"
SOUND = '''"""Sound."""
from sslcli.api import Config, Readout, Report


class Plugin(Readout):
    class Options(Config):
        pass

    summary = "sound"

    def collate(self, batch, rng):
        raise NotImplementedError

    def read(self, hidden, batch, backbone):
        raise NotImplementedError

    def show(self, batch):
        return Report()
'''
RAISED = (
    "Exception", "BaseException", "SystemExit(0)", "SystemExit('no')", "GeneratorExit",
    "MemoryError", "RecursionError", "StopIteration",
    "OSError(28, 'No space left')", "UnicodeDecodeError('utf-8', b'', 0, 1, 'x')",
    "ValueError('a\\nb\\x1b[2J')", "ImportError", "KeyError",
    "AssertionError", "ExceptionGroup('g', [ValueError()])",
    "type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
)  # fmt: skip
SOURCES: Mapping[str, str | bytes] = {
    **{f"raises {what}": f"raise {what}" for what in RAISED},
    "does not end by itself": "def again(): again()\nagain()",
    "is no Python": "def (",
    "holds a NUL": "a = 1\0",
    "is no UTF-8": b"\xff\xfe\x00a",
    "is deeply nested": "(" * 5_000,
    "needs what is not there": "import a_module_that_is_not_there",
    "needs itself": "import {module}\n{module}.Plugin",
    "is empty": "",
    **{f"names {what}": f"Plugin = {what}" for what in ("3", "None", "print", "int",
    "__import__('os')", "[]", "type('P', (), {})")},
    "is a class of another kind": SOUND.replace("Readout", "Reader"),
    "is abstract": "from sslcli.api import Readout\nclass Plugin(Readout): summary = ''\n",
    "has no options": SOUND.replace("    class Options(Config):\n        pass\n",
    "    Options = None\n"),
    "has options of another kind": SOUND.replace("class Options(Config)", "class Options"),
    "has options that cannot be": SOUND.replace("        pass\n", "        wrong: 'Nowhere' = 3\n"),
    "has no summary": SOUND.replace('    summary = "sound"\n', ""),
    "has a summary that is a number": SOUND.replace('"sound"', "3"),
    "prints": f"print('{NOISE}')\n{SOUND}",
    "prints with an error": f"print('{NOISE}')\nraise ValueError",
    "prints past Python": f"import os\nos.write(1, b'{NOISE}')\n{SOUND}",
    "prints by a command": f"import os\nos.system('echo {NOISE}')\n{SOUND}",
    "prints to the first stdout": f"import sys\nsys.__stdout__.write('{NOISE}')\n{SOUND}",
    "commands the terminal": '"""\x1b[2J\x1b]0;owned\x07 title"""\n' + SOUND,
    "says much": '"""' + "word " * 100_000 + '"""\n' + SOUND,
}  # fmt: skip
VALUES = (
    "{module}:Plugin",
    "{module}",
    "{module}:Nothing",
    "{module}:Plugin.Options",
    "nowhere.at.all:Plugin",
    "..:x",
    ":",
    "a b:c",
    "os:system",
)
LINES: Sequence[Sequence[str]] = (
    ("plugins", "list"), ("plugins", "--json"), ("plugins", "show", "strange"), ("plugins", "check",
    "strange"),
    ("pretrain", "--objective", "strange", "--lr", "x"), ("pretrain", "--objective", "strange",
    "--help"),
    ("pretrain", "--objective", "mlm", "--help"),
    ("plugins", "show", "mlm", "--json"),
)  # fmt: skip


def sweep(cases: int) -> Tally:
    """Every kind of source asked for by every line, then other entry points of other kinds at
    random.
    """
    trial, draw = Trial("plugins"), random.Random(13)
    named = [(what, VALUES[0], "objectives", line) for what in SOURCES for line in LINES]
    chosen = draw.sample(named, min(cases, len(named)))
    while len(chosen) < cases:
        chosen.append(
            (
                draw.choice(list(SOURCES)),
                draw.choice(VALUES),
                draw.choice(list(KINDS)),
                draw.choice(LINES),
            )
        )
    with tempfile.TemporaryDirectory() as name, _on_path(name):
        for number, (what, value, kind, line) in enumerate(chosen):
            module = f"strange_module_{number}"
            write_distribution(Path(name), module, kind, value.format(module=module), SOURCES[what])
            case = f"{what}, {value}, {kind}: ssl {' '.join(line)}"
            trial.attempt(
                case,
                lambda line=line: ran(line),
                wrong=lambda ended, line=line: _fault(line, *ended),
            )
            sys.modules.pop(module, None)
    return trial.tally


def write_distribution(site: Path, module: str, kind: str, value: str, source: str | bytes) -> None:
    """One module and its metadata, as an installer leaves them; the one before is replaced."""
    metadata = site / "strange-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[sslcli.{kind}]\nstrange = {value}\n")
    content = source if isinstance(source, bytes) else source.replace("{module}", module).encode()
    (site / f"{module}.py").write_bytes(content)


def ran(line: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one line in this process, down to what is written past
    Python.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        streams = (
            io.TextIOWrapper(os.fdopen(os.dup(1), "wb")),
            io.TextIOWrapper(os.fdopen(os.dup(2), "wb")),
        )
        try:
            with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
                code = run(line)
        finally:
            for stream in (*streams, sys.__stdout__):
                stream.flush()
            for handle, number in zip(kept, (1, 2), strict=True):
                os.dup2(handle, number)
                os.close(handle)
            for stream in streams:
                stream.close()
        return code, _content(out), _content(err)


def _content(file: io.BufferedRandom) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _fault(line: Sequence[str], code: int, out: str, err: str) -> str:
    if NOISE in out:
        return "printed on stdout"
    if "\x1b[2J" in out + err or "\x07" in out + err:
        return "commanded the terminal"
    if "strange" not in line and code != 0:
        return f"somebody else's plugin ended with {code}: {err}"
    return fault_of_line(code, out, err)


def fault_of_line(code: int, out: str, err: str) -> str:
    """Why an ended line is not in order."""
    if code not in CODES or code == 1:
        return f"exit code {code}: {err}"
    if "Traceback" in err or "this should not have happened" in err:
        return err
    return (
        "" if code in (0, 3) or "error: " in err or "stopped: " in err else f"says nothing: {err}"
    )


@contextlib.contextmanager
def _on_path(site: str) -> Iterator[None]:
    sys.path.insert(0, site)
    try:
        yield
    finally:
        sys.path.remove(site)


if __name__ == "__main__":
    by_hand(sweep, 500)
