"""Model references: what a user calls a model, and the weights that lie there. Without torch.

    runs/first                     a run folder: its best checkpoint, else its newest
    runs/first/checkpoints/step-000200     one checkpoint or milestone
    models/bert                    a directory with config.json and model.safetensors
    first, fir                     a run by name or unique beginning
    @latest, @latest:mlm           the newest run, of that objective
    @best:mlm                      the run with the lowest held-out loss of that objective
    REF:step-2000, REF:best, REF:last      that checkpoint of a run
    hf:ORG/NAME, hf:ORG/NAME@REVISION      a model of a hub that `ssl fetch` has brought

Nothing is fetched from a network here.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sslcli import plainfiles
from sslcli.core.settings import MODEL_CONFIG
from sslcli.engine.checkpoints.checkpoint_files import (
    BACKBONE,
    CHECKPOINTS,
    newest_whole,
    step_name,
)
from sslcli.errors import ModelError, UsageError
from sslcli.folders import read_sealed
from sslcli.runs.catalogue import RUN_FILE, read_run
from sslcli.runs.hub_cache import cached_model, is_on_hub
from sslcli.runs.references import named_run, parts_of, run_above, unfinished_state

ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class WeightsRef:
    """The target of a reference: a folder of weights and, if it is one of ours, its run folder."""

    weights: Path
    run: Path | None = None
    notes: tuple[str, ...] = ()


def locate_weights(reference: str) -> WeightsRef:
    """The folder behind a reference. Raises UsageError or ModelError where there is none."""
    whole, selector, step = parts_of(reference)
    path = cached_model(whole) if is_on_hub(whole) else Path(whole)
    run = run_above(path)
    if (path / BACKBONE).is_file():
        if run is None:
            raise ModelError(
                f"{path} is a checkpoint outside of its run",
                f"it needs the {RUN_FILE} of its run two folders above",
            )
        read_sealed(path)
        return WeightsRef(path, run)
    if run == path:
        return _checkpoint(path, selector, step)
    if (path / MODEL_CONFIG).is_file():
        if selector is not None:
            raise UsageError(
                f"{path} is a model directory, which has no '{selector}'", "leave that out"
            )
        return WeightsRef(path)
    if path.is_file():
        raise ModelError(
            f"{path} is a file",
            "give the folder of a run or of a model; unpack an archive by hand, where you trust it",
        )
    if (path / ADAPTER).is_file():
        problem = f"{path} holds an adapter, and not the model that it adapts"
        raise ModelError(
            problem, "merge the two first: merge_and_unload() of peft, then save_pretrained()"
        )
    if path.exists():
        raise ModelError(
            f"{path} is neither a run nor a model directory",
            f"a run has {RUN_FILE}, a model directory has {MODEL_CONFIG}",
        )
    return _checkpoint(named_run(whole), selector, step)


def _checkpoint(run: Path, selector: str | None, step: str | None) -> WeightsRef:
    """The named checkpoint or milestone; without a name the best, or the newest that is whole."""
    if step is not None:
        name = step_name(int(step))
        found = next(
            (
                folder / name
                for folder in (run / "checkpoints", run / "milestones")
                if (folder / name).is_dir()
            ),
            None,
        )
        if found is None:
            steps = sorted(
                {
                    path.name
                    for kind in ("checkpoints", "milestones")
                    for path in (run / kind).glob("step-*")
                }
            )
            raise UsageError(
                f"{run} has no {name}", f"it has {', '.join(steps[-6:]) or 'none yet'}"
            )
        read_sealed(found)
        return WeightsRef(found, run)
    state = unfinished_state(read_run(run))
    notes = [f"{run.name} {state}"] if state else []
    if selector != "last" and (best := _best_of(run)) is not None:
        try:
            read_sealed(best)
            return WeightsRef(best, run, tuple(notes))
        except ModelError as error:
            if selector == "best":
                raise
            notes.append(f"the best checkpoint is skipped: {error.message}")
    newest, passed = newest_whole(run / CHECKPOINTS)
    if selector == "best" or newest is None:
        problem = "best checkpoint" if selector == "best" else "complete checkpoint"
        raise ModelError(
            f"{run} has no {problem}",
            passed[0] if passed else f"it {state}" if state else "the run has not got that far",
        )
    return WeightsRef(newest, run, (*notes, *passed))


def _best_of(run: Path) -> Path | None:
    try:
        name = plainfiles.read_whole_text(run / "best").strip()
    except (OSError, ValueError):
        return None
    return run / CHECKPOINTS / name if re.fullmatch(r"step-\d+", name) else None
