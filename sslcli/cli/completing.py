"""Shell completion: names of plugins, runs and choices, without torch.

Files are completed by the shell itself.
"""

from collections.abc import Iterable

from sslcli import registry
from sslcli.core.presets import NAMES
from sslcli.errors import SslError
from sslcli.models.line_checks import refuse_objective
from sslcli.runs.catalogue import all_runs
from sslcli.runs.hub_cache import cached_names
from sslcli.runs.references import LATEST

PLUGINS = {
    "objective": ("objectives",),
    "task": ("tasks", "suites"),
    "probe": ("probes",),
    "shift": ("shifts",),
    "reader": ("readers",),
    "data.reader": ("readers",),
    "tokenizer.kind": ("tokenizers",),
    "run.track": ("trackers",),
    "kind": (),
    "name": tuple(registry.KINDS),
}
RUNS = ("model", "model.source", "resume", "run", "runs", "typed")
STARTS = ("pretrained", "random", "shuffled-weights")


def candidates(key: str, metavar: str, incomplete: str) -> list[str]:
    """Return all completions that begin as typed; `key` and `metavar` are the flag's."""
    before, plus, last = incomplete.rpartition("+") if key == "objective" else ("", "", incomplete)
    found = [f"{before}{plus}{name}" for name in _all(key, metavar) if name.startswith(last)]
    return [name for name in found if _joins(name)] if plus else found


def _joins(expression: str) -> bool:
    try:
        refuse_objective(expression, {})
    except SslError:
        return False
    return True


def _all(key: str, metavar: str) -> Iterable[str]:
    if key == "kind":
        return registry.KINDS
    if key in PLUGINS:
        return sorted({name for kind in PLUGINS[key] for name in registry.names(kind)})
    if key in ("tag", "tags"):
        return sorted({tag for run in all_runs() for tag in run.tags})
    if key in RUNS:
        runs = all_runs()
        hub = cached_names() if key in ("model", "model.source") else []
        return (
            [
                *hub,
                *(run.name for run in runs),
                LATEST,
                *sorted({f"{LATEST}:{run.objective}" for run in runs}),
            ]
            if runs
            else hub
        )
    if key == "model.preset":
        return NAMES
    if key == "init":
        return STARTS
    return metavar.split("|") if "|" in metavar and not metavar.startswith("[") else ()
