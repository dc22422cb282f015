"""Command lines put together at random from our own words: every one ends, with a code of the table
and a sentence.

    python tests/faults/inputs_lines.py --cases 2000

Lines that would train only say what they would do, on a few sentences, as the tour does; they run in a folder of
their own, with no run to go on with.
"""

import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from inputs_plugins import fault_of_line, ran
from inputs_trying import Trial, by_hand
from tallies import Tally

from sslcli.cli.app import COMMANDS, built_command
from sslcli.cli.mistyped import FOREIGN_FLAGS
from sslcli.cli.options import GLOBALS, CommandGroup, spellings

CORPUS = "corpus.txt"
SHORT = (
    "--data",
    CORPUS,
    "--arch",
    "tiny",
    "--set",
    "data.held_out=0.2",
    "--seq-len",
    "16",
    "--batch-size",
    "2",
    "--vocabulary",
    "50",
)
VALUES = (
    "", " ", "-", "--", "=", "0", "1", "-1", "3", "1.5", "1e3", "10k", "1e400", "nan", "inf", "2h",
    "yes", "no", "null", "[]", "{}",
    "[1, 2]", "*a", "!!x", "a.b=1", "training.seed=3", "optimizer.rate=1e-4", "model.shape.depth=1",
    "data.limit=3", "x=", "mlm", "clm",
    "mlm+nsp", "mml", "tiny", "mini", "bf16", "fp32", "cpu", "cuda", "adamw", "linear", "bpe",
    "words", "txt", "jsonl", "demo:world",
    "no:thing", CORPUS, "missing.txt", "folder", ".", "missing/../folder", "/dev/null",
    "/proc/self/mem", "a/b/c", "~", "@latest",
    "@best", "@best:mlm", "@latest:mlm", "runs/first", "x:step-1", "auto", "名", "\udcff", "a\nb",
    "\x1b[2J", "%s", "x" * 300,
    "x" * 5_000,
)  # fmt: skip
# Never together with places that are not below the folder of the line.
REPLACING = "--overwrite"


def words_of(command: str) -> list[str]:
    """Every flag and every command below a command."""
    words = ["--help"] if command == "generate" else []  # whose other flags are those of a model
    built = built_command(command, words)
    commands = built.commands if isinstance(built, CommandGroup) else [built]
    flags = spellings([*(flag for each in commands for flag in each.flags), *GLOBALS])
    return sorted(
        {*flags, *(each.name for each in commands if isinstance(built, CommandGroup))} - {REPLACING}
    )


def line_of(draw: random.Random) -> list[str]:
    """One line: a command, mostly flags that it has, mostly with a value, and now and then anything
    else.
    """
    command = draw.choice(list(COMMANDS))
    known, line = words_of(command), [command] if draw.random() < 0.95 else []
    for _ in range(draw.randint(0, 5)):
        chance = draw.random()
        word = (
            draw.choice(known)
            if chance < 0.8
            else draw.choice(
                (*FOREIGN_FLAGS, *COMMANDS, "--nothing", "-x", "-", "--", "---", *VALUES)
            )
        )
        value = draw.choice(VALUES)
        line += [f"{word}={value}"] if chance < 0.2 else [word, value] if chance < 0.7 else [word]
    if "pretrain" in line:
        place = line.index("pretrain") + 1
        line[place:place] = [draw.choice(("--dry-run", "--show-batch")), *SHORT]
    if "tour" in line:
        line.insert(line.index("tour") + 1, "--list")
    if "tokenize" in line:
        line[line.index("tokenize") + 1 :] = [*SHORT[:2], *line[line.index("tokenize") + 1 :]]
    return line


def sweep(cases: int) -> Tally:
    trial, draw = Trial("command lines"), random.Random(19)
    with tempfile.TemporaryDirectory() as name, _alone(Path(name)):
        for _ in range(cases):
            line = line_of(draw)
            trial.attempt(" ".join(line), lambda line=line: _ended(line), wrong=lambda fault: fault)
    return trial.tally


def _ended(line: Sequence[str]) -> str:
    code, out, err = ran(line)
    fault = "" if code in (1, 75, 130) and "Traceback" not in err else fault_of_line(code, out, err)
    if "this should not have happened" in err or ("Traceback" in err and "--debug" not in line):
        return err
    return "" if "--debug" in line else fault


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A folder of its own to stand in, with runs and caches, no standard input, and the environment
    as it was afterwards.
    """
    before, place, standard_input = dict(os.environ), Path.cwd(), os.dup(0)
    work = folder / "work"
    (work / "folder").mkdir(parents=True)
    (work / CORPUS).write_text(
        "\n".join(f"The cat number {number} sees the dog." for number in range(40)),
        encoding="utf-8",
    )
    os.environ.update(
        SSLCLI_RUNS_DIR=str(work / "runs"), SSLCLI_CACHE_DIR=str(folder / "cache"), HOME=str(folder)
    )
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.chdir(work)
    try:
        yield
    finally:
        os.chdir(place)
        os.dup2(standard_input, 0)
        os.close(standard_input)
        os.close(nothing)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(work)


if __name__ == "__main__":
    by_hand(sweep, 2_000)
