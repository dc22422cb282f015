"""The pretrained model that a fine-tuning starts from, and the settings that it decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslcli.contracts.task import Task
from sslcli.core.settings import TransformerSettings
from sslcli.data.text.tokenizer import Tokenizer
from sslcli.datasets.cache import Say
from sslcli.engine.checkpoints.checkpoint import Checkpoints
from sslcli.models.loading import foundation_for, load_pretrained, newest_fitting
from sslcli.models.rows_read import modalities_of
from sslcli.models.weights import Pretrained
from sslcli.runs.hub_cache import recorded_place
from sslcli.runs.references import decided
from sslcli.settings import FinetuneSettings
from sslcli.workflows.training.resume import Resume

EPOCHS = 3.0
REFERENCE_WIDTH = 768  # of BERT-base, whose usual rate is the default's


def foundation_of(settings: FinetuneSettings, task: type[Task], say: Say) -> Pretrained:
    """The model that the settings name, or the newest that fits the task; said aloud."""
    source, modalities = settings.model.source, modalities_of(settings.data)
    use = foundation_for(task, modalities)
    if source is None:
        found, notes = newest_fitting(use)
        source = str(found.folder)
        say(f"model  {source} (the newest that fits; choose with --model)")
    else:
        source, notes = decided(source, use)
    for note in notes:
        say(f"note: {note}")
    return load_pretrained(source)


def foundation_of_resumed(settings: FinetuneSettings, resume: Resume | None) -> Pretrained | None:
    """What a run with a checkpoint needs to know of the model that it began with, which may be gone
    by now.
    """
    if (
        resume is None
        or settings.model.source is None
        or Checkpoints(resume.folder, 1, {}).newest()[0] is None
    ):
        return None
    return Pretrained(
        TransformerSettings(**settings.model.shape),
        recorded_place(settings.model.source),
        backbone={},
    )


def tokenizer_of(pretrained: Pretrained, resume: Resume | None = None) -> Tokenizer | None:
    """The tokenizer of a model, of a run that is resumed its own; None for one that reads rows."""
    if not pretrained.settings.vocabulary:
        return None
    return pretrained.tokenizer() if resume is None else Tokenizer.load(resume.tokenizer)


def shape_to_train(settings: FinetuneSettings, pretrained: Pretrained) -> TransformerSettings:
    """The shape of the model, with the dropout of the settings."""
    changes = {} if settings.model.dropout is None else {"dropout": settings.model.dropout}
    return pretrained.settings.model_copy(update=changes)


def how_read(shape: TransformerSettings) -> str:
    """What the architecture means for the rows that a head reads, behind a dot."""
    if shape.has_memory:
        return " · both halves read the text, the decoder answers"
    return " · a decoder: each token is read without those after it" if shape.causal else ""


def completed_settings(
    settings: FinetuneSettings,
    options: Mapping[str, Any],
    labels: Sequence[str],
    shape: TransformerSettings,
    pretrained: Pretrained,
) -> FinetuneSettings:
    """The settings with everything that data and model decide."""
    training, optimizer = settings.training, settings.optimizer
    if training.max_steps is None and training.epochs is None:
        training = training.model_copy(update={"epochs": EPOCHS})
    if "rate" not in optimizer.model_fields_set:
        optimizer = optimizer.model_copy(
            update={"rate": float(f"{optimizer.rate * REFERENCE_WIDTH / shape.width:.2g}")}
        )
    source = pretrained.recorded  # "@latest" will mean another run tomorrow
    model = settings.model.model_copy(update={"shape": shape.model_dump(), "source": source})
    decided = {
        "options": options,
        "labels": tuple(labels),
        "training": training,
        "optimizer": optimizer,
        "model": model,
    }
    return settings.model_copy(update=decided)
