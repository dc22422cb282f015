"""What a model reads, text or rows of numbers, and whether a task and its data are of that kind."""

from collections.abc import Collection, Mapping
from typing import Any

from sslcli import registry
from sslcli.config import flags_of
from sslcli.contracts.task import Task
from sslcli.datasets.locate import modality_wanted, refuse_unread_data
from sslcli.errors import UsageError
from sslcli.modalities import WORDS, Modality, modality_read
from sslcli.models.line_checks import refuse_unread_modality
from sslcli.models.weights import Pretrained
from sslcli.settings import LabelledSettings, PretrainSettings, RowsOfModel

TEXT_SETTINGS = ("columns", "separator", "quoted")  # of files that hold texts


def rows_of(pretrained: Pretrained) -> RowsOfModel | None:
    """Return what a model reads that has no vocabulary; None for one of text.

    Images are cut, resized and toned as they were in its pretraining, where that is known.
    """
    shape, trained = pretrained.settings, pretrained.trained
    if shape.vocabulary:
        return None
    settings = None if trained is None else trained.settings
    if settings is not None and not isinstance(settings, PretrainSettings):
        rows = settings.data.rows
        options = {} if rows is None else {**rows.options, **settings.data.reader_options}
        return None if rows is None else rows.model_copy(update={"options": options})
    modality = modality_read(shape.model_dump()) or "table"
    assert modality != "text", "it has no vocabulary"
    options = {} if settings is None else dict(settings.data.reader_options)
    if shape.grid is not None:
        for name in registry.names("readers"):
            if registry.attribute("readers", name, "modality") == modality:
                options |= registry.load("readers", name).options_for(shape.grid)
                break
    features = shape.row_features or shape.features_of_embedding
    table = None if shape.table is None else shape.table.plain
    return RowsOfModel(
        modality=modality,
        features=features,
        grid=shape.grid,
        frames=shape.frames,
        table=table,
        options=options,
    )


def modalities_of(data: LabelledSettings) -> Collection[str]:
    """What a model must read that learns of this data; empty where that is open, as where only the
    columns of a table can say.
    """
    wanted = modality_wanted((*data.train, *data.evaluation, *data.test))
    return (wanted,) if wanted in ("text", "images") else ()


def data_for(
    pretrained: Pretrained,
    name: str,
    task: type[Task],
    data: LabelledSettings,
    options: Mapping[str, Any],
) -> LabelledSettings:
    """The settings of the data, told what the model reads.

    Raises UsageError where the task, called `name`, or the data are of another kind than that, or
    where `options` of the task are said that are of no use for it.
    """
    rows = data.rows or rows_of(pretrained)
    reads = "text" if rows is None else rows.modality
    refuse_unread_modality(name, task.modalities, str(pretrained.folder), reads)
    refuse_unread_data(str(pretrained.folder), reads, (*data.train, *data.evaluation, *data.test))
    if rows is None:
        return data
    refuse_text_options(task, options, data, rows.modality)
    return data.model_copy(update={"rows": rows})


def refuse_text_options(
    task: type[Task], options: Mapping[str, Any], data: LabelledSettings, modality: Modality
) -> None:
    """Raises UsageError for what is said of texts, where the model reads none."""
    said = [(options.get(name), task.Options.model_fields[name]) for name in task.text_options]
    fields = LabelledSettings.model_fields
    said += [(getattr(data, name), fields[name]) for name in TEXT_SETTINGS]
    for value, field in said:
        if value is not None and value != field.default:
            raise UsageError(
                f"{flags_of(field)[0]} is for texts, and {next(iter(data.train), 'the data')} holds"
                f" {WORDS[modality]}",
                "leave it out",
            )
