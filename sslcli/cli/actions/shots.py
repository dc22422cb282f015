"""The texts of a line of `ssl generate` behind the worked examples of --shots."""

from collections.abc import Sequence

from sslcli.cli.line_values import seed_of, shot_settings
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.reports import printable
from sslcli.resolving import naming_sources
from sslcli.workflows.generate.shots import ShownTexts


def shown_texts(
    command: Command, given: Given, texts: Sequence[str] | None, screen: Screen
) -> ShownTexts | None:
    """The text of the line, or those of a file, behind worked examples; None without --shots."""
    resolved = shot_settings(command, given)
    if resolved is None:
        return None
    typed = [given.get("text", "")] if texts is None else texts
    with naming_sources(resolved.sources):
        shown = ShownTexts.of(resolved.settings, typed, seed_of(given))
    for note in shown.data.notes:
        screen.say(f"note: {note}")
    return shown


def show_prompts(prompts: Sequence[str], screen: Screen) -> None:
    """Print what a model would read."""
    if screen.json:
        screen.document({"prompts": list(prompts)})
        return
    for line in "\n\n".join(prompts).split("\n"):
        screen.line(printable(line))
