"""Whether what an entry point names is a plugin: a class of its kind's contract, whole."""

from typing import Any

from sslcli.config import Config

CONTRACTS = tuple(
    f"sslcli.contracts.{module}"
    for module in (
        "learnable",
        "objective",
        "task",
        "scorer",
        "suite",
        "probe",
        "shift",
        "reader",
        "tokenizer",
        "family",
        "tracker",
    )
)


def first_line_of(error: BaseException) -> str:
    """The first line of an error of a stranger, which may have no text or fail to give it."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}".rstrip(": \n").splitlines()[0]


def _lacks_methods(cls: type) -> str:
    """Which abstract methods a class does not have; the empty string where it has all."""
    missing = getattr(cls, "__abstractmethods__", ())
    return f"{cls.__name__} has no {' and no '.join(sorted(missing))}" if missing else ""


def why_unfit(loaded: Any, contract: str) -> str:
    """Why an object that an entry point names is no plugin; the empty string where it is one."""
    if not isinstance(loaded, type):
        return f"the entry point must name a class, not {type(loaded).__name__} {loaded!r:.60}"
    if not any(
        base.__module__ in CONTRACTS and base.__name__ == contract for base in loaded.__mro__
    ):
        return f"{loaded.__name__} is no subclass of sslcli.api.{contract}"
    if lacking := _lacks_methods(loaded):
        return lacking
    if contract == "Task" and (lacking := _lacks_scorer(loaded)):
        return lacking
    options = getattr(loaded, "Options", None)
    if not (isinstance(options, type) and issubclass(options, Config)):
        return f"{loaded.__name__}.Options is no subclass of sslcli.api.Config"
    if options.model_rebuild(raise_errors=False) is False:
        return f"{loaded.__name__}.Options has a field of a type that is not there"
    return ""


def _lacks_scorer(task: type[Any]) -> str:
    """Why a task's predictions cannot be scored; the empty string where they can."""
    scorer = task.scorer
    if not isinstance(scorer, type) or not any(
        base.__module__ in CONTRACTS and base.__name__ == "Scorer" for base in scorer.__mro__
    ):
        return f"{task.__name__}.scorer is no subclass of sslcli.api.Scorer"
    if scorer.__module__ in CONTRACTS:
        return f"{task.__name__} has no scorer"
    return _lacks_methods(scorer)
