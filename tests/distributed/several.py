"""Runs trainings one after the other as one rank of several: `several.py JOBS.json`, under torchrun.

Every job is {"settings", "resume", "stop_at", "record", "own"}: `stop_at` [rank, step] asks that rank alone to stop when it
comes to that step; `record` is a file to which each rank adds the samples that it takes, one line a step; `own` is
{rank: other data for that rank alone}.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

from torch import distributed

from sslcli.engine.loading import Loader
from sslcli.engine.place import place
from sslcli.engine.stopping import Stopper
from sslcli.errors import SslError
from sslcli.workflows.finetuning import finetune
from sslcli.workflows.pretraining import pretrain
from sslcli.workflows.settings import FinetuneSettings, PretrainSettings

RANK = place()[0]


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


def recording(path):
    def _work(self, selection, progress, made=Loader._work):
        work = made(self, selection, progress)
        if self.epoch is None:
            with Path(f"{path}.{RANK}").open("a") as file:
                file.write(json.dumps([work.position, list(work.samples)]) + "\n")
        return work

    return _work


def run(job):
    stopper = StopAtStep(job["stop_at"][1]) if job.get("stop_at") and job["stop_at"][0] == RANK else None
    original = Loader._work
    if job.get("record"):
        Loader._work = recording(job["record"])
    settings = job["settings"]
    if str(RANK) in job.get("own", {}):
        settings = {**settings, "data": {**settings["data"], "train": [job["own"][str(RANK)]]}}
    try:
        resume = Path(job["resume"]) if job.get("resume") else None
        train, kind = (finetune, FinetuneSettings) if "task" in settings else (pretrain, PretrainSettings)
        result = train(kind.model_validate(settings), resume=resume, observe=lambda event: None, stopper=stopper)
        return {"reason": result.outcome.reason, "step": result.outcome.progress.step}
    except SslError as error:
        return {"error": type(error).__name__, "message": error.message}
    finally:
        Loader._work = original


def main():
    jobs = Path(sys.argv[1])
    distributed.init_process_group("gloo", timeout=timedelta(seconds=120))
    answers = [run(job) for job in json.loads(jobs.read_text())]
    Path(f"{jobs}.{RANK}").write_text(json.dumps(answers))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
