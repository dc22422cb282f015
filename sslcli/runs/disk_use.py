"""`ssl runs du`, `prune` and `delete`: what runs weigh on the disk, and what of them goes.

Nothing goes from a run that a living process writes, through a link, or from what is no run.
"""

import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sslcli import plainfiles
from sslcli.asides import (
    UNFINISHED,
    holds_current_folder,
    is_left,
    is_mounted,
    marked,
    take_lock,
)
from sslcli.engine.checkpoints.checkpoint_files import (
    BEST,
    CHECKPOINTS,
    MILESTONES,
    OPTIMIZER_PARTS,
    holds_optimizer,
    step_of,
)
from sslcli.errors import ModelError, RunError, UsageError
from sslcli.folders import drop_from, read_sealed, remove
from sslcli.reporting.saved_reports import files_of
from sslcli.reports import Report, Table, amount, mebibytes
from sslcli.runs.catalogue import FACTS_FILE, OWN_FILES, Run, read_facts
from sslcli.runs.references import find_run

# Beside OWN_FILES; the last but one three are of a suite, the last of a comparison.
_MORE_OWN_FILES = ("lock", "table.csv", "submission", "submission.zip", "comparison.json")
_KINDS = ("pretrain", "finetune", "suite", "compare")
LOOKS, SECONDS_BETWEEN_LOOKS = 3, 0.05


@dataclass(frozen=True)
class Weight:
    """Bytes by kind, each file once, whatever the number of its links; a shared one is of the first
    kind that has it."""

    checkpoints: int = 0
    optimizer: int = 0
    milestones: int = 0
    rest: int = 0

    @property
    def figures(self) -> tuple[int, ...]:
        """The bytes of each kind, in the order of the fields."""
        return tuple(getattr(self, each.name) for each in fields(self))

    @property
    def total(self) -> int:
        """All bytes together."""
        return sum(self.figures)


def weight_of(folder: Path) -> Weight:
    """Return the bytes of a run folder; link targets do not count."""
    seen: set[tuple[int, int]] = set()
    bytes_of = dict.fromkeys((each.name for each in fields(Weight)), 0)
    for path in _files_below(folder):
        with suppress(OSError):
            stat = path.lstat()
            if (key := (stat.st_dev, stat.st_ino)) not in seen:
                seen.add(key)
                bytes_of[_kind_of(path.relative_to(folder))] += stat.st_size
    return Weight(**bytes_of)


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()  # checkpoints come before milestones
        yield from (Path(parent, name) for name in sorted(names))


def _kind_of(path: Path) -> str:
    names = set(path.parts)  # of a suite the parts lie one folder deeper
    if CHECKPOINTS not in names:
        return "milestones" if MILESTONES in names else "rest"
    return "optimizer" if names & set(OPTIMIZER_PARTS) else "checkpoints"


def space_of(runs: Sequence[Run]) -> tuple[Report, list[dict[str, Any]]]:
    """Return one line per run, and the same as plain data."""
    found = [(run, weight_of(run.folder)) for run in runs]
    rows = [
        [run.name, *map(mebibytes, weight.figures), mebibytes(weight.total)]
        for run, weight in found
    ]
    total = sum(weight.total for _, weight in found)
    columns = ("run", "weights", "optimizer state", "milestones", "rest", "together")
    documents = [
        {
            "name": run.name,
            "folder": str(run.folder),
            "bytes": {**asdict(weight), "total": weight.total},
        }
        for run, weight in found
    ]
    tables = [Table("", columns, rows)] if rows else []
    return Report(
        tables=tables, notes=[f"{amount(len(rows), 'run')}, {mebibytes(total)}"]
    ), documents


@dataclass(frozen=True)
class Removal:
    """Files to delete: `whole` run folders, or parts of one. `says` is a line for a person."""

    run: Run
    says: str
    folders: Sequence[Path] = ()
    without_optimizer: Sequence[Path] = ()
    whole: bool = False


def chosen(references: Iterable[str], exactly: bool) -> list[Run]:
    """The runs that are named, each once. Raises UsageError where one is a link, or no run.

    `exactly`: nobody is asked, so the beginning of a name is not enough.
    """
    found: dict[Path, Run] = {}
    for reference in references:
        run = find_run(reference)
        _refuse_no_run(run.folder)
        named = run.name == reference or Path(reference).is_dir() or reference.startswith("@")
        if exactly and not named:
            problem = f"'{reference}' is the beginning of {run.name}, and nobody is asked"
            raise UsageError(problem, f"give the whole name: {run.name}")
        found.setdefault(run.folder.resolve(), run)
    return list(found.values())


def _refuse_no_run(folder: Path) -> None:
    if Path(os.path.abspath(folder)).is_symlink():
        where = os.readlink(os.path.abspath(folder))
        hint = "name the run itself, and remove the link by hand"
        raise UsageError(f"{folder} is a link to {where}", hint)
    facts = read_facts(folder)
    if facts.get("kind") not in _KINDS or (folder / FACTS_FILE).is_symlink():
        problem = f"{folder} is no run: its run.json is not of one"
        raise UsageError(problem, "ssl runs lists the runs")


def deletion(run: Run) -> Removal:
    """Plan to delete a whole run. Raises UsageError if its folder holds other files."""
    folder = run.folder
    place = Path(os.path.realpath(folder))
    if is_mounted(place) or holds_current_folder(place):
        problem = f"{folder} is a mount point, or the current folder or one above it"
        raise UsageError(problem, "go elsewhere first, or remove it by hand")
    own = {*OWN_FILES, *_MORE_OWN_FILES, *files_of(folder)}
    parts = _parts(run)
    there = (path for path in sorted(folder.iterdir()) if path not in parts)
    others = [path.name for path in there if path.name not in own and not is_left(path)]
    if others:
        names = ", ".join(others[:4])
        problem = f"{folder} holds what is not of the run: {names}"
        raise UsageError(problem, "move that elsewhere first, or remove the folder by hand")
    return Removal(run, f"{folder}: all of it, {mebibytes(weight_of(folder).total)}", whole=True)


def _parts(run: Run) -> list[Path]:
    """Of a suite and of a comparison each part is a run."""
    if run.kind not in ("suite", "compare"):
        return []
    plain = (path for path in run.folder.iterdir() if not path.is_symlink())
    return [path for path in plain if read_facts(path).get("kind") in _KINDS]


def pruning(run: Run) -> Removal | None:
    """Plan to delete all checkpoints but the best and the newest, milestones and optimizer state.

    Returns None if that is nothing. Raises ModelError if no checkpoint is valid.
    """
    checkpoints, milestones = (_steps(run.folder / name) for name in (CHECKPOINTS, MILESTONES))
    if not checkpoints:
        return None
    stays = _kept(run.folder, checkpoints)
    goes = [*(path for path in checkpoints if path not in stays), *milestones]
    stripped = [path for path in stays if _has_optimizer(path)]
    if not goes and not stripped:
        return None
    parts = [
        f"{amount(len(checkpoints) - len(stays), 'checkpoint')}" * (len(checkpoints) > len(stays)),
        f"{amount(len(milestones), 'milestone')}" * bool(milestones),
        f"the optimizer state of {', '.join(path.name for path in stripped)}" * bool(stripped),
    ]
    lost = ", after which it cannot be resumed" if run.resumable and stripped else ""
    kept = ", ".join(sorted(path.name for path in stays))
    says = f"{run.folder}: {', '.join(filter(None, parts))}{lost}; the weights of {kept} stay"
    return Removal(run, says, goes, stripped)


def _steps(folder: Path) -> list[Path]:
    """Folders of steps, the newest first; links are left alone."""
    if folder.is_symlink():
        return []
    found = [path for path in folder.glob("step-*") if step_of(path) is not None]
    plain = (path for path in found if path.is_dir() and not path.is_symlink())
    return sorted(plain, key=lambda path: step_of(path) or 0, reverse=True)


def _kept(folder: Path, checkpoints: Sequence[Path]) -> list[Path]:
    newest = next((path for path in checkpoints if _is_whole(path)), None)
    if newest is None:
        problem = f"{folder} has no complete checkpoint, so nothing of it is removed"
        raise ModelError(problem, "ssl runs delete removes the whole run")
    try:
        best = plainfiles.read_whole_text(folder / BEST).strip()
    except (OSError, ValueError):
        best = ""
    return [path for path in checkpoints if path == newest or path.name == best]


def _is_whole(path: Path) -> bool:
    try:
        return read_sealed(path).get("step") == step_of(path)
    except ModelError:
        return False


def _has_optimizer(path: Path) -> bool:
    try:
        return holds_optimizer(read_sealed(path, hashes=False))
    except ModelError:
        return False


def carry_out(removals: Sequence[Removal]) -> int:
    """Returns how many bytes are free now. Raises UsageError, before anything is removed, where a
    run is in use, RunError where the disk refuses."""
    with ExitStack() as held:
        for removal in removals:
            for folder in (removal.run.folder, *_parts(removal.run)):
                held.enter_context(_held(folder))
        before = sum(weight_of(removal.run.folder).total for removal in removals)
        for removal in removals:
            _carry_out(removal)
        return before - sum(weight_of(removal.run.folder).total for removal in removals)


def _carry_out(removal: Removal) -> None:
    for path in [removal.run.folder] if removal.whole else removal.folders:
        aside = marked(path, UNFINISHED)  # what is half there never has its name
        try:
            path.rename(aside)
        except OSError as error:
            problem = f"cannot remove {path}: {error.strerror}"
            raise RunError(problem, "check the permissions of the disk") from error
        remove(aside)
    for path in removal.without_optimizer:
        drop_from(path, OPTIMIZER_PARTS)


@contextmanager
def _held(folder: Path) -> Generator[None]:
    """Nobody begins to write in the run meanwhile. Raises UsageError where somebody does."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        problem = f"whether {folder} is in use cannot be seen: lock: {error.strerror}"
        raise UsageError(problem, "remove it by hand") from error
    try:
        taken = _taken(handle)
        if taken is False or (taken is None and read_facts(folder).get("status") == "running"):
            raise UsageError(f"{folder} is in use by {_holder(folder)}", "stop it, or wait for it")
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool | None:
    """Who only looks whether a run is in use holds its lock for a moment."""
    for _ in range(LOOKS - 1):
        if (taken := take_lock(handle)) is not False:
            return taken
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return take_lock(handle)


def refuse_used(runs: Iterable[Run]) -> None:
    """Raises UsageError naming the first that is in use, before anyone is asked."""
    for run in runs:
        with _held(run.folder):
            pass


def is_used(run: Run) -> bool:
    """Tell whether a living process uses the run."""
    try:
        refuse_used([run])
    except UsageError:
        return True
    return False


def _holder(folder: Path) -> str:
    try:
        return plainfiles.read_whole_text(folder / "lock").strip() or "another process"
    except (OSError, ValueError):
        return "another process, or by one that died where nobody can tell"
