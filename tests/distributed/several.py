"""Runs trainings one after the other as one rank of several.

Every job is {"settings", "resume", "stop_at", "record", "own", "double"}: `stop_at` [rank, step]
asks that rank alone to stop when it comes to that step; `record` is a file to which each rank adds
the samples that it takes, one line a step; `own` is {rank: other data for that rank alone};
`double` computes in float64 and writes the gradients of every step into that folder.
"""

import json
import os
import time
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path

import torch
from forked import SERVER, speak_into
from safetensors.torch import save_file
from torch import distributed

from sslcli.engine.checkpoints.tensor_files import is_shard
from sslcli.engine.loader import Loader
from sslcli.engine.optimizer import Optimizer
from sslcli.engine.processes.rank import rank_and_size
from sslcli.engine.stopping import Stopper
from sslcli.errors import SslError
from sslcli.settings import FinetuneSettings, PretrainSettings
from sslcli.workflows.finetune.finetune import finetune
from sslcli.workflows.pretrain.pretrain import pretrain
from sslcli.workflows.training.resolve import continued_finetuning
from sslcli.workflows.training.resume import Resume, continued_settings

PATIENCE_SECONDS = 900
STARTS = count()


def rank():
    return rank_and_size()[0]


class StopAtStep(Stopper):
    """Asks to stop when it was asked so often whether to."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def wanted(self):
        self.left -= 1
        if self.left < 0:
            self.asked = "preempted"
        return super().wanted()


PRETRAIN = (pretrain, PretrainSettings, continued_settings)
FINETUNE = (finetune, FinetuneSettings, continued_finetuning)


def recording(path):
    def _work(self, selection, progress, made=Loader._work):
        work = made(self, selection, progress)
        if self.epoch is None:
            with Path(f"{path}.{rank()}").open("a") as file:
                file.write(json.dumps([work.position, list(work.samples)]) + "\n")
        return work

    return _work


@contextmanager
def double(folder):
    """Everything in float64, and the gradients of every step, whole, in `folder`."""
    step, steps = Optimizer.step, count()

    def keeping(self, factor, norm):
        found = {
            name: parameter.grad
            for name, parameter in self.parameters.items()
            if parameter.grad is not None
        }
        whole = {
            name: value.full_tensor() if is_shard(value) else value.clone()
            for name, value in found.items()
        }
        number = next(steps)
        if rank() == 0:
            save_file(whole, Path(folder) / f"{number}.safetensors")
        return step(self, factor, norm)

    Path(folder).mkdir(exist_ok=True)
    torch.set_default_dtype(torch.float64)
    Optimizer.step = keeping
    try:
        yield
    finally:
        Optimizer.step = step
        torch.set_default_dtype(torch.float32)


def run(job):
    with double(job["double"]) if job.get("double") else nullcontext():
        return run_plainly(job)


def run_plainly(job):
    stopper = (
        StopAtStep(job["stop_at"][1])
        if job.get("stop_at") and job["stop_at"][0] == rank()
        else None
    )
    original = Loader._work
    if job.get("record"):
        Loader._work = recording(job["record"])
    settings = job["settings"]
    if str(rank()) in job.get("own", {}):
        settings = {**settings, "data": {**settings["data"], "train": [job["own"][str(rank())]]}}
    try:
        resume = Resume(Path(job["resume"])) if job.get("resume") else None
        train, kind, go_on = PRETRAIN if "task" not in settings else FINETUNE
        asked = kind.model_validate(settings)
        if resume is not None:
            asked = go_on(resume, asked)
        result = train(asked, resume=resume, observe=lambda event: None, stopper=stopper)
        return {"reason": result.outcome.reason, "step": result.outcome.progress.step}
    except SslError as error:
        return {"error": type(error).__name__, "message": error.message}
    finally:
        Loader._work = original


def take_part(own, size, jobs, said):
    """One rank of `size`, whose answers are written beside the jobs."""
    speak_into(said)
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    os.environ.update(zip(names, map(str, (own, own, size, size)), strict=True))
    torch.set_num_threads(1)
    meeting, patience = f"file://{jobs}.meeting", timedelta(seconds=120)
    distributed.init_process_group("gloo", meeting, patience, rank=own, world_size=size)
    answers = [run(job) for job in json.loads(jobs.read_text())]
    Path(f"{jobs}.{own}").write_text(json.dumps(answers))
    distributed.destroy_process_group()


def together(processes, jobs, folder):
    """{name: what each rank answered}, of all jobs in one start of so many processes."""
    # where an earlier start met, its addresses may be left
    file = folder / f"jobs-{processes}-{next(STARTS)}.json"
    file.write_text(json.dumps(list(jobs.values())))
    said = [folder / f"said-{processes}.{number}" for number in range(processes)]
    ranks = [
        SERVER.Process(target=take_part, args=(number, processes, file, said[number]))
        for number in range(processes)
    ]
    for each in ranks:
        each.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while any(each.exitcode is None for each in ranks) and time.monotonic() < deadline:
            wait([each.sentinel for each in ranks if each.exitcode is None], timeout=1)
            if any(each.exitcode for each in ranks):
                break  # the others would wait for it
        codes = [each.exitcode for each in ranks]
        assert codes == [0] * processes, "\n".join(each.read_text()[-4000:] for each in said)
    finally:
        for each in ranks:
            each.kill()
    answers = [json.loads(Path(f"{file}.{number}").read_text()) for number in range(processes)]
    return dict(zip(jobs, zip(*answers, strict=True), strict=True))
