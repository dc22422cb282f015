"""Tables that are wrong in every way: file, line and column named in one sentence, exit code 2.

    python tests/faults/inputs_tables.py --cases 200

Each case is a line of `ssl pretrain` of one step, or of `ssl probe anomaly`. Files that only look
wrong are among them, and must work.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from inputs_plugins import ran
from inputs_trying import by_hand
from item_cases import SMALL, swept
from table_cases import CASES, SOUND, Case, beside
from tallies import Tally

TRAIN = ("pretrain", "--objective", "autoencoder", "--code", "2", *SMALL, "--name", "run")


class Workplace:
    """A folder with a model of the sound table, and one case's file at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, content in beside().items():
            (folder / name).write_bytes(content)
        (folder / "sound.csv").write_text(SOUND, encoding="utf-8")
        words = [*TRAIN[:-1], "model", "--data", "sound.csv"]
        code, _, said = self.ran(words)
        assert code == 0, said

    def ran(self, words: list[str]) -> tuple[int, str, str]:
        cache = {"SSLCLI_CACHE_DIR": str(self.folder / "cache")}
        with contextlib.chdir(self.folder), mock.patch.dict(os.environ, cache):
            return ran(words)

    def line(self, case: Case) -> list[str]:
        if case.way == "probe":
            start = ["probe", "anomaly", "--model", "model", "--device", "cpu", "--out", "out"]
        else:
            start = list(TRAIN)
        return [*start, "--data", case.file, *case.words]

    def fault_of(self, case: Case) -> str:
        """What is wrong with how the case ended; empty where nothing is."""
        path = self.folder / case.file
        is_own = case.file not in beside() and not case.name.endswith("absent")
        if is_own:
            path.write_bytes(case.content)
        code, _, said = self.ran(self.line(case))
        if is_own:
            path.unlink()
        if "Traceback" in said:
            return f"a traceback: {said[-300:]}"
        if code != case.code:
            return f"exit code {code}, not {case.code}: {said[-300:]}"
        if code == 0:
            return ""
        errors = [line for line in said.splitlines() if line.startswith("error:")]
        if len(errors) != 1 or "hint:" not in said:
            return f"no sentence with a hint: {said[-300:]}"
        gone = [each for each in case.says if each not in errors[0]]
        return f"does not say {gone}: {errors[0][:300]}" if gone else ""


@contextlib.contextmanager
def workplace() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def sweep(count: int) -> Tally:
    """The first cases, in turns over all of them."""
    return swept("tables", CASES[:count], workplace)


if __name__ == "__main__":
    by_hand(sweep, 200)
