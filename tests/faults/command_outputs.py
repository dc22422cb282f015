"""What a command leaves in its folder, compared with what it leaves when nobody disturbs it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import CLOCKS, metrics

from sslcli.errors import ModelError
from sslcli.folders import read_sealed

OUT = "out"
LEFT = (".unfinished-", ".replaced-", ".part")


def contents(folder: Path) -> dict[str, Any]:
    """Every file without what a clock or a process decides, as a hash or as its values."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.name in ("log.txt", "lock") or (
            path.name == "manifest.json" and (path.parent / "state.json").is_file()
        ):
            continue
        if path.name in ("run.json", "state.json"):
            tree = json.loads(path.read_text(encoding="utf-8"))
            found[name] = (
                tree.get("status")
                if path.name == "run.json"
                else {k: v for k, v in tree.items() if k not in CLOCKS}
            )
        elif path.name == "metrics.jsonl":
            found[name] = metrics(path.parent)
        else:
            found[name] = hashlib.blake2b(path.read_bytes()).hexdigest()
    return found


def litter(folder: Path) -> list[str]:
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.startswith(LEFT[:2]) or path.suffix == LEFT[2]
    ]


def not_whole(job: Any, folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What is wrong with an `out` that has to hold one result or the other, or to say that it holds
    none; `job`: see `Job`.
    """
    if job.is_run:
        return "falsely done" if falsely_done(folder) else ""
    there = {
        name: value
        for name, value in contents(folder).items()
        if not any(part.startswith(LEFT[:2]) for part in name.split("/"))
    }
    if there in (dict(before), dict(after)):
        return ""
    if (
        job.beside
        and f"{OUT}/report.json" not in there
        and any(there.items() <= whole.items() for whole in (before, after))
    ):
        return ""
    return f"a mixture: {sorted(name for name in there if there[name] not in (before.get(name), after.get(name)))[:5] or sorted(there)[:9]}"


def falsely_done(folder: Path) -> bool:
    """Whether a run says that it is done without its scores or its last checkpoint."""
    for path in folder.glob(f"{OUT}*/run.json"):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if facts.get("status") != "done" or facts.get("kind") == "suite":
            continue
        last = path.parent / "checkpoints" / f"step-{facts['total_steps']:06d}"
        try:
            read_sealed(last)
        except ModelError:
            return True
        if not (path.parent / "scores.json").is_file():
            return True
    return False
