"""Checks of a command line by what plugins declare and what is on disk, before torch is imported.

Plugins may still refuse what passes: their validators are not known here.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sslcli import registry
from sslcli.config import names_files
from sslcli.core.presets import preset as preset_settings
from sslcli.core.settings import ARCHITECTURES, Architecture, common_architecture
from sslcli.data.settings import DataSettings
from sslcli.datasets.locate import (
    is_shards,
    modality_at,
    modality_wanted,
    refuse_absent,
    refuse_absent_labelled,
    refuse_unread_data,
    split_language,
)
from sslcli.deferred import Deferred
from sslcli.engine.joining import Joinable, refuse_unjoinable
from sslcli.engine.processes.rank import started_by_launcher
from sslcli.engine.settings import HardwareSettings, OptimizerSettings
from sslcli.errors import ConfigError, DataError, UsageError, choices, did_you_mean
from sslcli.modalities import WORDS, modality_read
from sslcli.plainfiles import no_such_file
from sslcli.resolving import checked
from sslcli.runs.catalogue import all_runs, read_run
from sslcli.runs.hub_cache import cached_model, is_on_hub
from sslcli.runs.references import LATEST, run_of, shape_in
from sslcli.settings import PretrainSettings, RunSettings

recognised = Deferred("sslcli.datasets.recognised")
shards = Deferred("sslcli.data.shards")
TEXT_SETTINGS = (
    "data.sequence_tokens", "data.unit", "data.language_exponent", "data.sentence_rules",
    "tokenizer.",
)  # fmt: skip
ANY_VOCABULARY = 1_000  # of a shape that is only looked for
# of the drivers of NVIDIA, of NVIDIA in WSL, and of AMD
GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
TOKENIZER_FILES = ("tokenizer.json", os.path.join("tokenizer", "tokenizer.json"))
TOKENIZER_HINT = "--tokenizer-from takes a run, a model directory or a tokenizer.json"
READOUT = ("sslcli.contracts.objective", "Readout")


def objective_names(expression: str) -> list[str]:
    """ "mlm+nsp" -> "mlm", "nsp". Raises UsageError for what joins nothing, or one thing with
    itself.
    """
    names = [name.strip() for name in expression.split("+")]
    if len(set(names)) != len(names) or not all(names):
        raise UsageError(
            f"'{expression}' is not an objective",
            "join different objectives with one +, such as mlm+nsp",
        )
    return names


def refuse_objective(expression: str, options: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises PluginError, UsageError or ConfigError for objectives that are not there, do not join,
    or have other options.
    """
    names = objective_names(expression)
    problems = [
        f"options.{name}: '{name}' is not part of the objective"
        for name in options
        if name not in names
    ]
    for name in names:
        problems += problems_in("objectives", name, options.get(name, {}), f"options.{name}")
    if problems:
        raise ConfigError(
            problems, f"ssl pretrain --objective {expression} --help lists the options"
        )
    if len(names) > 1:
        refuse_unjoinable({name: _part(name) for name in names})


def architecture_of(expression: str) -> Architecture:
    """As `architecture_for` decides of the classes, which is called later and refuses what has no
    kind in common.
    """
    architectures = [
        registry.attribute("objectives", name, "architectures")
        for name in objective_names(expression)
    ]
    return common_architecture(architectures) or ARCHITECTURES[0]


def _part(name: str) -> Joinable:
    needs, arranges, modalities = (
        registry.attribute("objectives", name, member)
        for member in ("architectures", "arranges", "modalities")
    )
    reads_out = registry.descends("objectives", name, READOUT)
    return Joinable(
        needs,
        arranges,
        reads_out and registry.attribute("objectives", name, "corrupts"),
        modalities,
    )


def problems_in(
    kind: str, name: str, given: Mapping[str, Any], prefix: str = "", member: str = "Options"
) -> list[str]:
    """Return mistakes in a plugin's options, or in another member that is settings, as far as its
    source shows, in the plugin's own words.
    """
    model = registry.checked_settings(kind, name, member)
    if model is None:
        return []
    try:
        checked(model, given, prefix)
    except ConfigError as error:
        return list(error.problems)
    return []


def refuse_unknown(kind: str, name: str, word: str) -> None:
    """Raises UsageError with the nearest name, where no plugin is called so."""
    _refuse_other(registry.names(kind), name, word)


def refuse_unknown_task(name: str) -> None:
    """Raises UsageError with the nearest name, suites among them, where nothing is called so."""
    _refuse_other([*registry.names("tasks"), *registry.names("suites")], name, "task")


def _refuse_other(known: Sequence[str], name: str, word: str) -> None:
    if name.rpartition(":")[2] not in known:
        raise UsageError(f"there is no {word} '{name}'", choices(name, known))


def refuse_absent_files(
    kind: str, name: str, given: Mapping[str, Any], member: str = "Options"
) -> None:
    """Raises DataError where an option of a plugin, or a field of another member that is settings,
    names a file that is not there.
    """
    for key, field in registry.plugin_settings(kind, name, member).model_fields.items():
        if names_files(field) and given.get(key):
            named = given[key]
            refuse_absent_labelled([named] if isinstance(named, str) else named)


def refuse_absent_model(reference: str | None) -> None:
    """Raises UsageError for a run that is not there, and for a model on a hub. What "@latest"
    means, the command decides.
    """
    if reference is not None and not reference.startswith(LATEST):
        run_of(reference)


def refuse_unread_modality(name: str, own: Collection[str], model: str, reads: str) -> None:
    """Raises UsageError where a task, or a probe, does not read what the model does."""
    if reads not in own:
        raise UsageError(
            f"'{name}' reads {_kinds(own)}, and {model} reads {WORDS[reads]}",
            "choose another --model, or another task",
        )


def _kinds(modalities: Iterable[str]) -> str:
    return " and ".join(WORDS[each] for each in sorted(modalities))


def refuse_unread_kind(task: str, source: str | None, references: Sequence[str]) -> None:
    """Raises UsageError where task, data and model are not of one kind: as far as the settings of
    a run that is named, and readers, say.
    """
    own = registry.attribute("tasks", task, "modalities")
    if (wanted := modality_wanted(references)) not in ("", *own):
        raise UsageError(
            f"'{task}' reads {_kinds(own)}, and {next(iter(references))} holds {WORDS[wanted]}",
            "choose another task, or other --data",
        )
    folder = None if source is None or source.startswith(LATEST) else run_of(source)
    if source is None or folder is None:
        return
    reads = modality_read(shape_in(read_run(folder)))
    if reads is None:
        return  # of a table or of sound, as its readers say
    refuse_unread_modality(task, own, source, reads)
    refuse_unread_data(source, reads, references)


def refuse_absent_tokenizer(source: str | None) -> None:
    """Raise DataError or UsageError where nothing is at the reference of a tokenizer, or no
    tokenizer is in it. What "@latest" means, the command decides.
    """
    if not source or source.startswith(LATEST):
        return
    if is_on_hub(source):
        source = str(cached_model(source))
    if os.path.isdir(source):
        if not any(os.path.isfile(os.path.join(source, name)) for name in TOKENIZER_FILES):
            raise DataError(f"{source} holds no {TOKENIZER_FILES[0]}", TOKENIZER_HINT)
    elif not os.path.exists(source) and (os.sep in source or source.endswith(".json")):
        raise no_such_file(source)
    elif not os.path.exists(source):
        names = [run.name for run in all_runs()]
        if not any(name.startswith(source) for name in names):
            near = did_you_mean(source, names)
            problem = f"there is no run, folder or tokenizer.json '{source}'"
            raise UsageError(problem, near or TOKENIZER_HINT)


def refuse_pretraining(settings: PretrainSettings) -> None:
    """Refuse what no pretraining run can do, whatever its data is. Raises as the parts do."""
    refuse_objective(settings.objective, settings.options)
    preset = settings.model.preset
    if preset is not None and settings.model.source is None:
        wanted = settings.model.shape.get("architecture", architecture_of(settings.objective))
        preset_settings(preset, wanted, ANY_VOCABULARY)
    refuse_untrained_backbone(settings)
    refuse_processes(settings.hardware, settings.optimizer)
    refuse_absent_model(settings.model.source)
    refuse_absent_tokenizer(settings.tokenizer.source)
    refuse_untracked(settings.run)
    refuse_no_data(settings.data.train)
    for references in (settings.data.train, settings.data.evaluation):
        refuse_unusable_data(references, settings.data.reader)


def refuse_text_settings(data: DataSettings, sources: Mapping[str, str]) -> None:
    """Raises UsageError for settings of texts and tokenizers that the line says of other data."""
    typed = [
        key
        for key, source in sources.items()
        if source.startswith("--") and any(key.startswith(each) for each in TEXT_SETTINGS)
    ]
    for reference in data.train if typed else ():
        path = split_language(reference)[1]
        held = shards.read_manifest(Path(path))["modality"] if is_shards(path) else ""
        held = held or _modality_at(reference, data.reader)
        if held not in ("", "text"):
            flag = sources[typed[0]]
            said = typed[0] if flag == "--set" else flag
            raise UsageError(
                f"{said} is for text, and {reference} holds {WORDS[held]}",
                "leave it out: items are read whole, and need no tokenizer",
            )


def _modality_at(reference: str, reader: str | None) -> str:
    if reader is None:
        return modality_at(reference)
    if reader not in registry.names("readers"):
        return ""
    return registry.attribute("readers", reader, "modality")


def refuse_untracked(run: RunSettings) -> None:
    """Raises UsageError for a tracker that is not there, or whose package is not installed;
    ConfigError for options that it does not have.
    """
    strange = [name for name in run.track_options if name not in run.track]
    problems = [f"run.track_options.{name}: no --track names it" for name in strange]
    for name in run.track:
        refuse_unknown("trackers", name, "tracker")
        package = registry.attribute("trackers", name, "package")
        if package and find_spec(package) is None:
            raise UsageError(
                f"the tracker '{name}' needs {package}, which is not installed",
                registry.attribute("trackers", name, "install"),
            )
        given = run.track_options.get(name, {})
        problems += problems_in("trackers", name, given, f"run.track_options.{name}")
    if problems:
        raise ConfigError(problems, "ssl plugins show NAME lists the options of a tracker")


def refuse_no_data(references: Sequence[str]) -> None:
    """Raises UsageError where an empty list of data stands in the place of the default."""
    if not references:
        raise UsageError("there is no data to train on", "give --data, or leave it out")


def refuse_unusable_data(references: Sequence[str], reader: str | None) -> None:
    """Raise DataError for raw data that is not there or that nothing reads; where it is a file for
    a task, with the line that takes it.
    """
    try:
        refuse_absent(references, reader)
    except DataError as error:
        for path in (split_language(reference)[1] for reference in references):
            if path not in error.message or not os.path.isfile(path):
                continue
            if hint := recognised.line_for(path):  # which loads torch, and reads the file
                raise DataError(error.message, hint) from error
        raise


def refuse_untrained_backbone(settings: PretrainSettings) -> None:
    """Raise UsageError if only a head is to be trained on a backbone without trained weights."""
    if settings.model.train == "head" and settings.model.source is None:
        raise UsageError(
            "--train head leaves the backbone as it is, and a new one knows nothing",
            "name a trained one with --model",
        )


def refuse_processes(hardware: HardwareSettings, optimizer: OptimizerSettings) -> None:
    """Raise UsageError for processes that cannot be started, or cannot train together."""
    if hardware.gpus is None or started_by_launcher():
        return
    refuse_one_gpu_for_several(hardware)
    if not may_have_gpus():
        refuse_absent_gpus(hardware, 0)
    if optimizer.name == "muon" and hardware.parallel == "fsdp" and hardware.gpus != "1":
        raise UsageError(
            "Muon needs whole matrices, and FSDP shards them",
            "use --optimizer adamw, or --parallel ddp",
        )


def refuse_one_gpu_for_several(hardware: HardwareSettings) -> None:
    """Raise UsageError for one CUDA device, or the GPU of a Mac, together with --gpus."""
    if hardware.gpus not in (None, "1") and hardware.device == "mps":
        raise UsageError("a Mac has one GPU", "leave --gpus out, or use --device cpu")
    if hardware.gpus is not None and hardware.device.startswith("cuda:"):
        problem = f"--device {hardware.device} is one GPU, and --gpus gives each process its own"
        raise UsageError(problem, "use --device cuda, or leave it out")


def refuse_absent_gpus(hardware: HardwareSettings, there: int) -> None:
    """Raise UsageError where --gpus asks for more than the `there` that this machine has."""
    gpus, on_cpu = hardware.gpus, hardware.device == "cpu"
    if not there and (gpus == "all" or not on_cpu):
        number = "2" if gpus == "all" else gpus
        raise UsageError(
            f"--gpus {gpus}, and there is no CUDA GPU here",
            f"leave --gpus out, or share the CPU among processes: --gpus {number} --device cpu",
        )
    if not on_cpu and gpus not in (None, "all") and int(gpus) > there:
        raise UsageError(
            f"--gpus {gpus}, and this machine has {there}",
            "ssl doctor lists the devices; --device cpu shares the cores",
        )


def may_have_gpus() -> bool:
    """Tell whether a driver of GPUs is there, as far as can be seen without torch."""
    return any(os.path.exists(device) for device in GPU_DEVICES)
