"""`ssl generate`: print generated texts, candidates with their scores, or JSON."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sslcli import registry
from sslcli.asides import output_folder
from sslcli.cli.actions.choosing import chosen_model
from sslcli.cli.actions.shots import show_prompts, shown_texts
from sslcli.cli.line_values import request_of, seed_of
from sslcli.cli.naming import REQUEST, asked_objectives, text_at
from sslcli.cli.options import Command, Given, spellings
from sslcli.cli.screen import Screen
from sslcli.contracts.abilities import Artifact
from sslcli.core.settings import is_causal
from sslcli.errors import RunError, UsageError
from sslcli.models.places import WeightsRef
from sslcli.reporting.report_files import file_name, save_report
from sslcli.reporting.saved_reports import own_folder
from sslcli.reports import Report, Table, printable, printable_lines
from sslcli.resolving import checked, naming_sources
from sslcli.runfiles import read_layer
from sslcli.runs.catalogue import GENERATED, RUN_FILE
from sslcli.runs.command_line import command_line
from sslcli.runs.references import ASKED, LATEST
from sslcli.workflows.generate.generate import streamed
from sslcli.workflows.generate.items import items_report
from sslcli.workflows.generate.prompts import texts_in
from sslcli.workflows.generate.recordings import recordings_report
from sslcli.workflows.generate.shots import written_behind_prompts

BLANK = "[MASK]"
ENDED_AT_ONCE = (
    "note: the model ends this text at once and adds nothing "
    "(a chat model wants its own turns around a question)"
)
STOPPED_AT_ONCE = "note: what --stop names, or the model's own end, comes at once: nothing is added"


def generate_action(command: Command, given: Given, screen: Screen) -> int:
    """Generate from a text and print texts, a table where they have scores, or JSON."""
    seed = seed_of(given)
    request = request_of(given)
    shown = shown_texts(command, given, screen)
    texts = None
    if "texts" in given and shown is None:
        texts = texts_in(given["texts"], given.get("text_field"), screen.say)
    if shown is not None and given.get("show_prompt"):
        show_prompts(shown.prompts, screen)
        return 0
    reference, place = chosen_model(
        given.get("model", LATEST), ASKED, "model" not in given, screen.say
    )
    if not given.get("model", LATEST).startswith(LATEST):
        screen.say(f"model  {place.run or place.weights}")
    if BLANK in given.get("text", "") and _continues(place):
        screen.say(
            f"warning: this model continues a text and fills no blanks, {BLANK} is plain text to it"
        )
        screen.say("hint:  choose one that fills them: --model @latest:mlm")
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix(f"{REQUEST}."): sorted(spellings([flag]))[0] for flag in typed}
    if shown is not None:
        request = shown.completed({key: request[key] for key in request if key != "text"})
    streams = not screen.json and texts is None and shown is None
    with naming_sources(sources):
        if len(names := asked_objectives(reference)) == 1:  # before the weights are read
            asked = registry.plugin_settings("objectives", names[0], "Request")
            first = request if texts is None else {**request, "text": texts[0]}
            checked(asked, first, hint="ssl generate --help lists the flags")
        if shown is not None:
            made = written_behind_prompts(reference, request, shown.prompts, seed, screen.say)
        else:
            made = streamed(reference, request, seed, screen.say, texts)
        artifacts, is_shown = _collected(made, screen, streams=streams)
    artifacts = artifacts if shown is None else shown.answered(artifacts)
    if any(artifact.frames is not None for artifact in artifacts):
        _show_recordings(reference, place, artifacts, given, screen)
        return 0
    if any(artifact.rows is not None for artifact in artifacts):
        _show_items(reference, place, artifacts, given, screen)
        return 0
    if "out" in given:
        problem = f"{reference} makes texts, and --out is for images, records and recordings"
        raise UsageError(problem, "leave out --out; --json prints texts to be kept")
    if artifacts and all(map(adds_nothing, artifacts)):
        screen.say(STOPPED_AT_ONCE if "stop" in request else ENDED_AT_ONCE)
    if artifacts and not any(artifact.text.strip() for artifact in artifacts):
        screen.say("note: the model wrote no text")
    if screen.json:
        screen.document({"artifacts": [asdict(artifact) for artifact in artifacts]})
    elif all(artifact.score is None for artifact in artifacts):
        # of several each is a line, as where files have one in every line
        shown_as = printable_lines if len(artifacts) == 1 else printable
        for artifact in () if is_shown else artifacts:
            screen.line(shown_as(artifact.text))
    else:
        screen.report(Report(tables=[_table(artifacts)]))
    return 0


def _show_items(
    reference: str, place: WeightsRef, artifacts: Sequence[Artifact], given: Given, screen: Screen
) -> None:
    """Show images or records beside the nearest training data, and write their files."""
    report = items_report(reference, artifacts)
    if "out" in given:
        _save(report, reference, place, given, screen)
    elif place.run is not None:
        try:
            _save(report, reference, place, given, screen)
        except RunError as error:  # a run that cannot be written generates all the same
            screen.say(f"note: {error.message}: nothing is saved")
    screen.report(report)


def _show_recordings(
    reference: str, place: WeightsRef, artifacts: Sequence[Artifact], given: Given, screen: Screen
) -> None:
    """Show how long recordings are, and write them."""
    report = recordings_report(artifacts, seed_of(given))
    _save(report, reference, place, given, screen)
    screen.report(replace(report, sounds=()) if screen.json else report)


def _save(report: Report, reference: str, place: WeightsRef, given: Given, screen: Screen) -> None:
    """Into the folder of --out, or one of their own below the run, which `ssl report` shows."""
    caption = _caption(reference)
    if "out" in given:
        folder = output_folder(Path(given["out"]))
    else:
        assert place.run is not None, "only runs make recordings, and items are asked about"
        folder = own_folder(place.run / GENERATED / file_name(report.title), caption)
    names = save_report(report, folder, caption)
    screen.say(f"saved  {folder}: {', '.join(path.name for path in names)}")


def _caption(reference: str) -> str:
    return f"{reference} · {shlex.join(['ssl', *command_line()[1:]])}"


def _collected(
    made: Iterator[str | Artifact], screen: Screen, *, streams: bool
) -> tuple[list[Artifact], bool]:
    """All artifacts, and whether pieces were shown: their line ends with the text, or with what
    interrupts it.
    """
    artifacts, is_shown, is_open = list[Artifact](), False, False
    try:
        for each in made:
            if isinstance(each, Artifact):
                artifacts.append(each)
            elif streams:
                screen.piece(printable_lines(each))
                is_shown = is_open = True
            if is_open and artifacts:
                screen.line()
                is_open = False
    finally:
        if is_open:
            screen.line()
    return artifacts, is_shown


def adds_nothing(artifact: Artifact) -> bool:
    """Return whether this is a continuation without a new token."""
    return artifact.details.get("ended") == "stop" and not artifact.pieces


def _continues(place: WeightsRef) -> bool:
    """Return whether the model is a run with a decoder; foreign directories are not examined."""
    return place.run is not None and is_causal(
        text_at(read_layer(place.run / RUN_FILE).values, "model.shape.architecture")
    )


def _table(artifacts: Sequence[Artifact]) -> Table:
    columns = list(dict.fromkeys(name for artifact in artifacts for name in artifact.details))
    rows = [
        [*(str(artifact.details.get(name, "")) for name in columns), artifact.text, artifact.score]
        for artifact in artifacts
    ]
    return Table("", (*columns, "text", "score"), rows)
