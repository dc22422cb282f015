"""A small pretrained model of the built-in world, and what it takes to fine-tune it in a moment."""

import json

from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.settings import FinetuneSettings
from sslcli.workflows.finetune.finetune import Finetuning

HARDWARE = choose_hardware(HardwareSettings(device="cpu", precision="fp32"))


def ignore(event):
    pass


def settings(source, folder=None, task="sentiment", **groups):
    training = {"max_steps": 4, "batch_size": 8, "eval_every": 2, **groups.pop("training", {})}
    return FinetuneSettings.model_validate(
        {
            "task": task,
            "model": {"source": str(source), **groups.pop("model", {})},
            "data": {"reader_options": {"sentences": 100}, "limit": 80, **groups.pop("data", {})},
            "optimizer": {"rate": 1e-2},
            "training": training,
            "run": {"folder": None if folder is None else str(folder), "plot": False},
            **groups,
        }
    )


def course(*args, **groups):
    return Finetuning.of(settings(*args, **groups), None, ignore)


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def reviews(count, start=0):
    return [
        {
            "id": start + n,
            "text": f"text {start + n} is {'good' if n % 2 else 'bad'}",
            "label": "ab"[n % 2],
        }
        for n in range(count)
    ]
