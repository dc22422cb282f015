"""`ssl doctor`: what this machine can do, and what is missing. Looks; changes nothing."""

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sslcli import registry
from sslcli.engine.settings import UNTESTED
from sslcli.errors import PluginError
from sslcli.plainfiles import INSTALL_PYARROW
from sslcli.reports import amount
from sslcli.runs.catalogue import runs_folder
from sslcli.runs.hub_cache import hub_cache

OLDEST_PYTHON = (3, 11)
LITTLE_DISK_GB = 5.0
EXTRAS = {  # what is not required -> the line that installs it
    "pyarrow": INSTALL_PYARROW,
    "tensorboard": 'pip install "sslcli[tensorboard]"',
    "trackio": 'pip install "sslcli[trackio]"',
    "wandb": "pip install wandb",
    "mlflow": "pip install mlflow",
    "transformers": "pip install transformers, for ssl export --transformers",
}
COMPILERS = ("c++", "g++", "clang++")
HEEDED = ("CUDA_VISIBLE_DEVICES", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
SECRETS = ("HF_TOKEN", "WANDB_API_KEY")


@dataclass(frozen=True)
class MachineFact:
    """`failed` means that something essential does not work; a warning costs a picture or some
    speed.
    """

    status: Literal["ok", "note", "warning", "failed"]
    text: str
    hint: str = ""


def examine_machine() -> list[MachineFact]:
    """Return all findings, in display order."""
    checks: tuple[Callable[[], Iterator[MachineFact]], ...] = (
        _python,
        _packages,
        _extras,
        _cores,
        _devices,
        _compiling,
        _fonts,
        _disk,
        _settings,
        _offline,
        _plugins,
    )
    return [finding for check in checks for finding in check()]


def _python() -> Iterator[MachineFact]:
    version = platform.python_version()
    fits = tuple(int(part) for part in platform.python_version_tuple()[:2]) >= OLDEST_PYTHON
    if fits:
        yield MachineFact("ok", f"Python {version} on {platform.platform()}")
    else:
        yield MachineFact("failed", f"Python {version} is too old", "install Python 3.11 or newer")


def _packages() -> Iterator[MachineFact]:
    """Yield the installed versions of the packages that we require."""
    found, missing = [f"sslcli {importlib.metadata.version('sslcli')}"], []
    for requirement in importlib.metadata.requires("sslcli") or ():
        name = re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0]
        if "extra ==" in requirement:
            continue
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    yield MachineFact("ok", " · ".join(found))
    if missing:
        yield MachineFact(
            "failed", f"not installed: {', '.join(missing)}", f"pip install {' '.join(missing)}"
        )


def _extras() -> Iterator[MachineFact]:
    """What is used where it is there, and the line that brings what is not."""
    found, missing = [], []
    for name, line in EXTRAS.items():
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name} ({line})")
    if found:
        yield MachineFact("ok", f"extras: {' · '.join(found)}")
    if missing:
        yield MachineFact("note", f"extras that are not installed: {', '.join(missing)}")


def _cores() -> Iterator[MachineFact]:
    """Cores that this process may use, its threads, and the memory."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    said = f" · OMP_NUM_THREADS={threads}" if threads else ""
    memory = ""
    if "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        memory = f" · {size:.0f} GiB of memory"
    yield MachineFact("ok", f"{usable} of {os.cpu_count()} CPU cores{memory}{said}")


def _compiling() -> Iterator[MachineFact]:
    """--compile needs a compiler of C++."""
    named = os.environ.get("CXX")
    found = next(filter(None, map(shutil.which, [named] if named else COMPILERS)), None)
    if found is not None:
        yield MachineFact("ok", f"--compile: C++ compiler {found}")
    else:
        yield MachineFact(
            "note", "--compile does not work on a CPU without a C++ compiler", "apt install g++"
        )


def _settings() -> Iterator[MachineFact]:
    """Environment variables that change what commands do; of secrets only that they are there."""
    own = sorted(name for name in os.environ if name.startswith("SSLCLI_"))
    others = [name for name in HEEDED if name in os.environ]
    said = [f"{name}={os.environ[name]}" for name in (*own, *others)]
    said += [f"{name} is set" for name in SECRETS if name in os.environ]
    if said:
        yield MachineFact("ok", f"environment: {' · '.join(said)}")


def _devices() -> Iterator[MachineFact]:
    """Imported by name and here: a torch that cannot be imported is a finding, not the end of the
    examination.
    """
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield MachineFact(
            "failed",
            f"torch cannot be imported: {error}",
            "install it anew: pip install --force-reinstall torch",
        )
        return
    if torch.backends.mps.is_available():
        yield MachineFact("note", f"mps: the GPU of this Mac, with --device mps; {UNTESTED}")
    if not torch.cuda.is_available():
        yield MachineFact(
            "note", f"no GPU found; training runs on {os.cpu_count()} CPU cores (small models only)"
        )
        return
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        precision = "bf16" if torch.cuda.is_bf16_supported() else "fp32 only"
        yield MachineFact(
            "ok",
            f"cuda:{index} {facts.name} · {facts.total_memory / 2**30:.0f} GiB · {precision} · "
            f"compute capability {facts.major}.{facts.minor} · CUDA {torch.version.cuda}",
        )


def _fonts() -> Iterator[MachineFact]:
    """Imported by name and here, as torch is."""
    try:
        fonts = importlib.import_module("sslcli.reporting.fonts")
        name = fonts.cjk_font()
    except (ImportError, OSError) as error:
        yield MachineFact(
            "warning",
            f"no pictures: matplotlib cannot be imported: {error}",
            "pip install --force-reinstall matplotlib",
        )
        return
    if name is not None:
        yield MachineFact("ok", f"Chinese in pictures: {name}")
    else:
        yield MachineFact(
            "warning",
            "no CJK font: PNG pictures number Chinese labels, SVG and HTML have them",
            fonts.HOW_TO_GET_ONE,
        )


def _disk() -> Iterator[MachineFact]:
    """The runs folder, or the nearest folder above it that exists: a file can be made, and there is
    space.
    """
    folder = runs_folder().absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            free_gb = shutil.disk_usage(place).free / 1e9
    except OSError as error:
        yield MachineFact(
            "failed",
            f"cannot write in {place}: {error.strerror}",
            "choose another folder with SSLCLI_RUNS_DIR",
        )
        return
    if free_gb < LITTLE_DISK_GB:
        yield MachineFact(
            "warning",
            f"runs folder {folder} writable, only {free_gb:.1f} GB free",
            "a run of bert-base keeps some 5 GB",
        )
    else:
        yield MachineFact("ok", f"runs folder {folder} writable, {free_gb:,.0f} GB free")


def _offline() -> Iterator[MachineFact]:
    """Where `ssl fetch` gets models from and puts them; everything else reads local files only."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE")
    said = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    count = len(list(hub_cache().glob("models--*/snapshots/*")))
    cache = f"{amount(count, 'model')} of hubs in {hub_cache()}"
    yield MachineFact("ok", " · ".join(["only ssl fetch uses the network", cache, *said]))


def _plugins() -> Iterator[MachineFact]:
    """Loads every plugin that is let in: this command is there to find the broken ones."""
    everything, broken = registry.everything(), []
    for found in everything:
        if found.status in ("ok", "broken"):
            try:
                registry.load(found.kind, found.name)
            except PluginError as error:
                broken.append(MachineFact("failed", error.message, error.hint))
    counts = {
        kind: sum(found.kind == kind and found.status == "ok" for found in everything)
        for kind in registry.KINDS
    }
    found = [
        amount(count, registry.KINDS[kind][0], kind) for kind, count in counts.items() if count
    ]
    yield MachineFact("ok", ", ".join(found))
    for found in everything:
        if found.status in ("shadowed", "duplicate", "disabled"):
            yield MachineFact(
                "note",
                (
                    f"{found.kind} '{found.name}' of "
                    f"{found.distribution} {found.version}: {found.status}"
                ),
                found.problem,
            )
    for name in sorted(registry.unknown_allowed()):
        yield MachineFact(
            "warning",
            f"SSLCLI_PLUGINS names {name}, which has no plugins here",
            "pip install it, or take it off the list",
        )
    yield from broken
