"""Cache key of an answer about a frozen model: model, data, question, code, machine. Without torch.

Files count by path, size, times and inode, which change with every write (see `datasets/cache`):
weights are not hashed again, and a copied, resumed or touched run is another one.
"""

import glob
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from sslcli import LOADED_AT, registry
from sslcli.datasets.cache import states_of
from sslcli.datasets.locate import split_language
from sslcli.engine.checkpoints.checkpoint_files import CHECKPOINTS, MILESTONES
from sslcli.engine.settings import HardwareSettings
from sslcli.errors import SslError
from sslcli.models.places import WeightsRef
from sslcli.plainfiles import STANDARD_INPUT
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import RUN_FILE

FORMAT = 1  # of what is kept; another one finds nothing of before
MOST_FILES = 10_000  # of model, data and code together; whoever has more of them asks anew
# Of other releases, other digits.
LIBRARIES = ("torch", "numpy", "tokenizers", "safetensors", "pydantic")
# What the number of threads, the device and the order of sums depend on begins like this.
VARIABLES = (
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "OPENBLAS_",
    "CUDA",
    "NVIDIA_",
    "TORCH",
    "PYTORCH_",
    "ATEN_",
    "SSLCLI_PLUGINS",
)


class _Unknown(Exception):
    """What counts cannot be told by files."""


def question_key(
    plugin: tuple[str, str], asked: Mapping[str, Any], reference: str, place: WeightsRef, *,
    data: Sequence[str] = (), reader: str | None = None, hardware: HardwareSettings | None = None,
) -> str | None:  # fmt: skip
    """Return a key that differs wherever a plugin's answer may. `asked`: the question, as plain
    data.

    None if that is unknown: for a third-party plugin, or data from a pipe.
    """
    try:
        files = set(islice(_files(plugin, asked, place, data, reader), MOST_FILES + 1))
        if len(files) > MOST_FILES:
            return None
        states = [[os.path.abspath(path), state] for path, state in states_of(files).items()]
        where = [reference, os.getcwd(), str(place.run), str(place.weights)]
        said = [
            plugin,
            asked,
            list(data),
            reader,
            None if hardware is None else hardware.model_dump(),
        ]
        text = json.dumps([FORMAT, where, said, _machine(), states], sort_keys=True)
    except (_Unknown, OSError, ValueError, TypeError, SslError):
        return None
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def has_met_strangers() -> bool:
    """Tell whether a third-party plugin was imported, whose inputs are unknown."""
    return any(found.module in sys.modules for found in registry.everything() if not found.built_in)


def _files(
    plugin: tuple[str, str],
    asked: Mapping[str, Any],
    place: WeightsRef,
    data: Sequence[str],
    reader: str | None,
) -> Iterator[Path]:
    yield from _code(*plugin)
    yield from _model(place)
    trained, its_reader = _trained(place)
    for name in (reader, None if data else its_reader):
        _refuse_strange("readers", name)
    for reference in data or trained:
        yield from _data(reference)
    for word in _words(asked):
        yield from _named_files(word)


def _code(kind: str, name: str) -> Iterator[Path]:
    """Of this package, of the built-in plugins, and what stands for the release of a library."""
    _refuse_strange(kind, name)
    found = registry.find(kind, name)
    module = registry.plugin_location(found)
    if module is None:
        raise _Unknown
    for package in (Path(__file__).parents[1], module.parents[found.module.count(".") - 1]):
        for path in _below(package):
            if path.stat().st_ctime > LOADED_AT:
                raise _Unknown  # it answers with the code of before
            yield path
    for library in LIBRARIES:
        spec = find_spec(library)
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin)


def _model(place: WeightsRef) -> Iterator[Path]:
    """Of a run its settings, its tokenizer and all its weights, for some questions are asked of
    every milestone.
    """
    if place.run is None:
        yield from _below(place.weights)
        return
    yield place.run / RUN_FILE
    for part in ("tokenizer", CHECKPOINTS, MILESTONES):
        yield from _below(place.run / part)


def _trained(place: WeightsRef) -> tuple[Sequence[str], str | None]:
    """The data of the run, its held-out data with it, and its reader."""
    if place.run is None:
        return (), None
    said = read_layer(place.run / RUN_FILE).values.get("data") or {}
    return [*(said.get("train") or ()), *(said.get("evaluation") or ())], said.get("reader")


def _data(reference: str) -> Iterator[Path]:
    path = split_language(reference)[1]
    scheme, colon, _ = path.partition(":")
    if colon and scheme in registry.names("readers"):
        _refuse_strange("readers", scheme)
        if not _is_computed(scheme):
            raise _Unknown
    elif os.path.isdir(path):
        yield from _below(Path(path))
    elif os.path.isfile(path):
        yield Path(path)
    else:
        found = (
            [Path(each) for each in glob.glob(path, recursive=True)] if glob.has_magic(path) else []
        )
        if not found:
            raise _Unknown
        yield from (each for each in found if each.is_file())


def _is_computed(reader: str) -> bool:
    """Whether all that it gives follows from its options and its code; see
    `contracts.task.Computed`.
    """
    found = registry.declaration("readers", reader)
    return found is not None and any(
        getattr(line, "name", "") == "content_key" for _, node in found.bases for line in node.body
    )


def _refuse_strange(kind: str, name: str | None) -> None:
    if name is not None and not registry.find(kind, name).built_in:
        raise _Unknown


def _words(said: Any) -> Iterator[str]:
    """Every text in a question: it may be the name of a file."""
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        for inner in said.values():
            yield from _words(inner)
    elif isinstance(said, list | tuple):
        for inner in said:
            yield from _words(inner)


def _named_files(word: str) -> Iterator[Path]:
    """The file that a text may name, alone or behind a language of any spelling ("english=FILE").

    What is read once, or is a folder, is unknown.
    """
    for name in {word, word.partition("=")[2]} - {""}:
        if os.path.isfile(name):
            yield Path(name)
        elif name == STANDARD_INPUT or os.path.exists(name):
            raise _Unknown


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (path for name in names if (path := Path(parent, name)).is_file())


def _machine() -> list[Any]:
    """Its name, how much of it this process may use, and who else may answer to a name."""
    system = os.uname()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    variables = sorted(
        (name, value) for name, value in os.environ.items() if name.startswith(VARIABLES)
    )
    plugins = [[kind, *sorted(registry.names(kind))] for kind in registry.KINDS]
    return [
        system.nodename,
        system.machine,
        sys.version,
        sys.path,
        threads,
        variables,
        sorted(glob.glob("/dev/nvidia*")),
        plugins,
        *_set_in_torch(threads),
    ]


def _set_in_torch(cores: int | None) -> list[str]:
    """What a program that called has set there; nothing where all is as torch comes."""
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    found = [
        str(torch.get_default_dtype()),
        torch.get_float32_matmul_precision(),
        str(torch.are_deterministic_algorithms_enabled()),
        str(torch.get_num_threads()),
    ]
    usual = ["torch.float32", "highest", "False", os.environ.get("OMP_NUM_THREADS") or str(cores)]
    return [] if found == usual else found
