"""The texts of a line of `ssl generate` behind the worked examples of --shots."""

from collections.abc import Sequence

from sslcli.cli.line_values import seed_of, shot_settings
from sslcli.cli.options import Command, Given
from sslcli.cli.screen import Screen
from sslcli.reports import printable
from sslcli.resolving import naming_sources
from sslcli.workflows.evaluate.worked_examples import recorded_examples, typed_examples
from sslcli.workflows.generate.prompts import holds_records, texts_in
from sslcli.workflows.generate.shots import ShownTexts


def shown_texts(command: Command, given: Given, screen: Screen) -> ShownTexts | None:
    """The text of the line, or those of a file, behind worked examples; None without --shots."""
    resolved = shot_settings(command, given)
    if resolved is None:
        return None
    name, field = given.get("texts"), given.get("text_field")
    with naming_sources(resolved.sources):
        if name is not None and field is None and holds_records(name):
            asked = recorded_examples(resolved.settings.task, name)
        else:
            typed = [given["text"]] if name is None else texts_in(name, field, screen.say)
            asked = typed_examples(resolved.settings.task, typed)
        shown = ShownTexts.of(resolved.settings, asked, seed_of(given))
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
