"""Checks of `ssl generate --chat`, before anything is loaded."""

from sslcli import registry
from sslcli.cli.generate_checks import refuse_strange_request, refuse_unread_file
from sslcli.cli.in_context_checks import check_shots
from sslcli.cli.line_values import request_of, seed_of
from sslcli.cli.naming import asked_objectives
from sslcli.cli.options import Command, Given
from sslcli.errors import UsageError
from sslcli.models.line_checks import refuse_absent_model
from sslcli.runs.references import CHATTED, LATEST


def check_chat_line(command: Command, given: Given) -> None:
    """Refuse what does not go with --chat, a model that continues no text, and absent files."""
    seed_of(given)
    refuse_absent_model(given.get("model"))
    for key, flag in (("text", "the text"), ("system", "--system")):
        if key in given and not given[key].strip():
            raise UsageError(f"{flag} is empty", "say something, or leave it out")
    name = given.get("texts")
    refuse_unread_file(given)
    if given.get("json") and name is None and "text" not in given:
        raise UsageError(
            "a conversation line by line is no JSON", "give a text or --data with --json"
        )
    objectives = asked_objectives(given.get("model", LATEST), CHATTED)
    continuing = [name for name in objectives if _continues(name)]
    if not continuing:
        problem = f"--chat is for a model that continues texts, and {objectives[0]} makes none"
        raise UsageError(problem, "name a decoder with --model")
    check_shots(command, given, objectives)
    refuse_strange_request(command, given, request_of(given), continuing)
    if name is None and "text" not in given and int(request_of(given).get("count", 1)) > 1:
        problem = "a conversation goes on behind one answer, and --count asks for several"
        raise UsageError(problem, "leave it out, or give a text or --data")


def _continues(objective: str) -> bool:
    return "stop" in registry.plugin_settings("objectives", objective, "Request").model_fields
