"""`ssl generate --chat`: print answers, as they grow where there is one; a conversation line by
line.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict

from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.actions.shots import show_prompts, shown_texts
from sslcli.cli.line_values import request_of, seed_of
from sslcli.cli.naming import REQUEST
from sslcli.cli.options import Command, Given, spellings
from sslcli.cli.screen import Screen
from sslcli.contracts.abilities import Artifact
from sslcli.data.files import read_lines
from sslcli.data.rng import Rng
from sslcli.reports import Report, Table, printable, printable_lines
from sslcli.resolving import naming_sources
from sslcli.runs.references import CHATTED, LATEST
from sslcli.workflows.generate.chatting import (
    Talk,
    Talker,
    asked,
    conversations_in,
)
from sslcli.workflows.generate.prompts import holds_records, texts_in

ASKS = "> "
NOTHING = "note: the model ends its turn at once and says nothing"


def chat_action(command: Command, given: Given, screen: Screen) -> int:
    """Answer a text or those of a file, or whatever is typed, until the input ends."""
    seed, request = seed_of(given), request_of(given)
    request.pop("text", None)
    is_typed = "text" not in given and "texts" not in given
    shown = shown_texts(command, given, screen)
    if shown is not None:
        conversations = [asked(prompt, given.get("system")) for prompt in shown.prompts]
        request = shown.completed(request)
    else:
        conversations = [] if is_typed else _conversations(given, screen)
    reference, place = chosen_model(
        given.get("model", LATEST), CHATTED, "model" not in given, screen.say
    )
    if not given.get("model", LATEST).startswith(LATEST):
        screen.say(f"model  {place.run or place.weights}")
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix(f"{REQUEST}."): sorted(spellings([flag]))[0] for flag in typed}
    with naming_sources(sources):
        talker = Talker(reference, screen.say)
        if given.get("show_prompt"):
            show_prompts([talker.chat.shown(each) for each in conversations], screen)
            return 0
        complete = talker.completed(request)
        if is_typed:
            return _converse(Talk(talker, complete, given.get("system"), seed), screen)
        made = talker.answers(conversations, complete, Rng(seed, 0), cuts=shown is not None)
        streams = not screen.json and len(conversations) == 1
        artifacts = _shown(made, screen, streams=streams, scored=False)
        artifacts = artifacts if shown is None else shown.answered(artifacts)
    for note in talker.remarks(conversations):
        screen.say(f"note: {note}")
    if screen.json:
        screen.document({"artifacts": [asdict(artifact) for artifact in artifacts]})
    elif any(artifact.score is not None for artifact in artifacts):
        rows = [[each.details["prompt"], each.text, each.score] for each in artifacts]
        screen.report(Report(tables=[Table("", ("prompt", "text", "score"), rows)]))
    return 0


def _conversations(given: Given, screen: Screen) -> list:
    """Those of the line, or of a file: records of turns, or a question for each of its texts."""
    system, name, field = given.get("system"), given.get("texts"), given.get("text_field")
    if name is None:
        return [asked(given["text"], system)]
    if field is not None or not holds_records(name):
        return [asked(text, system) for text in texts_in(name, field, screen.say)]
    return conversations_in(name, system, screen.say)


def _shown(
    made: Iterator[str | Artifact], screen: Screen, *, streams: bool, scored: bool
) -> list[Artifact]:
    """All artifacts; they are printed unless JSON is asked for, those with scores where `scored`
    says so: elsewhere a table has them.
    """
    artifacts, is_open, is_shown = list[Artifact](), False, False
    try:
        for each in made:
            if isinstance(each, str):
                if streams:
                    screen.piece(printable_lines(each))
                    is_open = is_shown = True
                continue
            artifacts.append(each)
            if is_open:
                screen.line()
                is_open = False
            if not (is_shown or screen.json or (each.score is not None and not scored)):
                screen.line(printable(each.text))
            if not each.text:
                screen.say(NOTHING)
    finally:
        if is_open:
            screen.line()
    return artifacts


def _converse(talk: Talk, screen: Screen) -> int:
    """Answer line by line until the input ends."""
    for line in _typed_lines(screen):
        if line.strip():
            _shown(talk.answer(line.strip()), screen, streams=True, scored=True)
    return 0


def _typed_lines(screen: Screen) -> Iterator[str]:
    """Lines of standard input, asked for on a terminal."""
    if not sys.stdin.isatty():
        yield from (line for _, line in read_lines("-"))
        return
    screen.say("note: say something; Ctrl-D ends the conversation")
    while True:
        screen.wipe()
        try:
            yield input(ASKS)
        except EOFError:
            screen.line()
            return
