"""One stage for all rehearsals: the slow imports are made once."""

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import stage as stages

# whose made-up data is used here too
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Rehearsed:
    code: int
    said: str


class Stage:
    """`folder` has a `bin` whose `ssl` is run on the stage; it stands first in the PATH of whatever
    is run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, str(folder / "door")
        programs = folder / "bin"
        programs.mkdir()
        client = f'exec "{sys.executable}" -S "{stages.__file__}" "{self.address}" --run ssl "$@"\n'
        self.add_program("ssl", client)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SSLCLI_RUNS_DIR": "runs",
            "SSLCLI_CACHE_DIR": str(folder / "cache"),
            "OMP_WAIT_POLICY": "PASSIVE",
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        words = [sys.executable, stages.__file__, self.address]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, env=self.environment, start_new_session=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def add_program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
        path.chmod(0o755)

    def run(self, *words: str, folder: Path | None = None, **environment: str) -> Rehearsed:
        """A Python script or an `ssl` command, with its standard output and error together."""
        folder, environment = folder or self.folder, {**self.environment, **environment}
        with tempfile.TemporaryFile() as said, open(os.devnull, "rb") as nothing:
            streams = (nothing.fileno(), said.fileno(), said.fileno())
            code = stages.run_there(
                self.address, words, folder, environment, streams, PATIENCE_SECONDS
            )
            said.seek(0)
            return Rehearsed(code, said.read().decode("utf-8", errors="replace"))

    def shell(self, *words: str, folder: Path, **environment: str) -> Rehearsed:
        """A program in a process of its own; every `ssl` in it runs on the stage."""
        ended = subprocess.run(
            words,
            cwd=folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_SECONDS,
        )
        return Rehearsed(ended.returncode, ended.stdout.decode("utf-8", errors="replace"))

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="session")
def stage():
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        yield stage
        stage.close()
