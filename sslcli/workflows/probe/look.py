"""A question put to a frozen model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sslcli import registry
from sslcli.config import Config
from sslcli.contracts.probe import Probe
from sslcli.data.rng import Rng
from sslcli.engine.precision import choose_hardware
from sslcli.engine.settings import HardwareSettings
from sslcli.models.fitting import refuse_missing_tokens, refuse_other_architecture
from sslcli.models.kept_answers import Answer
from sslcli.reporting.report_files import file_name
from sslcli.resolving import checked
from sslcli.workflows.probe.aim import Aim
from sslcli.workflows.probe.frozen_model import load_frozen_model


def look(name: str, aim: Aim, options: Mapping[str, Any]) -> Answer:
    """Run a probe. Raises ConfigError, DataError, ModelError, PluginError or UsageError."""
    cls = registry.load("probes", name)
    complete = probe_options(cls, name, options)
    model = load_frozen_model(
        aim.reference,
        aim.data,
        choose_hardware(aim.hardware or HardwareSettings()),
        aim.reader,
        aim.stack,
    )
    refuse_other_architecture({name: cls}, model.settings.architecture, model.name)
    refuse_missing_tokens({name: cls}, model.own_tokenizer)
    report = cls(complete).run(model, Rng(aim.seed, 0, "probe"))
    report = replace(report, notes=[*report.notes, *model.lengths.remarks()])
    typed = str(getattr(complete, cls.positional_fields, "")) if cls.positional_fields else ""
    remarks = model.own_tokenizer.remarks() if model.own_tokenizer is not None else ()
    return Answer(report, model.name, file_name(f"{name} {typed}"), remarks)


def probe_options(cls: type[Probe], name: str, given: Mapping[str, Any]) -> Config:
    """Raises ConfigError with every mistake at once."""
    return checked(cls.Options, given, hint=f"ssl probe {name} --help lists the options")
