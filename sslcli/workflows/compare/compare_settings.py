"""Settings of `ssl compare --objectives`: what is compared, and what all of it has in common.
Imports no torch.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, field_validator

from sslcli.config import Config, Count, setting, with_defaults
from sslcli.core.presets import NAMES
from sslcli.core.settings import TransformerSettings
from sslcli.data.settings import DataSettings, TokenizerSettings
from sslcli.engine.settings import HardwareSettings, OptimizerSettings, ScheduleSettings
from sslcli.settings import FinetuneSettings, RunSettings
from sslcli.workflows.compare.budget import parse_budget

PANEL = "Comparison"
MOST_SEEDS = 100


def _parted(value: Any) -> Any:
    """Names between commas, said at once or one after the other."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return value
    return [name.strip() for text in texts for name in text.split(",")]


Names = Annotated[tuple[str, ...], BeforeValidator(_parted)]


class ComparedModel(Config):
    """The shape that the Transformers of all objectives have in common."""

    preset: str | None = setting(
        None,
        f"{', '.join(NAMES[:-1])} or {NAMES[-1]}; mini when not given",
        "--arch",
        panel="Model",
    )
    layers: Count | None = setting(
        None,
        "layers of an encoder or a decoder, and of both halves of an encoder-decoder together",
        "--layers",
        panel="Model",
        gt=0,
        le=10_000,
    )
    shape: dict[str, Any] = setting(
        {},
        "fields of the Transformer that differ from the preset (--set model.shape.width=128)",
        part_of=TransformerSettings,
    )


class ComparedTraining(Config):
    """Batches, evaluation and seed of every pretraining; how long it is follows from the budget."""

    batch_size: Count = setting(64, "sequences a step", "--batch-size", panel="Training", gt=0)
    micro_batch_size: Count | None = setting(
        None,
        "largest part of a batch that is computed at once",
        "--micro-batch-size",
        panel="Training",
        gt=0,
    )
    eval_samples: Count = setting(500, "samples of the held-out data to evaluate on", gt=0)
    seed: int = setting(
        42,
        "seed of every pretraining, and the first of fine-tuning",
        "--seed",
        panel="Training",
        ge=0,
    )


ComparedSchedule = with_defaults(ScheduleSettings, warmup=0.1)


class CompareSettings(Config):
    """Everything that decides a comparison of objectives; saved as config.yaml, it goes on."""

    objectives: Names = setting(
        (),
        "objectives to pretrain with, as mlm,mlm+nsp,clm,bart (ssl plugins list objectives)",
        "--objectives",
        panel=PANEL,
    )
    tasks: Names = setting(
        (),
        "tasks to fine-tune every model for, as qa,sentiment,pos",
        "--tasks",
        panel=PANEL,
    )
    budget: str = setting(
        "15m",
        "what all of it may cost together: a time (15m, 2h) or operations (2e15flops)",
        "--budget",
        panel=PANEL,
    )
    equal: Literal["seconds", "flops"] | None = setting(
        None,
        "what all pretrainings have the same of; the unit of the budget when not given",
        "--equal",
        panel=PANEL,
    )
    pretraining: float = setting(
        0.6, "share of the budget that pretraining has; fine-tuning has the rest", gt=0, lt=1
    )
    seeds: Count = setting(
        3, "fine-tunings of every model for every task", "--seeds", panel=PANEL, gt=0, le=MOST_SEEDS
    )
    scratch: bool = setting(
        True,
        "fine-tune random weights of every architecture too",
        "--scratch/--no-scratch",
        panel=PANEL,
    )
    task_data: tuple[str, ...] = setting(
        (),
        "labelled data of a task, as qa=FILE; the generated one of --data demo:NAME when not given",
        "--task-data",
        panel=PANEL,
    )
    task_evaluation: tuple[str, ...] = setting(
        (),
        "what the models are scored on, as qa=FILE; a share of --task-data when not given",
        "--task-eval-data",
        panel=PANEL,
    )
    options: dict[str, dict[str, Any]] = setting(
        {}, "options of objectives and tasks by name (--set options.mlm.mask_rate=0.3)"
    )
    finetuning: dict[str, Any] = setting(
        {},
        "settings of every fine-tuning (--set finetuning.optimizer.rate=1e-3)",
        part_of=FinetuneSettings,
    )
    model: ComparedModel = ComparedModel()
    data: DataSettings = DataSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ComparedSchedule = ComparedSchedule()
    training: ComparedTraining = ComparedTraining()
    hardware: HardwareSettings = HardwareSettings()
    run: RunSettings = RunSettings()

    @field_validator("budget")
    @classmethod
    def _is_budget(cls, value: str) -> str:
        parse_budget(value)
        return value
