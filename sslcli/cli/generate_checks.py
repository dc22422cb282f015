"""The check of a line of `ssl generate`, before anything is loaded: what its model can be asked
for, and with which words. Imports no torch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sslcli import registry
from sslcli.cli.in_context_checks import check_shots
from sslcli.cli.line_values import request_of, seed_of
from sslcli.cli.naming import REQUEST, asked_objectives, generated
from sslcli.cli.options import Command, Given, spellings
from sslcli.errors import ConfigError, UsageError
from sslcli.modalities import modality_read
from sslcli.models.line_checks import problems_in, refuse_absent_files, refuse_absent_model
from sslcli.plainfiles import STANDARD_INPUT, no_such_file
from sslcli.resolving import naming_sources
from sslcli.runs.catalogue import read_run
from sslcli.runs.references import ASKED, LATEST, decided, run_of, shape_in
from sslcli.workflows.generate.prompts import RECORDS, holds_records

STAND_IN = "[MASK]"  # for texts of a file, which is not read yet


def check_generate_line(command: Command, given: Given) -> None:
    """Refuse a seed that is no number, an absent model, what no objective of the model can be
    asked for, such as nothing, and a place for what the model does not make.
    """
    seed_of(given)
    if "system" in given:
        raise UsageError("--system is for conversations", "add --chat, or leave it out")
    refuse_absent_model(given.get("model"))
    objectives = asked_objectives(given.get("model", LATEST))
    check_shots(command, given, objectives)
    _refuse_unread_text(given, objectives)
    refuse_unread_file(given)
    request = {**request_of(given), **({"text": STAND_IN} if "texts" in given else {})}
    _refuse_incomplete(command, given, request, objectives)
    for name in objectives:
        refuse_absent_files("objectives", name, request, "Request")
    _refuse_place(given)


def refuse_unread_file(given: Given) -> None:
    """Raises UsageError or DataError where --data is absent, stands beside a text, or has no field
    that could be named.
    """
    name, field = given.get("texts"), given.get("text_field")
    if name is None:
        if field is not None:
            problem = "--text-field is for the records of a file"
            raise UsageError(problem, "add --data FILE, or leave it out")
        return
    if "text" in given:
        raise UsageError("there is a text and --data", "give one of them")
    if name != STANDARD_INPUT and (Path(name).is_dir() or not Path(name).exists()):
        raise no_such_file(name)
    if field is not None and not holds_records(name, field):
        known = ", ".join(f".{suffix}" for suffix in RECORDS)
        problem = f"{name} is read line by line, and has no field '{field}'"
        raise UsageError(problem, f"leave --text-field out; files of records are {known}")


def _refuse_unread_text(given: Given, objectives: Sequence[str]) -> None:
    """Raises UsageError where there is a text and the model reads none."""
    if "text" not in given and "texts" not in given:
        return
    if any("text" in _request_fields(name) for name in objectives):
        return
    what, line = generated(objectives[0], given.get("model"))
    problem = f"{_model(given)} generates {what}, and reads no text"
    raise UsageError(problem, f"as in: {line}")


def _refuse_incomplete(
    command: Command, given: Given, request: dict[str, object], objectives: Sequence[str]
) -> None:
    """Raises UsageError for a line without what its model needs, ConfigError for a wrong value."""
    lacking = [
        [key for key, field in _request_fields(name).items() if field.is_required()]
        for name in objectives
    ]
    if all(set(needed) - request.keys() for needed in lacking):
        what, line = generated(objectives[0], given.get("model"))
        missing = " and no ".join(
            "text" if key == "text" else f"--{key.replace('_', '-')}"
            for key in lacking[0]
            if key not in request
        )
        problem = f"there is no {missing}: {_model(given)} generates {what}"
        raise UsageError(problem, f"as in: {line}")
    refuse_strange_request(command, given, request, objectives)


def refuse_strange_request(
    command: Command, given: Given, request: Mapping[str, object], objectives: Sequence[str]
) -> None:
    """Raises ConfigError, which names the flags, for a value that none of the objectives takes."""
    problems = [problems_in("objectives", name, request, "", "Request") for name in objectives]
    if all(problems):
        flags = [flag for flag in command.flags if flag.names and flag.key in given]
        sources = {
            flag.key.removeprefix(f"{REQUEST}."): sorted(spellings([flag]))[0] for flag in flags
        }
        with naming_sources(sources):
            raise ConfigError(problems[0], "ssl generate --help lists the flags")


def _refuse_place(given: Given) -> None:
    """Raises UsageError where --out is said of texts."""
    run = run_of(decided(given.get("model", LATEST), ASKED)[0])
    reads = "text" if run is None else modality_read(shape_in(read_run(run)))
    if reads == "text" and "out" in given:
        problem = f"{_model(given)} makes texts, and --out is for images, records and recordings"
        raise UsageError(problem, "leave out --out; --json prints texts to be kept")


def _request_fields(objective: str) -> dict:
    return registry.plugin_settings("objectives", objective, "Request").model_fields


def _model(given: Given) -> str:
    return given.get("model") or "the newest run"
