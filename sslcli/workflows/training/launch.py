"""`--gpus N`: run the same command line N times under torchrun.

torchrun is torch's own (torch.distributed.run): it starts the processes, watches them, ends all
when one is lost, and with `-- --max-restarts N` restarts them, upon which they continue from the
newest checkpoint.
"""

import argparse
import io
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from sslcli.datasets.cache import Say
from sslcli.deferred import Deferred
from sslcli.engine.processes.rank import LAUNCHER, started_by_launcher
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import Interrupted, Preempted, RunError, UsageError
from sslcli.models.line_checks import refuse_absent_gpus, refuse_one_gpu_for_several
from sslcli.reports import amount
from sslcli.runs.catalogue import read_facts, runs_folder
from sslcli.runs.run_folder import new_name
from sslcli.settings import RunSettings
from sslcli.workflows.training.resume import Resume

torch_run, torch_elastic = (
    Deferred("torch.distributed.run"),
    Deferred("torch.distributed.elastic.multiprocessing.api"),
)
torch_errors = Deferred("torch.distributed.elastic.multiprocessing.errors")
# torchrun's own 30 may be too few for a checkpoint; but so long it also waits for a rank that hangs
SECONDS_TO_SAVE = 180
SIGNALS = "SIGTERM,SIGINT,SIGUSR1"


@dataclass(frozen=True)
class Line:
    """A command line as its processes are to have it: `words` are ours, `launcher_words`
    torchrun's.
    """

    words: Sequence[str]
    launcher_words: Sequence[str] = ()
    verbose: bool = False


def launch_run(
    line: Line,
    hardware: HardwareSettings,
    run: RunSettings,
    kind: str,
    resume: Resume | None,
    say: Say,
) -> int | None:
    """Start the processes that --gpus asks for, and give their exit code; None where this one is to
    train itself.

    Raises what `launch` raises. All processes, and those that take the place of a lost one, must
    know one folder by name.
    """
    processes = processes_to_start(hardware)
    if not processes:
        if line.launcher_words:
            raise UsageError(
                (
                    f"'{line.launcher_words[0]}' follows -- and "
                    "is for torchrun, which is not started here"
                ),
                "give --gpus 2 or more, or leave it out",
            )
        return None
    named = Path(run.folder) if run.folder else runs_folder() / (run.name or new_name(kind))
    folder, words = named, list(line.words)
    if resume is not None:
        folder = resume.folder
        words = [*_without_resume(words), "--resume", str(folder)]
    elif not (run.folder or run.name):
        words = [*words, "--name", folder.name]
    cores = len(os.sched_getaffinity(0))
    where = f", which share {amount(cores, 'core')}" if hardware.device == "cpu" else ""
    say(f"starting {processes} processes{where}")
    return launch(processes, folder, replace(line, words=words))


def processes_to_start(settings: HardwareSettings) -> int:
    """Return the number of processes to start.

    0 for a single process, and for one started by torchrun or srun. Raises UsageError where there
    are fewer GPUs than were asked for.
    """
    if settings.gpus is None or started_by_launcher():
        return 0
    refuse_one_gpu_for_several(settings)
    there = torch.cuda.device_count()
    refuse_absent_gpus(settings, there)
    wanted = there if settings.gpus == "all" else int(settings.gpus)
    return wanted if wanted > 1 else 0


def launch(processes: int, folder: Path, line: Line) -> int:
    """Run `ssl` with the words of a line in `processes` processes and return their exit code.

    `folder` is the run folder that they write. Raises RunError where one was lost without a
    message.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(SECONDS_TO_SAVE))
    # a store of its own for every restart, without stale addresses
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    if not line.verbose:
        # in this process, which only waits; its children say what happens to them
        logging.disable(logging.CRITICAL)
    os.environ[LAUNCHER] = str(os.getpid())
    before = read_facts(folder).get("started")
    given = [f"--nproc-per-node={processes}", *line.launcher_words]
    if not any(word.startswith(("--rdzv", "--nnodes", "--master")) for word in line.launcher_words):
        given.append("--standalone")
    try:
        torch_run.run(_launcher_settings([*given, "-m", "sslcli", *line.words]))
        code = 0
    except torch_errors.ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
    except torch_elastic.SignalException as signalled:
        code = (Interrupted if signalled.sigval == signal.SIGINT else Preempted).exit_code
    return _concluded(folder, code, before)


def _launcher_settings(words: Sequence[str]) -> argparse.Namespace:
    """Parse torchrun's words.

    Raises UsageError for unknown ones, which torchrun answers with its help.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return torch_run.get_args_parser().parse_args(
                [f"--signals-to-handle={SIGNALS}", *words]
            )
    except SystemExit as error:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(
            f"torchrun does not take what follows --: {reason}",
            "python -m torch.distributed.run --help lists its options",
        ) from error


def _concluded(folder: Path, code: int, before: Any) -> int:
    """Return the exit code of the run; the processes have printed what happened.

    `before`: start time of the previous run in the folder, whose end says nothing about this one.
    """
    facts = read_facts(folder)
    if facts.get("started") == before:
        facts = {}
    if facts.get("status") == "done" and code in (0, 75, 130):
        return 0
    if code == 0 and facts.get("status") == "stopped":
        return (Interrupted if facts.get("reason") == "interrupted" else Preempted).exit_code
    if code not in (0, 1, 2, 3, 75, 130):
        command = (
            f"ssl finetune {facts.get('objective', 'TASK')}"
            if facts.get("kind") == "finetune"
            else "ssl pretrain"
        )
        raise RunError(
            "a process of the run was lost",
            f"what was saved before is kept; go on with: {command} --resume {folder}",
        )
    return code


def _without_resume(words: Sequence[str]) -> list[str]:
    """Return the line without --resume and its value: the run to resume is chosen once."""
    kept = [word for word in words if not word.startswith("--resume=")]
    if "--resume" in kept:
        place_of = kept.index("--resume")
        is_alone = place_of + 1 == len(kept) or kept[place_of + 1].startswith("-")
        del kept[place_of : place_of + (1 if is_alone else 2)]
    return kept
