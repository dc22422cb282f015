"""Self-supervised learning: raw data in, a pretrained Transformer and what it learnt out.

The commands of `ssl` as functions that give data back. See docs/python.md.
"""

import importlib
import time

LOADED_AT = time.time()  # code that was changed later is not what this process runs
__all__ = [
    "Answers",
    "FinishedRun",
    "Report",
    "Score",
    "SslError",
    "StopRequest",
    "compare",
    "evaluate",
    "fetch",
    "finetune",
    "load",
    "predict",
    "pretrain",
    "probe",
]
_ELSEWHERE = {
    **dict.fromkeys(("compare", "finetune", "pretrain"), "sslcli.calls.training"),
    **dict.fromkeys(("evaluate", "fetch", "load", "predict", "probe"), "sslcli.calls.models"),
    "Answers": "sslcli.calls.results",
    "FinishedRun": "sslcli.calls.results",
    "Report": "sslcli.reports",
    "Score": "sslcli.reports",
    "SslError": "sslcli.errors",
    "StopRequest": "sslcli.errors",
}


def __getattr__(name: str) -> object:
    """Imported when it is asked for: `import sslcli` alone loads nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'sslcli' has no attribute '{name}'")
    return getattr(importlib.import_module(_ELSEWHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
