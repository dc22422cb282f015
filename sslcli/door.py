"""Version of the plugin interface, and what to change in a plugin for an older one.

A plugin states no version: its members tell. A name that a contract once had is never reused for
something else.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any

API_VERSION = 3
API = "sslcli.api"
_MISSING = re.compile(rf"cannot import name '(\w+)' from '{re.escape(API)}'")
_TO_SCORER = (
    "write them in a class MyScorer(Scorer), which has self.options "
    "and self.labels, and name it in the task: scorer = MyScorer"
)
_RENAMED = "only the name is another"
# Name that sslcli.api had in an older version -> what a plugin writes instead.
GONE: Mapping[str, str] = {
    "Move": "Shift.fit gives a LinearShift, which holds a matrix or a vector",
    "Draws": "it is called Rng",
    "SampleDraws": "it is called SampleRng",
    "Frame": "it is called Context",
    "Views": "it is called ModelBatch",
    "Subject": "it is called FrozenModel",
    "Material": "it is called ProbeData",
    "Use": "it is called WordOccurrence",
}
# Contract -> member that an older version had -> what it is now, and how a plugin comes by it.
MOVED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Learnable": {
        "views": ("collate(self, batch, rng)", _RENAMED),
        "needs": ("architectures", _RENAMED),
        "reads": ("modalities", _RENAMED),
    },
    "Probe": {"needs": ("architectures", _RENAMED), "typed": ("positional_fields", _RENAMED)},
    "Task": {
        "settle": ("resolve_options", _RENAMED),
        "typed": ("positional_fields", _RENAMED),
        "score": ("Scorer.score(predictions, examples)", _TO_SCORER),
        "baselines": ("Scorer.baselines(train, test)", _TO_SCORER),
        "findings": ("Scorer.error_report(predictions, examples)", _TO_SCORER),
        "answered": ("Scorer.label_names(examples)", _TO_SCORER),
        "shown": ("Scorer.format_prediction(example, prediction)", _TO_SCORER),
        "written": ("Scorer.submission_files(predictions)", _TO_SCORER),
        "score_names": ("Scorer.score_names", _TO_SCORER),
    },
    "Shift": {
        "estimate": (
            "Shift.fit(source, target)",
            "give a LinearShift, which holds a matrix or a vector, where a function was given",
        ),
    },
}
# Contract -> method that had fewer parameters -> how many, what it is now, and what for.
CHANGED: Mapping[str, Mapping[str, tuple[int, str, str]]] = {
    "Learnable": {
        "begin": (
            2,
            "begin(self, backbone, first_batch)",
            "first_batch() gives the first batch, ready for the network",
        )
    },
}


def outdated(cls: type, contracts: Sequence[str]) -> tuple[str, str] | None:
    """A sentence and a hint where a plugin has members of an older version; `contracts`: the
    modules of the contracts.
    """
    own = [base for base in cls.__mro__ if base.__module__ not in contracts]
    contract = [base.__name__ for base in cls.__mro__ if base.__module__ in contracts]
    moved = [entry for name in contract for entry in MOVED.get(name, {}).items()]
    found = {name: now for name, now in moved if any(name in vars(base) for base in own)}
    changed = [entry for name in contract for entry in CHANGED.get(name, {}).items()]
    for name, (count, now, hint) in changed:
        if any(callable(method := vars(base).get(name)) and _takes(method, count) for base in own):
            found[name] = now, hint
    if not found:
        return None
    changes = ", ".join(f"{name} is now {now}" for name, (now, _) in found.items())
    hints = dict.fromkeys(hint for _, hint in found.values())
    return (
        (
            f"{cls.__name__} is written for an older plugin "
            f"interface than version {API_VERSION}: {changes}"
        ),
        "; ".join(hints),
    )


def _takes(method: Callable[..., Any], count: int) -> bool:
    """Whether it has so many parameters, self among them, and takes no more than these."""
    parameters = signature(method).parameters.values()
    return len(parameters) == count and not any(
        each.kind is Parameter.VAR_POSITIONAL for each in parameters
    )


def outdated_import(error: BaseException) -> tuple[str, str] | None:
    """Return the hint for a plugin that imports a name that sslcli.api no longer has."""
    found = _MISSING.match(str(error)) if isinstance(error, ImportError) else None
    if found is None or found[1] not in GONE:
        return None
    problem = (
        "it is written for an older plugin interface than "
        f"version {API_VERSION}: {API} has no {found[1]} any more"
    )
    return problem, GONE[found[1]]
