"""What sweeps over files of images and recordings share: a case, and the place where it is tried.

A case makes its files in a folder `c` of its own and is one line of `ssl` over them: a training of
one step, a probe, or a fine-tuning of one step, of a model that was trained on what is sound.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from inputs_plugins import ran
from inputs_trying import Trial
from tallies import Tally

SMALL = (
    "--arch", "tiny", "-s", "model.shape.width=16", "-s", "model.shape.heads=2", "--device", "cpu",
    "--max-steps", "1", "--batch-size", "8", "--no-plot", "--overwrite", "-s", "data.held_out=0.2",
)  # fmt: skip

TUNE = ("finetune", "classify", "--model", "model", "--max-steps", "1", "--device", "cpu",
        "--no-plot", "--overwrite", "--name", "tuned")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """`make` writes files into a folder, `data` is what of it the line names; `says`: what the
    sentence holds. `way`: which line.
    """

    name: str
    make: Callable[[Path], None]
    data: str
    says: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    way: str = "train"
    code: int = 2

    def __str__(self) -> str:
        return self.name


class Workplace:
    """A folder with a model of sound files in `sound`, and one case's files at a time.

    `lines`: by way the words before --data, `making` those of the model.
    """

    def __init__(
        self,
        folder: Path,
        make_sound: Callable[[Path], None],
        making: Sequence[str],
        lines: Mapping[str, Sequence[str]],
    ) -> None:
        self.folder, self.lines = folder, lines
        (folder / "sound").mkdir()
        make_sound(folder / "sound")
        code, _, said = self.ran([*making, "--name", "model"])
        assert code == 0, said

    def ran(self, words: Sequence[str]) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a line."""
        cache = {"SSLCLI_CACHE_DIR": str(self.folder / "cache")}
        with contextlib.chdir(self.folder), mock.patch.dict(os.environ, cache):
            return ran(list(words))

    def fault_of(self, case: Case) -> str:
        """What is wrong with how the case ended; empty where nothing is."""
        own = self.folder / "c"
        own.mkdir()
        try:
            case.make(own)
            data = ["--data", f"c/{case.data}" if case.data != "." else "c"] if case.data else []
            code, _, said = self.ran([*self.lines[case.way], *data, *case.words])
        finally:
            for path in own.rglob("*"):
                if not path.is_symlink():
                    path.chmod(0o700)
            shutil.rmtree(own)
        if "Traceback" in said:
            return f"a traceback: {said[-300:]}"
        if code != case.code:
            return f"exit code {code}, not {case.code}: {said[-300:]}"
        if code == 0:
            gone = [each for each in case.says if each not in said]
            return f"does not say {gone}: {said[-500:]}" if gone else ""
        errors = [line for line in said.splitlines() if line.startswith("error:")]
        if len(errors) != 1 or "hint:" not in said:
            return f"no sentence with a hint: {said[-300:]}"
        gone = [each for each in case.says if each not in errors[0]]
        return f"does not say {gone}: {errors[0][:300]}" if gone else ""


def swept(
    title: str, cases: Sequence[Any], workplace: Callable[[], AbstractContextManager[Any]]
) -> Tally:
    """How cases end, one after the other, in one place that has `fault_of` them."""
    trial = Trial(title)
    with workplace() as place:
        for case in cases:
            trial.attempt(case.name, lambda case=case: place.fault_of(case), wrong=str)
    return trial.tally
