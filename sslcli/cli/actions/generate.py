"""`ssl generate`: what the model makes of a request, as text, as candidates with their scores, or as JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from sslcli import registry
from sslcli.cli.commands.generate import OWN
from sslcli.cli.naming import flags_named, text_at
from sslcli.cli.options import GLOBALS, Command, Flag, Given, peek, plugin_flags, spellings
from sslcli.cli.screen import Screen
from sslcli.contracts import Artifact
from sslcli.errors import UsageError
from sslcli.reports import Report, Table, printable
from sslcli.runfiles import read_layer
from sslcli.workflows.generating import generate
from sslcli.workflows.models import READERS, RUN_FILE, Place, locate
from sslcli.workflows.runs import LATEST

REQUEST = "request"
BLANK = "[MASK]"


def request_flags(words: Sequence[str]) -> list[Flag]:
    """The flags of the objective that the model was trained with; of a foreign directory, of all that may read it."""
    place = locate([LATEST, *peek(words, "--model", "-m")][-1])
    said = text_at(read_layer(place.run / RUN_FILE).values, "objective") if place.run is not None else "+".join(READERS.values())
    if not said:
        hint = "name one that was pretrained: --model @latest:mlm, or @latest:clm"
        raise UsageError(f"{place.run} was not pretrained but fine-tuned, and cannot generate", hint)
    flags: dict[str, Flag] = {}
    for name in said.split("+"):
        request = getattr(registry.load("objectives", name), "Request", None)
        if request is not None:
            taken = spellings([*OWN, *GLOBALS])
            flags |= {flag.key: flag for flag in plugin_flags(request, name, REQUEST, taken, panel="Request")}
    return [flag for key, flag in flags.items() if key != f"{REQUEST}.text"]


def run(command: Command, given: Given, screen: Screen) -> int:
    seed = seed_of(given)
    request = {key.removeprefix(f"{REQUEST}."): value for key, value in given.items() if key == "text" or key.startswith(f"{REQUEST}.")}
    place = locate(given.get("model", LATEST))
    screen.say(f"model  {place.run or place.weights}{'' if 'model' in given else ' (latest; choose with --model)'}")
    for note in place.notes:
        screen.say(f"note: {note}")
    if BLANK in given.get("text", "") and _continues(place):
        screen.say(f"warning: this model continues a text and fills no blanks, {BLANK} is plain text to it")
        screen.say("hint:  choose one that fills them: --model @latest:mlm")
    typed = [flag for flag in command.flags if flag.names and flag.key in given]
    sources = {flag.key.removeprefix(f"{REQUEST}."): sorted(spellings([flag]))[0] for flag in typed}
    with flags_named(sources):
        artifacts = list(generate(given.get("model", LATEST), request, seed, screen.say))
    if artifacts and all(adds_nothing(artifact, given.get("text", "")) for artifact in artifacts):
        screen.say("note: the model ends this text at once and adds nothing (a chat model wants its own turns around a question)")
    if screen.json:
        screen.document({"artifacts": [asdict(artifact) for artifact in artifacts]})
    elif all(artifact.score is None for artifact in artifacts):
        for artifact in artifacts:
            screen.line(printable(artifact.text))
    else:
        screen.report(Report(tables=[_table(artifacts)]))
    return 0


def adds_nothing(artifact: Artifact, prompt: str) -> bool:
    """Whether a continuation is no more than what was to be continued."""
    return artifact.score is None and bool(prompt.strip()) and artifact.text.strip() == prompt.strip()


def seed_of(given: Given) -> int:
    """Raises UsageError where --seed is no number."""
    seed = given.get("seed", "42")
    if not (seed.isascii() and seed.isdigit() and len(seed) < 19):
        raise UsageError(f"--seed must be a whole number of at least 0, not '{seed}'", "write --seed 42")
    return int(seed)


def _continues(place: Place) -> bool:
    """Whether a run of ours is a decoder; of a foreign directory, which was named on purpose, nobody asks."""
    return place.run is not None and text_at(read_layer(place.run / RUN_FILE).values, "model.shape.architecture") == "decoder"


def _table(artifacts: Sequence[Artifact]) -> Table:
    columns = list(dict.fromkeys(name for artifact in artifacts for name in artifact.details))
    rows = [[*(str(artifact.details.get(name, "")) for name in columns), artifact.text, artifact.score] for artifact in artifacts]
    return Table("", (*columns, "text", "score"), rows)
