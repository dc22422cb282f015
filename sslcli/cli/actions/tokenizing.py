"""`ssl tokenize`: train or load a tokenizer, write shards."""

from dataclasses import asdict, replace
from pathlib import Path

from sslcli.cli.commands.tokenize import SHARDS
from sslcli.cli.options import Command, Given, layers_of
from sslcli.cli.screen import Screen
from sslcli.datasets.shard_reports import show_pieces
from sslcli.datasets.tokenized import tokenize, tokenizer_for, with_tokenizer_of_run
from sslcli.errors import UsageError
from sslcli.reports import Report
from sslcli.resolving import naming_sources, resolve
from sslcli.settings import TokenizeSettings


def tokenize_action(command: Command, given: Given, screen: Screen) -> int:
    """Train or load a tokenizer, then write shards or, with --show, print the pieces of a text."""
    fields = TokenizeSettings.model_fields
    flags = [flag for flag in command.flags if flag.key.partition(".")[0] in fields]
    resolved = resolve(TokenizeSettings, *layers_of(given, flags))
    with naming_sources(resolved.sources):
        named = with_tokenizer_of_run(resolved.settings.tokenizer, screen.say)
        return _run(resolved.settings.model_copy(update={"tokenizer": named}), given, screen)


def _run(settings: TokenizeSettings, given: Given, screen: Screen) -> int:
    if "show" in given:
        _show(
            show_pieces(
                given["show"], tokenizer_for(settings.data, settings.tokenizer, screen.say)
            ),
            screen,
        )
        return 0
    folder = Path(given.get("out", SHARDS))
    if (
        folder.exists()
        and (not folder.is_dir() or any(folder.iterdir()))
        and not given.get("overwrite")
    ):
        raise UsageError(
            f"{folder} is not empty", "replace it with --overwrite, or choose another --out"
        )
    result = tokenize(settings.data, settings.tokenizer, folder, screen.say)
    for note in result.notes:
        screen.say(f"note: {note}")
    if screen.json:
        screen.document(
            {
                "folder": str(folder),
                "fingerprint": result.fingerprint,
                "report": asdict(result.report),
            }
        )
    else:
        screen.report(replace(result.report, scores=()))  # the table says it too
    return 0


def _show(report: Report, screen: Screen) -> None:
    """Print the pieces of a text, last on a terminal, where the eye (and `tail -1`) looks."""
    if not screen.json:
        for note in report.notes:
            screen.line(note)
        report = replace(report, notes=())
    screen.report(report)
