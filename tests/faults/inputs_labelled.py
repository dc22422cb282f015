"""Labelled files that are wrong in every way: file, record and field named in one sentence, exit
code 2, and nothing left behind.

    python tests/faults/inputs_labelled.py --cases 1000

Each case is a line of `ssl finetune TASK --check`, of a training of one step, of `ssl evaluate` or
of `ssl predict` with a tiny model. Files that only look wrong are among them, and must work.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from unittest import mock

from inputs_models import write_tiny_model
from inputs_plugins import ran
from inputs_trying import Trial, by_hand
from labelled_answers import answer_cases, other_cases, shape_cases
from labelled_files import SOUND, Case, sound_cases, spoilt_cases
from labelled_formats import symbol_cases, tag_cases
from labelled_records import broken_json_cases, field_cases, several_cases, table_cases
from labelled_sets import set_cases, terminal_cases
from tallies import Tally

from sslcli.data import files

FAMILIES = (
    sound_cases, spoilt_cases, field_cases, broken_json_cases, several_cases, table_cases,
    answer_cases, shape_cases, other_cases,
    set_cases, tag_cases, symbol_cases, terminal_cases,
)  # fmt: skip
FINETUNED = {
    "classify": "texts.jsonl",
    "pairs": "mnli.tsv",
    "tag": "words.jsonl",
    "qa": "flat.jsonl",
    "remap": "genes.jsonl",
}
COMMANDING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
PATIENCE_SECONDS = 0.2


def all_cases() -> list[Case]:
    return list(chain.from_iterable(family() for family in FAMILIES))


class Workplace:
    """A folder with a tiny model, runs that were fine-tuned from it as they are needed, and one
    case's files at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.model, self.runs = folder, folder / "model", folder / "runs"
        write_tiny_model(self.model)
        (folder / "work").mkdir()

    def fault_of(self, case: Case) -> str:
        """Why the case did not end as it should; empty where it did."""
        work = Path(tempfile.mkdtemp(dir=self.folder / "work"))
        path, out = work / case.file, work / "out"
        try:
            _write(case, work)
            code, said, told = ran(self._line(case, path, out))
            if case.code == 0:
                return _fault_of_working(case, code, said, told)
            if out.exists() or self.runs.exists():
                return f"a run folder is left: {out if out.exists() else self.runs}"
            return _fault_of_refusal(case, code, said, told)
        finally:
            shutil.rmtree(work)

    def _line(self, case: Case, path: Path, out: Path) -> list[str]:
        flags = [flag.replace("{folder}", str(path.parent)) for flag in case.flags]
        if case.way == "check":
            return [
                "finetune",
                case.task,
                "--data",
                str(path),
                "--model",
                str(self.model),
                "--check",
                *flags,
            ]
        if case.way == "train":
            line = [
                "finetune",
                case.task,
                "--data",
                str(path),
                "--model",
                str(self.model),
                "--max-steps",
                "1",
                "--no-plot",
            ]
            return [*line, "--out", str(out), *flags]
        file = (
            "numbers.jsonl"
            if case.file.startswith("numbers")
            else "several.jsonl"
            if case.file.startswith("several")
            else None
        )
        return [
            case.way,
            case.task,
            "--model",
            str(self.finetuned(case.task, file)),
            "--data",
            str(path),
            *flags,
        ]

    def finetuned(self, task: str, file: str | None = None) -> Path:
        """A run of one step on a sound file of the task, made once."""
        file = file or FINETUNED[task]
        run = self.folder / f"finetuned-{task}-{file}"
        if not (run / "run.json").is_file():
            data = self.folder / file
            data.write_text(SOUND[task, file], encoding="utf-8")
            line = [
                "finetune",
                task,
                "--data",
                str(data),
                "--model",
                str(self.model),
                "--max-steps",
                "1",
                "--no-plot",
                "--out",
                str(run),
            ]
            code, _, told = ran(line)
            assert code == 0, told
        return run


def _write(case: Case, work: Path) -> None:
    for name, content in {case.file: case.content, **case.beside}.items():
        content(work / name) if callable(content) else (work / name).write_bytes(content)


def _fault_of_working(case: Case, code: int, said: str, told: str) -> str:
    if code != 0:
        return f"exit code {code}: {told}"
    if raw := COMMANDING.search(said + told):
        return f"{raw[0]!r} reaches the terminal"
    everything = " ".join((said + told).split())
    return "".join(
        f"does not say '{words}': {everything}" for words in case.says if words not in everything
    )


def _is_progress(line: str) -> bool:
    """Whether it says what is being done, which is no part of a refusal."""
    return " reading /" in line or (
        line.endswith(" ...") and not line.startswith(("error:", "hint:"))
    )


def _fault_of_refusal(case: Case, code: int, said: str, told: str) -> str:
    error = [
        line.removeprefix("error: ") for line in told.splitlines() if line.startswith("error: ")
    ]
    hint = [line for line in told.splitlines() if line.startswith("hint:  ")]
    lines = [line for line in told.splitlines() if not _is_progress(line)]
    if code != case.code or len(error) != 1 or len(hint) != 1:
        return f"exit code {code}, {len(error)} sentences, {len(hint)} hints: {said}{told}"
    listed = lines[1 : len(lines) - len(hint)]
    if lines != [f"error: {error[0]}", *listed, *hint] or len(listed) != (
        case.wrong if case.wrong > 1 else 0
    ):
        return f"not {case.wrong} sentences and a hint: {told}"
    if raw := COMMANDING.search(said + told):
        return f"{raw[0]!r} reaches the terminal"
    names = (case.file,) if case.names_file else ()
    sentences = " ".join(map(str.strip, [error[0], *listed]))
    return "; ".join(
        f"does not say '{words}': {sentences}"
        for words in (*names, *case.says)
        if words not in sentences
    )


@contextlib.contextmanager
def workplace() -> Iterator[Workplace]:
    """With runs and caches of its own."""
    with tempfile.TemporaryDirectory() as name:
        own = {"SSLCLI_RUNS_DIR": f"{name}/runs", "SSLCLI_CACHE_DIR": f"{name}/cache"}
        with (
            mock.patch.dict(os.environ, own),
            mock.patch.object(files, "PATIENCE_SECONDS", PATIENCE_SECONDS),
        ):
            yield Workplace(Path(name))


def sweep(cases: int) -> Tally:
    """Evenly out of all that there are, at most as many as asked for."""
    trial, everything = Trial("labelled files"), all_cases()
    step = max(1, -(-len(everything) // cases))
    with workplace() as place:
        for case in everything[::step]:
            trial.attempt(
                f"{case.name} ({case.way})",
                lambda case=case: place.fault_of(case),
                wrong=lambda fault: fault,
            )
    return trial.tally


if __name__ == "__main__":
    by_hand(sweep, 1_000)
